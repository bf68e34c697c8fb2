//! Finds the index or makes it anew from the segments.
//!
//! It believes an index only after a clean stop, and only when it has every log and every submission of the segments.
//! An index that did not open in time is left alone: its opener may still be writing into its folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use hafan_directory::Force;
use hafan_envelope::reply::index_digest;
use hafan_envelope::submission::{DigestHasher, tag_digest};
use hafan_tlog::{EntryKind, decoy};

use super::folder::{Folder, make_private_dir};
use super::frame::FrameKind;
use super::index::{Changes, Index, IndexError, Kept, Place};
use super::record::{Epoch, SubmissionAt, walk_batch, without_zeros};
use super::replay::{Replay, io_error, read_epoch, read_page, walk_error};
use super::scan::{FrameAt, Growth, each_chunk, scan, segment_path};
use super::shared::{Pending, Queues};
use super::space::is_shortage;
use super::view::LogView;
use super::writer::page_place;
use super::{OpenError, OpenProgress};

/// Changes of the index that are made together while it is made anew.
const REBUILD_BATCH: usize = 1024;

/// The index, and the submissions and pages that wait for an epoch. One that is not known to be right is deleted and made anew.
pub(crate) fn open_index(
    folder: &Folder,
    clean: bool,
    replay: &Replay,
    open_time_max: Duration,
    progress: &dyn Fn(OpenProgress),
) -> Result<(Index, Queues, Queues), OpenError> {
    let dir = folder.index();
    if clean && dir.join("db").is_file() {
        match Index::open(&dir, open_time_max) {
            // Whoever opens it may still write there. The mark of the clean stop is gone: the next start makes it anew.
            Err(IndexError::Hung) => return Err(OpenError::IndexHung { path: dir }),
            Ok(index) => {
                if let Ok((pending, pages, complete)) = compare(&index, replay)
                    && complete
                {
                    return Ok((index, pending, pages));
                }
            }
            Err(_) => {}
        }
    }
    match fs::remove_dir_all(&dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            fs::remove_file(&dir).map_err(io_error(&dir))?;
        }
        Err(error) => return Err(io_error(&dir)(error)),
    }
    make_private_dir(&dir).map_err(io_error(&dir))?;
    let index = Index::open(&dir, open_time_max).map_err(|error| index_error(&dir, &error))?;
    rebuild(folder, &index, progress)?;
    let (pending, pages, _) = compare(&index, replay).map_err(|error| match error {
        CompareError::Withheld(force) => OpenError::Withheld { force },
        CompareError::Differs => index_error(
            &dir,
            &"it differs from the segments right after it was made",
        ),
        CompareError::Index(error) => index_error(&dir, &error),
    })?;
    Ok((index, pending, pages))
}

fn index_error(dir: &Path, reason: &dyn std::fmt::Display) -> OpenError {
    OpenError::Index {
        path: dir.to_path_buf(),
        reason: reason.to_string(),
    }
}

enum CompareError {
    Differs,
    Withheld(Force),
    Index(IndexError),
}

/// Compares the index with the segments: size and root of each log, number of submissions and pages of each force.
///
/// Gives what waits for an epoch, and whether the index has as many of both as the segments. One that was just made
/// may have fewer: the same submission could be there twice if an index had once failed to find it.
fn compare(index: &Index, replay: &Replay) -> Result<(Queues, Queues, bool), CompareError> {
    for ((force, year), log) in &replay.logs {
        let head = index.head(force, *year).map_err(CompareError::Index)?;
        if head != Some((log.view.tree().size(), log.view.tree().root())) {
            return Err(CompareError::Differs);
        }
    }
    let (pending, has_drops) = compare_kept(index, Kept::Drop, &replay.drops)?;
    let (pages, has_pages) = compare_kept(index, Kept::Page, &replay.pages)?;
    Ok((pending, pages, has_drops && has_pages))
}

fn compare_kept(
    index: &Index,
    kept: Kept,
    counts: &BTreeMap<Force, u64>,
) -> Result<(Queues, bool), CompareError> {
    let mut queues = Queues::new();
    let mut complete = true;
    for (force, count) in counts {
        let (pending, found) = match index.pending(kept, force) {
            Err(IndexError::LeafWithoutBlob) => return Err(CompareError::Withheld(force.clone())),
            Err(error) => return Err(CompareError::Index(error)),
            Ok(found) => found,
        };
        complete &= found == *count;
        if found > *count {
            return Err(CompareError::Differs);
        }
        let queue = pending
            .into_iter()
            .map(|(h, place)| Pending { h: h.0, t: place.t })
            .collect();
        queues.insert(force.clone(), queue);
    }
    Ok((queues, complete))
}

