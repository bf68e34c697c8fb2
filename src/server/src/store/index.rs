//! The index: what can be found again from the segments, kept in sled so that a start and a read need not.
//!
//! The only code that names sled. Where a submission is, it holds in memory first, seen by every read, and writes to sled
//! later in larger parts: sled waits for the disk at each change, however small. Which are there at all it knows in
//! memory too. It is never the reason to acknowledge anything: sled's `flush` is not durable (threat-model.md 0.1), so
//! after any stop but a clean one the whole index is deleted and made anew. Keys are written once and never changed, but
//! for the head of each log.
//!
//! | key | value |
//! | --- | --- |
//! | `D` force 00 h[32] | segment u32, byte u64, size u32, t[32] |
//! | `L` force 00 h[32] | year u16, leaf index u64 |
//! | `R` force 00 h[32] | as `D`, of a page of answers; then its index part, 2176 |
//! | `Q` force 00 h[32] | as `L`, of a page of answers |
//! | `A` force 00 year u16, leaf index u64 | h[32] of the page of answers that the leaf stands for |
//! | `T` force 00 year u16, level u8 (ff for entries), number u64 | a full tile or bundle |
//! | `P` force 00 year u16, first leaf u64 | number of leaves u16, seed[32] |
//! | `S` force 00 year u16 | size u64, root[32] |

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc};
use std::thread;
use std::time::Duration;

use hafan_directory::Force;
use hafan_envelope::reply::INDEX_PART_SIZE_BYTES;
use hafan_envelope::submission::Digest;
use hafan_tlog::tile::TileKind;
use hafan_tlog::{Hash, Seed, TilePath};
use sled::IVec;

use super::space::keep_room_behind;
use super::times::set_to_midnight;

/// How long sled may take to open before it is taken for hung.
pub(crate) const OPEN_TIME_MAX: Duration = Duration::from_secs(20);

/// sled's own segments: pages up to a quarter of this stay in its one file, and no full tile comes near.
const SLED_SEGMENT_SIZE_BYTES: usize = 2 * 1024 * 1024;

/// What sled may hold in memory.
const SLED_CACHE_SIZE_BYTES: u64 = 64 * 1024 * 1024;

/// Blocks kept behind the end of sled's file before anything is taken up: several of its segments.
pub(crate) const ROOM_BYTES: u64 = 16 * 1024 * 1024;

/// Size in bytes of what the index says of a place in the value log.
const PLACE_SIZE_BYTES: usize = 48;

/// Why the index did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("the index failed")]
    Sled(#[from] sled::Error),
    #[error("the index cannot be read or written")]
    Io(#[from] io::Error),
    #[error("the index did not open in time")]
    Hung,
    #[error("the index could not be opened: its reader failed on what it found")]
    Panicked,
    #[error("a value of the index has {found} bytes, want {wanted}")]
    Value { found: usize, wanted: usize },
    #[error("the index knows a leaf of a submission or page that it does not know")]
    LeafWithoutBlob,
}

/// What a leaf can stand for: a submission, or a page of answers. Each has two tables: where it is, and its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Drop,
    Page,
}

impl Kept {
    const fn places(self) -> u8 {
        match self {
            Self::Drop => b'D',
            Self::Page => b'R',
        }
    }

    const fn leaves(self) -> u8 {
        match self {
            Self::Drop => b'L',
            Self::Page => b'Q',
        }
    }
}

/// Where a submission or page is in the value log, and the `t` of its leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    /// Byte of the segment at which it begins.
    pub(crate) offset: u64,
    pub(crate) size: u32,
    pub(crate) t: [u8; 32],
}

/// One epoch, without its leaves.
pub(crate) struct EpochRow {
    pub(crate) first: u64,
    pub(crate) leaves: u16,
    pub(crate) seed: Seed,
}

/// Changes that are made together.
#[derive(Default)]
pub(crate) struct Changes {
    batch: sled::Batch,
    count: usize,
}

impl Changes {
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn put_drop(&mut self, force: &Force, h: &Digest, place: &Place) {
        let (key, value) = drop_row(force, h, place);
        self.put(key, value);
    }

    pub(crate) fn put_page(&mut self, force: &Force, h: &Digest, place: &Place, index_part: &[u8]) {
        let mut value = encode_place(place);
        value.extend(index_part);
        self.put(key(Kept::Page.places(), force, &[&h.0]), value);
    }

