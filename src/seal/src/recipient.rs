//! A hybrid recipient, `age1pq1…`: parse, check, wrap a file key.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use age_core::format::{FileKey, Stanza};
use age_core::primitives::{bech32_decode, bech32_encode_to_fmt};
use age_core::secrecy::ExposeSecret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::Hrp;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hafan_envelope::reply::{VIEW_TAG_SIZE_BYTES, view_tag};
use ml_kem::kem::EncapsulationKey;
use ml_kem::{
    EncapsulateDeterministic, Encoded, EncodedSizeUser, KemCore, MlKem768, MlKem768Params,
};
use rand::RngCore;
use rand::rngs::OsRng;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

use crate::hybrid::{
    ENCAPSULATED_SIZE_BYTES, ML_KEM_CIPHERTEXT_SIZE_BYTES, ML_KEM_KEY_SIZE_BYTES,
    RECIPIENT_SIZE_BYTES, STANZA_TAG, combine, key_schedule,
};

const HRP: Hrp = Hrp::parse_unchecked("age1pq");

/// Length of `age1pq1…`: prefix, separator, 1216 bytes in characters of five bits, checksum.
const TEXT_CHARS: usize = 6 + 1 + 1946 + 6;

/// Why text or bytes are no hybrid recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Not Bech32 of 1216 bytes with the prefix `age1pq`, in lower case.
    #[error("a recipient is \"age1pq1\" and 1952 more characters of lower-case Bech32")]
    Text,
    /// ML-KEM's key has a coefficient that is not below 3329.
    #[error("the recipient's ML-KEM-768 key is not reduced (FIPS 203 section 7.2)")]
    MlKem,
    /// X25519's key has low order: whatever is sealed to it, all the world can open its half.
    #[error("the recipient's X25519 key has low order")]
    LowOrder,
}

/// A public key that file keys are wrapped to.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(Box<[u8; RECIPIENT_SIZE_BYTES]>);

/// What encapsulating gives.
struct Encapsulated {
    shared: Zeroizing<[u8; 32]>,
    /// What goes into the stanza.
    enc: [u8; ENCAPSULATED_SIZE_BYTES],
    /// By which the identity's holder finds a record that is sealed so.
    tag: [u8; VIEW_TAG_SIZE_BYTES],
}

/// A file key, wrapped.
pub(crate) struct Wrapped {
    pub(crate) stanza: Stanza,
    /// Docs/protocol.md section 14; of use in a record only.
    pub(crate) tag: [u8; VIEW_TAG_SIZE_BYTES],
}

