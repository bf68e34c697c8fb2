//! What the store gives out: tiles, drops and submissions. It never writes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use hafan_directory::Force;
use hafan_envelope::reply::{INDEX_LEAVES, PAGE_SIZE_BYTES, page_digest};
use hafan_envelope::submission::{Digest, DigestHasher, tag_digest};
use hafan_tlog::tile::{TILE_WIDTH, TileKind, decode_entries};
use hafan_tlog::{Entry, EntryKind, Seed, TilePath, decoy};

use super::ReadError;
use super::index::{EpochRow, Index, IndexError};
use super::scan::{each_chunk, segment_path};
use super::shared::Shared;
use super::view::{LogView, TileSource, truncate};

/// A part of a log as couriers ask for it.
pub struct Drops {
    /// The log's year.
    pub year: u16,
    /// Size of the log.
    pub size: u64,
    /// The epochs with leaves in the part, in order.
    pub epochs: Vec<EpochAt>,
    /// The drops in the part, in order.
    pub drops: Vec<DropAt>,
    /// Where the next part begins; the log's size when there is none.
    pub next: u64,
}

/// An epoch and what its decoys come from.
pub struct EpochAt {
    /// Index of its first leaf.
    pub first: u64,
    /// Number of its leaves.
    pub leaves: u16,
    /// Its seed.
    pub seed: Seed,
}

/// A leaf that stands for a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DropAt {
    /// Index of the leaf.
    pub index: u64,
    /// Digest of the submission.
    pub h: Digest,
    /// Size of the submission in bytes.
    pub size_bytes: u64,
}

/// A submission in the value log. Its digests were right when it was looked up.
#[derive(Debug)]
pub struct Blob {
    file: File,
    offset: u64,
    size: u64,
}

impl Blob {
    /// Size of `salt || τ || envelope` in bytes.
    #[must_use]
    pub const fn size_bytes(&self) -> u64 {
        self.size
    }

    /// Fills `chunk` with the submission's bytes from byte `at` on. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// The chunk goes beyond the end, or the disk fails.
    pub fn read_at(&self, at: u64, chunk: &mut [u8]) -> io::Result<()> {
        let wanted = u64::try_from(chunk.len()).map_err(io::Error::other)?;
        if at.checked_add(wanted).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(chunk, self.offset + at)
    }
}

impl From<IndexError> for ReadError {
    fn from(error: IndexError) -> Self {
        Self::Index {
            reason: error.to_string(),
        }
    }
}

fn with_index<T>(
    shared: &Shared,
    read: impl FnOnce(&Index) -> Result<T, ReadError>,
) -> Result<T, ReadError> {
    shared
        .index()
        .as_ref()
        .map_or(Err(ReadError::ShuttingDown), read)
}

/// A tile or bundle at the width asked for, when the log reaches it.
pub(crate) fn tile(
    shared: &Shared,
    force: &Force,
    year: u16,
    path: &TilePath,
) -> Result<Option<Bytes>, ReadError> {
    let Some(log) = shared.log(force, year) else {
        return Ok(None);
    };
    match log.find(path) {
        TileSource::Beyond => Ok(None),
        TileSource::Edge(bytes) => Ok(Some(bytes)),
        TileSource::Full(full) => with_index(shared, |index| {
            let bytes = index.tile(force, year, &full)?;
            let bytes = bytes.and_then(|bytes| truncate(path, &bytes));
            bytes.map(Some).ok_or_else(|| lacking("a full tile"))
        }),
    }
}

/// The drops and epochs among at most `leaves_max` leaves from `after` on.
pub(crate) fn drops(
    shared: &Shared,
    force: &Force,
    year: u16,
    after: u64,
    leaves_max: u16,
) -> Result<Option<Drops>, ReadError> {
    let Some(log) = shared.log(force, year) else {
        return Ok(None);
    };
    let size = log.tree().size();
    let next = after.saturating_add(u64::from(leaves_max)).min(size);
    let mut found = Drops {
        year,
        size,
        epochs: Vec::new(),
        drops: Vec::new(),
        next,
    };
    if after >= next {
        return Ok(Some(found));
    }
    with_index(shared, |index| {
        let leaves = entries(index, &log, force, year, after, next)?;
        let epochs = index.epochs(force, year, after, next)?;
        let mut epoch: &[EpochRow] = &epochs;
        for (at, leaf) in (after..next).zip(leaves) {
            while let Some((row, rest)) = epoch.split_first()
                && row.first + u64::from(row.leaves) <= at
            {
                epoch = rest;
            }
            let row = epoch
                .first()
                .filter(|row| row.first <= at)
                .ok_or_else(|| lacking("an epoch"))?;
            let position = u16::try_from(at - row.first).map_err(|_| lacking("an epoch"))?;
            if leaf.kind == EntryKind::Drop && leaf != decoy(&row.seed, position) {
                let place = index
                    .drop_place(force, &Digest(leaf.h))?
                    .ok_or_else(|| lacking("a drop"))?;
                found.drops.push(DropAt {
                    index: at,
                    h: Digest(leaf.h),
                    size_bytes: u64::from(place.size),
                });
            }
        }
        let rows = epochs.into_iter();
        found.epochs.extend(rows.map(
            |EpochRow {
                 first,
                 leaves,
                 seed,
             }| EpochAt {
                first,
                leaves,
                seed,
            },
        ));
        Ok(Some(found))
    })
}

