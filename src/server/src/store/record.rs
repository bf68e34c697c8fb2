//! What frames hold, as bytes: intake batches, epochs and pages of answers. Source: docs/protocol.md sections 6 and 14.
//!
//! Reads what a checksum has covered, but trusts no length in it: a frame could have been made by another program.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::str::FromStr as _;

use hafan_directory::Force;
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page, PageError, RECORD_SIZE_BYTES, RECORDS};
use hafan_tlog::{ENTRY_SIZE_BYTES, Entry, Seed};

/// Salt and τ, the least that a submission has.
pub(crate) const SUBMISSION_SIZE_BYTES_MIN: u64 = 48;

/// The most submissions in one batch: their count is a u16.
pub(crate) const BATCH_COUNT_MAX: usize = 65_535;

/// Size in bytes of the count that a batch begins with.
pub(crate) const BATCH_HEAD_SIZE_BYTES: u64 = 2;

/// Why a frame's payload is not what its kind promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It ends before what it says it holds.
    #[error("the frame ends within its {field}")]
    Short {
        /// The part that is cut.
        field: &'static str,
    },
    /// Bytes follow what it says it holds.
    #[error("{found} bytes follow the end of the record")]
    Long {
        /// Number of bytes.
        found: u64,
    },
    /// The force is not a force's name.
    #[error("the force is not 1 to 32 characters a-z, 0-9 and -")]
    Force,
    /// A batch without a submission.
    #[error("the batch is empty")]
    EmptyBatch,
    /// A leaf is not a log entry.
    #[error("leaf {position} of the epoch is not a log entry")]
    Leaf {
        /// Position in the epoch, from 0.
        position: u16,
    },
    /// What should be a page of answers is none.
    #[error("the page of answers is none: {0}")]
    Page(PageError),
    /// A page's frame has the zeros that are left out of it.
    #[error("the page of answers ends with a zero, which its frame leaves out")]
    PageZeros,
}

/// Size in bytes of what stands before a submission in a batch, for this force.
pub(crate) fn item_head_size(force: &Force) -> u64 {
    // Lengths of 1 and 4 bytes; a force's name is at most 32 bytes.
    5 + u64::try_from(force.to_string().len()).unwrap_or(u64::MAX)
}

/// Writes what stands before a submission: `force length u8, force, length u32`.
pub(crate) fn write_item_head(out: &mut dyn Write, force: &Force, size: u32) -> io::Result<()> {
    write_force(out, force)?;
    out.write_all(&size.to_be_bytes())
}

fn write_force(out: &mut dyn Write, force: &Force) -> io::Result<()> {
    let name = force.to_string();
    let length = u8::try_from(name.len()).map_err(io::Error::other)?;
    out.write_all(&[length])?;
    out.write_all(name.as_bytes())
}

/// One epoch of one log.
pub(crate) struct Epoch {
    pub(crate) force: Force,
    pub(crate) year: u16,
    /// Index of the first leaf: the size of the log before.
    pub(crate) first: u64,
    pub(crate) seed: Seed,
    /// K leaves; none in the frame that begins a log.
    pub(crate) leaves: Vec<Entry>,
    /// The checkpoint after this epoch, as signed.
    pub(crate) note: Vec<u8>,
}

