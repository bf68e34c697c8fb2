//! Pages of answers: 64 records of one size and what the officers have seen of the log; their index part, and the leaf
//! that stands for them.
//!
//! A record is `tag[2] || age file[4094]`, the age file with the header of every envelope, a nonce and one chunk. Whose
//! a record is, and whether it is anybody's, nobody can tell from it.
//!
//! Source: docs/protocol.md section 14.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::submission::{Digest, TagDigest};
use crate::{EnvelopeError, HEADER_SIZE_BYTES, check_header};

/// Size of a record in bytes.
pub const RECORD_SIZE_BYTES: usize = 4096;

/// Size of a record's tag in bytes.
pub const VIEW_TAG_SIZE_BYTES: usize = 2;

/// Size of the age file in a record in bytes: header, nonce, and one chunk with its tag.
pub const SEALED_SIZE_BYTES: usize = RECORD_SIZE_BYTES - VIEW_TAG_SIZE_BYTES;

/// Size in bytes of what a record seals.
pub const MESSAGE_SIZE_BYTES: usize = SEALED_SIZE_BYTES - HEADER_SIZE_BYTES - 16 - 16;

/// Records of a page.
pub const RECORDS: usize = 64;

/// Size in bytes of what stands behind the records: a cosigned checkpoint, and zeros.
pub const SEEN_SIZE_BYTES: usize = 1024;

/// Size of a page in bytes.
pub const PAGE_SIZE_BYTES: usize = RECORDS * RECORD_SIZE_BYTES + SEEN_SIZE_BYTES;

/// Size of what the index says of one record in bytes: `ct_X[32] || tag[2]`.
pub const INDEX_ENTRY_SIZE_BYTES: usize = 32 + VIEW_TAG_SIZE_BYTES;

/// Size of a page's index part in bytes.
pub const INDEX_PART_SIZE_BYTES: usize = RECORDS * INDEX_ENTRY_SIZE_BYTES;

/// Leaves of a log whose pages share one index: 64 entry bundles, about a week of an ordinary beat.
pub const INDEX_LEAVES: u64 = 16_384;

const _: () = assert!(MESSAGE_SIZE_BYTES == 2435 && PAGE_SIZE_BYTES == 263_168);
const _: () = assert!(INDEX_PART_SIZE_BYTES == 2176);

const PAGE_LABEL: &[u8] = b"hafan/reply-page/v1\0";
const INDEX_LABEL: &[u8] = b"hafan/reply-index/v1\0";
const VIEW_TAG_LABEL: &[u8] = b"hafan/view-tag/v1\0";

/// Where the stanza's `enc` begins in the header, and its length in characters: base64 of 1,120 bytes.
const ENC_START: usize = "age-encryption.org/v1\n-> mlkem768x25519 ".len();
const ENC_CHARS: usize = 1494;
/// Offset of `ct_X` in `enc`.
const CT_X_START: usize = 1088;

/// Why bytes are no page of answers. Holds no byte of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not the one size.
    #[error("the page is {found} bytes, {PAGE_SIZE_BYTES} wanted")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// A record's age file has not the one header.
    #[error("record {record} of the page: {source}")]
    Record {
        /// Which, from 0.
        record: usize,
        /// What is wrong with it.
        source: EnvelopeError,
    },
    /// What stands behind the records is not text ended by a newline, and then zeros.
    #[error("what stands behind the page's records is not a note and zeros")]
    Seen,
}

/// Bytes with the structure of a page of answers.
#[derive(Clone, Copy)]
pub struct Page<'a>(&'a [u8; PAGE_SIZE_BYTES]);

/// A record of a page, taken apart.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The X25519 half of the stanza's encapsulated key.
    pub ct_x: [u8; 32],
    /// By which its reader finds it.
    pub tag: &'a [u8; VIEW_TAG_SIZE_BYTES],
    /// The age file.
    pub sealed: &'a [u8],
}

