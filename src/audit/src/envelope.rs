//! Envelopes, submissions and pages of answers: their closed grammar, with code of our own. docs/protocol.md 3, 4, 14.
//!
//! Looks at structure and digests. What is sealed in them nobody here can open.

use sha2::{Digest as _, Sha256};

use crate::checkpoint::Checkpoint;
use crate::note::{Note, Vkey};

/// Size of an envelope's header in bytes.
pub const HEADER_SIZE_BYTES: usize = 1627;

/// Salt and τ before the envelope in a submission.
pub const PREFIX_SIZE_BYTES: usize = 48;

/// Size of a page of answers in bytes.
pub const PAGE_SIZE_BYTES: usize = RECORDS * RECORD_SIZE_BYTES + SEEN_SIZE_BYTES;

/// Records of a page.
pub(crate) const RECORDS: usize = 64;

/// Size in bytes of what stands behind them.
pub const SEEN_SIZE_BYTES: usize = 1024;

/// Size of a record of a page in bytes.
pub(crate) const RECORD_SIZE_BYTES: usize = 4096;

/// Size of a draft in bytes: an envelope of the first class.
pub const DRAFT_SIZE_BYTES: usize = 67_195;

/// What the digest of a page's index part begins with.
pub const INDEX_LABEL: &[u8] = b"hafan/reply-index/v1\0";

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
        at = check_literal(header, at, literal)?;
        let run = header.get(at..).unwrap_or_default();
        let run = run.get(..characters).unwrap_or(run);
        let wrong = run.iter().position(|c| base64_value(*c).is_none());
        if let Some(wrong) = wrong.or((run.len() < characters).then_some(run.len())) {
            return Err(at + wrong);
        }
        at += characters;
        // The bits that stand for nothing are zero: there is one way to write each byte.
        let last = run.last().and_then(|c| base64_value(*c)).unwrap_or(0);
        if last & ((1 << unused) - 1) != 0 {
            return Err(at - 1);
        }
    }
    check_literal(header, at, b"\n").map(drop)
}

/// Compares what stands at `at`; gives where it ends, or the first byte that differs.
fn check_literal(header: &[u8], at: usize, literal: &[u8]) -> Result<usize, usize> {
    let found = header.get(at..).unwrap_or_default();
    if found.starts_with(literal) {
        return Ok(at + literal.len());
    }
    let same = found.iter().zip(literal).take_while(|(a, b)| a == b);
    Err(at + same.count())
}

/// Compares what is there of a header, which a write may have left out in part; gives the first byte that is wrong.
#[must_use]
pub fn wrong_in_part(header: &[u8], is_there: impl Fn(usize) -> bool) -> Option<usize> {
    let literal = |bytes: &'static [u8]| bytes.iter().map(|byte| Some(*byte));
    let lines = LINES.iter().flat_map(|(bytes, characters, _)| {
        literal(bytes).chain(std::iter::repeat_n(None, *characters))
    });
    let wanted = lines.chain(literal(b"\n"));
    let mut bytes = header.iter().zip(wanted).enumerate();
    let wrong = bytes.find(|(at, (byte, wanted))| {
        is_there(*at)
            && match wanted {
                Some(wanted) => *byte != wanted,
                None => base64_value(**byte).is_none(),
            }
    });
    wrong.map(|(at, _)| at)
}

/// What each byte stands for in base64, and [`NO_BASE64`] for those that stand for nothing.
const BASE64: [u8; 256] = {
    let mut values = [NO_BASE64; 256];
    let mut byte = 0u8;
    let mut rest: &mut [u8] = &mut values;
    while let Some((value, others)) = rest.split_first_mut() {
        *value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => NO_BASE64,
        };
        byte = byte.wrapping_add(1);
        rest = others;
    }
    values
};

const NO_BASE64: u8 = 0xff;

fn base64_value(character: u8) -> Option<u8> {
    let value = BASE64.get(usize::from(character)).copied();
    value.filter(|value| *value != NO_BASE64)
}

/// Checks the structure of an envelope; gives its header, and what follows that, which must look like noise.
///
/// # Errors
/// See [`StructureError`].
pub fn check_envelope(envelope: &[u8]) -> Result<(&[u8], &[u8]), StructureError> {
    let size = StructureError::Size {
        found: envelope.len(),
    };
    if !is_envelope_size(envelope.len()) {
        return Err(size);
    }
    let (header, sealed) = envelope.split_at_checked(HEADER_SIZE_BYTES).ok_or(size)?;
    check_header(header).map_err(|at| StructureError::Header { at })?;
    Ok((header, sealed))
}

/// A submission's digests, and what of it must look like noise.
pub struct Submission<'a> {
    /// By which it is known.
    pub h: [u8; 32],
    /// The digest of τ.
    pub t: [u8; 32],
    /// The envelope's header.
    pub header: &'a [u8],
    /// Behind it.
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
    let (header, sealed) = check_envelope(envelope)?;
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
        header,
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
    /// What the officers saw.
    pub seen: Seen,
}

