//! Puts a store back from a backup, and never one that is older than what was published.
//!
//! The pins decide: each log that has one must be in the backup at least as far, with the same tree. A log without a pin
//! needs a checkpoint of it that is known to have been published. Everything is unpacked, checked by its digests, and
//! read through as at a start before the folder becomes a store, by one renaming; a folder in which this was interrupted
//! is none, and is emptied when it is tried again. It trusts no byte of the archive.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use hafan_directory::Force;
use hafan_tlog::Verifier;
use hafan_tlog::note::NOTE_SIZE_BYTES_MAX;
use hafan_ustar::Header;
use hafan_ustar::stream::{Reader, StreamReadError};

use super::archive::{
    HEAD, OPERATOR_FILE_SIZE_BYTES_MAX, SUMS, Summed, VERSION, is_operator_file,
    parse_checkpoint_member, segment_member, sum_line,
};
use super::folder::{Folder, create_private, is_empty_dir, make_private_dir};
use super::known::{Known, none_of_ours, open};
use super::replay::{Replay, check_config};
use super::scan::{Growth, segment_path};
use super::space::{is_shortage, preallocate};
use super::times::set_to_midnight;
use super::{OpenError, OpenProgress, StoreConfig};

/// Bytes of the archive that are read at a time.
const READ_SIZE_BYTES: usize = 256 * 1024;

/// The largest list of digests: of some hundred thousand members.
const SUMS_SIZE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A log as far as the backup has it and as far as it was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// Whose log.
    pub force: Force,
    /// Its year.
    pub year: u16,
    /// Leaves in the backup; nothing when it lacks the log.
    pub found: Option<u64>,
    /// Leaves that were published.
    pub published: u64,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            force,
            year,
            published,
            ..
        } = self;
        let found = self.found.unwrap_or(0);
        let lost = published.saturating_sub(found);
        write!(
            f,
            "{force} {year}: {published} leaves were published, the backup has {found}, {lost} are lost"
        )
    }
}

/// Logs of which nobody says how far they were published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs(pub Vec<(Force, u16)>);

impl fmt::Display for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self
            .0
            .iter()
            .map(|(force, year)| format!("{force} {year}"))
            .collect();
        f.write_str(&names.join(", "))
    }
}

fn lines(behind: &[Behind]) -> String {
    let lines: Vec<_> = behind.iter().map(Behind::to_string).collect();
    lines.join("; ")
}

/// Why nothing was put back. There is no store then.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something where the store would go.
    #[error(
        "{path} is not empty: a store is put back in an empty folder only, and never over another. Move what is there to \
         a safe place first"
    )]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The backup is older than what was published.
    #[error(
        "this backup is older than what was published, and a log that went on from it would be a fork. {}. What was \
         acknowledged since the backup is not in it either. Use a newer backup; when there is none, keep this one and the \
         pins, and begin a new log under another log name: docs/guide-operator.md, `When the newest backup is too old`",
        lines(.0)
    )]
    Older(Vec<Behind>),
    /// The operator log in the backup is older than its pin.
    #[error(
        "this backup is older than what was published: the operator log has {found} leaves in it, and {published} were \
         published. Use a newer backup"
    )]
    OperatorOlder {
        /// Leaves in the backup.
        found: u64,
        /// Leaves in the pinned checkpoint.
        published: u64,
    },
    /// Nothing says how far a log was published.
    #[error(
        "nothing here says how far these logs were published, so that this backup may be an old one: {0}. Give with \
         --published, for each, the newest checkpoint that anybody has: a copy of pinned_dir, a mirror of the log, an \
         auditor's state, or `checkpoint` in a courier's last bundle"
    )]
    Unpinned(Logs),
    /// Nothing says how far the operator's log was published.
    #[error(
        "nothing here says how far the operator's log was published, so that this backup may be an old one. Give its newest \
         checkpoint with --published: `operator.checkpoint` of a copy of pinned_dir, or what an auditor keeps"
    )]
    OperatorUnpinned,
    /// A checkpoint is none of this server's logs.
    #[error("{what} is not a checkpoint of a log of {log_name} that this log key signed")]
    Checkpoint {
        /// Which one.
        what: String,
        /// The log name.
        log_name: String,
    },
    /// The backup is of another server.
    #[error("the backup is of {found}, the configuration says log_name = {wanted}")]
    LogName {
        /// As in the backup.
        found: String,
        /// As configured.
        wanted: String,
    },
    /// The archive is not a backup.
    #[error("the archive is not a whole backup of `hafan backup`: {0}. Use another copy of it")]
    Archive(String),
    /// The archive cannot be read.
    #[error("the archive cannot be read")]
    Read(#[source] io::Error),
    /// The disk has no room.
    #[error(
        "there is no room in {path} for what the backup holds: nothing was put back. Make room, then try again"
    )]
    Full {
        /// The folder.
        path: PathBuf,
    },
    /// A file cannot be made or written.
    #[error("cannot make or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// What was unpacked is not a whole store, or its logs are not those that were published.
    #[error("what the backup holds is not a store that may be used")]
    Store(#[source] OpenError),
}

