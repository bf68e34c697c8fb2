//! The operator's own log: every directory that was given out and every release of the site, in files of its own.
//!
//! `operator/NNNNNNNN.note` is the note of leaf N, `operator/checkpoint` the signed tree head over them, and
//! `operator.checkpoint` among the pins the same once more, so that an older copy is refused. Notes are synced before
//! the checkpoint that covers them, the checkpoint before its pin, the pin before anything is given out; a note that
//! no checkpoint covers was given to nobody, and the next start takes it away. There is no way to change or delete
//! another.
//!
//! It grows by a few leaves a week and holds nothing of reports. Source: docs/protocol.md section 9.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hafan_directory::Force;
use hafan_directory::operator::{NOTE_SIZE_BYTES_MAX, Published};
use hafan_tlog::tile::{self, TileKind};
use hafan_tlog::{Checkpoint, Entry, Frontier, Hash, Signer, TilePath, Verifier, operator_origin};

use super::StoreConfig;
use super::fail_stop::fail_stop;
use super::folder::{Folder, StagedFile, make_private_dir};
use super::pin;
use super::space::is_shortage;

/// The pin's name among the pins.
pub(crate) const PIN_NAME: &str = "operator.checkpoint";

/// The most leaves: a thousand years of forty-three forces, a directory a week each.
const LEAVES_MAX: u64 = 3_000_000;

/// Why the operator's log cannot be read, or does not take a note.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A file cannot be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The disk has no room for a note or the checkpoint over it.
    #[error("the disk of {path} is full: nothing was published; make room, then try again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// A file is missing, or not what this server wrote.
    #[error(
        "{path} is not what this server wrote: put the store and its pins back from one backup of both"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The log is shorter than its pin.
    #[error(
        "the operator's log has {found} leaves, and {pinned} were published: the store is an old copy; put the newest back"
    )]
    PinAhead {
        /// Leaves of the log.
        found: u64,
        /// Leaves of the pin.
        pinned: u64,
    },
    /// Another server published, or the pin was changed.
    #[error(
        "{path} is not what this server wrote last: another server publishes the same log, or the file was changed"
    )]
    PinMoved {
        /// The pin.
        path: PathBuf,
    },
    /// What is to be given out is older than what was.
    #[error(
        "{what} has sequence {found}, and {logged} is in the operator's log: the newer one must be given out"
    )]
    Older {
        /// A directory of whom, or the release.
        what: String,
        /// Its sequence.
        found: u64,
        /// The newest in the log.
        logged: u64,
    },
    /// Another note with the same number is in the log.
    #[error(
        "{what} has sequence {found}, and so has another that is in the operator's log: a change needs the next number"
    )]
    Twice {
        /// A directory of whom, or the release.
        what: String,
        /// The sequence of both.
        found: u64,
    },
    /// More leaves than are read.
    #[error("the operator's log would have over {LEAVES_MAX} leaves")]
    TooLong,
}

/// A note that is to be given out, and what it was opened to.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The note as it was signed.
    pub note: Bytes,
    /// What it says.
    pub published: Published,
}

/// The operator's log, open.
pub struct OperatorLog {
    dir: PathBuf,
    pin: PathBuf,
    log_name: String,
    signer: Arc<Signer>,
    state: Mutex<State>,
}

struct State {
    leaves: Vec<Entry>,
    hashes: Vec<Hash>,
    /// Of each force, and of the site (none): the newest sequence and its leaf.
    newest: BTreeMap<Option<Force>, (u64, Entry)>,
    checkpoint: Bytes,
}

impl std::fmt::Debug for OperatorLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorLog")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Makes the empty log in a store that is being made.
pub(crate) fn create(config: &StoreConfig, signer: &Signer) -> Result<(), OperatorError> {
    let dir = Folder::new(&config.store_dir).operator();
    make_private_dir(&dir).map_err(|source| io_error(&dir, source))?;
    let note = signed(&config.log_name, &Frontier::new(), signer)
        .ok_or_else(|| damaged(&dir.join("checkpoint")))?;
    replace(&dir.join("checkpoint"), &note)?;
    replace(&config.pinned_dir.join(PIN_NAME), &note)
}

