//! What an auditor keeps from one run to the next: checkpoints that were verified, and the tree under the newest.
//!
//! The file is the auditor's own and is replaced in one step. It is checked against its own signed checkpoints before
//! it is believed: it may have been in other hands.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::source::Name;
use crate::checkpoint::Checkpoint;
use crate::entry::TILE_WIDTH;
use crate::failure::{Failure, Kind};
use crate::files;
use crate::merkle::{HASH_SIZE_BYTES, TreeHash, root_over};
use crate::note::Vkey;

/// A century of one force's logs.
const SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The most checkpoints of a year that are kept: one each hour.
const CHECKPOINTS_MAX: usize = 8_784;

/// All that is kept of one force.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Kept {
    version: u64,
    /// The force.
    pub(super) force: String,
    /// The key of the logs, as text.
    pub(super) log: String,
    /// Sequence of the newest directory that was seen.
    pub(super) directory: u64,
    /// The beat: seconds, leaves.
    pub(super) beat: Option<(u64, u64)>,
    /// The logs by year.
    pub(super) years: BTreeMap<u16, KeptLog>,
    /// The operator's log.
    #[serde(default)]
    pub(super) operator: KeptLog,
}

/// What is kept of one log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptLog {
    /// The size from which on the beat is as it is now.
    pub(super) beat_since: u64,
    /// Checkpoints that were verified, the newest last.
    pub(super) checkpoints: Vec<Seen>,
    /// Roots of the full tiles under the newest, in hex.
    pub(super) tiles: String,
    /// Leaf hashes behind them, in hex.
    pub(super) tail: String,
    /// Roots of tiles that a run read before it was interrupted, in hex.
    pub(super) progress: String,
    /// The checkpoints, opened once when the file was read.
    #[serde(skip)]
    opened: Vec<Checkpoint>,
}

/// A checkpoint, and when it was seen: seconds since 1970, by the auditor's own clock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Seen {
    /// The note.
    pub(super) note: String,
    /// When.
    pub(super) at: u64,
}

impl KeptLog {
    /// The newest checkpoint that was kept, and when it was seen.
    #[must_use]
    pub(super) fn newest(&self) -> Option<(&Checkpoint, u64)> {
        Some((self.opened.last()?, self.checkpoints.last()?.at))
    }

    /// Every checkpoint that was kept.
    #[must_use]
    pub(super) fn all(&self) -> &[Checkpoint] {
        &self.opened
    }

    /// Roots of the full tiles, and leaf hashes behind them.
    #[must_use]
    pub(super) fn tree(&self) -> Option<(Vec<TreeHash>, Vec<TreeHash>)> {
        Some((hashes(&self.tiles)?, hashes(&self.tail)?))
    }

    /// Keeps a checkpoint that was verified, and the tree under it.
    pub(super) fn keep(&mut self, note: &[u8], at: u64, tiles: &[TreeHash], tail: &[TreeHash]) {
        let note = String::from_utf8_lossy(note).into_owned();
        if self
            .checkpoints
            .last()
            .is_some_and(|last| last.note == note)
        {
            // When it was first seen is what says how fast the log grows.
            self.progress.clear();
            return;
        }
        self.checkpoints.push(Seen { note, at });
        let over = self.checkpoints.len().saturating_sub(CHECKPOINTS_MAX);
        self.checkpoints.drain(..over);
        self.tiles = text(tiles);
        self.tail = text(tail);
        self.progress.clear();
    }

    /// Opens the checkpoints; whether they are signed, and the tree is that under the newest.
    fn open(&mut self, key: &Vkey) -> bool {
        let Some((tiles, tail)) = self.tree() else {
            return false;
        };
        let opened: Option<Vec<Checkpoint>> = self
            .checkpoints
            .iter()
            .map(|seen| Checkpoint::open(seen.note.as_bytes(), key).ok())
            .collect();
        let Some(opened) = opened.filter(|_| hashes(&self.progress).is_some()) else {
            return false;
        };
        self.opened = opened;
        let Some((newest, _)) = self.newest() else {
            return tiles.is_empty() && tail.is_empty();
        };
        let mut parts = tiles;
        let size = u64::try_from(parts.len())
            .unwrap_or(u64::MAX)
            .saturating_mul(TILE_WIDTH);
        let size = size.saturating_add(u64::try_from(tail.len()).unwrap_or(u64::MAX));
        if !tail.is_empty() {
            parts.push(root_over(&tail));
        }
        size == newest.size && root_over(&parts) == newest.root
    }
}

impl Kept {
    /// What was kept of a log.
    #[must_use]
    pub(super) fn of(&self, name: Name<'_>) -> KeptLog {
        match name {
            Name::Year { year, .. } => self.years.get(&year).cloned().unwrap_or_default(),
            Name::Operator => self.operator.clone(),
        }
    }

    /// The same, to keep more of it.
    pub(super) fn of_mut(&mut self, name: Name<'_>) -> &mut KeptLog {
        match name {
            Name::Year { year, .. } => self.years.entry(year).or_default(),
            Name::Operator => &mut self.operator,
        }
    }

