//! What both sides of `mlkem768x25519` share: sizes, the combiner of its KEM, and HPKE's key schedule.
//!
//! The KEM is X-Wing: ML-KEM-768 (FIPS 203) and X25519 (RFC 7748), HPKE identifier 0x647a. HPKE
//! (RFC 9180) in base mode with HKDF-SHA-256 (0x0001) and ChaCha20-Poly1305 (0x0003), one message.
//!
//! Source: C2SP age, "The mlkem768x25519 recipient type"; draft-connolly-cfrg-xwing-kem.

use hkdf::Hkdf;
use sha2::Sha256;
use sha3::{Digest, Sha3_256};
use zeroize::{Zeroize, Zeroizing};

/// The type of the stanza.
pub const STANZA_TAG: &str = "mlkem768x25519";

/// Size of a recipient (a public key) in bytes: `ek_M[1184] || pk_X[32]`.
pub const RECIPIENT_SIZE_BYTES: usize = 1216;

/// Size of an encapsulated key in bytes: `ct_M[1088] || ct_X[32]`.
pub const ENCAPSULATED_SIZE_BYTES: usize = 1120;

/// Size of a sealed file key in bytes: 16, and the tag's 16.
pub const SEALED_FILE_KEY_SIZE_BYTES: usize = 32;

/// Size of ML-KEM-768's public key, and of its ciphertext, in bytes.
pub const ML_KEM_KEY_SIZE_BYTES: usize = 1184;
/// Size of ML-KEM-768's ciphertext in bytes.
pub const ML_KEM_CIPHERTEXT_SIZE_BYTES: usize = 1088;

const _: () = assert!(ML_KEM_KEY_SIZE_BYTES + 32 == RECIPIENT_SIZE_BYTES);
const _: () = assert!(ML_KEM_CIPHERTEXT_SIZE_BYTES + 32 == ENCAPSULATED_SIZE_BYTES);

/// HPKE's `info`.
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";

/// `"HPKE" || KEM 0x647a || KDF 0x0001 || AEAD 0x0003`.
const SUITE_ID: &[u8] = b"HPKE\x64\x7a\x00\x01\x00\x03";

/// X-Wing's label: six bytes that look like its name.
const COMBINER_LABEL: &[u8] = br"\.//^\";

/// `SHA3-256(ss_M || ss_X || ct_X || pk_X || label)`.
#[must_use]
pub fn combine(
    ss_m: &[u8; 32],
    ss_x: &[u8; 32],
    ct_x: &[u8; 32],
    pk_x: &[u8; 32],
) -> Zeroizing<[u8; 32]> {
    let mut hasher = Sha3_256::new();
    for part in [ss_m, ss_x, ct_x, pk_x] {
        hasher.update(part);
    }
    hasher.update(COMBINER_LABEL);
    let mut output = hasher.finalize();
    let combined = Zeroizing::new(output.into());
    output.as_mut_slice().zeroize();
    combined
}

/// The key and nonce of HPKE's only message under this shared secret.
pub struct MessageKey {
    /// Of ChaCha20-Poly1305.
    pub key: Zeroizing<[u8; 32]>,
    /// The base nonce, which is the nonce of message 0.
    pub nonce: [u8; 12],
}

/// RFC 9180 section 5.1, `KeySchedule` in base mode: no `psk`, no `psk_id`.
#[must_use]
pub fn key_schedule(shared_secret: &[u8; 32]) -> MessageKey {
    let (psk_id_hash, _) = labeled_extract(&[], b"psk_id_hash", &[]);
    let (info_hash, _) = labeled_extract(&[], b"info_hash", INFO);
    let context = [&[0][..], &*psk_id_hash, &*info_hash].concat();
    let (_, secret) = labeled_extract(shared_secret, b"secret", &[]);
    let mut message_key = MessageKey {
        key: Zeroizing::new([0; 32]),
        nonce: [0; 12],
    };
    labeled_expand(&secret, b"key", &context, &mut *message_key.key);
    labeled_expand(&secret, b"base_nonce", &context, &mut message_key.nonce);
    message_key
}

/// RFC 9180 section 4, `LabeledExtract`. `ikm` is public in all that base mode asks for.
fn labeled_extract(salt: &[u8], label: &[u8], ikm: &[u8]) -> (Zeroizing<[u8; 32]>, Hkdf<Sha256>) {
    let labeled = [b"HPKE-v1", SUITE_ID, label, ikm].concat();
    let (mut output, hkdf) = Hkdf::<Sha256>::extract(Some(salt), &labeled);
    let prk = Zeroizing::new(output.into());
    output.as_mut_slice().zeroize();
    (prk, hkdf)
}

/// RFC 9180 section 4, `LabeledExpand`.
fn labeled_expand(secret: &Hkdf<Sha256>, label: &[u8], context: &[u8], to: &mut [u8]) {
    let size = u16::try_from(to.len()).unwrap_or(u16::MAX).to_be_bytes();
    let expanded = secret.expand_multi_info(&[&size, b"HPKE-v1", SUITE_ID, label, context], to);
    assert!(
        expanded.is_ok(),
        "HKDF-SHA-256 gives up to 8160 bytes, 32 asked for"
    );
}
