//! `hafan backup` and `hafan restore`: from the configuration and a file to the store, with what the operator reads.
//!
//! A backup appears under its name whole and synced, or not at all; one is never written over another.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hafan_directory::Force;
use hafan_tlog::Verifier;
use hafan_tlog::note::NOTE_SIZE_BYTES_MAX;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use crate::config::Config;
use crate::keyfile;
use crate::start::StartError;
use crate::store::{self, BackupError, BackupProgress, RestoreError, RestoreProgress};

/// What is gathered before it is written to the archive.
const BUFFER_SIZE_BYTES: usize = 256 * 1024;

/// Why there is no backup, or nothing was put back from one.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// There is something under that name.
    #[error("{0} is there already: a backup is never written over another. Choose another name")]
    Exists(PathBuf),
    /// It would lie in what it is a backup of.
    #[error(
        "{0} is inside store_dir: a backup belongs on another disk, and best on another machine"
    )]
    Inside(PathBuf),
    /// Another backup is writing to the same name.
    #[error("{0} is being written by another backup: wait for it")]
    Running(PathBuf),
    /// The disk is full.
    #[error("there is no room for {0}: no backup was made. Make room, then try again")]
    Full(PathBuf),
    /// The archive cannot be made.
    #[error("cannot write {path}: no backup was made")]
    Write {
        /// The archive.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The verification key is another one.
    #[error(
        "{path} does not hold the verification key of {log_name}, as `hafan init` writes it beside the log key"
    )]
    Vkey {
        /// The file.
        path: PathBuf,
        /// The log name.
        log_name: String,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The archive or checkpoint.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The store.
    #[error("no backup was made")]
    Backup(#[source] BackupError),
    /// The backup or the store.
    #[error("nothing was put back")]
    Restore(#[from] RestoreError),
}

impl KeepError {
    /// Whether it is a refusal for safety, and not something that cannot be read or written.
    pub(crate) fn is_refusal(&self) -> bool {
        match self {
            Self::Exists(_) | Self::Inside(_) | Self::Running(_) | Self::Vkey { .. } => true,
            Self::Full(_) | Self::Write { .. } | Self::Read { .. } => false,
            Self::Backup(BackupError::Archive(_)) => false,
            Self::Backup(BackupError::Store(error)) | Self::Restore(RestoreError::Store(error)) => {
                error.is_refusal()
            }
            Self::Restore(error) => match error {
                RestoreError::Read(_) | RestoreError::Full { .. } | RestoreError::Io { .. } => {
                    false
                }
                RestoreError::NotEmpty { .. }
                | RestoreError::Older(_)
                | RestoreError::OperatorOlder { .. }
                | RestoreError::OperatorUnpinned
                | RestoreError::Unpinned(_)
                | RestoreError::Checkpoint { .. }
                | RestoreError::LogName { .. }
                | RestoreError::Archive(_)
                | RestoreError::Store(_) => true,
            },
        }
    }
}

/// Writes a backup of the store to a new file, also while the server runs. Gives what to tell.
///
/// # Errors
/// The configuration, the store, or the file; there is no backup then.
pub fn backup(config_path: &Path, vkey: Option<&Path>, out: &Path) -> Result<String, StartError> {
    let config = Config::read(config_path)?;
    let verifier = verifier(&config, vkey)?;
    let forces: Vec<Force> = config.roots()?.into_keys().collect();
    let store = config.store(forces);
    let staged = Staged::new(out, &config.store_dir)?;
    let progress = Progress::new();
    let mut writer = io::BufWriter::with_capacity(BUFFER_SIZE_BYTES, &staged.file);
    let done = store::backup(&store, &verifier, &mut writer, &|step| {
        progress.backup(step);
    });
    let done = done.map_err(|error| staged.failed(error))?;
    writer.flush().map_err(|error| staged.unwritten(error))?;
    drop(writer);
    staged.finish()?;
    Ok(format!(
        "{}: {} segments, {} logs. Check it with `tar xf` and `sha256sum -c SHA256SUMS`; try it with `hafan restore` \
         on another machine",
        out.display(),
        done.segments,
        done.logs
    ))
}

/// Puts a store back from a backup. `published` are files of checkpoints that are known to have been published.
/// Gives what to tell.
///
/// # Errors
/// The configuration, the backup, or the folder; there is no store then.
pub fn restore(
    config_path: &Path,
    vkey: Option<&Path>,
    archive: &Path,
    published: &[PathBuf],
) -> Result<String, StartError> {
    let config = Config::read(config_path)?;
    let verifier = verifier(&config, vkey)?;
    let forces: Vec<Force> = config.roots()?.into_keys().collect();
    let unread = |path: &Path| {
        let path = path.to_owned();
        move |source| KeepError::Read { path, source }
    };
    let mut notes = Vec::new();
    for path in published {
        let limit = u64::try_from(NOTE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
        let mut note = Vec::new();
        File::open(path)
            .and_then(|file| file.take(limit + 1).read_to_end(&mut note))
            .map_err(unread(path))?;
        notes.push((path.display().to_string(), note));
    }
    let file = File::open(archive).map_err(unread(archive))?;
    let progress = Progress::new();
    let logs = store::restore(&config.store(forces), &verifier, file, &notes, &|step| {
        progress.restore(step);
    })
    .map_err(KeepError::from)?;
    let mut text = format!("{} is a store again:", config.store_dir.display());
    for log in logs {
        let more = log.leaves.saturating_sub(log.published);
        text.push_str(&format!(
            "\n  {} {}: {} leaves",
            log.force, log.year, log.leaves
        ));
        if more > 0 {
            text.push_str(&format!(
                ", {more} of them beyond the newest checkpoint that is known; the start publishes them"
            ));
        }
    }
    text.push_str("\nWhat was acknowledged after this backup and before the loss is not in it. Start the server next");
    Ok(text)
}

/// Whom the logs must be signed by: a file with the verification key, or the log key itself. Nothing is signed here.
fn verifier(config: &Config, vkey: Option<&Path>) -> Result<Verifier, StartError> {
    let Some(path) = vkey else {
        return Ok(keyfile::read(&config.log_key_path, &config.log_name)?.verifier());
    };
    let text = fs::read_to_string(path).map_err(|source| KeepError::Read {
        path: path.to_owned(),
        source,
    })?;
    let verifier: Option<Verifier> = text.trim_end().parse().ok();
    let verifier = verifier.filter(|verifier| verifier.name() == config.log_name);
    Ok(verifier.ok_or_else(|| KeepError::Vkey {
        path: path.to_owned(),
        log_name: config.log_name.clone(),
    })?)
}

/// A file beside the name that it will have.
struct Staged {
    file: File,
    path: PathBuf,
    out: PathBuf,
}

impl Staged {
    fn new(out: &Path, store_dir: &Path) -> Result<Self, KeepError> {
        if out.symlink_metadata().is_ok() {
            return Err(KeepError::Exists(out.to_owned()));
        }
        let folder = match out.parent() {
            Some(parent) if parent != Path::new("") => parent,
            Some(_) | None => Path::new("."),
        };
        let unwritten = |source| KeepError::Write {
            path: out.to_owned(),
            source,
        };
        let folder = folder.canonicalize().map_err(unwritten)?;
        if store_dir
            .canonicalize()
            .is_ok_and(|store| folder.starts_with(store))
        {
            return Err(KeepError::Inside(out.to_owned()));
        }
        let mut path = out.as_os_str().to_owned();
        path.push(".next");
        let path = PathBuf::from(path);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unwritten)?;
        // What a killed backup left is written over; what another one writes is not.
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(KeepError::Running(path)),
            Err(errno) => return Err(unwritten(errno.into())),
        }
        let writing = Self {
            file,
            path,
            out: out.to_owned(),
        };
        match writing.file.set_len(0) {
            Ok(()) => Ok(writing),
            Err(error) => Err(writing.unwritten(error)),
        }
    }

    /// Takes away what was written, and says why there is no backup.
    fn failed(&self, error: BackupError) -> KeepError {
        use hafan_ustar::stream::StreamWriteError;
        match error {
            BackupError::Archive(StreamWriteError::Io(source)) => self.unwritten(source),
            error @ (BackupError::Archive(_) | BackupError::Store(_)) => {
                self.remove();
                KeepError::Backup(error)
            }
        }
    }

    fn unwritten(&self, source: io::Error) -> KeepError {
        self.remove();
        let path = self.out.clone();
        if source.kind() == io::ErrorKind::StorageFull
            || source.kind() == io::ErrorKind::QuotaExceeded
        {
            KeepError::Full(path)
        } else {
            KeepError::Write { path, source }
        }
    }

    fn remove(&self) {
        // What cannot be removed is written over by the next backup of this name.
        let _left = fs::remove_file(&self.path);
    }

    /// Syncs it and gives it its name, in which nobody else has put anything.
    fn finish(self) -> Result<(), KeepError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let folder = if folder == Path::new("") {
            Path::new(".")
        } else {
            folder
        };
        self.file
            .sync_all()
            .map_err(|error| self.unwritten(error))?;
        match renameat_with(CWD, &self.path, CWD, &self.out, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                self.remove();
                return Err(KeepError::Exists(self.out));
            }
            Err(errno) => return Err(self.unwritten(errno.into())),
        }
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| {
                // Its name may not outlast a power cut: what is no backup must not look like one.
                let _gone = fs::remove_file(&self.out);
                KeepError::Write {
                    path: self.out,
                    source,
                }
            })
    }
}

