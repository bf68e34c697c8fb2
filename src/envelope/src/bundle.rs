//! What goes on the stick: the leaves [first, last) of one log and the submissions among them.
//!
//! Bytes only: which members, in which order, of which sizes. Whether a signature, a tree or a digest
//! is right is `hafan-open`'s question and never answered here. Reads from a stick that anyone may
//! have held: it trusts nothing, keeps within the bounds below and never panics.
//!
//! Source: docs/protocol.md section 8.

use std::fmt;
use std::io::{Read, Write};
use std::str::FromStr;

use hafan_ustar::stream;

use crate::submission::{Digest, SUBMISSION_SIZE_BYTES_MAX};

/// Size of one log entry in bytes (docs/protocol.md section 4).
pub const ENTRY_SIZE_BYTES: u64 = 66;

/// Most leaves in one bundle: five years of eight leaves in five minutes.
pub const LEAVES_MAX: u64 = 1 << 22;

/// Size of the largest directory note in bytes.
pub const DIRECTORY_SIZE_BYTES_MAX: u64 = 256 * 1024;

/// Size of the largest checkpoint note in bytes.
pub const NOTE_SIZE_BYTES_MAX: u64 = 64 * 1024;

/// Size of the largest `epochs.json` in bytes: 128 for each epoch, and at least one leaf in each.
pub const EPOCHS_SIZE_BYTES_MAX: u64 = LEAVES_MAX * 128 / 4;

/// Size of the largest `entries` in bytes.
pub const ENTRIES_SIZE_BYTES_MAX: u64 = LEAVES_MAX * ENTRY_SIZE_BYTES;

const DIRECTORY: &str = "directory";
const PREVIOUS_CHECKPOINT: &str = "previous-checkpoint";
const CHECKPOINT: &str = "checkpoint";
const ENTRIES: &str = "entries";
const EPOCHS: &str = "epochs.json";
const BLOBS: &str = "blobs/";

/// Name of a bundle's file: `bundle-{year}-{first}-{last}.tar`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BundleName {
    /// Year of the log.
    pub year: u16,
    /// Index of the first leaf.
    pub first: u64,
    /// Index after the last leaf.
    pub last: u64,
}

impl fmt::Display for BundleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "bundle-{:04}-{}-{}.tar",
            self.year, self.first, self.last
        )
    }
}

/// Text that is not the name of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a bundle is named bundle-YEAR-FIRST-LAST.tar")]
pub struct BundleNameError;

impl FromStr for BundleName {
    type Err = BundleNameError;

    fn from_str(text: &str) -> Result<Self, BundleNameError> {
        let numbers = text
            .strip_prefix("bundle-")
            .and_then(|t| t.strip_suffix(".tar"));
        let mut numbers = numbers.ok_or(BundleNameError)?.split('-');
        let mut next = || numbers.next().ok_or(BundleNameError);
        let name = Self {
            year: next()?.parse().map_err(|_| BundleNameError)?,
            first: next()?.parse().map_err(|_| BundleNameError)?,
            last: next()?.parse().map_err(|_| BundleNameError)?,
        };
        // One spelling: no sign, no leading zero, nothing behind.
        if name.to_string() == text {
            Ok(name)
        } else {
            Err(BundleNameError)
        }
    }
}

