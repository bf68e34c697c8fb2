//! Envelopes, submissions and pages of answers: their closed grammar, with code of our own. docs/protocol.md 3, 4, 14.
//!
//! Looks at structure and digests. What is sealed in them nobody here can open.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// Size of an envelope's header in bytes.
pub const HEADER_SIZE_BYTES: usize = 1627;

/// Salt and τ before the envelope in a submission.
pub const PREFIX_SIZE_BYTES: usize = 48;

/// Size of a page of answers in bytes.
pub const PAGE_SIZE_BYTES: usize = RECORDS * RECORD_SIZE_BYTES + SEEN_SIZE_BYTES;

/// Records of a page.
const RECORDS: usize = 64;

/// Size in bytes of what stands behind them.
pub const SEEN_SIZE_BYTES: usize = 1024;

/// Size of a record of a page in bytes.
const RECORD_SIZE_BYTES: usize = 4096;

/// Size of a draft in bytes: an envelope of the first class.
pub const DRAFT_SIZE_BYTES: usize = 67_195;

const CHUNK_SIZE_BYTES: usize = 65_536;

/// The lines of a header: what stands before each run of base64, and how many characters and unused bits it has.
const LINES: [(&[u8], usize, u8); 3] = [
    (b"age-encryption.org/v1\n-> mlkem768x25519 ", 1494, 4),
    (b"\n", 43, 2),
    (b"\n--- ", 43, 2),
];

/// Where the encapsulated key stands in a header.
const ENC_START: usize = 40;

/// Why bytes have not the one structure that is right. Holds none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructureError {
    /// None of the ten sizes.
    #[error("{found} bytes are no size that an envelope can have")]
    Size {
        /// Size in bytes.
        found: usize,
    },
    /// The header differs.
    #[error("byte {at} of its header is not what the one right header has there")]
    Header {
        /// Offset in bytes.
        at: usize,
    },
    /// Shorter than salt and τ.
    #[error("{found} bytes are too few for a submission")]
    Short {
        /// Size in bytes.
        found: usize,
    },
    /// A record of a page has another header.
    #[error("record {record}: byte {at} of its header is not what the one right header has there")]
    Record {
        /// Which, from 0.
        record: usize,
        /// Offset in the header.
        at: usize,
    },
    /// What stands behind the records of a page is no cosigned checkpoint and zeros.
    #[error("what stands behind its records is not a cosigned checkpoint and zeros")]
    Seen,
    /// Not the size of a page.
    #[error("{found} bytes are no page of answers")]
    Page {
        /// Size in bytes.
        found: usize,
    },
}

/// Whether an envelope may have this size.
#[must_use]
pub fn is_envelope_size(size: usize) -> bool {
    (16..=25).any(|class| {
        let padded = 1usize << class;
        size == HEADER_SIZE_BYTES + 16 + padded + 16 * (padded / CHUNK_SIZE_BYTES)
    })
}

/// Compares a header with the one that is right, byte for byte; gives the first that is not.
fn check_header(header: &[u8]) -> Result<(), usize> {
    let mut at = 0;
    for (literal, characters, unused) in LINES {
        for wanted in literal {
            if header.get(at) != Some(wanted) {
                return Err(at);
            }
            at += 1;
        }
        let end = at + characters;
        let mut last = 0;
        while at < end {
            last = header.get(at).and_then(|c| base64_value(*c)).ok_or(at)?;
            at += 1;
        }
        // The bits that stand for nothing are zero: there is one way to write each byte.
        if last & ((1 << unused) - 1) != 0 {
            return Err(at - 1);
        }
    }
    if header.get(at) == Some(&b'\n') && at + 1 == HEADER_SIZE_BYTES {
        Ok(())
    } else {
        Err(at)
    }
}

const fn base64_value(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// Checks the structure of an envelope; gives what follows its header, which must look like noise.
///
/// # Errors
/// See [`StructureError`].
pub fn check_envelope(envelope: &[u8]) -> Result<&[u8], StructureError> {
    let size = StructureError::Size {
        found: envelope.len(),
    };
    if !is_envelope_size(envelope.len()) {
        return Err(size);
    }
    let (header, sealed) = envelope.split_at_checked(HEADER_SIZE_BYTES).ok_or(size)?;
    check_header(header).map_err(|at| StructureError::Header { at })?;
    Ok(sealed)
}

/// A submission's digests, and what of it must look like noise.
pub struct Submission<'a> {
    /// By which it is known.
    pub h: [u8; 32],
    /// The digest of τ.
    pub t: [u8; 32],
    /// Behind the envelope's header.
    pub sealed: &'a [u8],
    /// Salt and τ.
    pub prefix: &'a [u8],
}

