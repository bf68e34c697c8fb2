//! What was carried already: for each year the tree's right edge and the checkpoint it ended with.
//!
//! Lies beside the bundles, as `.courier-{force}.json`, and is replaced only after a bundle is whole
//! and synced. The medium may have been in other hands: the state is checked against its own
//! signed checkpoint before it is used.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use hafan_directory::{Directory, Force};
use hafan_tlog::{Checkpoint, Frontier, Hash};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Kind};

const SIZE_BYTES_MAX: u64 = 1024 * 1024;

/// The log of one year, as far as it was carried.
#[derive(Clone)]
pub(crate) struct Carried {
    pub(crate) frontier: Frontier,
    /// The checkpoint note of that size.
    pub(crate) checkpoint: Vec<u8>,
}

/// All that was carried of one force.
pub(crate) struct State {
    path: PathBuf,
    force: Force,
    pub(crate) years: BTreeMap<u16, Carried>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateJson {
    version: u64,
    force: String,
    logs: Vec<LogJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogJson {
    year: u16,
    size: u64,
    hashes: Vec<String>,
    checkpoint: String,
}

impl State {
    /// Reads the state in `dir`; without a file, nothing was carried.
    pub(crate) fn read(dir: &Path, force: &Force, directory: &Directory) -> Result<Self, Failure> {
        let path = dir.join(format!(".courier-{force}.json"));
        let mut state = Self {
            path,
            force: force.clone(),
            years: BTreeMap::new(),
        };
        let bytes = match fs::metadata(&state.path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(state),
            Err(e) => return Err(Failure::read(&state.path, e)),
            Ok(metadata) if metadata.len() > SIZE_BYTES_MAX => return Err(state.damaged()),
            Ok(_) => fs::read(&state.path).map_err(|e| Failure::read(&state.path, e))?,
        };
        let json: StateJson = serde_json::from_slice(&bytes).map_err(|_| state.damaged())?;
        if json.version != 1 || json.force != force.as_str() {
            return Err(state.damaged());
        }
        for log in json.logs {
            let carried = Carried::parse(&log, directory).ok_or_else(|| state.damaged())?;
            state.years.insert(log.year, carried);
        }
        Ok(state)
    }

    /// Replaces the state's file in one step, synced.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let logs = self.years.iter().map(|(year, carried)| LogJson {
            year: *year,
            size: carried.frontier.size(),
            hashes: carried
                .frontier
                .hashes()
                .iter()
                .map(|hash| hex::encode(hash.0))
                .collect(),
            checkpoint: String::from_utf8_lossy(&carried.checkpoint).into_owned(),
        });
        let json = StateJson {
            version: 1,
            force: self.force.to_string(),
            logs: logs.collect(),
        };
        let failed = |e: io::Error| Failure::write(&self.path, e);
        let bytes = serde_json::to_vec(&json).map_err(|e| failed(e.into()))?;
        let partial = self.path.with_extension("partial");
        let mut file = File::create(&partial).map_err(failed)?;
        file.write_all(&bytes)
            .and_then(|()| file.sync_all())
            .map_err(failed)?;
        fs::rename(&partial, &self.path).map_err(failed)?;
        sync_parent(&self.path).map_err(failed)
    }

    fn damaged(&self) -> Failure {
        Failure::new(
            Kind::No,
            format!(
                "{} is not the state that a courier of {} left",
                self.path.display(),
                self.force
            ),
            "use the medium that the last bundle was written to; if its state is lost, an officer \
             has to decide: without it everything is carried again from the first leaf, and a vault \
             that holds some of it refuses that",
        )
    }
}

impl Carried {
    fn parse(log: &LogJson, directory: &Directory) -> Option<Self> {
        let hashes: Option<Vec<Hash>> = log.hashes.iter().map(|hash| parse_hash(hash)).collect();
        let frontier = Frontier::from_parts(log.size, hashes?).ok()?;
        let checkpoint = log.checkpoint.clone().into_bytes();
        let verifier = directory.log_verifier(log.year).ok()?;
        let signed = Checkpoint::open(&checkpoint, &verifier).ok()?;
        let same = (signed.size(), signed.root()) == (frontier.size(), frontier.root());
        same.then_some(Self {
            frontier,
            checkpoint,
        })
    }
}

fn parse_hash(text: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(Hash(bytes))
}

/// Syncs the name of a file.
pub(crate) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => File::open(dir)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}

/// Opens a fresh file for a bundle in the making; one that an interrupted run left is removed first.
pub(crate) fn create_partial(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).open(path)
}