impl<'a> Page<'a> {
    /// Takes bytes for a page.
    ///
    /// # Errors
    /// See [`PageError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PageError> {
        let found = bytes.len();
        let page = Self(bytes.try_into().map_err(|_| PageError::Size { found })?);
        for (record, bytes) in page.chunks().enumerate() {
            parse_record(bytes).map_err(|source| PageError::Record { record, source })?;
        }
        let (note, zeros) = page.split_seen();
        let is_text = std::str::from_utf8(note).is_ok() && note.ends_with(b"\n");
        if is_text && zeros.iter().all(|byte| *byte == 0) {
            Ok(page)
        } else {
            Err(PageError::Seen)
        }
    }

    fn chunks(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.0.chunks_exact(RECORD_SIZE_BYTES).take(RECORDS)
    }

    fn split_seen(&self) -> (&'a [u8], &'a [u8]) {
        let (_, seen) = self.0.split_at(RECORDS * RECORD_SIZE_BYTES);
        let end = seen.iter().position(|byte| *byte == 0);
        seen.split_at(end.unwrap_or(SEEN_SIZE_BYTES))
    }

    /// The cosigned checkpoint behind the records. Whether it is one, only the keys tell.
    #[must_use]
    pub fn seen(&self) -> &'a [u8] {
        self.split_seen().0
    }

    /// The whole page.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8; PAGE_SIZE_BYTES] {
        self.0
    }

    /// Its 64 records in order.
    pub fn records(&self) -> impl Iterator<Item = Record<'a>> {
        self.chunks().filter_map(|bytes| parse_record(bytes).ok())
    }

    /// What the index says of its records, in order.
    #[must_use]
    pub fn index_part(&self) -> Vec<u8> {
        let mut part = Vec::with_capacity(INDEX_PART_SIZE_BYTES);
        for record in self.records() {
            part.extend_from_slice(&record.ct_x);
            part.extend_from_slice(record.tag);
        }
        part
    }

    /// `h` of its leaf: `SHA-256("hafan/reply-page/v1" || 00 || page)`.
    #[must_use]
    pub fn digest(&self) -> Digest {
        page_digest(self.0)
    }

    /// `t` of its leaf: `SHA-256("hafan/reply-index/v1" || 00 || index part)`.
    #[must_use]
    pub fn index_digest(&self) -> TagDigest {
        index_digest(&self.index_part())
    }
}

/// `t` of the page that has this index part.
#[must_use]
pub fn index_digest(part: &[u8]) -> TagDigest {
    TagDigest(labelled(INDEX_LABEL, &[part]))
}

/// `h` of bytes that may be a page.
#[must_use]
pub fn page_digest(bytes: &[u8]) -> Digest {
    Digest(labelled(PAGE_LABEL, &[bytes]))
}

/// A record's tag: `SHA-256("hafan/view-tag/v1" || 00 || ss_X || ct_X || pk_X)[..2]`.
#[must_use]
pub fn view_tag(ss_x: &[u8; 32], ct_x: &[u8; 32], pk_x: &[u8; 32]) -> [u8; VIEW_TAG_SIZE_BYTES] {
    let [first, second, ..] = labelled(VIEW_TAG_LABEL, &[ss_x, ct_x, pk_x]);
    [first, second]
}

fn labelled(label: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(label);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Takes the 4,096 bytes of a record apart; others are no record either.
fn parse_record(bytes: &[u8]) -> Result<Record<'_>, EnvelopeError> {
    let short = EnvelopeError::Header {
        at: 0,
        wanted: "a record of 4096 bytes",
    };
    let (tag, sealed) = bytes.split_first_chunk().ok_or(short)?;
    check_header(sealed.first_chunk().ok_or(short)?)?;
    let enc = sealed.get(ENC_START..ENC_START + ENC_CHARS).ok_or(short)?;
    let enc = BASE64_STANDARD_NO_PAD.decode(enc).map_err(|_| short)?;
    let ct_x = enc.get(CT_X_START..).and_then(|x| x.try_into().ok());
    Ok(Record {
        ct_x: ct_x.ok_or(short)?,
        tag,
        sealed,
    })
}