/// What a restore is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreProgress {
    /// Unpacking a segment, by its number from 0.
    Unpacking(u32),
    /// Reading it all through.
    Checking {
        /// Number of the segment, from 0.
        segment: u32,
        /// Number of segments.
        segments: u32,
    },
}

/// A log that was put back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Whose log.
    pub force: Force,
    /// Its year.
    pub year: u16,
    /// Leaves that it has.
    pub leaves: u64,
    /// Leaves that are known to have been published; the next start publishes the others.
    pub published: u64,
}

/// Puts a store back. `published` are checkpoints that are known to have been published, besides the pins. Blocks.
///
/// # Errors
///
/// [`RestoreError`]; there is no store then, and the pins are as they were.
pub fn restore(
    config: &StoreConfig,
    verifier: &Verifier,
    archive: impl Read,
    published: &[(String, Vec<u8>)],
    progress: &dyn Fn(RestoreProgress),
) -> Result<Vec<Restored>, RestoreError> {
    check_config(config, verifier.name()).map_err(|error| RestoreError::Store(error.into()))?;
    let folder = Folder::new(&config.store_dir);
    let known = Known::read(config, verifier, published)?;
    let mut reader = Reader::new(BufReader::with_capacity(READ_SIZE_BYTES, archive));
    let head = Head::read(&mut reader, config, verifier)?;
    known.compare(&head.logs)?;

    let begun = Begun::new(&folder)?;
    let logs = begun
        .fill(config, verifier, &known, head, &mut reader, progress)
        .inspect_err(|_| begun.clear());
    let logs = logs?;
    known.pin(&folder, config)?;
    begun.finish()?;
    Ok(logs)
}

pub(crate) fn failed(path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    let path = path.to_path_buf();
    move |source| {
        if is_shortage(&source) {
            RestoreError::Full { path }
        } else {
            RestoreError::Io { path, source }
        }
    }
}

fn unread(error: StreamReadError) -> RestoreError {
    match error {
        StreamReadError::Io(source) => RestoreError::Read(source),
        StreamReadError::Archive(_) | StreamReadError::TooLong { .. } => {
            RestoreError::Archive(error.to_string())
        }
    }
}

/// What the archive says before its files.
struct Head {
    /// Size and note of each log's newest checkpoint.
    logs: BTreeMap<(Force, u16), (u64, Vec<u8>)>,
    sums: String,
    /// The member behind those read.
    next: Option<Header>,
}

