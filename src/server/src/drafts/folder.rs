//! The folder of drafts: `{YYYY-MM-DD}/{id}`, under the day on which each was last saved.
//!
//! The one place where the server deletes. A draft is answered for only once it is synced; an error of a sync ends the
//! process. What a start finds must be drafts and nothing else. What the times of files and folders tell is the day.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hafan_envelope::ENVELOPE_SIZE_BYTES_MIN;
use hafan_envelope::submission::Digest;
use jiff::ToSpan as _;
use jiff::civil::Date;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::files::{
    STAGED, day_folder, entries, open_untraced, parent, read_untraced, sync, sync_or_stop,
    take_away, take_day_away, write,
};
use crate::store::folder::{is_empty_dir, make_private_dir};
use crate::store::space::{free_bytes, is_shortage};
use crate::store::times::set_to_midnight;

/// A draft is deleted when the day on which it was last saved is so many days ago.
const KEPT_DAYS: i64 = 30;

/// Why a folder of drafts is not made or opened.
#[derive(Debug, thiserror::Error)]
pub enum DraftsError {
    /// The folder cannot be made.
    #[error("cannot make drafts_dir {path}: the folder above it must be there")]
    Make {
        /// The folder.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The folder that is to be made is there, with something in it.
    #[error("{path} is not empty: drafts_dir is made of an empty folder only")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder, or something in it, cannot be read, made or taken away.
    #[error(
        "cannot read or write {path}: `hafan init` makes drafts_dir, and the server must own all that is in it"
    )]
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

/// How a draft was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Saved {
    Created,
    Replaced,
}

/// Why a draft is not known to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SaveError {
    /// There is no room. Nothing has changed.
    Full,
    /// The disk failed. The one before is there, or the new one, and an older copy of it at most.
    Io,
}

/// The day of each draft. Whoever has it changes the folder, and nobody else meanwhile.
pub(crate) type Days = OwnedMutexGuard<BTreeMap<Digest, Date>>;

/// The drafts that are held, and where.
pub struct Drafts {
    dir: PathBuf,
    count_max: usize,
    free_bytes_min: u64,
    days: Arc<Mutex<BTreeMap<Digest, Date>>>,
}

impl fmt::Debug for Drafts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drafts")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Makes the folder, which only its owner enters.
///
/// # Errors
/// It cannot be made, or is there and not empty.
pub fn make(dir: &Path) -> Result<(), DraftsError> {
    let path = dir.to_owned();
    let made = is_empty_dir(dir).and_then(|is_empty| {
        if is_empty {
            make_private_dir(dir)?;
            set_to_midnight(&File::open(dir)?)?;
        }
        Ok(is_empty)
    });
    match made {
        Ok(true) => Ok(()),
        Ok(false) => Err(DraftsError::NotEmpty { path }),
        Err(source) => Err(DraftsError::Make { path, source }),
    }
}

impl Drafts {
    /// Opens a folder of drafts, and takes away what an interrupted saving left. Nobody else may have it open.
    ///
    /// # Errors
    /// [`DraftsError`]: it cannot be read, or holds something that is no draft.
    pub fn open(dir: &Path, count_max: u32, free_bytes_min: u64) -> Result<Self, DraftsError> {
        let mut days = BTreeMap::new();
        for (day, path) in day_folders(dir)? {
            for file in entries(&path).map_err(failed(&path))? {
                let name = file.file_name().and_then(|name| name.to_str());
                if name.is_some_and(|name| name.ends_with(STAGED)) {
                    take_away(&file).map_err(failed(&file))?;
                    continue;
                }
                let id = name.and_then(|name| name.parse::<Digest>().ok());
                let size = fs::symlink_metadata(&file).map(|of| (of.is_file(), of.len()));
                let (Some(id), Ok((true, ENVELOPE_SIZE_BYTES_MIN))) = (id, size) else {
                    return Err(DraftsError::Stray { path: file });
                };
                open_untraced(&file).map_err(failed(&file))?;
                // Saved again and interrupted before the older one went: days come in order.
                if let Some(older) = days.insert(id, day) {
                    let older = place(dir, older, &id);
                    take_away(&older).map_err(failed(&older))?;
                }
            }
            sync(&path).map_err(failed(&path))?;
        }
        // A folder of a day may have been made or taken away right before a kill.
        sync(dir).map_err(failed(dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            count_max: usize::try_from(count_max).unwrap_or(usize::MAX),
            free_bytes_min,
            days: Arc::new(Mutex::new(days)),
        })
    }

