//! The record on the disk: opened, and appended to one entry at a time.
//!
//! ```text
//! entries        one line an entry
//! head           the newest head; replaced in one step after its entry is on the disk
//! directories/7  every directory under which an entry was written, as it was signed
//! lock           locked while somebody appends
//! torn-N         the bytes of a write that was cut after entry N, put aside. Never read
//! ```
//!
//! An append signs and syncs the next head beside the head, writes and syncs the line, and then gives the new head
//! its name. A cut anywhere leaves the old head with all its entries, and behind them nothing, a part of one line,
//! or one whole signed line; none of it was acknowledged, and the next append cuts the part and counts the line.
//! Anything else is not what this code leaves, and nothing is appended to it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hafan_directory::{Directory, Force};
use hafan_tlog::note::{NOTE_SIZE_BYTES_MAX, SignError};
use hafan_tlog::{Frontier, Signer, Verifier, leaf_hash};
use jiff::civil::Date;
use rustix::fs::{FlockOperation, OFlags};

use crate::RECORD_SIZE_BYTES_MAX;
use crate::dsse::LINE_SIZE_BYTES_MAX;
use crate::event::Event;
use crate::head::{self, Head, HeadError};
use crate::material::{DIRECTORIES, ENTRIES, HEAD, Material, MaterialError, bound, read_part};
use crate::officers::{Officers, OfficersError};
use crate::statement::{Entry, EntryError};
use crate::verify::split;

/// Where a record lies.
pub struct Place {
    /// The folder of the record. It is made by the first append.
    pub dir: PathBuf,
    /// A copy of the newest head outside that folder, so that the folder cannot be set back or taken away by
    /// itself.
    pub pin: PathBuf,
}

/// What is true of every entry that one run of a program appends.
pub struct Context<'a> {
    /// The vault's newest directory.
    pub directory: &'a Directory,
    /// Its note, as it was signed.
    pub note: &'a [u8],
    /// Today (UTC).
    pub today: Date,
    /// The program and its version, such as `hafan-keys 0.1.0`.
    pub tool: &'a str,
}