/// Makes the index from the segments.
fn rebuild(
    folder: &Folder,
    index: &Index,
    progress: &dyn Fn(OpenProgress),
) -> Result<(), OpenError> {
    let dir = folder.segments();
    let mut changes = Changes::default();
    let mut views: BTreeMap<(Force, u16), LogView> = BTreeMap::new();
    scan::<OpenError>(
        &dir,
        Growth::Still,
        |file, frame| {
            match frame.header.kind {
                FrameKind::Intake => {
                    let (offset, size) = (frame.payload_offset(), frame.header.payload_size);
                    walk_batch(file, offset, size, |at| {
                        index_submission(file, &frame, &at, &mut changes)?;
                        apply_when(index, &mut changes, REBUILD_BATCH)
                            .map_err(|error| rebuild_error(folder, error))
                    })
                    .map_err(|error| walk_error(&dir, &frame, error, |error| error))?;
                }
                FrameKind::Page => read_page(&dir, file, &frame, |force, page| {
                    let (index_part, stored) = (page.index_part(), without_zeros(&page));
                    let t = index_digest(&index_part).0;
                    let at = (frame.segment, frame.payload_offset());
                    let place = page_place(at, &force, stored, t);
                    changes.put_page(&force, &page.digest(), &place, &index_part);
                })?,
                FrameKind::Epoch => {
                    index_epoch(&read_epoch(&dir, file, &frame)?, &mut views, &mut changes);
                }
            }
            apply_when(index, &mut changes, REBUILD_BATCH)
                .map_err(|error| rebuild_error(folder, error))
        },
        |segment, segments| progress(OpenProgress::Indexing { segment, segments }),
    )?;
    for ((force, year), view) in &views {
        changes.put_head(force, *year, view.tree().size(), &view.tree().root());
    }
    apply_when(index, &mut changes, 0).map_err(|error| rebuild_error(folder, error))
}

fn index_submission(
    file: &File,
    frame: &FrameAt,
    at: &SubmissionAt,
    changes: &mut Changes,
) -> Result<(), OpenError> {
    let (mut salt, mut tag) = ([0; 16], [0; 32]);
    let end = at.offset + u64::from(at.size);
    let mut read = || -> io::Result<_> {
        file.read_exact_at(&mut salt, at.offset)?;
        file.read_exact_at(&mut tag, at.offset + 16)?;
        let mut hasher = DigestHasher::new(&salt);
        each_chunk(file, at.offset + 48..end, |chunk| hasher.update(chunk))?;
        Ok((hasher.finish(), tag_digest(&tag)))
    };
    let (h, t) = read().map_err(|source| OpenError::Io {
        path: segment_path(Path::new("segments"), frame.segment),
        source,
    })?;
    let place = Place {
        segment: frame.segment,
        offset: at.offset,
        size: at.size,
        t,
    };
    changes.put_drop(&at.force, &h, &place);
    Ok(())
}

fn index_epoch(epoch: &Epoch, views: &mut BTreeMap<(Force, u16), LogView>, changes: &mut Changes) {
    let (force, year) = (&epoch.force, epoch.year);
    let view = views
        .entry((force.clone(), year))
        .or_insert_with(|| LogView::empty(Vec::new().into()));
    for (position, leaf) in (0..=u16::MAX).zip(&epoch.leaves) {
        let index = epoch.first + u64::from(position);
        if leaf.kind == EntryKind::ReplyPage {
            changes.put_leaf(Kept::Page, force, &leaf.h, year, index);
        } else if *leaf != decoy(&epoch.seed, position) {
            changes.put_leaf(Kept::Drop, force, &leaf.h, year, index);
        }
    }
    view.grow(&epoch.leaves, |tile| {
        changes.put_tile(force, year, tile.kind, tile.number, tile.bytes);
    });
    if let Ok(leaves @ 1..) = u16::try_from(epoch.leaves.len()) {
        changes.put_epoch(force, year, epoch.first, leaves, &epoch.seed);
    }
}

/// Makes the changes when there are at least `count`.
fn apply_when(index: &Index, changes: &mut Changes, count: usize) -> Result<(), IndexError> {
    if changes.count() < count.max(1) {
        return Ok(());
    }
    index.keep_room()?;
    index.apply(std::mem::take(changes))
}

fn rebuild_error(folder: &Folder, error: IndexError) -> OpenError {
    match error {
        IndexError::Io(error) if is_shortage(&error) => OpenError::IndexRoom {
            path: folder.index(),
        },
        IndexError::Io(_)
        | IndexError::Sled(_)
        | IndexError::Hung
        | IndexError::Panicked
        | IndexError::Value { .. }
        | IndexError::LeafWithoutBlob => index_error(&folder.index(), &error),
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::super::scan::End;
    use super::*;

    #[test]
    fn an_index_that_does_not_open_in_time_is_left_to_its_opener() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let index = folder.index();
        fs::create_dir(&index).unwrap();
        fs::write(index.join("db"), b"").unwrap();
        // Whoever reads its settings waits for a writer that never comes.
        mknodat(CWD, index.join("conf"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let replay = Replay {
            logs: BTreeMap::new(),
            drops: BTreeMap::new(),
            pages: BTreeMap::new(),
            end: End {
                segment: None,
                offset: 0,
                size: 0,
                last: None,
                torn: None,
            },
            ends: Vec::new(),
        };
        let wait = Duration::from_millis(200);
        let opened = open_index(&folder, true, &replay, wait, &|_| {});
        assert!(matches!(opened.err(), Some(OpenError::IndexHung { .. })));
        assert!(index.join("conf").exists(), "nothing was taken away");
    }
}