    pub(crate) fn put_leaf(
        &mut self,
        kept: Kept,
        force: &Force,
        h: &[u8; 32],
        year: u16,
        index: u64,
    ) {
        let at = [&year.to_be_bytes()[..], &index.to_be_bytes()].concat();
        if kept == Kept::Page {
            self.put(key(b'A', force, &[&at]), h.to_vec());
        }
        self.put(key(kept.leaves(), force, &[h]), at);
    }

    pub(crate) fn put_tile(
        &mut self,
        force: &Force,
        year: u16,
        kind: TileKind,
        number: u64,
        bytes: Vec<u8>,
    ) {
        self.put(tile_key(force, year, kind, number), bytes);
    }

    pub(crate) fn put_epoch(
        &mut self,
        force: &Force,
        year: u16,
        first: u64,
        leaves: u16,
        seed: &Seed,
    ) {
        let value = [&leaves.to_be_bytes()[..], seed.expose()].concat();
        self.put(
            key(b'P', force, &[&year.to_be_bytes(), &first.to_be_bytes()]),
            value,
        );
    }

    pub(crate) fn put_head(&mut self, force: &Force, year: u16, size: u64, root: &Hash) {
        let value = [&size.to_be_bytes()[..], root.as_bytes()].concat();
        self.put(key(b'S', force, &[&year.to_be_bytes()]), value);
    }

    fn put(&mut self, key: impl Into<IVec>, value: impl Into<IVec>) {
        self.batch.insert(key, value);
        self.count += 1;
    }
}

/// The open index.
pub(crate) struct Index {
    db: sled::Db,
    dir: PathBuf,
    /// sled's file, open a second time, to keep room behind it.
    file: File,
    /// Rows of `D` that sled does not have yet.
    held: RwLock<Rows>,
    /// The prefix of each h of `D`, of each force whose rows [`Self::pending`] has read: of these, what is not here is
    /// nowhere, and a new submission costs no look into sled.
    drop_prefixes: RwLock<BTreeMap<Force, HashSet<u64>>>,
}

type Rows = BTreeMap<IVec, IVec>;

impl Index {
    /// Opens the index, or makes an empty one where there is none. It may be anything: sled may panic or hang on it.
    pub(crate) fn open(dir: &Path, time_max: Duration) -> Result<Self, IndexError> {
        let (sender, receiver) = mpsc::channel();
        let path = dir.to_path_buf();
        thread::Builder::new()
            .name("index-open".to_owned())
            .spawn(move || {
                let opened = catch_unwind(AssertUnwindSafe(|| {
                    sled::Config::new()
                        .path(&path)
                        .segment_size(SLED_SEGMENT_SIZE_BYTES)
                        .cache_capacity(SLED_CACHE_SIZE_BYTES)
                        .flush_every_ms(None)
                        .open()
                }));
                // When nobody waits any more the database is dropped with the message.
                drop(sender.send(opened));
            })?;
        let opened = receiver
            .recv_timeout(time_max)
            .map_err(|_| IndexError::Hung)?;
        let db = opened.map_err(|_| IndexError::Panicked)??;
        let file = fs::OpenOptions::new().write(true).open(dir.join("db"))?;
        Ok(Self {
            db,
            dir: dir.to_path_buf(),
            file,
            held: RwLock::default(),
            drop_prefixes: RwLock::default(),
        })
    }

    /// Keeps blocks for the next changes, because sled hangs when it finds none.
    pub(crate) fn keep_room(&self) -> io::Result<()> {
        keep_room_behind(&self.file, ROOM_BYTES)?;
        set_to_midnight(&self.file)
    }

    /// Makes changes; they are seen by every read from now on, and are not durable.
    pub(crate) fn apply(&self, changes: Changes) -> Result<(), IndexError> {
        self.db.apply_batch(changes.batch)?;
        Ok(set_to_midnight(&self.file)?)
    }