/// Why nothing can be recorded; then nothing may be opened.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file cannot be read or written.
    #[error("{path}: the access record cannot be read or written", path = .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part of the record cannot be read.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// Another program is appending.
    #[error("another hafan-keys is writing the access record")]
    Locked,
    /// Another user's files.
    #[error("{path} belongs to another user of this machine", path = .path.display())]
    Owner {
        /// Which.
        path: PathBuf,
    },
    /// The folder is gone, or its head, and the copy of the head says that there were entries.
    #[error("the access record is gone, or its head: the copy of the head is still there")]
    Gone,
    /// The head does not count.
    #[error("the head of the access record is not right")]
    Head(#[from] HeadError),
    /// A directory beside the record does not count.
    #[error("directory {sequence} beside the access record does not count")]
    Directory {
        /// Which.
        sequence: u64,
        /// Why.
        source: OfficersError,
    },
    /// The entries are not those of the head.
    #[error("the entries of the access record are not those that its head counts")]
    Entries,
    /// The head is behind its copy, or of other entries.
    #[error("the access record was set back: it has {found} entries, and {wanted} were written")]
    SetBack {
        /// How many the head counts.
        found: u64,
        /// How many its copy counts.
        wanted: u64,
    },
    /// Something follows the last entry that no append leaves.
    #[error("something follows entry {size} of the access record that this tool did not write")]
    Beyond {
        /// How many entries the head counts.
        size: u64,
    },
    /// The signer is no officer of the directory.
    #[error("{officer} is no officer of directory {sequence}")]
    NotAnOfficer {
        /// The signer's key name.
        officer: String,
        /// The directory.
        sequence: u64,
    },
    /// Two directories with one sequence.
    #[error(
        "the vault's directory {sequence} is not the one that earlier entries were written under"
    )]
    OtherDirectory {
        /// The sequence.
        sequence: u64,
    },
    /// No more fits.
    #[error("the access record is full: {RECORD_SIZE_BYTES_MAX} bytes")]
    Full,
    /// The entry cannot be written.
    #[error("the entry cannot be written")]
    Entry(#[from] EntryError),
    /// The head cannot be signed.
    #[error("the head cannot be signed")]
    Sign(#[from] SignError),
}

/// What follows the last entry that the head counts.
enum Tail {
    Nothing,
    /// A part of a line, of so many bytes.
    Torn(u64),
    /// A whole line that an officer signed.
    Pending(Vec<u8>),
}

/// An entry that is on the disk.
#[derive(Debug)]
pub struct Appended {
    /// Which, counted from 1.
    pub number: u64,
    /// Its line as it was written, with its LF.
    pub line: Vec<u8>,
}

/// An opened record. Nobody else appends until it is dropped.
pub struct Record {
    place: Place,
    force: Force,
    officers: Officers,
    tree: Frontier,
    /// Where the entries that the head counts end, in bytes.
    end: u64,
    tail: Tail,
    _lock: File,
}

impl Record {
    /// Opens the record, makes its folder when it is the first time, and checks the entries against the head and
    /// the head against its copy.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn open(place: Place, force: &Force, root: &Verifier) -> Result<Self, RecordError> {
        let pin = read_part(
            &place.pin,
            bound(NOTE_SIZE_BYTES_MAX),
            "the copy of the head",
        )?;
        make_dir(&place.dir)?;
        let lock = lock(&place.dir)?;
        let material = Material::of_dir(&place.dir)?;
        if pin.is_some() && material.head.is_none() {
            return Err(RecordError::Gone);
        }
        let mut officers = Officers::new();
        for (sequence, note) in &material.directories {
            let sequence = *sequence;
            let added = officers.add(sequence, note, root);
            added.map_err(|source| RecordError::Directory { sequence, source })?;
        }
        let open = |note: &Vec<u8>| Head::open(note, force, &officers);
        let head = material.head.as_ref().map(open).transpose()?;
        let pin = pin.as_ref().map(open).transpose()?;
        let (tree, end) = counted(&material.entries, head.as_ref(), pin.as_ref())?;
        let rest = usize::try_from(end)
            .ok()
            .and_then(|end| material.entries.get(end..));
        let tail = tail(rest.unwrap_or_default(), &tree, &officers)?;
        Ok(Self {
            place,
            force: force.clone(),
            officers,
            tree,
            end,
            tail,
            _lock: lock,
        })
    }

    /// How many entries the head counts.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Appends an entry. It is on the disk, counted by the head, when this returns; only then
    /// may what it says be done.
    ///
    /// # Errors
    /// See [`RecordError`]. Nothing was acknowledged then, and what is done must not be done.
    pub fn append(
        &mut self,
        signer: &Signer,
        context: &Context<'_>,
        event: Event,
    ) -> Result<Appended, RecordError> {
        self.keep_directory(signer, context)?;
        self.settle(signer)?;
        let number = self.tree.size().saturating_add(1);
        let entry = Entry {
            number,
            before: self.tree.root(),
            officer: signer.name().to_owned(),
            date: context.today,
            directory: context.directory.sequence(),
            tool: context.tool.to_owned(),
            event,
        };
        let mut line = entry.sign(signer)?;
        let mut tree = self.tree.clone();
        tree.push(leaf_hash(&line));
        line.push(b'\n');
        let end = self.end.saturating_add(bound(line.len()));
        if end > RECORD_SIZE_BYTES_MAX {
            return Err(RecordError::Full);
        }
        let head = self.write_next_head(&tree, signer)?;
        self.write_line(&line)?;
        self.name_next_head()?;
        (self.tree, self.end) = (tree, end);
        replace(&self.place.pin, &head)?;
        Ok(Appended { number, line })
    }

    /// Keeps the directory that the entry will name, and lets only its officers sign.
    fn keep_directory(
        &mut self,
        signer: &Signer,
        context: &Context<'_>,
    ) -> Result<(), RecordError> {
        let sequence = context.directory.sequence();
        let officers = &context.directory.contents().officers;
        if !officers.contains(&signer.verifier()) {
            let officer = signer.name().to_owned();
            return Err(RecordError::NotAnOfficer { officer, sequence });
        }
        let dir = self.place.dir.join(DIRECTORIES);
        let path = dir.join(sequence.to_string());
        if let Some(kept) = read_part(&path, bound(context.note.len()), DIRECTORIES)? {
            return if kept == context.note {
                Ok(())
            } else {
                Err(RecordError::OtherDirectory { sequence })
            };
        }
        replace(&path, context.note)?;
        self.officers.insert(context.directory);
        Ok(())
    }

    /// Clears away what an interrupted append left.
    fn settle(&mut self, signer: &Signer) -> Result<(), RecordError> {
        match std::mem::replace(&mut self.tail, Tail::Nothing) {
            Tail::Nothing => Ok(()),
            Tail::Torn(size) => self.put_aside(size),
            Tail::Pending(line) => {
                let mut tree = self.tree.clone();
                tree.push(leaf_hash(&line));
                self.write_next_head(&tree, signer)?;
                // Read from the system's memory it need not be on the disk yet.
                let file = self.open_entries()?;
                file.sync_all().map_err(|e| self.failed(ENTRIES, e))?;
                self.name_next_head()?;
                self.tree = tree;
                self.end = self.end.saturating_add(bound(line.len())).saturating_add(1);
                Ok(())
            }
        }
    }

    fn put_aside(&self, size: u64) -> Result<(), RecordError> {
        let all = read_part(
            &self.place.dir.join(ENTRIES),
            RECORD_SIZE_BYTES_MAX,
            ENTRIES,
        )?;
        let from = usize::try_from(self.end).unwrap_or(usize::MAX);
        let torn = all
            .as_deref()
            .and_then(|all| all.get(from..))
            .unwrap_or_default();
        if bound(torn.len()) != size {
            return Err(RecordError::Entries);
        }
        let path = self.place.dir.join(format!("torn-{}", self.tree.size()));
        replace(&path, torn)?;
        let file = self.open_entries()?;
        file.set_len(self.end)
            .and_then(|()| file.sync_all())
            .map_err(|e| self.failed(ENTRIES, e))
    }

    fn write_next_head(&self, tree: &Frontier, signer: &Signer) -> Result<Vec<u8>, RecordError> {
        let head = head::sign(&self.force, tree, signer)?;
        let path = beside(&self.place.dir.join(HEAD));
        write_synced(&path, &head).map_err(|source| RecordError::Io { path, source })?;
        Ok(head)
    }

    fn name_next_head(&self) -> Result<(), RecordError> {
        let path = self.place.dir.join(HEAD);
        let named = fs::rename(beside(&path), &path);
        named
            .and_then(|()| sync_dir(&self.place.dir))
            .map_err(|e| self.failed(HEAD, e))
    }

    /// Writes the line behind the last one. What was written of it is taken back when it cannot be written whole.
    fn write_line(&self, line: &[u8]) -> Result<(), RecordError> {
        let mut file = self.open_entries()?;
        let written = file.write_all(line).and_then(|()| file.sync_all());
        written.map_err(|source| {
            // If this fails too, the next run finds a torn tail, and knows what that is.
            drop(file.set_len(self.end).and_then(|()| file.sync_all()));
            self.failed(ENTRIES, source)
        })
    }

    fn open_entries(&self) -> Result<File, RecordError> {
        let path = self.place.dir.join(ENTRIES);
        let file = open_own(&path, OFlags::APPEND)?;
        Ok(file)
    }

    fn failed(&self, part: &str, source: io::Error) -> RecordError {
        let path = self.place.dir.join(part);
        RecordError::Io { path, source }
    }
}