/// Checks the structure of a submission and hashes it.
///
/// # Errors
/// See [`StructureError`].
pub fn check_submission(bytes: &[u8]) -> Result<Submission<'_>, StructureError> {
    let short = StructureError::Short { found: bytes.len() };
    let (prefix, envelope) = bytes.split_at_checked(PREFIX_SIZE_BYTES).ok_or(short)?;
    let (salt, tag) = prefix.split_at_checked(16).ok_or(short)?;
    let sealed = check_envelope(envelope)?;
    let h = Sha256::new()
        .chain_update(b"hafan/blob/v1\0")
        .chain_update(salt)
        .chain_update(Sha256::digest(envelope));
    let t = Sha256::new()
        .chain_update(b"hafan/tag/v1\0")
        .chain_update(tag);
    Ok(Submission {
        h: h.finalize().into(),
        t: t.finalize().into(),
        sealed,
        prefix,
    })
}

/// A page's digests.
pub struct Page {
    /// By which it is known.
    pub h: [u8; 32],
    /// The digest of its index part.
    pub t: [u8; 32],
}

/// Checks the structure of a page of answers, hashes it, and shows what of each record must look like noise.
///
/// # Errors
/// See [`StructureError`].
pub fn check_page(page: &[u8], mut sealed: impl FnMut(&[u8])) -> Result<Page, StructureError> {
    if page.len() != PAGE_SIZE_BYTES {
        return Err(StructureError::Page { found: page.len() });
    }
    let mut index = Sha256::new().chain_update(b"hafan/reply-index/v1\0");
    let (records, seen) = page
        .split_at_checked(RECORDS * RECORD_SIZE_BYTES)
        .ok_or(StructureError::Page { found: page.len() })?;
    if !is_seen(seen) {
        return Err(StructureError::Seen);
    }
    for (record, bytes) in records.chunks_exact(RECORD_SIZE_BYTES).enumerate() {
        let failed = |at| StructureError::Record { record, at };
        let (tag, file) = bytes.split_at_checked(2).ok_or(failed(0))?;
        let (header, rest) = file.split_at_checked(HEADER_SIZE_BYTES).ok_or(failed(0))?;
        check_header(header).map_err(failed)?;
        sealed(rest);
        index.update(ct_x(header).ok_or(failed(ENC_START))?);
        index.update(tag);
    }
    let h = Sha256::new()
        .chain_update(b"hafan/reply-page/v1\0")
        .chain_update(page);
    Ok(Page {
        h: h.finalize().into(),
        t: index.finalize().into(),
    })
}

/// Whether bytes are a checkpoint as its log signs it, one cosignature, and zeros: nothing else can be said in them.
fn is_seen(bytes: &[u8]) -> bool {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (note, zeros) = bytes.split_at(end.unwrap_or(bytes.len()));
    let Some(text) = std::str::from_utf8(note)
        .ok()
        .and_then(|text| text.strip_suffix('\n'))
    else {
        return false;
    };
    let lines: Vec<&str> = text.split('\n').collect();
    let [origin, size, root, "", signature, cosignature] = lines.as_slice() else {
        return false;
    };
    let is_line = |line: &str, bytes: usize| {
        let parts = line
            .strip_prefix("\u{2014} ")
            .and_then(|l| l.split_once(' '));
        parts.is_some_and(|(name, base64)| is_name(name) && is_base64_of(base64, bytes))
    };
    zeros.iter().all(|byte| *byte == 0)
        && is_name(origin)
        && size
            .parse::<u64>()
            .is_ok_and(|parsed| parsed.to_string() == *size)
        && is_base64_of(root, 32)
        && is_line(signature, 68)
        && is_line(cosignature, 76)
}

/// A key's name of ours: `<host>/hafan/…` or `hafan/…`, of letters, digits and few marks.
fn is_name(name: &str) -> bool {
    let is_mark = |byte: u8| b"./:-".contains(&byte);
    (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || is_mark(byte))
}

fn is_base64_of(text: &str, size: usize) -> bool {
    BASE64_STANDARD
        .decode(text)
        .is_ok_and(|bytes| bytes.len() == size)
}

/// The last 32 of the 1,120 bytes that the stanza's argument encodes.
fn ct_x(header: &[u8]) -> Option<[u8; 32]> {
    // Byte 1,088 is the second of three that characters 1,448 to 1,451 encode: from there on, 46 characters.
    let characters = header.get(ENC_START + 1448..ENC_START + 1494)?;
    let mut bytes = Vec::with_capacity(36);
    let (mut bits, mut count) = (0u32, 0u32);
    for character in characters {
        bits = (bits << 6 | u32::from(base64_value(*character)?)) & 0xfff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    bytes.get(2..34)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_ten_sizes() {
        let sizes = (0..40_000_000)
            .filter(|size| is_envelope_size(*size))
            .count();
        assert_eq!(sizes, 10);
        assert!(is_envelope_size(DRAFT_SIZE_BYTES));
    }

    #[test]
    fn the_encapsulated_key_ends_with_the_bytes_of_x25519() {
        use base64::Engine as _;
        let enc: Vec<u8> = (0..1120u32)
            .map(|at| u8::try_from(at * 7 % 251).unwrap())
            .collect();
        let text = base64::prelude::BASE64_STANDARD_NO_PAD.encode(&enc);
        let header = [LINES[0].0, text.as_bytes()].concat();
        assert_eq!(ct_x(&header).unwrap(), enc[1088..]);
    }
}