    /// Takes up where submissions are, in memory: every read sees it from now on.
    pub(crate) fn hold_drops<'a>(
        &self,
        places: impl Iterator<Item = (&'a Force, &'a Digest, Place)>,
    ) {
        // Prefixes first: a read that does not find one takes the row for missing.
        let known = self.drop_prefixes.write();
        let mut known = known.unwrap_or_else(PoisonError::into_inner);
        let rows: Vec<_> = places
            .map(|(force, h, place)| {
                if let Some(known) = known.get_mut(force) {
                    known.insert(prefix(&h.0));
                }
                let (key, value) = drop_row(force, h, &place);
                (key.into(), value.into())
            })
            .collect();
        drop(known);
        self.held_mut().extend(rows);
    }

    /// Gives what is held in memory to sled.
    pub(crate) fn write_held(&self) -> Result<(), IndexError> {
        let rows = self.held().clone();
        if rows.is_empty() {
            return Ok(());
        }
        let mut changes = Changes::default();
        for (key, value) in &rows {
            changes.put(key.clone(), value.clone());
        }
        self.apply(changes)?;
        // Only now: what a read does not find here it finds there.
        self.held_mut().retain(|key, _| !rows.contains_key(key));
        Ok(())
    }

    fn held(&self) -> RwLockReadGuard<'_, Rows> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_mut(&self) -> RwLockWriteGuard<'_, Rows> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes everything to the disk and ends.
    pub(crate) fn close(self) -> Result<(), IndexError> {
        self.write_held()?;
        self.db.flush()?;
        let Self { db, dir, file, .. } = self;
        drop(db);
        drop(file);
        for entry in fs::read_dir(&dir)? {
            set_to_midnight(&File::open(entry?.path())?)?;
        }
        rustix::fs::syncfs(File::open(dir)?).map_err(io::Error::from)?;
        Ok(())
    }

    pub(crate) fn drop_place(
        &self,
        force: &Force,
        h: &Digest,
    ) -> Result<Option<Place>, IndexError> {
        let known = self.drop_prefixes.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        let is_new = known
            .get(force)
            .is_some_and(|known| !known.contains(&prefix(&h.0)));
        drop(known);
        if is_new {
            return Ok(None);
        }
        let key = key(Kept::Drop.places(), force, &[&h.0]);
        if let Some(value) = self.held().get(key.as_slice()) {
            return parse_place(value).map(Some);
        }
        self.db
            .get(key)?
            .map(|value| parse_place(&value))
            .transpose()
    }

    /// Where a page of answers is, and its index part.
    pub(crate) fn page(
        &self,
        force: &Force,
        h: &[u8; 32],
    ) -> Result<Option<(Place, Vec<u8>)>, IndexError> {
        let Some(value) = self.db.get(key(Kept::Page.places(), force, &[h]))? else {
            return Ok(None);
        };
        let wanted = PLACE_SIZE_BYTES + INDEX_PART_SIZE_BYTES;
        let (place, part) = value
            .split_at_checked(PLACE_SIZE_BYTES)
            .filter(|(_, part)| part.len() == INDEX_PART_SIZE_BYTES)
            .ok_or_else(|| value_error(&value, wanted))?;
        Ok(Some((parse_place(place)?, part.to_vec())))
    }

    /// The `h` of the pages of answers whose leaves are in `leaves`, in order.
    pub(crate) fn pages_at(
        &self,
        force: &Force,
        year: u16,
        leaves: std::ops::Range<u64>,
    ) -> Result<Vec<[u8; 32]>, IndexError> {
        let at = |leaf: u64| key(b'A', force, &[&year.to_be_bytes(), &leaf.to_be_bytes()]);
        let rows = self.db.range(at(leaves.start)..at(leaves.end));
        rows.map(|row| fixed(&row?.1)).collect()
    }

    /// A full tile or bundle.
    pub(crate) fn tile(
        &self,
        force: &Force,
        year: u16,
        path: &TilePath,
    ) -> Result<Option<Vec<u8>>, IndexError> {
        let value = self
            .db
            .get(tile_key(force, year, path.kind(), path.number()))?;
        Ok(value.map(|value| value.to_vec()))
    }

    /// Size and root of a log.
    pub(crate) fn head(&self, force: &Force, year: u16) -> Result<Option<(u64, Hash)>, IndexError> {
        let Some(value) = self.db.get(key(b'S', force, &[&year.to_be_bytes()]))? else {
            return Ok(None);
        };
        let value: [u8; 40] = fixed(&value)?;
        let (size, root) = split::<8>(&value)?;
        let (root, _) = split::<32>(root)?;
        Ok(Some((u64::from_be_bytes(size), Hash(root))))
    }

    /// The epochs with leaves in `from .. to`, in order.
    pub(crate) fn epochs(
        &self,
        force: &Force,
        year: u16,
        from: u64,
        to: u64,
    ) -> Result<Vec<EpochRow>, IndexError> {
        let prefix = key(b'P', force, &[&year.to_be_bytes()]);
        let at = |first: u64| [&prefix[..], &first.to_be_bytes()].concat();
        // The one that `from` lies in begins at or before it.
        let start = match self.db.range(at(0)..=at(from)).next_back() {
            Some(row) => row?.0.to_vec(),
            None => at(from),
        };
        let mut epochs = Vec::new();
        for row in self.db.range(start..at(to)) {
            let (key, value) = row?;
            let first = *key.last_chunk::<8>().ok_or_else(|| value_error(&key, 8))?;
            let value: [u8; 34] = fixed(&value)?;
            let (leaves, seed) = split::<2>(&value)?;
            let (seed, _) = split::<32>(seed)?;
            let row = EpochRow {
                first: u64::from_be_bytes(first),
                leaves: u16::from_be_bytes(leaves),
                seed: Seed::from_bytes(&seed),
            };
            if row.first + u64::from(row.leaves) > from {
                epochs.push(row);
            }
        }
        Ok(epochs)
    }

    /// The submissions or pages of a force that are in no epoch, the oldest first, and the number of all of them.
    ///
    /// It reads every row, and keeps the prefixes. From then on rows of the force come by [`Self::hold_drops`] alone.
    pub(crate) fn pending(
        &self,
        kept: Kept,
        force: &Force,
    ) -> Result<(Vec<(Digest, Place)>, u64), IndexError> {
        let mut drops = self.db.scan_prefix(key(kept.places(), force, &[]));
        let mut pending = Vec::new();
        let mut prefixes = HashSet::new();
        let mut count = 0;
        // Both are in order of h, and each leaf has its submission.
        let mut next_drop = || -> Result<Option<(Digest, Place)>, IndexError> {
            let Some(row) = drops.next() else {
                return Ok(None);
            };
            let (key, value) = row?;
            count += 1;
            let place = value.get(..PLACE_SIZE_BYTES).unwrap_or(&value);
            let h = key_digest(&key)?;
            if kept == Kept::Drop {
                prefixes.insert(prefix(&h));
            }
            Ok(Some((Digest(h), parse_place(place)?)))
        };
        for leaf in self.db.scan_prefix(key(kept.leaves(), force, &[])).keys() {
            let leaf = key_digest(&leaf?)?;
            loop {
                let (h, place) = next_drop()?.ok_or(IndexError::LeafWithoutBlob)?;
                if h.0 == leaf {
                    break;
                }
                pending.push((h, place));
            }
        }
        while let Some(drop) = next_drop()? {
            pending.push(drop);
        }
        if kept == Kept::Drop {
            let known = self.drop_prefixes.write();
            known
                .unwrap_or_else(PoisonError::into_inner)
                .insert(force.clone(), prefixes);
        }
        pending.sort_by_key(|(_, place)| (place.segment, place.offset));
        Ok((pending, count))
    }
}