impl Head {
    fn read<R: Read>(
        reader: &mut Reader<R>,
        config: &StoreConfig,
        verifier: &Verifier,
    ) -> Result<Self, RestoreError> {
        let mut sums = String::new();
        let first = reader.next_member().map_err(unread)?;
        if first.is_none_or(|first| first.name() != HEAD) {
            return Err(RestoreError::Archive(
                "it does not say that it is one".to_owned(),
            ));
        }
        let head = read_small(reader, HEAD, 4096, &mut sums)?;
        let log_name = std::str::from_utf8(&head).ok().and_then(|head| {
            head.strip_prefix(VERSION)?
                .strip_prefix('\n')?
                .strip_suffix('\n')
        });
        let log_name =
            log_name.ok_or_else(|| RestoreError::Archive("it is of another version".to_owned()))?;
        if log_name != config.log_name {
            return Err(RestoreError::LogName {
                found: log_name.to_owned(),
                wanted: config.log_name.clone(),
            });
        }
        let mut logs = BTreeMap::new();
        let note_max = u64::try_from(NOTE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
        loop {
            let next = reader.next_member().map_err(unread)?;
            let log = next
                .as_ref()
                .and_then(|next| parse_checkpoint_member(next.name()));
            let (Some(member), Some(log)) = (&next, log) else {
                return Ok(Self { logs, sums, next });
            };
            let note = read_small(reader, member.name(), note_max, &mut sums)?;
            let (of, size) = open(config, verifier, member.name(), &note)?;
            if of != log || logs.insert(log, (size, note)).is_some() {
                return Err(none_of_ours(config, member.name()));
            }
        }
    }
}

fn read_small<R: Read>(
    reader: &mut Reader<R>,
    name: &str,
    size_bytes_max: u64,
    sums: &mut String,
) -> Result<Vec<u8>, RestoreError> {
    let bytes = reader.read_data(size_bytes_max).map_err(unread)?;
    let mut summed = Summed::new(io::sink());
    summed.write_all(&bytes).map_err(RestoreError::Read)?;
    sums.push_str(&sum_line(&summed.finish(), name));
    Ok(bytes)
}

/// A folder that is being filled and is no store yet. The lock keeps others out of it.
struct Begun<'a> {
    folder: &'a Folder,
    _lock: File,
}

impl<'a> Begun<'a> {
    /// Takes an empty folder, or one in which a restore was interrupted, and empties it.
    fn new(folder: &'a Folder) -> Result<Self, RestoreError> {
        let root = folder.root();
        let not_empty = || RestoreError::NotEmpty {
            path: root.to_path_buf(),
        };
        let interrupted = folder.restoring().exists() && !folder.format().exists();
        if !interrupted && !is_empty_dir(root).map_err(failed(root))? {
            return Err(not_empty());
        }
        make_private_dir(root).map_err(failed(root))?;
        folder.write_restoring().map_err(failed(root))?;
        let lock = folder.lock().map_err(failed(&folder.lock_path()))?;
        let begun = Self {
            folder,
            _lock: lock.ok_or_else(not_empty)?,
        };
        begun.empty().map_err(failed(root))?;
        Ok(begun)
    }