impl Epoch {
    /// The payload of an epoch frame.
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let mut out =
            Vec::with_capacity(128 + self.leaves.len() * ENTRY_SIZE_BYTES + self.note.len());
        write_force(&mut out, &self.force)?;
        out.extend(self.year.to_be_bytes());
        out.extend(self.first.to_be_bytes());
        let count = u16::try_from(self.leaves.len()).map_err(io::Error::other)?;
        out.extend(count.to_be_bytes());
        out.extend(self.seed.expose());
        for leaf in &self.leaves {
            out.extend(leaf.encode());
        }
        let size = u32::try_from(self.note.len()).map_err(io::Error::other)?;
        out.extend(size.to_be_bytes());
        out.extend(&self.note);
        Ok(out)
    }

    /// Reads the payload of an epoch frame, to its last byte.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, RecordError> {
        let mut rest = payload;
        let [length] = take::<1>(&mut rest, "force")?;
        let force = take_slice(&mut rest, usize::from(length), "force")?;
        let force = parse_force(force)?;
        let year = u16::from_be_bytes(take(&mut rest, "year")?);
        let first = u64::from_be_bytes(take(&mut rest, "first leaf index")?);
        let count = u16::from_be_bytes(take(&mut rest, "number of leaves")?);
        let seed = Seed::from_bytes(&take(&mut rest, "seed")?);
        let mut leaves = Vec::with_capacity(usize::from(count));
        for position in 0..count {
            let leaf = take::<ENTRY_SIZE_BYTES>(&mut rest, "leaves")?;
            leaves.push(Entry::parse(&leaf).map_err(|_| RecordError::Leaf { position })?);
        }
        let size = u32::from_be_bytes(take(&mut rest, "checkpoint")?);
        let size = usize::try_from(size).map_err(|_| RecordError::Short {
            field: "checkpoint",
        })?;
        let note = take_slice(&mut rest, size, "checkpoint")?.to_vec();
        match u64::try_from(rest.len()) {
            Ok(0) => Ok(Self {
                force,
                year,
                first,
                seed,
                leaves,
                note,
            }),
            found => Err(RecordError::Long {
                found: found.unwrap_or(u64::MAX),
            }),
        }
    }
}

/// A page as its frame has it: without the zeros that it ends with. Whole sectors of them would look like what an
/// interrupted write leaves out, and rot elsewhere in the page like a torn tail.
pub(crate) fn without_zeros<'a>(page: &Page<'a>) -> &'a [u8] {
    let bytes = page.as_bytes();
    let size = RECORDS * RECORD_SIZE_BYTES + page.seen().len();
    bytes.get(..size).unwrap_or(bytes)
}

/// Size in bytes of what stands before the page in a page frame of this force.
pub(crate) fn page_head_size(force: &Force) -> u64 {
    1 + u64::try_from(force.as_str().len()).unwrap_or(u64::MAX)
}

/// Writes the payload of a page frame: `force length u8, force, page without its zeros`.
pub(crate) fn write_page(out: &mut dyn Write, force: &Force, page: &[u8]) -> io::Result<()> {
    write_force(out, force)?;
    out.write_all(page)
}

/// Reads the payload of a page frame: whose page it is, and the page, whose bytes go to `bytes`.
pub(crate) fn parse_page<'a>(
    payload: &[u8],
    bytes: &'a mut Vec<u8>,
) -> Result<(Force, Page<'a>), RecordError> {
    let mut rest = payload;
    let [length] = take::<1>(&mut rest, "force")?;
    let force = parse_force(take_slice(&mut rest, usize::from(length), "force")?)?;
    if rest.last() == Some(&0) {
        return Err(RecordError::PageZeros);
    }
    bytes.extend_from_slice(rest);
    bytes.resize(PAGE_SIZE_BYTES.max(bytes.len()), 0);
    let page = Page::parse(bytes).map_err(RecordError::Page)?;
    Ok((force, page))
}

fn take<const N: usize>(rest: &mut &[u8], field: &'static str) -> Result<[u8; N], RecordError> {
    let (taken, after) = rest
        .split_first_chunk::<N>()
        .ok_or(RecordError::Short { field })?;
    *rest = after;
    Ok(*taken)
}

fn take_slice<'a>(
    rest: &mut &'a [u8],
    size: usize,
    field: &'static str,
) -> Result<&'a [u8], RecordError> {
    let (taken, after) = rest
        .split_at_checked(size)
        .ok_or(RecordError::Short { field })?;
    *rest = after;
    Ok(taken)
}

fn parse_force(bytes: &[u8]) -> Result<Force, RecordError> {
    let text = std::str::from_utf8(bytes).map_err(|_| RecordError::Force)?;
    Force::from_str(text).map_err(|_| RecordError::Force)
}

/// Where one submission of a batch stands in its segment.
pub(crate) struct SubmissionAt {
    pub(crate) force: Force,
    /// Byte of the segment at which `salt || τ || envelope` begins.
    pub(crate) offset: u64,
    /// Its size in bytes.
    pub(crate) size: u32,
}

/// Why a batch cannot be walked.
#[derive(Debug)]
pub(crate) enum WalkError<E> {
    Io(io::Error),
    Record(RecordError),
    Visit(E),
}