impl OperatorLog {
    /// Opens the log of a store whose lock this process has. Blocks.
    ///
    /// # Errors
    ///
    /// It is damaged, older than its pin, or not signed by this key.
    pub fn open(config: &StoreConfig, signer: Arc<Signer>) -> Result<Self, OperatorError> {
        let dir = Folder::new(&config.store_dir).operator();
        let log = Self {
            pin: config.pinned_dir.join(PIN_NAME),
            log_name: config.log_name.clone(),
            state: Mutex::new(State {
                leaves: Vec::new(),
                hashes: Vec::new(),
                newest: BTreeMap::new(),
                checkpoint: Bytes::new(),
            }),
            dir,
            signer,
        };
        log.replay()?;
        Ok(log)
    }

    fn replay(&self) -> Result<(), OperatorError> {
        let path = self.dir.join("checkpoint");
        let (note, head) = self.head(&path)?;
        let (pinned_note, pinned) = self.head(&self.pin)?;
        let mut state = self.lock();
        if head.size() > LEAVES_MAX {
            return Err(OperatorError::TooLong);
        }
        if pinned.size() > head.size() {
            return Err(OperatorError::PinAhead {
                found: head.size(),
                pinned: pinned.size(),
            });
        }
        let mut tree = Frontier::new();
        let mut root_of_pin = None;
        for leaf in 0..=head.size() {
            if leaf == pinned.size() {
                root_of_pin = Some(tree.root());
            }
            if leaf < head.size() {
                let path = self.note_path(leaf);
                let (_, published, entry) = read_note(&path)?.ok_or_else(|| damaged(&path))?;
                tree.push(entry.leaf_hash());
                state.push(published.force().cloned(), published.sequence(), entry);
            }
        }
        if tree.root() != head.root() {
            return Err(damaged(&path));
        }
        if root_of_pin != Some(pinned.root()) {
            return Err(OperatorError::PinMoved {
                path: self.pin.clone(),
            });
        }
        self.take_away_unsigned(head.size())?;
        if pinned_note != note {
            replace(&self.pin, &note)?;
        }
        state.checkpoint = note.into();
        Ok(())
    }

    /// A signed head of this log.
    fn head(&self, path: &Path) -> Result<(Vec<u8>, Checkpoint), OperatorError> {
        let note = pin::read(path).map_err(|source| io_error(path, source))?;
        let note = note.ok_or_else(|| damaged(path))?;
        let head = open_head(&note, &self.log_name, &self.signer.verifier());
        head.map(|head| (note, head)).ok_or_else(|| damaged(path))
    }

