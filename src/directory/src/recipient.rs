//! Hybrid recipients as text: `age1pq1…`, checked without any key encapsulation.
//!
//! Source: C2SP age (hybrid recipients), BIP 173 for Bech32 without its limit on length.

use std::fmt;
use std::str::FromStr;

use bech32::primitives::checksum::Checksum;
use bech32::primitives::decode::CheckedHrpstring;
use bech32::{Bech32, Hrp};

/// Size in bytes of the public key in a hybrid recipient: ML-KEM-768 (1,184) and X25519 (32).
pub const RECIPIENT_KEY_SIZE_BYTES: usize = 1216;

/// Length of every recipient: `age1pq1`, 1,216 bytes in characters of five bits, six of checksum.
const RECIPIENT_SIZE_BYTES: usize = PREFIX.len() + 1 + RECIPIENT_KEY_SIZE_BYTES * 8 / 5 + 1 + 6;

/// Human-readable part of Bech32.
const PREFIX: &str = "age1pq";

/// A hybrid recipient: what an envelope is sealed to.
///
/// The text is canonical; that the key in it is a good one is for the code that seals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(String);

/// Why text is not a hybrid recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Another length.
    #[error("recipient is {found} characters, want {RECIPIENT_SIZE_BYTES}")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// Not Bech32, or its checksum does not fit.
    #[error("recipient is not Bech32 with a checksum that fits")]
    Bech32,
    /// Another prefix than `age1pq1`.
    #[error("recipient is of another type, want one that begins with age1pq1")]
    Prefix,
    /// Upper case, or bits behind the key that are not zero.
    #[error("recipient is not in the one form that its key has: lower case, last bits zero")]
    Form,
}

/// Bech32 for longer text: age sets no limit.
enum LongBech32 {}

impl Checksum for LongBech32 {
    type MidstateRepr = <Bech32 as Checksum>::MidstateRepr;
    const CODE_LENGTH: usize = 4096;
    const CHECKSUM_LENGTH: usize = Bech32::CHECKSUM_LENGTH;
    const GENERATOR_SH: [Self::MidstateRepr; 5] = Bech32::GENERATOR_SH;
    const TARGET_RESIDUE: Self::MidstateRepr = Bech32::TARGET_RESIDUE;
}

const _: () = assert!(RECIPIENT_SIZE_BYTES < LongBech32::CODE_LENGTH);

impl Recipient {
    /// The text, `age1pq1…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The recipient with this public key.
    ///
    /// # Errors
    ///
    /// None in practice: every key of 1,216 bytes can be written.
    pub fn from_key(key: &[u8; RECIPIENT_KEY_SIZE_BYTES]) -> Result<Self, RecipientError> {
        let prefix = Hrp::parse(PREFIX).map_err(|_| RecipientError::Prefix)?;
        let text =
            bech32::encode_lower::<LongBech32>(prefix, key).map_err(|_| RecipientError::Bech32)?;
        Ok(Self(text))
    }
}

impl FromStr for Recipient {
    type Err = RecipientError;

    fn from_str(text: &str) -> Result<Self, RecipientError> {
        let size = RecipientError::Size { found: text.len() };
        if text.len() != RECIPIENT_SIZE_BYTES {
            return Err(size);
        }
        let checked =
            CheckedHrpstring::new::<LongBech32>(text).map_err(|_| RecipientError::Bech32)?;
        if checked.hrp().to_lowercase() != PREFIX {
            return Err(RecipientError::Prefix);
        }
        let key: Vec<u8> = checked.byte_iter().collect();
        let key = <[u8; RECIPIENT_KEY_SIZE_BYTES]>::try_from(key).map_err(|_| size)?;
        let canonical = Self::from_key(&key)?;
        if canonical.0 == text {
            Ok(canonical)
        } else {
            Err(RecipientError::Form)
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