/// The tree of the entries that the head counts, and where they end.
fn counted(
    entries: &[u8],
    head: Option<&Head>,
    pin: Option<&Head>,
) -> Result<(Frontier, u64), RecordError> {
    let size = head.map_or(0, |head| head.size);
    let pinned = pin.map_or(0, |pin| pin.size);
    if pinned > size {
        return Err(RecordError::SetBack {
            found: size,
            wanted: pinned,
        });
    }
    let (mut tree, mut end) = (Frontier::new(), 0_u64);
    let (lines, _) = split(entries);
    let mut lines = lines.into_iter();
    while tree.size() < size {
        let line = lines.next().ok_or(RecordError::Entries)?;
        tree.push(leaf_hash(line));
        end = end.saturating_add(bound(line.len())).saturating_add(1);
        if pin.is_some_and(|pin| pin.size == tree.size() && pin.root != tree.root()) {
            return Err(RecordError::Entries);
        }
    }
    if head.is_some_and(|head| head.root != tree.root()) {
        return Err(RecordError::Entries);
    }
    Ok((tree, end))
}

/// Tells what a cut leaves from what no cut leaves.
fn tail(rest: &[u8], tree: &Frontier, officers: &Officers) -> Result<Tail, RecordError> {
    let size = tree.size();
    let (lines, part) = split(rest);
    match lines.as_slice() {
        [] if part.is_empty() => Ok(Tail::Nothing),
        [] if is_torn(part, false) => Ok(Tail::Torn(bound(rest.len()))),
        [line] if part.is_empty() => match Entry::open(line, officers) {
            Ok(entry) if entry.number == size.saturating_add(1) && entry.before == tree.root() => {
                Ok(Tail::Pending(line.to_vec()))
            }
            Err(_) if is_torn(line, true) => Ok(Tail::Torn(bound(rest.len()))),
            Ok(_) | Err(_) => Err(RecordError::Beyond { size }),
        },
        [] | [_] | [_, _, ..] => Err(RecordError::Beyond { size }),
    }
}