    /// Takes away what an interrupted restore left.
    fn empty(&self) -> io::Result<()> {
        for dir in [self.folder.segments(), self.folder.operator()] {
            match fs::remove_dir_all(&dir) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// After a failure: an empty folder, as before. What cannot be removed now is removed by the next try.
    fn clear(&self) {
        let _next_time = self
            .empty()
            .and_then(|()| fs::remove_file(self.folder.lock_path()))
            .and_then(|()| fs::remove_file(self.folder.restoring()));
    }

    fn fill<R: Read>(
        &self,
        config: &StoreConfig,
        verifier: &Verifier,
        known: &Known,
        head: Head,
        reader: &mut Reader<R>,
        progress: &dyn Fn(RestoreProgress),
    ) -> Result<Vec<Restored>, RestoreError> {
        let Head {
            logs,
            mut sums,
            mut next,
        } = head;
        let dir = self.folder.segments();
        make_private_dir(&dir).map_err(failed(&dir))?;
        let mut segment = 0;
        while let Some(member) = next {
            let name = member.name();
            if name == segment_member(segment) {
                progress(RestoreProgress::Unpacking(segment));
                let path = segment_path(&dir, segment);
                let size = config.segment_size_bytes;
                sums.push_str(&unpack(reader, &member, &path, Room::Segment(size))?);
                segment += 1;
            } else if let Some(file) = operator_file(name).filter(|_| segment == 0) {
                let dir = self.folder.operator();
                make_private_dir(&dir).map_err(failed(&dir))?;
                let room = Room::AtMost(OPERATOR_FILE_SIZE_BYTES_MAX);
                sums.push_str(&unpack(reader, &member, &dir.join(file), room)?);
            } else if name == SUMS {
                let found = reader.read_data(SUMS_SIZE_BYTES_MAX).map_err(unread)?;
                if found != sums.as_bytes() {
                    return Err(RestoreError::Archive(
                        "a member has not the SHA-256 that its end says".to_owned(),
                    ));
                }
                return match reader.next_member().map_err(unread)? {
                    None => self.check(config, verifier, known, &logs, progress),
                    Some(more) => Err(unknown(more.name())),
                };
            } else {
                return Err(unknown(name));
            }
            next = reader.next_member().map_err(unread)?;
        }
        Err(RestoreError::Archive("it ends too early".to_owned()))
    }

    /// Reads what was unpacked as a start would.
    fn check(
        &self,
        config: &StoreConfig,
        verifier: &Verifier,
        known: &Known,
        logs: &BTreeMap<(Force, u16), (u64, Vec<u8>)>,
        progress: &dyn Fn(RestoreProgress),
    ) -> Result<Vec<Restored>, RestoreError> {
        for dir in [self.folder.segments(), self.folder.operator()] {
            if dir.exists() {
                sync_folder(&dir).map_err(failed(&dir))?;
            }
        }
        known.compare_operator(self.folder, config, verifier)?;
        let tell = |step: OpenProgress| {
            if let OpenProgress::Scanning { segment, segments } = step {
                progress(RestoreProgress::Checking { segment, segments });
            }
        };
        let replay = Replay::read(
            config,
            verifier,
            &known.pins,
            self.folder,
            Growth::Still,
            &tell,
        );
        let replay = replay.map_err(RestoreError::Store)?;
        replay
            .compare_with_pins(&known.pins)
            .map_err(RestoreError::Store)?;
        let same = replay.logs.len() == logs.len()
            && replay.logs.iter().all(|(log, replayed)| {
                logs.get(log)
                    .is_some_and(|(_, note)| *note == *replayed.view.note())
            });
        if !same {
            return Err(RestoreError::Archive(
                "its checkpoints are not those of its segments".to_owned(),
            ));
        }
        let restored = logs.iter().map(|((force, year), (leaves, _))| Restored {
            force: force.clone(),
            year: *year,
            leaves: *leaves,
            published: *known.sizes.get(&(force.clone(), *year)).unwrap_or(&0),
        });
        Ok(restored.collect())
    }

    /// Makes the folder a store.
    fn finish(&self) -> Result<(), RestoreError> {
        let (restoring, format) = (self.folder.restoring(), self.folder.format());
        fs::rename(&restoring, &format).map_err(failed(&format))?;
        let synced = File::open(self.folder.root()).and_then(|root| root.sync_all());
        synced.map_err(|error| {
            // Its name may not outlast a power cut: what was not put back must not look so.
            let _no_store = fs::rename(&format, &restoring);
            failed(&format)(error)
        })
    }
}

fn unknown(name: &str) -> RestoreError {
    RestoreError::Archive(format!("it has a member {name} that does not belong there"))
}

fn operator_file(name: &str) -> Option<&str> {
    name.strip_prefix("operator/")
        .filter(|name| is_operator_file(name))
}

/// How large a file may be, and how large it is made.
#[derive(Clone, Copy)]
enum Room {
    /// At most this; filled with zeros to it.
    Segment(u64),
    /// At most this.
    AtMost(u64),
}

/// Writes the present member to a new file, durably; gives the line of its digest.
fn unpack<R: Read>(
    reader: &mut Reader<R>,
    member: &Header,
    path: &Path,
    room: Room,
) -> Result<String, RestoreError> {
    let (Room::Segment(max) | Room::AtMost(max)) = room;
    if member.size() > max {
        let found = member.size();
        return Err(unread(StreamReadError::TooLong { found, max }));
    }
    if path.exists() {
        return Err(RestoreError::Archive(format!(
            "it has {} twice",
            member.name()
        )));
    }
    let file = create_private(path).map_err(failed(path))?;
    if let Room::Segment(size) = room {
        preallocate(&file, size).map_err(failed(path))?;
    }
    let mut summed = Summed::new(&file);
    match reader.copy_data_to(&mut summed) {
        Ok(_) => {}
        // Reading and writing end in one error; a disk that is full is the writer's.
        Err(StreamReadError::Io(error)) if is_shortage(&error) => {
            return Err(failed(path)(error));
        }
        Err(error) => return Err(unread(error)),
    }
    let sum = summed.finish();
    set_to_midnight(&file)
        .and_then(|()| file.sync_all())
        .map_err(failed(path))?;
    Ok(sum_line(&sum, member.name()))
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    let dir = File::open(dir)?;
    set_to_midnight(&dir)?;
    dir.sync_all()
}
