//! What an auditor keeps from one run to the next: checkpoints that were verified, and the tree under the newest.
//!
//! The file is the auditor's own and is replaced in one step. It is checked against its own signed checkpoints before
//! it is believed: it may have been in other hands.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

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
    pub(super) years: BTreeMap<u16, Year>,
}

/// What is kept of a year's log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Year {
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

impl Year {
    /// The newest checkpoint that was kept, and when it was seen.
    #[must_use]
    pub(super) fn newest(&self, key: &Vkey) -> Option<(Checkpoint, u64)> {
        let newest = self.checkpoints.last()?;
        let checkpoint = Checkpoint::open(newest.note.as_bytes(), key).ok()?;
        Some((checkpoint, newest.at))
    }

    /// Every checkpoint that was kept.
    #[must_use]
    pub(super) fn all(&self, key: &Vkey) -> Vec<Checkpoint> {
        let notes = self.checkpoints.iter();
        let open = |seen: &Seen| Checkpoint::open(seen.note.as_bytes(), key).ok();
        notes.filter_map(open).collect()
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

    fn is_sound(&self, key: &Vkey) -> bool {
        let Some((tiles, tail)) = self.tree() else {
            return false;
        };
        if self.all(key).len() != self.checkpoints.len() || hashes(&self.progress).is_none() {
            return false;
        }
        let Some((newest, _)) = self.newest(key) else {
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
    /// Reads what was kept; nothing was when there is no file.
    ///
    /// # Errors
    /// It cannot be read, or is not what this program left.
    pub(super) fn read(path: &Path, force: &str) -> Result<Self, Failure> {
        let bytes =
            files::read(path, SIZE_BYTES_MAX).map_err(|error| Failure::read(path, error))?;
        let Some(bytes) = bytes else {
            return Ok(Self {
                version: 1,
                force: force.to_owned(),
                ..Self::default()
            });
        };
        let kept: Self = serde_json::from_slice(&bytes).map_err(|_| damaged(path, force))?;
        let key = Vkey::parse(&kept.log).map_err(|_| damaged(path, force))?;
        let sound = kept.years.iter().all(|(year, kept)| {
            let origin = format!("{}/{force}/{year}", key.name());
            kept.is_sound(&key.renamed(&origin))
        });
        if kept.version != 1 || kept.force != force || !sound {
            return Err(damaged(path, force));
        }
        Ok(kept)
    }

    /// Replaces the file in one step, synced.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::write(path, error);
        let bytes = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut file = File::create(&partial).map_err(failed)?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&partial, path).map_err(failed)
    }
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
