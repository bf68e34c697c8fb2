//! Pins: for each log the newest checkpoint, in a folder outside the store.
//!
//! A store that was put back from an old copy is behind its pin, and is refused. A pin is replaced only after the
//! epoch is durable, and only when it is still the one that the epoch was built on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use hafan_directory::Force;
use hafan_tlog::note::NOTE_SIZE_BYTES_MAX;

use super::folder::StagedFile;

/// The folder of the pins.
pub(crate) struct Pins {
    dir: PathBuf,
    /// The pins as they were at one moment; without it the folder is asked each time.
    taken: Option<BTreeMap<(Force, u16), Vec<u8>>>,
}

impl Pins {
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_path_buf(),
            taken: None,
        }
    }

    /// The pins as they are now, whatever a running server pins later. A folder that is not there has none.
    pub(crate) fn take(dir: &Path) -> io::Result<Self> {
        let pins = Self::new(dir);
        let mut taken = BTreeMap::new();
        if dir.exists() {
            for (force, year) in pins.list()? {
                if let Some(note) = pins.read(&force, year)? {
                    taken.insert((force, year), note);
                }
            }
        }
        Ok(Self {
            taken: Some(taken),
            ..pins
        })
    }

    /// Takes a checkpoint for a log's pin, in memory; the folder is not changed.
    pub(crate) fn put_taken(&mut self, force: Force, year: u16, note: Vec<u8>) {
        let taken = self.taken.get_or_insert_default();
        taken.insert((force, year), note);
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The file of a log's pin.
    pub(crate) fn path(&self, force: &Force, year: u16) -> PathBuf {
        self.dir.join(format!("{force}-{year}.checkpoint"))
    }

    /// The logs that have a pin.
    pub(crate) fn list(&self) -> io::Result<Vec<(Force, u16)>> {
        if let Some(taken) = &self.taken {
            return Ok(taken.keys().cloned().collect());
        }
        let mut logs = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let log = name.to_str().and_then(|name| {
                let (force, year) = name.strip_suffix(".checkpoint")?.rsplit_once('-')?;
                Some((Force::from_str(force).ok()?, year.parse().ok()?))
            });
            logs.extend(log);
        }
        logs.sort();
        Ok(logs)
    }

    /// The pinned checkpoint of a log, as signed; nothing when there is none.
    pub(crate) fn read(&self, force: &Force, year: u16) -> io::Result<Option<Vec<u8>>> {
        if let Some(taken) = &self.taken {
            return Ok(taken.get(&(force.clone(), year)).cloned());
        }
        read(&self.path(force, year))
    }

    /// Writes and syncs a new pin beside the one that holds: what a full disk would refuse is refused here.
    pub(crate) fn stage(&self, force: &Force, year: u16, note: &[u8]) -> io::Result<StagedFile> {
        StagedFile::write(&self.path(force, year), note)
    }
}

/// A checkpoint in a file of its own, as signed; nothing when there is none.
pub(crate) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut note = Vec::new();
    let limit = u64::try_from(NOTE_SIZE_BYTES_MAX).map_err(io::Error::other)?;
    file.take(limit + 1).read_to_end(&mut note)?;
    Ok(Some(note))
}