    /// Reads what was kept.
    fn parse(bytes: &[u8], force: &str) -> Option<Self> {
        let mut kept: Self = serde_json::from_slice(bytes).ok()?;
        let key = Vkey::parse(&kept.log).ok()?;
        let is_sound = kept.years.iter_mut().all(|(year, kept)| {
            let origin = format!("{}/{force}/{year}", key.name());
            kept.open(&key.renamed(&origin))
        });
        let origin = format!("{}/operator", key.name());
        let is_sound = kept.operator.open(&key.renamed(&origin)) && is_sound;
        (kept.version == 1 && kept.force == force && is_sound).then_some(kept)
    }
}

/// The file of what is kept, and what it held before this run.
pub(super) struct StateFile {
    path: PathBuf,
    /// Its bytes; nothing when it was not there.
    before: Option<Vec<u8>>,
    /// The same, and how far this run came.
    progress: Kept,
    is_changed: bool,
}

impl StateFile {
    /// Reads what was kept; nothing was when there is no file.
    ///
    /// # Errors
    /// It cannot be read, or is not what this program left.
    pub(super) fn read(path: &Path, force: &str) -> Result<Self, Failure> {
        let before =
            files::read(path, SIZE_BYTES_MAX).map_err(|error| Failure::read(path, error))?;
        let progress = match &before {
            Some(bytes) => Kept::parse(bytes, force).ok_or_else(|| damaged(path, force))?,
            None => Kept {
                version: 1,
                force: force.to_owned(),
                ..Kept::default()
            },
        };
        Ok(Self {
            path: path.to_owned(),
            before,
            progress,
            is_changed: false,
        })
    }

    /// Where it is.
    #[must_use]
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept.
    #[must_use]
    pub(super) fn kept(&self) -> Kept {
        self.progress.clone()
    }

    /// Keeps how far this run came, beside what was kept before and nothing else: the run may yet find something.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn keep_progress(
        &mut self,
        name: Name<'_>,
        log: &str,
        tiles: &[TreeHash],
    ) -> Result<(), Failure> {
        if self.progress.log.is_empty() {
            log.clone_into(&mut self.progress.log);
        }
        self.progress.of_mut(name).progress = text(tiles);
        self.is_changed = true;
        self.replace(&self.progress)
    }

    /// Leaves the file as it was before this run.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn put_back(&self) -> Result<(), Failure> {
        match &self.before {
            _ if !self.is_changed => Ok(()),
            Some(bytes) => write(&self.path, bytes),
            None => fs::remove_file(&self.path).map_err(|error| Failure::write(&self.path, error)),
        }
    }

    /// Replaces what was kept.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn replace(&self, kept: &Kept) -> Result<(), Failure> {
        let bytes =
            serde_json::to_vec(kept).map_err(|error| Failure::write(&self.path, error.into()))?;
        write(&self.path, &bytes)
    }
}

/// Replaces a file in one step, synced, and its name with it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: io::Error| Failure::write(path, error);
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let mut file = File::create(&partial).map_err(failed)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder_of(path))
        .map_err(failed)
}

/// Syncs the folder of a file: its name is then there after a power cut.
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

fn damaged(path: &Path, force: &str) -> Failure {
    Failure::new(
        Kind::Unreachable,
        format!(
            "{} is not the state that an audit of {force} left",
            path.display()
        ),
        "use a copy of it that you trust; without one, give another file: then nothing that was seen before is compared",
    )
}

/// Hashes as hex, one behind the other.
#[must_use]
pub(super) fn text(hashes: &[TreeHash]) -> String {
    hashes.iter().map(|hash| hex::encode(hash.0)).collect()
}

/// Hashes from hex.
#[must_use]
pub(super) fn hashes(text: &str) -> Option<Vec<TreeHash>> {
    let bytes = hex::decode(text).ok()?;
    let (hashes, rest) = bytes.as_chunks::<HASH_SIZE_BYTES>();
    rest.is_empty()
        .then(|| hashes.iter().map(|hash| TreeHash(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::leaf_hash;

    const YEAR: Name<'_> = Name::Year {
        force: "btp",
        year: 2026,
    };
    const LOG: &str = "demo.invalid/hafan+4b4a79c4+AQECAwQ=";

    #[test]
    fn a_run_that_finds_something_leaves_the_file_as_it_was_before_its_first_progress() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut state = StateFile::read(&path, "btp").unwrap();
        state.keep_progress(YEAR, LOG, &[leaf_hash(b"a")]).unwrap();
        assert!(path.exists());
        state.put_back().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn progress_is_kept_beside_what_was_kept_before_and_nothing_of_the_run_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        let mut state = StateFile::read(&path, "btp").unwrap();
        let mut kept = state.kept();
        kept.beat = Some((1, 8));
        kept.directory = 9;
        state.keep_progress(YEAR, LOG, &[leaf_hash(b"a")]).unwrap();
        let found: Kept = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!((found.beat, found.directory), (None, 0));
        assert_eq!(found.log, LOG);
        assert_eq!(
            hashes(&found.years.get(&2026).unwrap().progress).unwrap(),
            [leaf_hash(b"a")]
        );
    }
}