    /// Waits for its turn. Whoever waits so holds no thread that a report or an epoch needs.
    pub(crate) async fn days(&self) -> Days {
        Arc::clone(&self.days).lock_owned().await
    }

    /// Saves a draft in the place of the one with the same id. Blocks.
    pub(crate) fn put(
        &self,
        mut days: Days,
        id: &Digest,
        draft: &[u8],
        today: Date,
    ) -> Result<Saved, SaveError> {
        let before = days.get(id).copied();
        let free = free_bytes(&self.dir).map_err(|_| SaveError::Io)?;
        if free < self.free_bytes_min || (before.is_none() && days.len() >= self.count_max) {
            return Err(SaveError::Full);
        }
        let path = place(&self.dir, today, id);
        let written =
            day_folder(&self.dir, parent(&path)).and_then(|folder| write(&path, &folder, draft));
        written.map_err(|error| {
            if is_shortage(&error) {
                SaveError::Full
            } else {
                SaveError::Io
            }
        })?;
        days.insert(*id, today);
        match before {
            None => Ok(Saved::Created),
            Some(day) if day == today => Ok(Saved::Replaced),
            Some(day) => {
                // The newer one is durable: what is left of the older goes here, or when this one is deleted, or with
                // its day, or at the next start.
                take_away(&place(&self.dir, day, id)).map_err(|_| SaveError::Io)?;
                Ok(Saved::Replaced)
            }
        }
    }