/// The entries `from .. to` of a log.
fn entries(
    index: &Index,
    log: &LogView,
    force: &Force,
    year: u16,
    from: u64,
    to: u64,
) -> Result<Vec<Entry>, ReadError> {
    let width = u64::from(TILE_WIDTH);
    let mut found = Vec::new();
    for number in from / width..to.div_ceil(width) {
        let first = number * width;
        let bundle = if first + width <= log.tree().size() {
            let path = TilePath::new(TileKind::Entries, number, TILE_WIDTH)
                .ok_or_else(|| lacking("a bundle"))?;
            index
                .tile(force, year, &path)?
                .ok_or_else(|| lacking("a bundle"))?
        } else {
            log.bundle_edge().to_vec()
        };
        let bundle = decode_entries(&bundle).map_err(|error| ReadError::Index {
            reason: error.to_string(),
        })?;
        let part = (first..)
            .zip(bundle)
            .filter(|(at, _)| (from..to).contains(at));
        found.extend(part.map(|(_, entry)| entry));
    }
    Ok(found)
}

fn lacking(what: &str) -> ReadError {
    ReadError::Index {
        reason: format!("{what} is missing from it"),
    }
}

/// The index parts of the pages of answers among the leaves that index `number` is of, as many as the log has.
pub(crate) fn reply_index(
    shared: &Shared,
    force: &Force,
    year: u16,
    number: u64,
) -> Result<Option<Bytes>, ReadError> {
    let first = number.checked_mul(INDEX_LEAVES);
    let size = shared.log(force, year).map(|log| log.tree().size());
    let (Some(size), Some(first)) = (size, first) else {
        return Ok(None);
    };
    if first > size {
        return Ok(None);
    }
    with_index(shared, |index| {
        let leaves = first..first.saturating_add(INDEX_LEAVES).min(size);
        let mut parts = Vec::new();
        for h in index.pages_at(force, year, leaves)? {
            let (_, part) = index
                .page(force, &h)?
                .ok_or_else(|| lacking("a page of answers"))?;
            parts.extend(part);
        }
        Ok(Some(parts.into()))
    })
}

/// The page of answers that a leaf stands for; its digest is computed from the disk first.
pub(crate) fn reply_page(
    shared: &Shared,
    force: &Force,
    year: u16,
    leaf: u64,
) -> Result<Option<Bytes>, ReadError> {
    let size = shared.log(force, year).map_or(0, |log| log.tree().size());
    let found = with_index(shared, |index| {
        let end = leaf.saturating_add(1).min(size);
        match index.pages_at(force, year, leaf.min(end)..end)?.first() {
            None => Ok(None),
            Some(h) => {
                let row = index.page(force, h)?;
                let (place, _) = row.ok_or_else(|| lacking("a page of answers"))?;
                Ok(Some((*h, place)))
            }
        }
    })?;
    let Some((h, place)) = found else {
        return Ok(None);
    };
    let (segment, byte) = (place.segment, place.offset);
    let failed = |source| ReadError::Io {
        segment,
        byte,
        source,
    };
    let file = File::open(segment_path(&shared.folder.segments(), segment)).map_err(failed)?;
    let size = usize::try_from(place.size).unwrap_or(0);
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, byte).map_err(failed)?;
    // The zeros that it ends with are not in its frame.
    bytes.resize(PAGE_SIZE_BYTES, 0);
    if page_digest(&bytes).0 != h {
        return Err(ReadError::Rotten { segment, byte });
    }
    Ok(Some(bytes.into()))
}

/// Whether a submission is in the index.
pub(crate) fn holds(shared: &Shared, force: &Force, h: &Digest) -> Result<bool, ReadError> {
    with_index(shared, |index| Ok(index.drop_place(force, h)?.is_some()))
}

/// A submission, when the store has it; its digests are computed from the disk first.
pub(crate) fn blob(shared: &Shared, force: &Force, h: &Digest) -> Result<Option<Blob>, ReadError> {
    let place = with_index(shared, |index| Ok(index.drop_place(force, h)?))?;
    let Some(place) = place else {
        return Ok(None);
    };
    let (segment, byte, size) = (place.segment, place.offset, u64::from(place.size));
    let failed = |source| ReadError::Io {
        segment,
        byte,
        source,
    };
    let file = File::open(segment_path(&shared.folder.segments(), segment)).map_err(failed)?;
    let (mut salt, mut tag) = ([0; 16], [0; 32]);
    file.read_exact_at(&mut salt, byte).map_err(failed)?;
    file.read_exact_at(&mut tag, byte + 16).map_err(failed)?;
    let mut hasher = DigestHasher::new(&salt);
    each_chunk(&file, byte + 48..byte + size, |chunk| hasher.update(chunk)).map_err(failed)?;
    // `h` covers salt and envelope, `t` covers τ: between them every byte.
    if hasher.finish() != *h || tag_digest(&tag) != place.t {
        return Err(ReadError::Rotten { segment, byte });
    }
    Ok(Some(Blob {
        file,
        offset: byte,
        size,
    }))
}