impl Recipient {
    /// A recipient of nobody: the other half is thrown away as it is made.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub(crate) fn of_nobody() -> Result<Self, std::io::Error> {
        let mut seed = Zeroizing::new([0; 96]);
        OsRng
            .try_fill_bytes(&mut *seed)
            .map_err(std::io::Error::from)?;
        let (for_ml_kem, for_x25519) = seed.split_at(64);
        let [mut d, mut z] = [ml_kem::B32::default(); 2];
        let (from_d, from_z) = for_ml_kem.split_at(32);
        d.copy_from_slice(from_d);
        z.copy_from_slice(from_z);
        let (_, ml_kem_key) = MlKem768::generate_deterministic(&d, &z);
        d.as_mut_slice().zeroize();
        z.as_mut_slice().zeroize();
        let mut scalar = Zeroizing::new([0; 32]);
        scalar.copy_from_slice(for_x25519);
        let x25519_key = PublicKey::from(&StaticSecret::from(*scalar));
        let mut bytes = [0; RECIPIENT_SIZE_BYTES];
        let (to_m, to_x) = bytes.split_at_mut(ML_KEM_KEY_SIZE_BYTES);
        to_m.copy_from_slice(&ml_kem_key.as_bytes());
        to_x.copy_from_slice(x25519_key.as_bytes());
        Self::from_bytes(bytes).map_err(std::io::Error::other)
    }

    /// Takes `ek_M[1184] || pk_X[32]` for a recipient.
    ///
    /// # Errors
    /// Either half is not a key: see [`RecipientError`].
    pub fn from_bytes(bytes: [u8; RECIPIENT_SIZE_BYTES]) -> Result<Self, RecipientError> {
        let recipient = Self(Box::new(bytes));
        // `ml-kem` reduces what it reads without a word; what it writes again shows whether it did.
        let (ml_kem_bytes, _) = recipient.0.split_at(ML_KEM_KEY_SIZE_BYTES);
        if recipient.ml_kem_key().as_bytes().as_slice() != ml_kem_bytes {
            return Err(RecipientError::MlKem);
        }
        // With a point of low order every scalar gives zero, this one too.
        let probe = StaticSecret::from([1; 32]).diffie_hellman(&recipient.x25519_key());
        if !probe.was_contributory() {
            return Err(RecipientError::LowOrder);
        }
        Ok(recipient)
    }

    /// `ek_M[1184] || pk_X[32]`.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; RECIPIENT_SIZE_BYTES] {
        &self.0
    }

    fn ml_kem_key(&self) -> EncapsulationKey<MlKem768Params> {
        let mut encoded = Encoded::<EncapsulationKey<MlKem768Params>>::default();
        for (to, from) in encoded.iter_mut().zip(self.0.iter()) {
            *to = *from;
        }
        EncapsulationKey::from_bytes(&encoded)
    }

    fn x25519_key(&self) -> PublicKey {
        let mut key = [0; 32];
        for (to, from) in key
            .iter_mut()
            .zip(self.0.iter().skip(ML_KEM_KEY_SIZE_BYTES))
        {
            *to = *from;
        }
        PublicKey::from(key)
    }

    /// X-Wing's `EncapsulateDerand`: gives the shared secret and what goes into the stanza.
    ///
    /// `None` when X25519 gives zero, which [`Recipient::from_bytes`] rules out.
    fn encapsulate(&self, seed: &[u8; 64]) -> Option<Encapsulated> {
        let (seed_m, seed_x) = seed.split_at(32);
        let mut message = ml_kem::B32::default();
        message.copy_from_slice(seed_m);
        let encapsulated = self.ml_kem_key().encapsulate_deterministic(&message);
        message.as_mut_slice().zeroize();
        let (ct_m, mut ml_kem_secret) = encapsulated.ok()?;
        let mut ss_m = Zeroizing::new([0; 32]);
        ss_m.copy_from_slice(&ml_kem_secret);
        ml_kem_secret.as_mut_slice().zeroize();

        let mut scalar = Zeroizing::new([0; 32]);
        scalar.copy_from_slice(seed_x);
        let ephemeral = StaticSecret::from(*scalar);
        let ct_x = PublicKey::from(&ephemeral);
        let pk_x = self.x25519_key();
        let ss_x = ephemeral.diffie_hellman(&pk_x);
        if !ss_x.was_contributory() {
            return None;
        }
        let mut enc = [0; ENCAPSULATED_SIZE_BYTES];
        let (to_m, to_x) = enc.split_at_mut(ML_KEM_CIPHERTEXT_SIZE_BYTES);
        to_m.copy_from_slice(&ct_m);
        to_x.copy_from_slice(ct_x.as_bytes());
        let (ss_x, ct_x, pk_x) = (ss_x.as_bytes(), ct_x.as_bytes(), pk_x.as_bytes());
        Some(Encapsulated {
            shared: combine(&ss_m, ss_x, ct_x, pk_x),
            enc,
            tag: view_tag(ss_x, ct_x, pk_x),
        })
    }

    /// Wraps a file key to the recipient.
    pub(crate) fn wrap(&self, file_key: &FileKey) -> Result<Wrapped, age::EncryptError> {
        let refused = |why| age::EncryptError::Io(std::io::Error::other(why));
        let mut seed = Zeroizing::new([0; 64]);
        OsRng
            .try_fill_bytes(&mut *seed)
            .map_err(std::io::Error::from)?;
        let encapsulated = self.encapsulate(&seed);
        let Encapsulated { shared, enc, tag } =
            encapsulated.ok_or_else(|| refused(RecipientError::LowOrder))?;
        let message_key = key_schedule(&shared);
        let cipher = ChaCha20Poly1305::new((&*message_key.key).into());
        let body = cipher
            .encrypt(
                Nonce::from_slice(&message_key.nonce),
                &file_key.expose_secret()[..],
            )
            .map_err(|_| std::io::Error::other("16 bytes are within the cipher's limit"))?;
        let stanza = Stanza {
            tag: STANZA_TAG.to_owned(),
            args: vec![BASE64_STANDARD_NO_PAD.encode(enc)],
            body,
        };
        Ok(Wrapped { stanza, tag })
    }
}

impl age::Recipient for Recipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let Wrapped { stanza, .. } = self.wrap(file_key)?;
        Ok((vec![stanza], labels()))
    }
}

