//! The folder of drafts: `{YYYY-MM-DD}/{id}`, under the day on which each was last saved.
//!
//! The one place where the server deletes. A draft is answered for only once it is synced; an error of a sync ends the
//! process. What a start finds must be drafts and nothing else.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hafan_envelope::ENVELOPE_SIZE_BYTES_MIN;
use hafan_envelope::submission::Digest;
use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::store::fail_stop::fail_stop;
use crate::store::folder::make_private_dir;
use crate::store::space::{free_bytes, is_shortage};
use crate::store::times::set_to_midnight;

/// A draft is deleted when the day on which it was last saved is so many days ago.
const KEPT_DAYS: i64 = 30;

/// What a file that is being written has behind its name.
const STAGED: &str = ".next";

/// Why a folder of drafts is not opened.
#[derive(Debug, thiserror::Error)]
pub enum DraftsError {
    /// The folder, or something in it, cannot be read, made or taken away.
    #[error("cannot read or write {path}: `hafan init` makes drafts_dir")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Something in it is no draft.
    #[error(
        "{path} is no draft, and drafts_dir holds nothing else: look at what it is, and move it away"
    )]
    Stray {
        /// The folder or file.
        path: PathBuf,
    },
}

/// How a draft was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Created,
    Replaced,
}

/// Why a draft was not kept. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepError {
    Full,
    Io,
}

/// The drafts that are held, and where.
#[derive(Debug)]
pub struct Drafts {
    dir: PathBuf,
    count_max: usize,
    free_bytes_min: u64,
    /// The day of each. Held while one is written or deleted: one change at a time.
    days: Mutex<BTreeMap<Digest, Date>>,
}

/// Makes the folder, which only its owner enters.
///
/// # Errors
/// It cannot be made, or is there and not empty.
pub fn make(dir: &Path) -> Result<(), DraftsError> {
    let failed = |source| DraftsError::Io {
        path: dir.to_owned(),
        source,
    };
    make_private_dir(dir).map_err(failed)?;
    match fs::read_dir(dir).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(failed(io::ErrorKind::DirectoryNotEmpty.into())),
    }
}

impl Drafts {
    /// Opens a folder of drafts, and takes away what an interrupted saving left.
    ///
    /// # Errors
    /// [`DraftsError`]: it cannot be read, or holds something that is no draft.
    pub fn open(dir: &Path, count_max: u32, free_bytes_min: u64) -> Result<Self, DraftsError> {
        let mut days = BTreeMap::new();
        for (day, path) in day_folders(dir)? {
            for file in entries(&path)? {
                let name = file.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| name.ends_with(STAGED)) {
                    remove(&file)?;
                    continue;
                }
                let id = name.and_then(|name| name.parse::<Digest>().ok());
                let size = fs::symlink_metadata(&file).map(|of| (of.is_file(), of.len()));
                let (Some(id), Ok((true, ENVELOPE_SIZE_BYTES_MIN))) = (id, size) else {
                    return Err(DraftsError::Stray { path: file });
                };
                // Saved again and interrupted before the older one went: days come in order.
                if let Some(older) = days.insert(id, day) {
                    remove(&place(dir, older, &id))?;
                }
            }
        }
        Ok(Self {
            dir: dir.to_owned(),
            count_max: usize::try_from(count_max).unwrap_or(usize::MAX),
            free_bytes_min,
            days: Mutex::new(days),
        })
    }

    fn days(&self) -> MutexGuard<'_, BTreeMap<Digest, Date>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a draft in the place of the one with the same id. Blocks.
    pub(crate) fn put(&self, id: &Digest, draft: &[u8], today: Date) -> Result<Kept, KeepError> {
        let mut days = self.days();
        let before = days.get(id).copied();
        let has_room = free_bytes(&self.dir).is_ok_and(|free| free >= self.free_bytes_min);
        if !has_room || (before.is_none() && days.len() >= self.count_max) {
            return Err(KeepError::Full);
        }
        let path = place(&self.dir, today, id);
        write(&path, draft).map_err(|error| {
            if is_shortage(&error) {
                KeepError::Full
            } else {
                KeepError::Io
            }
        })?;
        days.insert(*id, today);
        match before {
            None => Ok(Kept::Created),
            Some(day) if day == today => Ok(Kept::Replaced),
            Some(day) => {
                // The newer one is durable: what is left of the older is taken away here or at the next start.
                take_away(&place(&self.dir, day, id)).map_err(|_| KeepError::Io)?;
                Ok(Kept::Replaced)
            }
        }
    }

    /// The draft with this id; nothing when there is none. Blocks.
    pub(crate) fn get(&self, id: &Digest) -> io::Result<Option<Vec<u8>>> {
        let days = self.days();
        match days.get(id) {
            None => Ok(None),
            Some(day) => fs::read(place(&self.dir, *day, id)).map(Some),
        }
    }

    /// Takes a draft away; says whether it was there. Blocks.
    pub(crate) fn delete(&self, id: &Digest) -> io::Result<bool> {
        let mut days = self.days();
        let Some(day) = days.get(id).copied() else {
            return Ok(false);
        };
        take_away(&place(&self.dir, day, id))?;
        days.remove(id);
        Ok(true)
    }

    /// Deletes what was last saved thirty days before `today` or earlier. Blocks.
    ///
    /// # Errors
    /// Something cannot be taken away; the rest of it is tried again on the next beat.
    pub fn expire(&self, today: Date) -> io::Result<()> {
        let mut days = self.days();
        let last = today.saturating_sub(KEPT_DAYS.days());
        let old: Vec<(Digest, Date)> = days
            .iter()
            .filter(|(_, day)| **day <= last)
            .map(|(id, day)| (*id, *day))
            .collect();
        for (id, day) in old {
            take_away(&place(&self.dir, day, &id))?;
            days.remove(&id);
        }
        for (day, path) in day_folders(&self.dir).map_err(io::Error::other)? {
            // A folder that still has something in it stays.
            if day <= last && fs::read_dir(&path)?.next().is_none() {
                fs::remove_dir(&path)?;
            }
        }
        Ok(())
    }
}