/// Tells on stderr how far it is: each segment on a terminal, each tenth elsewhere.
struct Progress {
    on_terminal: bool,
}

impl Progress {
    fn new() -> Self {
        Self {
            on_terminal: io::stderr().is_terminal(),
        }
    }

    fn backup(&self, step: BackupProgress) {
        match step {
            BackupProgress::Checking { segment, segments } => {
                self.tell("checking", segment, segments);
            }
            BackupProgress::Copying { segment, segments } => {
                self.tell("copying", segment, segments);
            }
        }
    }

    fn restore(&self, step: RestoreProgress) {
        match step {
            RestoreProgress::Unpacking(segment) if self.on_terminal || segment % 16 == 0 => {
                say(format_args!("unpacking segment {}", u64::from(segment) + 1));
            }
            RestoreProgress::Unpacking(_) => {}
            RestoreProgress::Checking { segment, segments } => {
                self.tell("checking", segment, segments);
            }
        }
    }

    fn tell(&self, what: &str, segment: u32, segments: u32) {
        let is_tenth = |n: u32| u64::from(n) * 10 / u64::from(segments.max(1));
        let is_new = segment == 0 || is_tenth(segment) != is_tenth(segment - 1);
        if self.on_terminal || is_new {
            say(format_args!(
                "{what} segment {} of {segments}",
                u64::from(segment) + 1
            ));
        }
    }
}

fn say(line: fmt::Arguments<'_>) {
    // Whoever closed stderr does not want to be told.
    let _closed = writeln!(io::stderr(), "hafan: {line}");
}
