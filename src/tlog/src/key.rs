//! Signing and verification keys with names. Source: C2SP signed-note.
//!
//! It must never show, copy out or clone a signing key. Text of verification keys is not trusted:
//! there is one way to write each.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Longest key name in bytes.
pub const KEY_NAME_SIZE_BYTES_MAX: usize = 255;

/// Size of an Ed25519 signature in bytes.
pub const SIGNATURE_SIZE_BYTES: usize = 64;

/// Signature type of Ed25519 in C2SP signed-note.
const TYPE_ED25519: u8 = 0x01;

/// Signature type of cosignatures in C2SP signed-note: Ed25519 over a time and a checkpoint.
const TYPE_COSIGNATURE: u8 = 0x04;

/// Why a key name is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// Empty, or over [`KEY_NAME_SIZE_BYTES_MAX`].
    #[error("key name is {found} bytes, want 1 to {KEY_NAME_SIZE_BYTES_MAX}")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// It holds a space, a control character or a plus sign.
    #[error("key name holds a space, a control character or a plus sign, want none")]
    Character,
}

/// Why text is not a verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// Not `name+key ID+key`.
    #[error("verification key has {found} parts, want three joined by plus signs")]
    Parts {
        /// Number of parts.
        found: usize,
    },
    /// The name is not a key name.
    #[error("verification key has no good name")]
    Name(#[from] KeyNameError),
    /// The key ID is not eight lower-case hex characters.
    #[error("key ID is not eight lower-case hex characters")]
    KeyIdForm,
    /// The key is not canonical base64 of 33 bytes.
    #[error("verification key is not canonical base64 of 33 bytes")]
    Base64,
    /// A signature type other than Ed25519.
    #[error("verification key has type {found}, want {TYPE_ED25519} (Ed25519)")]
    Type {
        /// The type byte.
        found: u8,
    },
    /// Not a point of the curve, or one of small order, which many messages would verify against.
    #[error("verification key is not a sound Ed25519 key")]
    Key,
    /// The key ID is not that of this name and key.
    #[error("key ID is {found}, want {wanted} for this name and key")]
    KeyId {
        /// The key ID given.
        found: KeyId,
        /// The key ID of this name and key.
        wanted: KeyId,
    },
}

/// The four bytes that tell keys apart: `SHA-256(name || 0A || 01 || key)[..4]`.
///
/// Source: C2SP signed-note. It is a hint and never proof of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A signing key and its name.
///
/// The key is wiped when it is dropped, cannot be cloned and is not shown.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// The key with this 32-byte seed (RFC 8032), under this name. The caller wipes the seed.
    ///
    /// # Errors
    ///
    /// The name is not a key name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyNameError> {
        Ok(Self {
            name: checked_name(name)?.to_owned(),
            key: SigningKey::from_bytes(seed),
        })
    }

    /// The key name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The verification key with the same name.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// The key ID that this key has under `name`.
    pub(crate) fn id_as(&self, name: &str) -> KeyId {
        key_id(name, &self.key.verifying_key())
    }

    /// Signs bytes that are not a note: a request signature.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; SIGNATURE_SIZE_BYTES] {
        self.key.sign(message).to_bytes()
    }
}

/// A verification key and its name: what C2SP calls a vkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// The Ed25519 key with these 32 bytes, under this name.
    ///
    /// # Errors
    ///
    /// The name is not a key name, or the key is not a point or of small order.
    pub fn from_bytes(name: &str, key: &[u8; 32]) -> Result<Self, VerifierError> {
        let name = checked_name(name)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| VerifierError::Key)?;
        if key.is_weak() {
            return Err(VerifierError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The key name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The key ID of this name and key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(&self.name, &self.key)
    }

    /// The key ID under which this name and key cosign: `SHA-256(name || 0A || 04 || key)[..4]`.
    pub(crate) fn cosigner_id(&self) -> KeyId {
        key_id_of(&self.name, TYPE_COSIGNATURE, &self.key)
    }

    /// The same key under another name: one key signs each log under that log's origin.
    ///
    /// # Errors
    ///
    /// The name is not a key name.
    pub fn renamed(&self, name: &str) -> Result<Self, KeyNameError> {
        Ok(Self {
            name: checked_name(name)?.to_owned(),
            key: self.key,
        })
    }

    /// Whether this key signed these bytes, which are not a note.
    ///
    /// Strict: a signature has one encoding only (RFC 8032 with the checks of `verify_strict`).
    #[must_use]
    pub fn verifies_bytes(&self, message: &[u8], signature: &[u8; SIGNATURE_SIZE_BYTES]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![TYPE_ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(vkey: &str) -> Result<Self, VerifierError> {
        // The name and the key ID hold no plus sign; base64 may.
        let parts: Vec<&str> = vkey.splitn(3, '+').collect();
        let &[name, id, key] = parts.as_slice() else {
            return Err(VerifierError::Parts { found: parts.len() });
        };
        let name = checked_name(name)?;
        let found = parse_key_id(id).ok_or(VerifierError::KeyIdForm)?;
        let key = STANDARD.decode(key).map_err(|_| VerifierError::Base64)?;
        let Ok([kind, key @ ..]) = <[u8; 33]>::try_from(key) else {
            return Err(VerifierError::Base64);
        };
        if kind != TYPE_ED25519 {
            return Err(VerifierError::Type { found: kind });
        }
        let verifier = Self::from_bytes(name, &key)?;
        let wanted = verifier.id();
        if found != wanted {
            return Err(VerifierError::KeyId { found, wanted });
        }
        Ok(verifier)
    }
}

fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    key_id_of(name, TYPE_ED25519, key)
}

fn key_id_of(name: &str, kind: u8, key: &VerifyingKey) -> KeyId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', kind])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    KeyId([a, b, c, d])
}

fn parse_key_id(hex_text: &str) -> Option<KeyId> {
    let mut id = [0; 4];
    hex::decode_to_slice(hex_text, &mut id).ok()?;
    let id = KeyId(id);
    (id.to_string() == hex_text).then_some(id)
}

pub(crate) fn checked_name(name: &str) -> Result<&str, KeyNameError> {
    if name.is_empty() || name.len() > KEY_NAME_SIZE_BYTES_MAX {
        return Err(KeyNameError::Size { found: name.len() });
    }
    if name
        .chars()
        .any(|c| c == '+' || c.is_whitespace() || c.is_control())
    {
        return Err(KeyNameError::Character);
    }
    Ok(name)
}