    /// Takes notes away that were written and never signed for: a stop came between.
    fn take_away_unsigned(&self, size: u64) -> Result<(), OperatorError> {
        let mut leaf = size;
        loop {
            let path = self.note_path(leaf);
            match fs::remove_file(&path) {
                Ok(()) => leaf += 1,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) => return Err(io_error(&path, error)),
            }
        }
    }

    /// Lets the log grow by what is not in it yet, durably; gives by how many leaves. What is in it already is passed
    /// over. Blocks.
    ///
    /// # Errors
    ///
    /// One of them is older than what is in the log, or the disk refuses. Nothing is published then.
    pub fn publish(&self, publications: &[Publication]) -> Result<usize, OperatorError> {
        let mut state = self.lock();
        let mut fresh = Vec::new();
        for publication in publications {
            let Publication { note, published } = publication;
            let entry = published.leaf(note);
            if !state.has(published, &entry)? {
                fresh.push((publication, entry));
            }
        }
        if fresh.is_empty() {
            return Ok(0);
        }
        if pin::read(&self.pin).map_err(|source| io_error(&self.pin, source))?
            != Some(state.checkpoint.to_vec())
        {
            return Err(OperatorError::PinMoved {
                path: self.pin.clone(),
            });
        }
        let mut tree: Frontier = state.hashes.iter().copied().collect();
        for (publication, entry) in &fresh {
            if tree.size() >= LEAVES_MAX {
                return Err(OperatorError::TooLong);
            }
            replace(&self.note_path(tree.size()), &publication.note)?;
            tree.push(entry.leaf_hash());
        }
        let path = self.dir.join("checkpoint");
        let note = signed(&self.log_name, &tree, &self.signer).ok_or_else(|| damaged(&path))?;
        replace(&path, &note)?;
        // The log has grown on the disk: going on with the old head in memory would sign another tree.
        if let Err(error) = replace(&self.pin, &note) {
            fail_stop("cannot pin the operator's log", &error);
        }
        for (publication, entry) in &fresh {
            let published = &publication.published;
            state.push(published.force().cloned(), published.sequence(), *entry);
        }
        state.checkpoint = note.into();
        Ok(fresh.len())
    }

    /// The newest checkpoint, as signed.
    #[must_use]
    pub fn checkpoint(&self) -> Bytes {
        self.lock().checkpoint.clone()
    }

    /// A tile of hashes or an entry bundle, at any width that the log reaches; nothing beyond.
    #[must_use]
    pub fn tile(&self, path: &TilePath) -> Option<Bytes> {
        let state = self.lock();
        let size = u64::try_from(state.leaves.len()).ok()?;
        if !path.is_within(size) {
            return None;
        }
        match path.kind() {
            TileKind::Hashes { .. } => tile::from_leaf_hashes(path, &state.hashes).map(Bytes::from),
            TileKind::Entries => {
                let first = usize::try_from(path.first()).ok()?;
                let end = usize::try_from(path.end()).ok()?;
                let entries = state.leaves.get(first..end)?;
                Some(tile::encode_entries(entries).into())
            }
        }
    }

    /// The note of a leaf, as it was signed; nothing when the log does not reach that far. Blocks shortly.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is not what its leaf says.
    pub fn note(&self, leaf: u64) -> Result<Option<Bytes>, OperatorError> {
        let wanted = {
            let state = self.lock();
            let at = usize::try_from(leaf).ok();
            at.and_then(|at| state.leaves.get(at).copied())
        };
        let Some(wanted) = wanted else {
            return Ok(None);
        };
        let path = self.note_path(leaf);
        match read_note(&path)? {
            Some((note, _, entry)) if entry == wanted => Ok(Some(note.into())),
            Some(_) | None => Err(damaged(&path)),
        }
    }

    fn note_path(&self, leaf: u64) -> PathBuf {
        self.dir.join(format!("{leaf:08}.note"))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push(&mut self, of: Option<Force>, sequence: u64, entry: Entry) {
        self.leaves.push(entry);
        self.hashes.push(entry.leaf_hash());
        self.newest.insert(of, (sequence, entry));
    }

    /// Whether this is the newest of its kind already.
    fn has(&self, published: &Published, entry: &Entry) -> Result<bool, OperatorError> {
        let of = published.force().cloned();
        let what = match &of {
            Some(force) => format!("the directory of {force}"),
            None => "the release".to_owned(),
        };
        let found = published.sequence();
        match self.newest.get(&of) {
            Some((_, newest)) if newest == entry => Ok(true),
            Some((logged, _)) if found < *logged => Err(OperatorError::Older {
                what,
                found,
                logged: *logged,
            }),
            Some((logged, _)) if found == *logged => Err(OperatorError::Twice { what, found }),
            Some(_) | None => Ok(false),
        }
    }
}

/// A head of the operator's log that the log key signed; nothing when it is of another log, or not signed so.
pub(crate) fn open_head(note: &[u8], log_name: &str, key: &Verifier) -> Option<Checkpoint> {
    let key = key.renamed(&operator_origin(log_name)).ok()?;
    Checkpoint::open(note, &key).ok()
}

fn signed(log_name: &str, tree: &Frontier, signer: &Signer) -> Option<Vec<u8>> {
    let checkpoint = Checkpoint::of(&operator_origin(log_name), tree).ok()?;
    Some(checkpoint.sign(signer))
}

/// A note, what it says, and its leaf; nothing when there is none.
fn read_note(path: &Path) -> Result<Option<(Vec<u8>, Published, Entry)>, OperatorError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(path, error)),
    };
    let limit = u64::try_from(NOTE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
    let mut note = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut note)
        .map_err(|source| io_error(path, source))?;
    let published = Published::read_logged(&note).map_err(|_| damaged(path))?;
    let entry = published.leaf(&note);
    Ok(Some((note, published, entry)))
}

/// Puts bytes at a path in one durable step. Beyond a full disk there is no error that is gone on after.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), OperatorError> {
    match StagedFile::write(path, bytes).and_then(StagedFile::commit) {
        Ok(()) => Ok(()),
        Err(error) if is_shortage(&error) => Err(OperatorError::Full {
            path: path.to_owned(),
        }),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied
                    | io::ErrorKind::NotFound
                    | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Err(io_error(path, error))
        }
        Err(error) => fail_stop(&format!("cannot write {}", path.display()), &error),
    }
}

fn io_error(path: &Path, source: io::Error) -> OperatorError {
    OperatorError::Io {
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path) -> OperatorError {
    OperatorError::Damaged {
        path: path.to_owned(),
    }
}