/// age's word that all recipients of a file have to be of this kind.
pub(crate) fn labels() -> HashSet<String> {
    HashSet::from(["postquantum".to_owned()])
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        if text.len() != TEXT_CHARS {
            return Err(RecipientError::Text);
        }
        let bytes = bech32_decode(
            text,
            |_| RecipientError::Text,
            |hrp| (hrp == HRP).then_some(()).ok_or(RecipientError::Text),
            |_, bytes| Ok(bytes.collect::<Vec<u8>>()),
        )?;
        let recipient = Self::from_bytes(bytes.try_into().map_err(|_| RecipientError::Text)?)?;
        // Upper case, and bits that no byte takes, would be other texts for the same key.
        if recipient.to_string() != text {
            return Err(RecipientError::Text);
        }
        Ok(recipient)
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32_encode_to_fmt(f, HRP, self.0.as_slice())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first vector of draft-connolly-cfrg-xwing-kem: `eseed`, and what comes of it with the
    /// key of `seed` 7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26.
    const SEED: &str = "3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2\
                        35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2";
    const SHARED: &str = "d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384";
    const KEY: [u8; 32] = [
        0x7f, 0x9c, 0x2b, 0xa4, 0xe8, 0x8f, 0x82, 0x7d, 0x61, 0x60, 0x45, 0x50, 0x76, 0x05, 0x85,
        0x3e, 0xd7, 0x3b, 0x80, 0x93, 0xf6, 0xef, 0xbc, 0x88, 0xeb, 0x1a, 0x6e, 0xac, 0xfa, 0x66,
        0xef, 0x26,
    ];

    /// A valid recipient, for changing.
    fn recipient_bytes() -> [u8; RECIPIENT_SIZE_BYTES] {
        use ml_kem::{KemCore, MlKem768};
        use sha3::Shake256;
        use sha3::digest::{ExtendableOutput, Update, XofReader};
        let mut expanded = [0; 96];
        Shake256::default()
            .chain(KEY)
            .finalize_xof()
            .read(&mut expanded);
        let part = |at: usize| -> [u8; 32] { expanded[at..at + 32].try_into().unwrap() };
        let (_, key) = MlKem768::generate_deterministic(&part(0).into(), &part(32).into());
        let public = PublicKey::from(&StaticSecret::from(part(64)));
        [key.as_bytes().as_slice(), public.as_bytes()]
            .concat()
            .try_into()
            .unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn encapsulation_gives_the_shared_secret_of_the_drafts_first_vector() {
        let recipient = Recipient::from_bytes(recipient_bytes()).unwrap();
        let seed: Vec<u8> = (0..128)
            .step_by(2)
            .map(|i| u8::from_str_radix(&SEED[i..i + 2], 16).unwrap())
            .collect();
        let encapsulated = recipient.encapsulate(&seed.try_into().unwrap()).unwrap();
        assert_eq!(hex(&*encapsulated.shared), SHARED);
    }

    #[test]
    fn a_recipient_of_nobody_is_another_each_time_and_reads_back() {
        let [one, other] = [(); 2].map(|()| Recipient::of_nobody().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.to_string().parse(), Ok(one));
    }

    #[test]
    fn text_is_parsed_and_written_the_same() {
        let recipient = Recipient::from_bytes(recipient_bytes()).unwrap();
        let text = recipient.to_string();
        assert!(text.starts_with("age1pq1"));
        assert_eq!(text.parse(), Ok(recipient));
    }

    #[test]
    fn other_texts_are_refused() {
        let text = Recipient::from_bytes(recipient_bytes())
            .unwrap()
            .to_string();
        let changed = |at: usize, to: &str| format!("{}{to}{}", &text[..at], &text[at + 1..]);
        for other in [
            String::new(),
            text.to_uppercase(),
            changed(0, "A"),
            changed(
                100,
                if text.as_bytes()[100] == b'q' {
                    "p"
                } else {
                    "q"
                },
            ),
            changed(text.len() - 1, "b"),
            format!("{text}q"),
            text.trim_end_matches(|c| c != '1').to_owned(),
            format!(" {text}"),
            changed(500, "\u{e9}"),
            age_core::primitives::bech32_encode(Hrp::parse("age1tagpq").unwrap(), &[0; 1216]),
            age_core::primitives::bech32_encode(HRP, &[0; 1215]),
            "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".to_owned(),
        ] {
            assert_eq!(
                other.parse::<Recipient>(),
                Err(RecipientError::Text),
                "{other}"
            );
        }
    }

    #[test]
    fn an_unreduced_ml_kem_key_is_refused() {
        // The first coefficient becomes 4095.
        let mut bytes = recipient_bytes();
        bytes[0] = 0xff;
        bytes[1] |= 0x0f;
        assert_eq!(Recipient::from_bytes(bytes), Err(RecipientError::MlKem));
    }

    #[test]
    fn x25519_keys_of_low_order_are_refused() {
        let order_8: [u8; 32] = [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ];
        let mut one = [0; 32];
        one[0] = 1;
        for low in [[0; 32], one, order_8] {
            let mut bytes = recipient_bytes();
            bytes[1184..].copy_from_slice(&low);
            assert_eq!(Recipient::from_bytes(bytes), Err(RecipientError::LowOrder));
        }
    }
}