/// The first 8 bytes of an h.
fn prefix(h: &[u8; 32]) -> u64 {
    let [a, b, c, d, e, f, g, i, ..] = *h;
    u64::from_be_bytes([a, b, c, d, e, f, g, i])
}

fn key(table: u8, force: &Force, parts: &[&[u8]]) -> Vec<u8> {
    // A force has no zero byte, so no name is a beginning of another with its zero.
    let mut key = vec![table];
    key.extend(force.as_str().as_bytes());
    key.push(0);
    for part in parts {
        key.extend(*part);
    }
    key
}

fn drop_row(force: &Force, h: &Digest, place: &Place) -> (Vec<u8>, Vec<u8>) {
    (
        key(Kept::Drop.places(), force, &[&h.0]),
        encode_place(place),
    )
}

fn tile_key(force: &Force, year: u16, kind: TileKind, number: u64) -> Vec<u8> {
    let level = match kind {
        TileKind::Entries => u8::MAX,
        TileKind::Hashes { level } => level,
    };
    key(
        b'T',
        force,
        &[&year.to_be_bytes(), &[level], &number.to_be_bytes()],
    )
}

fn key_digest(key: &[u8]) -> Result<[u8; 32], IndexError> {
    key.last_chunk()
        .copied()
        .ok_or_else(|| value_error(key, 32))
}

fn encode_place(place: &Place) -> Vec<u8> {
    let mut value = Vec::with_capacity(PLACE_SIZE_BYTES);
    value.extend(place.segment.to_be_bytes());
    value.extend(place.offset.to_be_bytes());
    value.extend(place.size.to_be_bytes());
    value.extend(place.t);
    value
}