/// Whether these bytes behind the last entry are what a cut write can leave: no more than a line, without its line
/// end; or with it, and zeros where a part of the file never reached the disk.
pub(crate) fn is_torn(bytes: &[u8], has_line_end: bool) -> bool {
    bytes.len() <= LINE_SIZE_BYTES_MAX && (!has_line_end || bytes.contains(&0))
}

fn make_dir(dir: &Path) -> Result<(), RecordError> {
    let failed = |source| RecordError::Io {
        path: dir.to_owned(),
        source,
    };
    for dir in [dir.to_owned(), dir.join(DIRECTORIES)] {
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => sync_dir(parent(&dir)).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error)),
        }
    }
    let metadata = fs::symlink_metadata(dir).map_err(failed)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(RecordError::Owner {
            path: dir.to_owned(),
        });
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, RecordError> {
    let path = dir.join("lock");
    let file = open_own(&path, OFlags::empty())?;
    match rustix::fs::flock(file.as_fd(), FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(RecordError::Locked),
        Err(error) => Err(RecordError::Io {
            path,
            source: error.into(),
        }),
    }
}

/// Opens a file of the record to write, never through a link, and makes it when it is not there.
fn open_own(path: &Path, flags: OFlags) -> Result<File, RecordError> {
    let failed = |source: io::Error| RecordError::Io {
        path: path.to_owned(),
        source,
    };
    let flags = flags | OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, rustix::fs::Mode::from_raw_mode(0o600));
    let file = File::from(file.map_err(|e| failed(e.into()))?);
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(RecordError::Owner {
            path: path.to_owned(),
        });
    }
    Ok(file)
}

/// Puts `bytes` under `path` in one step.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), RecordError> {
    let next = beside(path);
    write_synced(&next, bytes)
        .and_then(|()| fs::rename(&next, path))
        .and_then(|()| sync_dir(parent(path)))
        .map_err(|source| RecordError::Io {
            path: path.to_owned(),
            source,
        })
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".next");
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    }
}

fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