/// Checks the structure of a page of answers, hashes it, and shows each record: its number, its header, and what follows
/// that, which must look like noise.
///
/// # Errors
/// See [`StructureError`].
pub fn check_page(
    page: &[u8],
    mut look: impl FnMut(usize, &[u8], &[u8]),
) -> Result<Page, StructureError> {
    if page.len() != PAGE_SIZE_BYTES {
        return Err(StructureError::Page { found: page.len() });
    }
    let mut index = Sha256::new().chain_update(INDEX_LABEL);
    let (records, seen) = page
        .split_at_checked(RECORDS * RECORD_SIZE_BYTES)
        .ok_or(StructureError::Page { found: page.len() })?;
    let seen = Seen::parse(seen).ok_or(StructureError::Seen)?;
    for (record, bytes) in records.chunks_exact(RECORD_SIZE_BYTES).enumerate() {
        let failed = |at| StructureError::Record { record, at };
        let (tag, file) = bytes.split_at_checked(2).ok_or(failed(0))?;
        let (header, rest) = file.split_at_checked(HEADER_SIZE_BYTES).ok_or(failed(0))?;
        check_header(header).map_err(failed)?;
        look(record, header, rest);
        index.update(ct_x(header).ok_or(failed(ENC_START))?);
        index.update(tag);
    }
    let h = Sha256::new()
        .chain_update(b"hafan/reply-page/v1\0")
        .chain_update(page);
    Ok(Page {
        h: h.finalize().into(),
        t: index.finalize().into(),
        seen,
    })
}

/// What the officers saw, as a page says: a checkpoint as its log signed it, and one cosignature. Nothing of it is
/// believed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The name of the log.
    pub origin: String,
    /// The tree head.
    pub head: Checkpoint,
    /// The name of the key that cosigned it.
    pub cosigner: String,
    text: String,
    /// Name, ID and signature.
    signature: (String, [u8; 4], [u8; 64]),
    cosigner_id: [u8; 4],
    time_s: u64,
    cosignature: [u8; 64],
}

impl Seen {
    /// Reads a note of a checkpoint with two signatures, and zeros behind it.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == 0);
        let (note, zeros) = bytes.split_at(end.unwrap_or(bytes.len()));
        if zeros.iter().any(|byte| *byte != 0) {
            return None;
        }
        let note = Note::parse(note, SEEN_SIZE_BYTES).ok()?;
        let (origin, head) = Checkpoint::parse(note.text()).ok()?;
        let lines: Vec<_> = note.signatures().collect();
        let [(name, id, signature), (cosigner, cosigner_id, cosignature)] = lines.as_slice() else {
            return None;
        };
        let (time, cosignature) = cosignature.split_first_chunk::<8>()?;
        Some(Self {
            origin: origin.to_owned(),
            head,
            cosigner: (*cosigner).to_owned(),
            text: note.text().to_owned(),
            signature: ((*name).to_owned(), *id, (*signature).try_into().ok()?),
            cosigner_id: *cosigner_id,
            time_s: u64::from_be_bytes(*time),
            cosignature: cosignature.try_into().ok()?,
        })
    }

    /// Whether the log has signed it with this key.
    #[must_use]
    pub fn is_signed_by(&self, key: &Vkey) -> bool {
        let (name, id, signature) = &self.signature;
        name == key.name() && *id == key.id() && key.verifies(self.text.as_bytes(), signature)
    }

    /// Whether this key has cosigned it. Source: C2SP tlog-cosignature.
    #[must_use]
    pub fn is_cosigned_by(&self, key: &Vkey) -> bool {
        let signed = format!("cosignature/v1\ntime {}\n{}", self.time_s, self.text);
        self.cosigner == key.name()
            && self.cosigner_id == key.cosigner_id()
            && key.verifies(signed.as_bytes(), &self.cosignature)
    }

    /// Whether its time is the beginning of a day.
    #[must_use]
    pub const fn is_of_a_day(&self) -> bool {
        self.time_s.is_multiple_of(24 * 60 * 60)
    }
}

/// The last 32 of the 1,120 bytes that the stanza's argument encodes.
fn ct_x(header: &[u8]) -> Option<[u8; 32]> {
    let characters = header.get(ENC_START..ENC_START + 1494)?;
    decoded(characters).get(1088..1120)?.try_into().ok()
}

/// The bytes that the base64 of a header stands for: encapsulated key, sealed file key and MAC, which look like noise.
#[must_use]
pub fn encoded(header: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1184);
    let mut at = 0;
    for (literal, characters, _) in LINES {
        at += literal.len();
        bytes.extend(decoded(header.get(at..at + characters).unwrap_or_default()));
        at += characters;
    }
    bytes
}

/// What base64 without padding stands for, as far as it is that.
fn decoded(characters: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(characters.len() * 3 / 4);
    let value = |c: u8| base64_value(c).map(u32::from);
    for group in characters.chunks(4) {
        let [a, b, c, d] = [0, 1, 2, 3].map(|at| group.get(at).and_then(|c| value(*c)));
        let (Some(a), Some(b)) = (a, b) else { break };
        let bits = a << 18 | b << 12 | c.unwrap_or(0) << 6 | d.unwrap_or(0);
        let [_, first, second, third] = bits.to_be_bytes();
        match (c, d) {
            (Some(_), Some(_)) => bytes.extend([first, second, third]),
            (Some(_), None) => bytes.extend([first, second]),
            (None, _) => bytes.push(first),
        }
        if c.is_none() || d.is_none() {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD_NO_PAD;

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
    fn base64_is_taken_apart_up_to_the_first_character_that_is_none() {
        let bytes: Vec<u8> = (0..=255).collect();
        for size in 0..=bytes.len() {
            let text = STANDARD_NO_PAD.encode(&bytes[..size]);
            assert_eq!(decoded(text.as_bytes()), bytes[..size]);
        }
        for whole in 0..12 {
            let text = [&b"AAECAwQFBgcI"[..whole], b"!AAA"].concat();
            assert_eq!(decoded(&text), bytes[..whole * 6 / 8], "{whole}");
        }
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