    /// The draft with this id; nothing when there is none. Blocks.
    pub(crate) fn get(&self, mut days: Days, id: &Digest) -> io::Result<Option<Vec<u8>>> {
        let Some(day) = days.get(id) else {
            return Ok(None);
        };
        match read_untraced(&place(&self.dir, *day, id)) {
            // Somebody took the file away by hand.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                days.remove(id);
                Ok(None)
            }
            read => read.map(Some),
        }
    }

    /// Takes a draft away; says whether it was there. Blocks.
    pub(crate) fn delete(&self, mut days: Days, id: &Digest) -> io::Result<bool> {
        let Some(newest) = days.get(id).copied() else {
            return Ok(false);
        };
        // An older copy, where it could not be taken away when this one was saved, would come back at the next start.
        // It is looked for by name: listing a folder would tell the second in the folder's times.
        for age in (0..=KEPT_DAYS).rev() {
            let path = place(&self.dir, newest.saturating_sub(age.days()), id);
            match fs::symlink_metadata(&path) {
                Ok(_) => take_away(&path)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        days.remove(id);
        Ok(true)
    }

    /// Deletes what was last saved thirty days before `today` or earlier: all of each day. Blocks.
    ///
    /// # Errors
    /// Something cannot be taken away, or is no day. All the rest is gone then, and it is tried again on the next beat.
    pub fn expire(&self, today: Date) -> io::Result<()> {
        let mut days = self.days.blocking_lock();
        let last = today.saturating_sub(KEPT_DAYS.days());
        let root = File::open(&self.dir)?;
        let mut done = Ok(());
        for path in entries(&self.dir)? {
            let taken = match day_of(&path) {
                Some(day) if day > last => Ok(()),
                Some(_) => take_day_away(&path),
                None => Err(io::ErrorKind::InvalidData.into()),
            };
            done = done.and(taken);
        }
        // What is left of such a day is given to nobody.
        days.retain(|_, day| *day > last);
        sync_or_stop(&root);
        done
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> DraftsError {
    let path = path.to_owned();
    move |source| DraftsError::Io { path, source }
}

fn place(dir: &Path, day: Date, id: &Digest) -> PathBuf {
    dir.join(day.to_string()).join(id.to_string())
}

/// The folders of days, in order.
fn day_folders(dir: &Path) -> Result<Vec<(Date, PathBuf)>, DraftsError> {
    let mut folders = Vec::new();
    for path in entries(dir).map_err(failed(dir))? {
        let day = day_of(&path).ok_or_else(|| DraftsError::Stray { path: path.clone() })?;
        folders.push((day, path));
    }
    folders.sort();
    Ok(folders)
}

/// The day that a folder is of; nothing when it is no folder of a day.
fn day_of(path: &Path) -> Option<Date> {
    let name = path.file_name()?.to_str()?;
    let day: Date = name.parse().ok()?;
    let is_dir = fs::symlink_metadata(path).is_ok_and(|of| of.is_dir());
    (is_dir && day.to_string() == name).then_some(day)
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

    fn put(drafts: &Drafts, id: &Digest, draft: &[u8], day: Date) -> Result<Saved, SaveError> {
        drafts.put(turn(drafts), id, draft, day)
    }

    fn get(drafts: &Drafts, id: &Digest) -> Option<Vec<u8>> {
        drafts.get(turn(drafts), id).unwrap()
    }

    fn delete(drafts: &Drafts, id: &Digest) -> bool {
        drafts.delete(turn(drafts), id).unwrap()
    }

    fn turn(drafts: &Drafts) -> Days {
        Arc::clone(&drafts.days).blocking_lock_owned()
    }

    fn days_later(days: i64) -> Date {
        DAY.saturating_add(days.days())
    }

    #[test]
    fn a_draft_is_kept_replaced_and_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        assert_eq!(get(&drafts, &ONE), None);
        assert_eq!(put(&drafts, &ONE, &DRAFT, DAY), Ok(Saved::Created));
        let newer = [8; 67_195];
        assert_eq!(put(&drafts, &ONE, &newer, DAY), Ok(Saved::Replaced));
        assert_eq!(get(&drafts, &ONE), Some(newer.to_vec()));
        assert!(delete(&drafts, &ONE));
        assert!(!delete(&drafts, &ONE));
        assert_eq!(get(&drafts, &ONE), None);
    }

    #[test]
    fn a_draft_goes_on_its_thirtieth_day_and_not_before() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        put(&drafts, &TWO, &DRAFT, days_later(1)).unwrap();
        drafts.expire(days_later(29)).unwrap();
        assert!(get(&drafts, &ONE).is_some());
        drafts.expire(days_later(30)).unwrap();
        assert_eq!(get(&drafts, &ONE), None);
        assert!(get(&drafts, &TWO).is_some());
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "the folder of the day is gone too");
    }

    #[test]
    fn saving_again_counts_the_days_anew_and_leaves_nothing_of_the_day_before() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        let saved = put(&drafts, &ONE, &DRAFT, days_later(20));
        assert_eq!(saved, Ok(Saved::Replaced));
        assert!(!place(dir.path(), DAY, &ONE).exists());
        drafts.expire(days_later(30)).unwrap();
        assert!(get(&drafts, &ONE).is_some());
        drafts.expire(days_later(50)).unwrap();
        assert_eq!(get(&drafts, &ONE), None);
    }

    #[test]
    fn a_start_finds_what_was_kept_and_takes_away_what_was_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        put(&open(dir.path()), &ONE, &DRAFT, DAY).unwrap();
        let newer = place(dir.path(), days_later(1), &ONE);
        let folder = day_folder(dir.path(), parent(&newer)).unwrap();
        write(&newer, &folder, &DRAFT).unwrap();
        let staged = newer.with_extension("next");
        fs::write(&staged, b"half").unwrap();
        let drafts = open(dir.path());
        assert!(get(&drafts, &ONE).is_some());
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
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        put(&drafts, &TWO, &DRAFT, DAY).unwrap();
        let third = Digest([3; 32]);
        assert_eq!(put(&drafts, &third, &DRAFT, DAY), Err(SaveError::Full));
        assert_eq!(put(&drafts, &ONE, &DRAFT, DAY), Ok(Saved::Replaced));
        let none_free = Drafts::open(dir.path(), 9, u64::MAX).unwrap();
        assert_eq!(put(&none_free, &third, &DRAFT, DAY), Err(SaveError::Full));
    }

    /// The seconds of the last read and of the last write, past midnight.
    fn past_midnight(path: &Path) -> (i64, i64) {
        let found = fs::metadata(path).unwrap();
        (found.atime() % 86_400, found.mtime() % 86_400)
    }

    #[test]
    fn no_file_or_folder_tells_a_time_finer_than_the_day_whatever_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("drafts");
        make(&made).unwrap();
        assert_eq!(past_midnight(&made), (0, 0));
        let drafts = open(&made);
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        put(&drafts, &TWO, &DRAFT, DAY).unwrap();
        let file = place(&made, DAY, &ONE);
        for path in [&file, parent(&file)] {
            let mode = fs::metadata(path).unwrap().mode();
            assert_eq!(mode & 0o077, 0, "{}", path.display());
        }
        get(&drafts, &ONE).unwrap();
        for path in [&file, parent(&file), &made] {
            assert_eq!(past_midnight(path), (0, 0), "{}", path.display());
        }
        delete(&drafts, &TWO);
        drafts.expire(DAY).unwrap();
        for path in [parent(&file), &made] {
            assert_eq!(past_midnight(path), (0, 0), "{}", path.display());
        }
        open(&made);
        for path in [&file, parent(&file), &made] {
            assert_eq!(past_midnight(path), (0, 0), "{}", path.display());
        }
    }

    #[test]
    fn one_draft_that_is_gone_or_cannot_go_keeps_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        put(&drafts, &TWO, &DRAFT, DAY).unwrap();
        fs::remove_file(place(dir.path(), DAY, &ONE)).unwrap();
        let folder = dir.path().join(DAY.to_string());
        fs::write(folder.join("half.next"), b"half").unwrap();
        // Neither of these can be taken away as a draft is.
        let stuck = dir.path().join(days_later(-1).to_string());
        fs::create_dir_all(stuck.join("a folder")).unwrap();
        fs::write(dir.path().join("note.txt"), b"words").unwrap();
        drafts.expire(days_later(30)).unwrap_err();
        assert!(!folder.exists());
        assert_eq!(get(&drafts, &TWO), None);
        fs::remove_dir(stuck.join("a folder")).unwrap();
        fs::remove_file(dir.path().join("note.txt")).unwrap();
        drafts.expire(days_later(30)).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_draft_that_somebody_took_away_by_hand_is_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        for id in [ONE, TWO] {
            put(&drafts, &id, &DRAFT, DAY).unwrap();
        }
        fs::remove_dir_all(dir.path().join(DAY.to_string())).unwrap();
        assert_eq!(get(&drafts, &ONE), None);
        let saved = put(&drafts, &TWO, &DRAFT, days_later(1));
        assert_eq!(saved, Ok(Saved::Replaced));
        assert!(get(&drafts, &TWO).is_some());
    }

    #[test]
    fn an_older_copy_that_was_left_goes_with_the_draft() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        put(&drafts, &ONE, &DRAFT, days_later(20)).unwrap();
        let older = place(dir.path(), DAY, &ONE);
        fs::create_dir(parent(&older)).unwrap();
        fs::write(&older, DRAFT).unwrap();
        assert!(delete(&drafts, &ONE));
        assert!(!older.exists());
        assert_eq!(get(&open(dir.path()), &ONE), None);
    }

    #[test]
    fn a_saving_that_fails_leaves_nothing_and_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        let path = place(dir.path(), DAY, &ONE);
        // Nothing can be renamed over a folder.
        fs::create_dir_all(&path).unwrap();
        let saved = put(&drafts, &ONE, &DRAFT, DAY);
        assert_eq!(saved, Err(SaveError::Io));
        assert_eq!(fs::read_dir(parent(&path)).unwrap().count(), 1);
        assert_eq!(past_midnight(parent(&path)).1, 0);
        assert_eq!(get(&drafts, &ONE), None);
    }

    #[test]
    fn only_an_empty_folder_is_made_one_of_drafts_and_another_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let full = dir.path().join("full");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("note.txt"), b"words").unwrap();
        let mode = fs::metadata(&full).unwrap().mode();
        let error = make(&full).unwrap_err();
        assert!(matches!(error, DraftsError::NotEmpty { .. }), "{error}");
        assert_eq!(fs::metadata(&full).unwrap().mode(), mode);
        let error = make(&dir.path().join("no/drafts")).unwrap_err();
        assert!(matches!(error, DraftsError::Make { .. }), "{error}");
    }

    #[tokio::test]
    async fn who_waits_for_a_turn_holds_no_thread() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = Arc::new(open(dir.path()));
        let turn = drafts.days().await;
        let waiting = tokio::spawn(async move { drafts.days().await.len() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(turn);
        assert_eq!(waiting.await.unwrap(), 0);
    }

    #[test]
    fn what_is_printed_of_it_names_no_draft() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = open(dir.path());
        put(&drafts, &ONE, &DRAFT, DAY).unwrap();
        assert!(!format!("{drafts:?}").contains("01"), "{drafts:?}");
    }
}