/// All of a bundle but its submissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The directory note as served.
    pub directory: Vec<u8>,
    /// The note that the courier's last bundle ended with.
    pub previous_checkpoint: Vec<u8>,
    /// The note whose size is the index after the last leaf.
    pub checkpoint: Vec<u8>,
    /// 66 bytes a leaf.
    pub entries: Vec<u8>,
    /// The epochs' first leaves, sizes and seeds, as JSON.
    pub epochs: Vec<u8>,
}

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum BundleWriteError {
    /// A member is larger than a reader would take.
    #[error("{member} is {found} bytes, at most {max} wanted")]
    TooLong {
        /// The member's name.
        member: &'static str,
        /// Its size in bytes.
        found: usize,
        /// The largest size in bytes.
        max: u64,
    },
    /// The archive could not be written.
    #[error(transparent)]
    Archive(#[from] stream::StreamWriteError),
}

/// Writes a bundle, one submission at a time.
pub struct BundleWriter<W: Write> {
    archive: stream::Writer<W>,
}

impl<W: Write> BundleWriter<W> {
    /// Begins with the head. `to` should be buffered.
    ///
    /// # Errors
    /// A part is over its bound (nothing was written of it then), or writing failed.
    pub fn begin(to: W, head: &Head) -> Result<Self, BundleWriteError> {
        let mut bundle = Self {
            archive: stream::Writer::new(to),
        };
        bundle.append(DIRECTORY, &head.directory, DIRECTORY_SIZE_BYTES_MAX)?;
        bundle.append(
            PREVIOUS_CHECKPOINT,
            &head.previous_checkpoint,
            NOTE_SIZE_BYTES_MAX,
        )?;
        bundle.append(CHECKPOINT, &head.checkpoint, NOTE_SIZE_BYTES_MAX)?;
        bundle.append(ENTRIES, &head.entries, ENTRIES_SIZE_BYTES_MAX)?;
        bundle.append(EPOCHS, &head.epochs, EPOCHS_SIZE_BYTES_MAX)?;
        Ok(bundle)
    }

    /// Appends one submission. The caller keeps to the order of their leaves.
    ///
    /// # Errors
    /// It is larger than any submission, or writing failed.
    pub fn append_blob(&mut self, h: &Digest, submission: &[u8]) -> Result<(), BundleWriteError> {
        check_size("a submission", submission, SUBMISSION_SIZE_BYTES_MAX)?;
        let size = size_of(submission);
        Ok(self
            .archive
            .append(&format!("{BLOBS}{h}"), size, submission)?)
    }

    /// Ends the bundle, flushes, and gives the writer back.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(self) -> Result<W, BundleWriteError> {
        Ok(self.archive.finish()?)
    }

    fn append(
        &mut self,
        member: &'static str,
        bytes: &[u8],
        max: u64,
    ) -> Result<(), BundleWriteError> {
        check_size(member, bytes, max)?;
        Ok(self.archive.append(member, size_of(bytes), bytes)?)
    }
}

fn size_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn check_size(member: &'static str, bytes: &[u8], max: u64) -> Result<(), BundleWriteError> {
    if size_of(bytes) <= max {
        return Ok(());
    }
    Err(BundleWriteError::TooLong {
        member,
        found: bytes.len(),
        max,
    })
}

/// Why bytes are not a bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleReadError {
    /// Another member stands where this one should.
    #[error("the bundle has another member at byte {at}, {wanted} wanted")]
    Member {
        /// What should stand there.
        wanted: &'static str,
        /// Offset of the member's header.
        at: u64,
    },
    /// It ends before this member.
    #[error("the bundle ends before {wanted}")]
    Missing {
        /// What should stand there.
        wanted: &'static str,
    },
    /// A member of the head is over its bound.
    #[error("{member} is {found} bytes, at most {max} wanted")]
    TooLong {
        /// The member's name.
        member: &'static str,
        /// What its header says.
        found: u64,
        /// The largest size in bytes.
        max: u64,
    },
    /// The entries are not whole.
    #[error("the entries are {found} bytes, a multiple of {ENTRY_SIZE_BYTES} wanted")]
    Entries {
        /// Their size in bytes.
        found: usize,
    },
    /// The archive breaks a rule of its own.
    #[error(transparent)]
    Archive(#[from] stream::StreamReadError),
}

/// Header of one submission within a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobHeader {
    /// The digest that its name claims.
    pub h: Digest,
    /// Its size in bytes; may be over [`SUBMISSION_SIZE_BYTES_MAX`], and is not read then.
    pub size: u64,
    /// Offset of its first byte in the bundle.
    pub offset: u64,
}

/// Reads a bundle, one submission at a time. Whole only when [`BundleReader::next_blob`] gave `None`.
pub struct BundleReader<R: Read> {
    archive: stream::Reader<R>,
}

impl<R: Read> BundleReader<R> {
    /// Reads the head. `from` should be buffered and stand at the bundle's first byte.
    ///
    /// # Errors
    /// The members are not those of a bundle or over their bounds, or reading failed.
    pub fn open(from: R) -> Result<(Head, Self), BundleReadError> {
        let mut bundle = Self {
            archive: stream::Reader::new(from),
        };
        let head = Head {
            directory: bundle.member(DIRECTORY, DIRECTORY_SIZE_BYTES_MAX)?,
            previous_checkpoint: bundle.member(PREVIOUS_CHECKPOINT, NOTE_SIZE_BYTES_MAX)?,
            checkpoint: bundle.member(CHECKPOINT, NOTE_SIZE_BYTES_MAX)?,
            entries: bundle.member(ENTRIES, ENTRIES_SIZE_BYTES_MAX)?,
            epochs: bundle.member(EPOCHS, EPOCHS_SIZE_BYTES_MAX)?,
        };
        if !size_of(&head.entries).is_multiple_of(ENTRY_SIZE_BYTES) {
            return Err(BundleReadError::Entries {
                found: head.entries.len(),
            });
        }
        Ok((head, bundle))
    }

