//! Copies a store while a server appends to it.
//!
//! The pins are read first, then the value log, whose frames are only ever added: so what is copied holds all that was
//! published when the pins were read. Each frame is checked as at a start, and what lies at the end and is not whole is
//! left out: it was not acknowledged when the reading began. The frames are synced before they are copied, so that no
//! copy holds an epoch that a power cut could still take from the store.
//!
//! It never writes to the store, holds no key, and copies ciphertext and what is public. Drafts are not copied: they are
//! the one thing that is deleted.

use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use hafan_tlog::Verifier;
use hafan_ustar::stream::StreamWriteError;

use super::archive::{
    Archive, HEAD, OPERATOR_FILE_SIZE_BYTES_MAX, VERSION, checkpoint_member, is_operator_file,
    operator_member, segment_member,
};
use super::folder::Folder;
use super::pin::Pins;
use super::replay::{Replay, check_config, check_format, io_error};
use super::scan::{Growth, segment_path};
use super::{OpenError, OpenProgress, StoreConfig};

/// Why no backup was made. The store is as it was.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store cannot be read, or is not whole, or is older than its pins.
    #[error("the store is not fit to be backed up")]
    Store(#[from] OpenError),
    /// The archive cannot be written.
    #[error("the archive cannot be written")]
    Archive(#[from] StreamWriteError),
}

/// What a backup is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupProgress {
    /// Checking a segment.
    Checking {
        /// Its number, from 0.
        segment: u32,
        /// Number of segments.
        segments: u32,
    },
    /// Copying a segment.
    Copying {
        /// Its number, from 0.
        segment: u32,
        /// Number of segments.
        segments: u32,
    },
}

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackedUp {
    /// Segments.
    pub segments: u32,
    /// Logs, of all forces and years.
    pub logs: usize,
}

/// Writes the archive of a store to `out`; what was written is whole only when this returns. Blocks.
///
/// # Errors
///
/// [`BackupError`]: the store is damaged, older than its pins or cannot be read, or `out` takes no more.
pub fn backup(
    config: &StoreConfig,
    verifier: &Verifier,
    out: impl Write,
    progress: &dyn Fn(BackupProgress),
) -> Result<BackedUp, BackupError> {
    check_config(config, verifier.name()).map_err(OpenError::from)?;
    let folder = Folder::new(&config.store_dir);
    check_format(&folder)?;
    let operator = OperatorFiles::read(&folder.operator())?;
    let pins = Pins::take(&config.pinned_dir).map_err(io_error(&config.pinned_dir))?;
    let tell = |step: OpenProgress| {
        if let OpenProgress::Scanning { segment, segments } = step {
            progress(BackupProgress::Checking { segment, segments });
        }
    };
    let replay = Replay::read(config, verifier, &pins, &folder, Growth::Growing, &tell)?;
    replay.compare_with_pins(&pins)?;
    let dir = folder.segments();
    if let Some(last) = replay.end.segment {
        let path = segment_path(&dir, last);
        let synced = File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(io_error(&path))?;
    }

    let mut archive = Archive::new(out);
    let head = format!("{VERSION}\n{}\n", config.log_name);
    archive.append_bytes(HEAD, head.as_bytes())?;
    for ((force, year), log) in &replay.logs {
        archive.append_bytes(&checkpoint_member(force, *year), log.view.note())?;
    }
    for (name, bytes) in &operator.0 {
        archive.append_bytes(&operator_member(name), bytes)?;
    }
    let segments = u32::try_from(replay.ends.len()).unwrap_or(u32::MAX);
    for (segment, end) in (0..segments).zip(&replay.ends) {
        progress(BackupProgress::Copying { segment, segments });
        let path = segment_path(&dir, segment);
        let file = File::open(&path).map_err(io_error(&path))?;
        archive.append(&segment_member(segment), *end, file.take(*end))?;
    }
    archive.finish()?;
    Ok(BackedUp {
        segments,
        logs: replay.logs.len(),
    })
}

/// The files of the operator log, which are small, by name.
struct OperatorFiles(Vec<(String, Vec<u8>)>);

impl OperatorFiles {
    /// Reads the checkpoint first and the notes behind it: it is never of more notes than there are.
    fn read(dir: &Path) -> Result<Self, OpenError> {
        let mut files = Vec::new();
        let checkpoint = dir.join("checkpoint");
        if let Some(bytes) = read_small(&checkpoint).map_err(io_error(&checkpoint))? {
            files.push(("checkpoint".to_owned(), bytes));
        }
        for name in names(dir).map_err(io_error(dir))? {
            let path = dir.join(&name);
            if let Some(bytes) = read_small(&path).map_err(io_error(&path))? {
                files.push((name, bytes));
            }
        }
        files.sort();
        Ok(Self(files))
    }
}

/// The notes of a folder that may not be there.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().into_string().ok();
        names.extend(
            name.filter(|name| is_operator_file(name) && name != "checkpoint")
                .filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())),
        );
    }
    Ok(names)
}

/// A small file; nothing when it is not there.
fn read_small(path: &PathBuf) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(OPERATOR_FILE_SIZE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > OPERATOR_FILE_SIZE_BYTES_MAX {
        return Err(io::Error::other(
            "it is larger than a file of the operator log can be",
        ));
    }
    Ok(Some(bytes))
}