fn parse_place(value: &[u8]) -> Result<Place, IndexError> {
    let value: [u8; PLACE_SIZE_BYTES] = fixed(value)?;
    let (segment, rest) = split::<4>(&value)?;
    let (offset, rest) = split::<8>(rest)?;
    let (size, rest) = split::<4>(rest)?;
    let (t, _) = split::<32>(rest)?;
    Ok(Place {
        segment: u32::from_be_bytes(segment),
        offset: u64::from_be_bytes(offset),
        size: u32::from_be_bytes(size),
        t,
    })
}

fn fixed<const N: usize>(value: &[u8]) -> Result<[u8; N], IndexError> {
    value.try_into().map_err(|_| value_error(value, N))
}

fn split<const N: usize>(value: &[u8]) -> Result<([u8; N], &[u8]), IndexError> {
    let (taken, rest) = value
        .split_first_chunk()
        .ok_or_else(|| value_error(value, N))?;
    Ok((*taken, rest))
}

const fn value_error(value: &[u8], wanted: usize) -> IndexError {
    IndexError::Value {
        found: value.len(),
        wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(offset: u64) -> Place {
        Place {
            segment: 0,
            offset,
            size: 48,
            t: [7; 32],
        }
    }

    fn drops(index: &Index, force: &Force) -> Vec<u64> {
        let found = |h: u8| index.drop_place(force, &Digest([h; 32])).unwrap();
        (0..4).filter_map(found).map(|place| place.offset).collect()
    }

    #[test]
    fn only_a_whole_digest_is_found_before_and_after_a_start_has_read_all_rows() {
        let dir = tempfile::tempdir().unwrap();
        let force: Force = "btp".parse().unwrap();
        let index = Index::open(dir.path(), OPEN_TIME_MAX).unwrap();
        let mut changes = Changes::default();
        changes.put_drop(&force, &Digest([1; 32]), &place(10));
        index.apply(changes).unwrap();
        index.hold_drops([(&force, &Digest([2; 32]), place(20))].into_iter());
        let check = |index: &Index| {
            assert_eq!(drops(index, &force), [10, 20]);
            for known in [1, 2] {
                let mut other = Digest([known; 32]);
                other.0[31] = 9;
                assert_eq!(index.drop_place(&force, &other).unwrap(), None);
            }
            let elsewhere: Force = "gwent".parse().unwrap();
            assert!(drops(index, &elsewhere).is_empty());
        };
        check(&index);
        index.close().unwrap();
        let index = Index::open(dir.path(), OPEN_TIME_MAX).unwrap();
        check(&index);
        assert_eq!(index.pending(Kept::Drop, &force).unwrap().1, 2);
        check(&index);
        index.hold_drops([(&force, &Digest([3; 32]), place(30))].into_iter());
        assert_eq!(drops(&index, &force), [10, 20, 30]);
    }

    #[test]
    fn what_is_held_is_found_before_and_after_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let force: Force = "btp".parse().unwrap();
        let index = Index::open(dir.path(), OPEN_TIME_MAX).unwrap();
        index.write_held().unwrap();
        let rows = [(Digest([1; 32]), place(10)), (Digest([2; 32]), place(20))];
        index.hold_drops(rows.iter().map(|(h, place)| (&force, h, *place)));
        assert_eq!(drops(&index, &force), [10, 20]);
        index.write_held().unwrap();
        assert!(index.held().is_empty());
        assert_eq!(drops(&index, &force), [10, 20]);
        // And what is still held when the index is closed.
        let last = (Digest([3; 32]), place(30));
        index.hold_drops(std::iter::once((&force, &last.0, last.1)));
        index.close().unwrap();
        let index = Index::open(dir.path(), OPEN_TIME_MAX).unwrap();
        assert_eq!(drops(&index, &force), [10, 20, 30]);
        assert_eq!(index.pending(Kept::Drop, &force).unwrap().1, 3);
    }

    proptest! {
        #[test]
        fn a_place_is_read_as_it_was_written(segment: u32, offset: u64, size: u32, t: [u8; 32]) {
            let place = Place { segment, offset, size, t };
            let value = encode_place(&place);
            prop_assert_eq!(value.len(), PLACE_SIZE_BYTES);
            let read = parse_place(&value).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(
                (read.segment, read.offset, read.size, read.t),
                (segment, offset, size, t)
            );
        }

        #[test]
        fn a_place_of_another_size_is_refused(value in proptest::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(parse_place(&value).is_ok(), value.len() == PLACE_SIZE_BYTES);
        }
    }
}