fn place(dir: &Path, day: Date, id: &Digest) -> PathBuf {
    dir.join(day.to_string()).join(id.to_string())
}

/// The folders of days, in order.
fn day_folders(dir: &Path) -> Result<Vec<(Date, PathBuf)>, DraftsError> {
    let mut folders = Vec::new();
    for path in entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str());
        let day = name.and_then(|name| {
            let day: Date = name.parse().ok()?;
            (day.to_string() == name && path.is_dir()).then_some(day)
        });
        let day = day.ok_or_else(|| DraftsError::Stray { path: path.clone() })?;
        folders.push((day, path));
    }
    folders.sort();
    Ok(folders)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, DraftsError> {
    let all = fs::read_dir(dir).and_then(|all| all.map(|entry| Ok(entry?.path())).collect());
    all.map_err(|source| DraftsError::Io {
        path: dir.to_owned(),
        source,
    })
}

fn remove(path: &Path) -> Result<(), DraftsError> {
    take_away(path).map_err(|source| DraftsError::Io {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file whole: under its name only once it is synced.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let day = parent(path);
    if !day.is_dir() {
        make_private_dir(day)?;
    }
    let mut staged = path.as_os_str().to_owned();
    staged.push(STAGED);
    let staged = PathBuf::from(staged);
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&staged)?;
    if let Err(error) = file.write_all(bytes).and_then(|()| set_to_midnight(&file)) {
        drop(file);
        fs::remove_file(&staged)?;
        return Err(error);
    }
    if let Err(error) = file.sync_all() {
        fail_stop("cannot sync a draft", &error);
    }
    fs::rename(&staged, path)?;
    sync_dir(day);
    Ok(())
}

fn take_away(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_dir(parent(path));
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

fn sync_dir(dir: &Path) {
    let synced = File::open(dir).and_then(|dir| {
        set_to_midnight(&dir)?;
        dir.sync_all()
    });
    if let Err(error) = synced {
        fail_stop("cannot sync a folder of drafts", &error);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    static DRAFT: [u8; 67_195] = [7; 67_195];
    const ONE: Digest = Digest([1; 32]);
    const TWO: Digest = Digest([2; 32]);
    const DAY: Date = Date::constant(2026, 11, 26);

    fn open(dir: &Path) -> Drafts {
        Drafts::open(dir, 2, 0).unwrap()
    }

    fn days_later(days: i64) -> Date {
        DAY.saturating_add(days.days())
    }

    #[test]
    fn a_draft_is_kept_replaced_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        assert_eq!(drafts.get(&ONE).unwrap(), None);
        assert_eq!(drafts.put(&ONE, &DRAFT, DAY), Ok(Kept::Created));
        let newer = [8; 67_195];
        assert_eq!(drafts.put(&ONE, &newer, DAY), Ok(Kept::Replaced));
        assert_eq!(drafts.get(&ONE).unwrap(), Some(newer.to_vec()));
        assert!(drafts.delete(&ONE).unwrap());
        assert!(!drafts.delete(&ONE).unwrap());
        assert_eq!(drafts.get(&ONE).unwrap(), None);
    }

    #[test]
    fn a_draft_goes_on_its_thirtieth_day_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        drafts.put(&ONE, &DRAFT, DAY).unwrap();
        drafts.put(&TWO, &DRAFT, days_later(1)).unwrap();
        drafts.expire(days_later(29)).unwrap();
        assert!(drafts.get(&ONE).unwrap().is_some());
        drafts.expire(days_later(30)).unwrap();
        assert_eq!(drafts.get(&ONE).unwrap(), None);
        assert!(drafts.get(&TWO).unwrap().is_some());
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "the folder of the day is gone too");
    }

    #[test]
    fn saving_again_counts_the_days_anew_and_leaves_nothing_of_the_day_before() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        drafts.put(&ONE, &DRAFT, DAY).unwrap();
        let saved = drafts.put(&ONE, &DRAFT, days_later(20));
        assert_eq!(saved, Ok(Kept::Replaced));
        assert!(!place(dir.path(), DAY, &ONE).exists());
        drafts.expire(days_later(30)).unwrap();
        assert!(drafts.get(&ONE).unwrap().is_some());
        drafts.expire(days_later(50)).unwrap();
        assert_eq!(drafts.get(&ONE).unwrap(), None);
    }

    #[test]
    fn a_start_finds_what_was_kept_and_takes_away_what_was_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).put(&ONE, &DRAFT, DAY).unwrap();
        let newer = place(dir.path(), days_later(1), &ONE);
        write(&newer, &DRAFT).unwrap();
        let staged = newer.with_extension("next");
        fs::write(&staged, b"half").unwrap();
        let drafts = open(dir.path());
        assert!(drafts.get(&ONE).unwrap().is_some());
        assert!(!staged.exists() && !place(dir.path(), DAY, &ONE).exists());
    }

    #[test]
    fn what_is_no_draft_is_named() {
        for stray in [
            "note.txt",
            "2026-11-26/note.txt",
            "2026-1-1/x",
            "2026-11-26/0101",
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join(stray);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, b"words").unwrap();
            let error = Drafts::open(dir.path(), 2, 0).unwrap_err();
            assert!(
                matches!(error, DraftsError::Stray { .. }),
                "{stray}: {error}"
            );
        }
    }

    #[test]
    fn beyond_the_most_drafts_none_is_taken_and_each_can_still_be_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        drafts.put(&ONE, &DRAFT, DAY).unwrap();
        drafts.put(&TWO, &DRAFT, DAY).unwrap();
        let third = Digest([3; 32]);
        assert_eq!(drafts.put(&third, &DRAFT, DAY), Err(KeepError::Full));
        assert_eq!(drafts.put(&ONE, &DRAFT, DAY), Ok(Kept::Replaced));
        let none_free = Drafts::open(dir.path(), 9, u64::MAX).unwrap();
        assert_eq!(none_free.put(&third, &DRAFT, DAY), Err(KeepError::Full));
    }

    #[test]
    fn a_draft_tells_no_time_finer_than_the_day_and_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).put(&ONE, &DRAFT, DAY).unwrap();
        let file = place(dir.path(), DAY, &ONE);
        for path in [&file, parent(&file)] {
            let found = fs::metadata(path).unwrap();
            assert_eq!(found.mtime() % 86_400, 0, "{}", path.display());
            assert_eq!(found.mode() & 0o077, 0, "{}", path.display());
        }
    }
}
