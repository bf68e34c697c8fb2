//! One envelope: its header of 1627 bytes, byte for byte, and its ten sizes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

/// Size of the header of every envelope, up to and with the line of the MAC.
pub const HEADER_SIZE_BYTES: usize = 1627;

/// The sizes of a padded in bytes: 2^k, 64 KiB to 32 MiB.
pub const SIZE_CLASSES: [u64; 10] = [
    1 << 16,
    1 << 17,
    1 << 18,
    1 << 19,
    1 << 20,
    1 << 21,
    1 << 22,
    1 << 23,
    1 << 24,
    1 << 25,
];

/// Size of the smallest envelope in bytes.
pub const ENVELOPE_SIZE_BYTES_MIN: u64 = envelope_size_bytes(1 << 16);

/// Size of the largest envelope in bytes.
pub const ENVELOPE_SIZE_BYTES_MAX: u64 = envelope_size_bytes(1 << 25);

const _: () = assert!(ENVELOPE_SIZE_BYTES_MIN == 67_195 && ENVELOPE_SIZE_BYTES_MAX == 33_564_267);

/// Size of the payload's nonce, which the header does not hold.
const NONCE_SIZE_BYTES: u64 = 16;
/// STREAM's chunk of plaintext, and the tag that each chunk carries.
const CHUNK_SIZE_BYTES: u64 = 65_536;
const CHUNK_TAG_SIZE_BYTES: u64 = 16;

/// The parts of the header in order. Source: docs/protocol.md section 3.
const PARTS: [Part; 7] = [
    Part::Text("age-encryption.org/v1\n-> mlkem768x25519 "),
    Part::Base64 {
        chars: KEY_CHARS,
        name: "base64 of the encapsulated key",
    },
    Part::Text("\n"),
    Part::Base64 {
        chars: 43,
        name: "base64 of the sealed file key",
    },
    Part::Text("\n--- "),
    Part::Base64 {
        chars: 43,
        name: "base64 of the header's MAC",
    },
    Part::Text("\n"),
];

/// Characters of the longest part in base64, and what a decoder wants to have room for.
const KEY_CHARS: usize = 1494;
const DECODED_SIZE_BYTES_MAX: usize = KEY_CHARS.div_ceil(4) * 3;

enum Part {
    /// These bytes and no others.
    Text(&'static str),
    /// Canonical base64 without padding.
    Base64 { chars: usize, name: &'static str },
}

/// Why bytes are not an envelope. Neither variant holds a byte of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// The length is not one of the ten.
    #[error(
        "the envelope is {found} bytes, one of ten sizes from 67195 to 33564267 wanted; \
         seal a padded of one of the size classes"
    )]
    Size {
        /// The envelope's length in bytes.
        found: u64,
    },
    /// The header departs from the one form.
    #[error("the envelope's header at byte {at} is not as wanted: {wanted}")]
    Header {
        /// Offset of the first byte that is not as wanted.
        at: usize,
        /// What should be there.
        wanted: &'static str,
    },
}

/// One of the ten sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SizeClass(u64);

impl SizeClass {
    /// Size in bytes of the padded within.
    #[must_use]
    pub const fn padded_size_bytes(self) -> u64 {
        self.0
    }

    /// Size in bytes of the envelope.
    #[must_use]
    pub const fn envelope_size_bytes(self) -> u64 {
        envelope_size_bytes(self.0)
    }
}

/// Size in bytes of the envelope of a padded of `padded_size_bytes`, which is one of [`SIZE_CLASSES`].
#[must_use]
pub const fn envelope_size_bytes(padded_size_bytes: u64) -> u64 {
    let chunks = padded_size_bytes.div_ceil(CHUNK_SIZE_BYTES);
    // Widening: 1627 fits any integer.
    1627 + NONCE_SIZE_BYTES + padded_size_bytes + CHUNK_TAG_SIZE_BYTES * chunks
}

/// Says which size class an envelope of this length belongs to.
///
/// # Errors
/// The length belongs to none.
pub fn size_class_of(envelope_size: u64) -> Result<SizeClass, EnvelopeError> {
    SIZE_CLASSES
        .into_iter()
        .find(|padded| envelope_size_bytes(*padded) == envelope_size)
        .map(SizeClass)
        .ok_or(EnvelopeError::Size {
            found: envelope_size,
        })
}

/// Checks the header of an envelope, for a server that has not seen the rest yet.
///
/// # Errors
/// The first byte that departs from the one form, and what was wanted there.
pub fn check_header(header: &[u8; HEADER_SIZE_BYTES]) -> Result<(), EnvelopeError> {
    let mut rest = header.as_slice();
    for part in &PARTS {
        let at = HEADER_SIZE_BYTES - rest.len();
        let (size, wanted) = match part {
            Part::Text(text) => (
                text.len(),
                "age v1 with one mlkem768x25519 stanza and no other",
            ),
            Part::Base64 { chars, name } => (*chars, *name),
        };
        let cut = rest.split_at_checked(size);
        let (bytes, after) = cut.ok_or(EnvelopeError::Header { at, wanted })?;
        let wrong = match part {
            Part::Text(text) => bytes.iter().zip(text.bytes()).position(|(a, b)| *a != b),
            Part::Base64 { .. } => first_bad_base64(bytes),
        };
        if let Some(i) = wrong {
            return Err(EnvelopeError::Header { at: at + i, wanted });
        }
        rest = after;
    }
    Ok(())
}

/// Offset of the first character that canonical base64 without padding would not have there.
fn first_bad_base64(chars: &[u8]) -> Option<usize> {
    let mut decoded = [0; DECODED_SIZE_BYTES_MAX];
    if BASE64_STANDARD_NO_PAD
        .decode_slice(chars, &mut decoded)
        .is_ok()
    {
        return None;
    }
    let alphabet = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let stranger = chars.iter().position(|b| !alphabet(b));
    // The right alphabet and still refused: the last character has bits that no byte takes.
    Some(stranger.unwrap_or_else(|| chars.len().saturating_sub(1)))
}

/// Bytes with the structure of an envelope. Whether it opens, only a key can tell.
#[derive(Clone, Copy)]
pub struct Envelope<'a> {
    bytes: &'a [u8],
    size_class: SizeClass,
}

impl<'a> Envelope<'a> {
    /// Takes bytes for an envelope.
    ///
    /// # Errors
    /// The length is not one of the ten, or the header is not the one form.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let size_class = size_class_of(found)?;
        let header = bytes.first_chunk().ok_or(EnvelopeError::Size { found })?;
        check_header(header)?;
        Ok(Self { bytes, size_class })
    }

    /// The whole envelope.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Which of the ten sizes it has.
    #[must_use]
    pub const fn size_class(&self) -> SizeClass {
        self.size_class
    }
}
