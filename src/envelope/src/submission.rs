//! A submission, `salt[16] || τ[32] || envelope`, and the two digests that stand for it in a leaf.
//!
//! The salt keeps `h` from being a plain hash of the envelope; τ is the reporter's own secret
//! value, of which the log shows only a digest.
//!
//! Source: docs/protocol.md section 4.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::{ENVELOPE_SIZE_BYTES_MAX, Envelope, EnvelopeError};

/// Size of the salt in bytes.
pub const SALT_SIZE_BYTES: usize = 16;

/// Size of τ in bytes.
pub const TAG_SIZE_BYTES: usize = 32;

/// Size of the largest submission in bytes: 48 and the largest envelope.
pub const SUBMISSION_SIZE_BYTES_MAX: u64 = 48 + ENVELOPE_SIZE_BYTES_MAX;

const _: () = assert!(SALT_SIZE_BYTES + TAG_SIZE_BYTES == 48);

const BLOB_LABEL: &[u8] = b"hafan/blob/v1\0";
const TAG_LABEL: &[u8] = b"hafan/tag/v1\0";

/// `h`: what a submission is called, in paths and leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// `t`: the digest of τ.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagDigest(pub [u8; 32]);

/// Text that is not 64 lower-case hexadecimal characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal characters")]
pub struct DigestError;

fn parse_hex(text: &str) -> Result<[u8; 32], DigestError> {
    let lower = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut bytes = [0; 32];
    if !lower || hex::decode_to_slice(text, &mut bytes).is_err() {
        return Err(DigestError);
    }
    Ok(bytes)
}

macro_rules! hex_text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                parse_hex(text).map(Self)
            }
        }
    };
}

hex_text!(Digest);
hex_text!(TagDigest);

/// Computes [`Digest`] of an envelope that arrives in parts.
#[derive(Clone)]
pub struct DigestHasher {
    salt: [u8; SALT_SIZE_BYTES],
    envelope: Sha256,
}

impl DigestHasher {
    /// Begins with the salt of the submission; the envelope's bytes follow through [`Self::update`].
    #[must_use]
    pub fn new(salt: &[u8; SALT_SIZE_BYTES]) -> Self {
        Self {
            salt: *salt,
            envelope: Sha256::new(),
        }
    }

    /// Takes the next bytes of the envelope.
    pub fn update(&mut self, envelope_bytes: &[u8]) {
        self.envelope.update(envelope_bytes);
    }

    /// `SHA-256("hafan/blob/v1" || 00 || salt || SHA-256(envelope))`.
    #[must_use]
    pub fn finish(self) -> Digest {
        let mut outer = Sha256::new();
        outer.update(BLOB_LABEL);
        outer.update(self.salt);
        outer.update(self.envelope.finalize());
        Digest(outer.finalize().into())
    }
}

/// `SHA-256("hafan/blob/v1" || 00 || salt || SHA-256(envelope))`.
#[must_use]
pub fn digest(salt: &[u8; SALT_SIZE_BYTES], envelope: &[u8]) -> Digest {
    let mut hasher = DigestHasher::new(salt);
    hasher.update(envelope);
    hasher.finish()
}

/// `SHA-256("hafan/tag/v1" || 00 || τ)`.
#[must_use]
pub fn tag_digest(tag: &[u8; TAG_SIZE_BYTES]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(TAG_LABEL);
    hasher.update(tag);
    hasher.finalize().into()
}

/// Why bytes are not a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    /// Too short for the salt and τ.
    #[error("the submission is {found} bytes, 48 and an envelope wanted")]
    Short {
        /// The submission's length in bytes.
        found: usize,
    },
    /// What follows them is no envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
}

/// A submission taken apart.
#[derive(Clone, Copy)]
pub struct Submission<'a> {
    /// Random; part of `h`.
    pub salt: &'a [u8; SALT_SIZE_BYTES],
    /// τ: random, or made from the reporter's words.
    pub tag: &'a [u8; TAG_SIZE_BYTES],
    /// What is sealed.
    pub envelope: Envelope<'a>,
}

impl<'a> Submission<'a> {
    /// Takes a submission apart; does not hash.
    ///
    /// # Errors
    /// It is too short, or its envelope has not the structure of one.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SubmissionError> {
        let short = SubmissionError::Short { found: bytes.len() };
        let (salt, rest) = bytes.split_first_chunk().ok_or(short)?;
        let (tag, envelope) = rest.split_first_chunk().ok_or(short)?;
        Ok(Self {
            salt,
            tag,
            envelope: Envelope::parse(envelope)?,
        })
    }

    /// `h` of the submission. Reads the whole envelope.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(self.salt, self.envelope.as_bytes())
    }

    /// `t` of the submission.
    #[must_use]
    pub fn tag_digest(&self) -> TagDigest {
        TagDigest(tag_digest(self.tag))
    }
}