    /// The next submission's header, or `None` once the bundle has ended as it should.
    /// What was not read of the one before is passed over.
    ///
    /// # Errors
    /// The member is no submission by its name, something follows the end, or reading failed.
    pub fn next_blob(&mut self) -> Result<Option<BlobHeader>, BundleReadError> {
        let Some(header) = self.archive.next_member()? else {
            return Ok(None);
        };
        let offset = self.archive.offset();
        let h = header
            .name()
            .strip_prefix(BLOBS)
            .and_then(|h| h.parse().ok());
        let h = h.ok_or(BundleReadError::Member {
            wanted: "blobs/…",
            at: header_at(offset),
        })?;
        Ok(Some(BlobHeader {
            h,
            size: header.size(),
            offset,
        }))
    }

    /// The present submission's bytes, at most [`SUBMISSION_SIZE_BYTES_MAX`] of them.
    ///
    /// # Errors
    /// It is larger (then [`BundleReader::next_blob`] may still go on), or reading failed.
    pub fn read_blob(&mut self) -> Result<Vec<u8>, BundleReadError> {
        Ok(self.archive.read_data(SUBMISSION_SIZE_BYTES_MAX)?)
    }

    fn member(&mut self, wanted: &'static str, max: u64) -> Result<Vec<u8>, BundleReadError> {
        let header = self
            .archive
            .next_member()?
            .ok_or(BundleReadError::Missing { wanted })?;
        if header.name() != wanted {
            return Err(BundleReadError::Member {
                wanted,
                at: header_at(self.archive.offset()),
            });
        }
        if header.size() > max {
            return Err(BundleReadError::TooLong {
                member: wanted,
                found: header.size(),
                max,
            });
        }
        Ok(self.archive.read_data(max)?)
    }
}