/// Walks the submissions of the batch whose payload is `offset .. offset + size`, without reading them.
pub(crate) fn walk_batch<E>(
    file: &File,
    offset: u64,
    size: u64,
    mut visit: impl FnMut(SubmissionAt) -> Result<(), E>,
) -> Result<(), WalkError<E>> {
    let end = offset + size;
    let mut at = offset;
    let count = u16::from_be_bytes(read_part(file, &mut at, end, "count")?);
    if count == 0 {
        return Err(WalkError::Record(RecordError::EmptyBatch));
    }
    for _ in 0..count {
        let [length] = read_part::<1, E>(file, &mut at, end, "force")?;
        let mut name = vec![0; usize::from(length)];
        if end - at < u64::from(length) {
            return Err(WalkError::Record(RecordError::Short { field: "force" }));
        }
        file.read_exact_at(&mut name, at).map_err(WalkError::Io)?;
        at += u64::from(length);
        let force = parse_force(&name).map_err(WalkError::Record)?;
        let size = u32::from_be_bytes(read_part(file, &mut at, end, "submission length")?);
        let short = u64::from(size) < SUBMISSION_SIZE_BYTES_MIN || u64::from(size) > end - at;
        if short {
            return Err(WalkError::Record(RecordError::Short {
                field: "submission",
            }));
        }
        visit(SubmissionAt {
            force,
            offset: at,
            size,
        })
        .map_err(WalkError::Visit)?;
        at += u64::from(size);
    }
    match end - at {
        0 => Ok(()),
        found => Err(WalkError::Record(RecordError::Long { found })),
    }
}

fn read_part<const N: usize, E>(
    file: &File,
    at: &mut u64,
    end: u64,
    field: &'static str,
) -> Result<[u8; N], WalkError<E>> {
    let size = u64::try_from(N).unwrap_or(u64::MAX);
    if end.saturating_sub(*at) < size {
        return Err(WalkError::Record(RecordError::Short { field }));
    }
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, *at).map_err(WalkError::Io)?;
    *at += size;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Force, year, first leaf and seed; h and t of each leaf; the note.
    type Parts = (
        (String, u16, u64, [u8; 32]),
        Vec<([u8; 32], [u8; 32])>,
        Vec<u8>,
    );

    fn parts() -> impl Strategy<Value = Parts> {
        let leaves = prop::collection::vec((any::<[u8; 32]>(), any::<[u8; 32]>()), 0..20);
        let note = prop::collection::vec(any::<u8>(), 0..300);
        let fixed = (
            "[a-z0-9][a-z0-9-]{0,31}",
            any::<u16>(),
            any::<u64>(),
            any::<[u8; 32]>(),
        );
        (fixed, leaves, note)
    }

    fn epoch(((force, year, first, seed), leaves, note): &Parts) -> Epoch {
        Epoch {
            force: force.parse().unwrap(),
            year: *year,
            first: *first,
            seed: Seed::from_bytes(seed),
            leaves: leaves.iter().map(|(h, t)| Entry::drop_of(*h, *t)).collect(),
            note: note.clone(),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_of_an_epoch_is_read_again(parts in parts()) {
            let epoch = epoch(&parts);
            let bytes = epoch.encode().unwrap();
            let read = Epoch::parse(&bytes).unwrap();
            prop_assert_eq!(read.force, epoch.force);
            prop_assert_eq!((read.year, read.first), (epoch.year, epoch.first));
            prop_assert_eq!(read.seed.expose(), epoch.seed.expose());
            prop_assert_eq!(read.leaves, epoch.leaves);
            prop_assert_eq!(read.note, epoch.note);
        }

        #[test]
        fn what_is_read_as_an_epoch_is_written_the_same(
            parts in parts(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = epoch(&parts).encode().unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(read) = Epoch::parse(&bytes) {
                prop_assert_eq!(read.encode().unwrap(), bytes.clone());
            }
            let cut = cut.index(bytes.len());
            bytes.truncate(cut);
            if let Ok(read) = Epoch::parse(&bytes) {
                prop_assert_eq!(read.encode().unwrap(), bytes);
            }
        }
    }
}
