//! A hybrid identity: unwraps the file key of an `mlkem768x25519` stanza.
//!
//! Source: C2SP age, "The mlkem768x25519 recipient type"; draft-connolly-cfrg-xwing-kem.

use std::str::FromStr;
use std::sync::OnceLock;

use age_core::format::{FileKey, Stanza};
use age_core::primitives::{bech32_decode, bech32_encode};
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use bech32::Hrp;
use chacha20poly1305::aead::{Aead, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use hafan_envelope::reply::{VIEW_TAG_SIZE_BYTES, view_tag};
use hafan_seal::Recipient;
use hafan_seal::hybrid::{
    ENCAPSULATED_SIZE_BYTES, ML_KEM_CIPHERTEXT_SIZE_BYTES, RECIPIENT_SIZE_BYTES,
    SEALED_FILE_KEY_SIZE_BYTES, STANZA_TAG, combine, key_schedule,
};
use ml_kem::kem::{Decapsulate, DecapsulationKey};
use ml_kem::{EncodedSizeUser, KemCore, MlKem768, MlKem768Params};
use rand::{CryptoRng, RngCore};
use secrecy::SecretString;
use sha3::Shake256;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

const HRP: Hrp = Hrp::parse_unchecked("age-secret-key-pq-");

/// Length of `AGE-SECRET-KEY-PQ-1…`: prefix, separator, 32 bytes in characters of five bits, checksum.
const TEXT_CHARS: usize = 18 + 1 + 52 + 6;

/// Text that is no hybrid identity. It says nothing of the text, which may be half a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an identity is \"AGE-SECRET-KEY-PQ-1\" and 58 more characters of upper-case Bech32")]
pub struct IdentityError;

/// The private half of a hybrid key, wiped when dropped: a seed of 32 bytes, and from the first use on the keys that it
/// expands to.
pub struct Identity {
    seed: Seed,
    keys: OnceLock<Box<Keys>>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Seed(Box<[u8; 32]>);

impl Identity {
    /// Draws a new identity. Give it the operating system's generator.
    #[must_use]
    pub fn generate(rng: &mut (impl RngCore + CryptoRng)) -> Self {
        let mut seed = Seed(Box::new([0; 32]));
        rng.fill_bytes(&mut *seed.0);
        Self::of(seed)
    }

    const fn of(seed: Seed) -> Self {
        Self {
            seed,
            keys: OnceLock::new(),
        }
    }

    /// The keys, expanded once.
    fn keys(&self) -> &Keys {
        self.keys.get_or_init(|| Box::new(self.seed.expand()))
    }

    /// The identity as text, `AGE-SECRET-KEY-PQ-1…`, as npm `age-encryption` writes it too.
    #[must_use]
    pub fn expose(&self) -> SecretString {
        let lower = Zeroizing::new(bech32_encode(HRP, &*self.seed.0));
        SecretString::from(lower.to_ascii_uppercase())
    }

    /// The public half.
    ///
    /// # Panics
    /// Never: the keys that a seed expands to are in order, but for one scalar in 2^252.
    #[must_use]
    pub fn to_recipient(&self) -> Recipient {
        let keys = self.keys();
        let mut bytes = [0; RECIPIENT_SIZE_BYTES];
        let parts = keys.ml_kem.encapsulation_key().as_bytes();
        for (to, from) in bytes
            .iter_mut()
            .zip(parts.iter().chain(keys.public.as_bytes()))
        {
            *to = *from;
        }
        Recipient::from_bytes(bytes).expect("a generated key is reduced and of full order")
    }

    /// The tag that a record has which was sealed to this identity, `ct_x` being its share; `None` for a share of low order,
    /// with which nothing is sealed. One X25519 and one SHA-256.
    #[must_use]
    pub fn view_tag(&self, ct_x: &[u8; 32]) -> Option<[u8; VIEW_TAG_SIZE_BYTES]> {
        let keys = self.keys();
        let ss_x = keys.x25519.diffie_hellman(&PublicKey::from(*ct_x));
        ss_x.was_contributory()
            .then(|| view_tag(ss_x.as_bytes(), ct_x, keys.public.as_bytes()))
    }

    /// Gives HPKE's shared secret.
    ///
    /// # Errors
    /// The X25519 share has low order.
    fn decapsulate(
        &self,
        encapsulated: &[u8; ENCAPSULATED_SIZE_BYTES],
    ) -> Result<Zeroizing<[u8; 32]>, LowOrder> {
        let keys = self.keys();
        let (from_m, from_x) = encapsulated.split_at(ML_KEM_CIPHERTEXT_SIZE_BYTES);
        let mut ct_m = ml_kem::Ciphertext::<MlKem768>::default();
        ct_m.copy_from_slice(from_m);
        let mut ml_kem_secret = keys.ml_kem.decapsulate(&ct_m).map_err(|()| LowOrder)?;
        let mut ss_m = Zeroizing::new([0; 32]);
        ss_m.copy_from_slice(&ml_kem_secret);
        ml_kem_secret.as_mut_slice().zeroize();

        let mut ct_x = [0; 32];
        ct_x.copy_from_slice(from_x);
        let ss_x = keys.x25519.diffie_hellman(&PublicKey::from(ct_x));
        if !ss_x.was_contributory() {
            return Err(LowOrder);
        }
        Ok(combine(
            &ss_m,
            ss_x.as_bytes(),
            &ct_x,
            keys.public.as_bytes(),
        ))
    }
}

impl Seed {
    /// `SHAKE256(seed, 96) = d[32] || z[32] || sk_X[32]`.
    fn expand(&self) -> Keys {
        let mut reader = Shake256::default().chain(&self.0[..]).finalize_xof();
        let [mut d, mut z] = [ml_kem::B32::default(); 2];
        let mut scalar = Zeroizing::new([0; 32]);
        reader.read(&mut d);
        reader.read(&mut z);
        reader.read(&mut *scalar);
        let (ml_kem, _) = MlKem768::generate_deterministic(&d, &z);
        d.as_mut_slice().zeroize();
        z.as_mut_slice().zeroize();
        let x25519 = StaticSecret::from(*scalar);
        Keys {
            ml_kem,
            public: PublicKey::from(&x25519),
            x25519,
        }
    }
}

struct LowOrder;

/// Both wipe themselves.
struct Keys {
    ml_kem: DecapsulationKey<MlKem768Params>,
    x25519: StaticSecret,
    public: PublicKey,
}

impl age::Identity for Identity {
    /// `None` when the stanza is of another type or for another key; an error when it is of this
    /// type and not of its form.
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        if stanza.tag != STANZA_TAG {
            return None;
        }
        let invalid = || Some(Err(age::DecryptError::InvalidHeader));
        let [argument] = stanza.args.as_slice() else {
            return invalid();
        };
        // Canonical base64 only, and the exact size: C2SP age.
        let Ok(encapsulated) = BASE64_STANDARD_NO_PAD.decode(argument) else {
            return invalid();
        };
        let Ok(encapsulated) = encapsulated.as_slice().try_into() else {
            return invalid();
        };
        if stanza.body.len() != SEALED_FILE_KEY_SIZE_BYTES {
            return invalid();
        }
        let Ok(shared) = self.decapsulate(encapsulated) else {
            return invalid();
        };
        let message_key = key_schedule(&shared);
        let cipher = ChaCha20Poly1305::new((&*message_key.key).into());
        let nonce = Nonce::from_slice(&message_key.nonce);
        let opened = Zeroizing::new(cipher.decrypt(nonce, stanza.body.as_slice()).ok()?);
        Some(FileKey::try_init_with_mut(|file_key| {
            let opened: &[u8; 16] = opened
                .as_slice()
                .try_into()
                .map_err(|_| age::DecryptError::InvalidHeader)?;
            file_key.copy_from_slice(opened);
            Ok(())
        }))
    }
}

impl FromStr for Identity {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<Self, IdentityError> {
        if text.len() != TEXT_CHARS || text.bytes().any(|b| b.is_ascii_lowercase()) {
            return Err(IdentityError);
        }
        let identity = bech32_decode(
            text,
            |_| IdentityError,
            |hrp| (hrp == HRP).then_some(()).ok_or(IdentityError),
            |_, bytes| {
                let mut seed = Seed(Box::new([0; 32]));
                for (to, from) in seed.0.iter_mut().zip(bytes) {
                    *to = from;
                }
                Ok(Self::of(seed))
            },
        )?;
        // Bits that no byte takes would be another text for the same key.
        if secrecy::ExposeSecret::expose_secret(&identity.expose()) != text {
            return Err(IdentityError);
        }
        Ok(identity)
    }
}