/// Offset of the header that ends at `offset`.
fn header_at(offset: u64) -> u64 {
    let block = u64::try_from(hafan_ustar::BLOCK_SIZE_BYTES).unwrap_or(u64::MAX);
    offset.saturating_sub(block)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        Head {
            directory: b"directory note\n".to_vec(),
            previous_checkpoint: b"before\n".to_vec(),
            checkpoint: b"after\n".to_vec(),
            entries: vec![1; 132],
            epochs: b"[]".to_vec(),
        }
    }

    fn write(head: &Head, blobs: &[(Digest, Vec<u8>)]) -> Vec<u8> {
        let mut writer = BundleWriter::begin(Vec::new(), head).unwrap();
        for (h, blob) in blobs {
            writer.append_blob(h, blob).unwrap();
        }
        writer.finish().unwrap()
    }

    type Parts = (Head, Vec<(Digest, Vec<u8>)>);

    fn read(bytes: &[u8]) -> Result<Parts, BundleReadError> {
        let (head, mut reader) = BundleReader::open(bytes)?;
        let mut blobs = Vec::new();
        while let Some(blob) = reader.next_blob()? {
            blobs.push((blob.h, reader.read_blob()?));
        }
        Ok((head, blobs))
    }

    fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut writer = hafan_ustar::Writer::new();
        for (name, data) in members {
            writer.append(name, data).unwrap();
        }
        writer.finish()
    }

    #[test]
    fn a_name_reads_back_and_has_one_spelling() {
        let name = BundleName {
            year: 2026,
            first: 0,
            last: 128,
        };
        assert_eq!(name.to_string(), "bundle-2026-0-128.tar");
        assert_eq!("bundle-2026-0-128.tar".parse(), Ok(name));
        for wrong in [
            "bundle-2026-0-128",
            "bundle-2026-00-128.tar",
            "bundle-2026-+0-128.tar",
            "bundle-2026-0-128-1.tar",
            "bundle-2026-0.tar",
            "bundle-99999-0-1.tar",
            "",
        ] {
            assert_eq!(wrong.parse::<BundleName>(), Err(BundleNameError), "{wrong}");
        }
    }

    #[test]
    fn offsets_point_at_the_blobs() {
        let bytes = write(&head(), &[(Digest([7; 32]), vec![9; 700])]);
        let (_, mut reader) = BundleReader::open(bytes.as_slice()).unwrap();
        let blob = reader.next_blob().unwrap().unwrap();
        let at = usize::try_from(blob.offset).unwrap();
        assert_eq!(&bytes[at..at + 700], vec![9; 700]);
        assert!(reader.next_blob().unwrap().is_none());
        assert!(reader.next_blob().unwrap().is_none());
    }

    #[test]
    fn members_missing_misplaced_doubled_or_unknown_are_refused() {
        let h = format!("blobs/{}", Digest([7; 32]));
        let whole: [(&str, &[u8]); 6] = [
            (DIRECTORY, b"d"),
            (PREVIOUS_CHECKPOINT, b"p"),
            (CHECKPOINT, b"c"),
            (ENTRIES, &[0; 66]),
            (EPOCHS, b"[]"),
            (&h, b"s"),
        ];
        assert!(read(&archive(&whole)).is_ok());
        for at in 0..5 {
            let mut without = whole.to_vec();
            without.remove(at);
            assert!(read(&archive(&without)).is_err());
            let mut doubled = whole.to_vec();
            doubled.insert(at, whole[at]);
            assert!(read(&archive(&doubled)).is_err());
            let mut swapped = whole.to_vec();
            swapped.swap(at, at + 1);
            assert!(read(&archive(&swapped)).is_err());
            assert!(matches!(
                read(&archive(&whole[..at])),
                Err(BundleReadError::Missing { wanted }) if wanted == whole[at].0
            ));
        }
        let upper = format!("blobs/{}", "AB".repeat(32));
        let long = format!("blobs/{}", "ab".repeat(33));
        for name in ["blobs/ab", "blob", "notes", "blobs/x/y", &upper, &long] {
            let mut more = whole.to_vec();
            more.push((name, b"x"));
            assert!(matches!(
                read(&archive(&more)),
                Err(BundleReadError::Member {
                    wanted: "blobs/…",
                    ..
                })
            ));
        }
    }

    #[test]
    fn entries_that_are_not_whole_are_refused() {
        let mut head = head();
        head.entries.pop();
        assert!(matches!(
            read(&write(&head, &[])),
            Err(BundleReadError::Entries { found: 131 })
        ));
    }

    #[test]
    fn a_member_over_its_bound_is_refused_before_it_is_read() {
        let max = usize::try_from(NOTE_SIZE_BYTES_MAX).unwrap();
        let mut long = head();
        long.checkpoint = vec![b'x'; max + 1];
        assert!(matches!(
            BundleWriter::begin(Vec::new(), &long),
            Err(BundleWriteError::TooLong {
                member: CHECKPOINT,
                ..
            })
        ));
        let bytes = archive(&[
            (DIRECTORY, b"d"),
            (PREVIOUS_CHECKPOINT, b"p"),
            (CHECKPOINT, &long.checkpoint),
        ]);
        assert!(matches!(
            read(&bytes),
            Err(BundleReadError::TooLong {
                member: CHECKPOINT,
                ..
            })
        ));
    }

    #[test]
    fn every_cut_is_refused() {
        let bytes = write(&head(), &[(Digest([7; 32]), vec![9; 48])]);
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(read(&longer).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            directory in proptest::collection::vec(any::<u8>(), 0..2000),
            leaves in 0_usize..20,
            blobs in proptest::collection::vec(
                (any::<[u8; 32]>(), proptest::collection::vec(any::<u8>(), 0..2000)), 0..5),
        ) {
            let head = Head { directory, entries: vec![3; leaves * 66], ..head() };
            let blobs: Vec<_> = blobs.into_iter().map(|(h, b)| (Digest(h), b)).collect();
            let bytes = write(&head, &blobs);
            let (found_head, found_blobs) = read(&bytes).unwrap();
            prop_assert_eq!(write(&found_head, &found_blobs), bytes);
            prop_assert_eq!(found_head, head);
            prop_assert_eq!(found_blobs, blobs);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
            prop_assert!(read(&bytes).is_err());
        }
    }
}
