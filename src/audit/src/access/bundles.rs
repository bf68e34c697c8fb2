//! The bundles that came on the stick: which reports each holds, and under which checkpoint. docs/protocol.md section 8.
//!
//! Only what stands before the ciphertext is read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::archive;
use crate::entry::{ENTRY_SIZE_BYTES, Entry, Kind};
use crate::failure::Failure;
use crate::note::NOTE_SIZE_BYTES_MAX;
use crate::report::Report;

/// The largest part before the ciphertext: a year of 256 leaves a second would not fit, and 16 million leaves do.
const ENTRIES_SIZE_BYTES_MAX: usize = 1 << 30;

/// The reports of the bundles that were given.
#[derive(Debug, Default)]
pub struct Bundles {
    /// Digests of the checkpoints of the bundles that have a leaf, by its h.
    leaves: HashMap<[u8; 32], Vec<[u8; 32]>>,
    checkpoints: HashSet<[u8; 32]>,
}

impl Bundles {
    /// Reads bundles: files, or folders of them.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn read(given: &[PathBuf], report: &mut Report) -> Result<Self, Failure> {
        let mut bundles = Self::default();
        for path in given {
            for file in files(path)? {
                let failed = |error: io::Error| Failure::read(&file, error);
                let opened = File::open(&file).map_err(failed)?;
                if !bundles.add(opened).map_err(failed)? {
                    let place = file
                        .file_name()
                        .unwrap_or_default()
                        .to_string_lossy()
                        .into_owned();
                    report.found("bad-bundle", place, "it does not begin as a bundle does");
                }
            }
        }
        report.looked_at("bundles", bundles.checkpoints.len().to_string());
        Ok(bundles)
    }

    /// Digests of the checkpoints under which this report came.
    #[must_use]
    pub fn of(&self, h: &[u8; 32]) -> &[[u8; 32]] {
        self.leaves.get(h).map_or(&[], Vec::as_slice)
    }

    /// Whether a bundle with this checkpoint was given.
    #[must_use]
    pub fn has(&self, checkpoint: &[u8; 32]) -> bool {
        self.checkpoints.contains(checkpoint)
    }

    fn add(&mut self, mut from: File) -> io::Result<bool> {
        let mut checkpoint = None;
        for wanted in ["directory", "previous-checkpoint", "checkpoint", "entries"] {
            let size_max = match wanted {
                "entries" => ENTRIES_SIZE_BYTES_MAX,
                _ => 4 * NOTE_SIZE_BYTES_MAX,
            };
            let Some(data) = member(&mut from, wanted, size_max)? else {
                return Ok(false);
            };
            match (wanted, checkpoint) {
                ("checkpoint", _) => checkpoint = Some(<[u8; 32]>::from(Sha256::digest(&data))),
                ("entries", Some(checkpoint)) => {
                    let (entries, []) = data.as_chunks::<ENTRY_SIZE_BYTES>() else {
                        return Ok(false);
                    };
                    self.checkpoints.insert(checkpoint);
                    for entry in entries {
                        if let Ok(entry) = Entry::parse(entry)
                            && entry.kind == Kind::Drop
                        {
                            self.leaves.entry(entry.h).or_default().push(checkpoint);
                        }
                    }
                }
                (_, _) => {}
            }
        }
        Ok(true)
    }
}

/// The next member, when it has this name and is not too large.
fn member(from: &mut File, wanted: &str, size_max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; archive::BLOCK_SIZE_BYTES];
    if from.read_exact(&mut header).is_err() {
        return Ok(None);
    }
    let Some((name, size)) = archive::parse_header(&header) else {
        return Ok(None);
    };
    if name != wanted || size > size_max {
        return Ok(None);
    }
    let padded = size.next_multiple_of(archive::BLOCK_SIZE_BYTES);
    let mut data = Vec::new();
    from.take(u64::try_from(padded).unwrap_or(u64::MAX))
        .read_to_end(&mut data)?;
    if data.len() < padded {
        return Ok(None);
    }
    data.truncate(size);
    Ok(Some(data))
}

/// The file, or the bundles in the folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: io::Error| Failure::read(path, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let text = name.to_string_lossy().into_owned();
        if text.starts_with("bundle-") && text.ends_with(".tar") {
            found.push(path.join(name));
        }
    }
    found.sort();
    Ok(found)
}
