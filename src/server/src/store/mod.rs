//! Keeps submissions and logs: an append-only value log that is the truth, an index that can be made from it at any
//! time, and pinned checkpoints that say how much has been published.
//!
//! A submission is acknowledged only after its batch is synced; an epoch is published only after it is synced and
//! pinned. There is no way to change or delete what is stored. The store holds ciphertext, digests and checkpoints; it
//! holds no key, keeps no time, and knows no order finer than a batch. Its callers have checked what they hand in;
//! what is on the disk it trusts only after checking it.
//!
//! The shape is kept narrow for a second backend (`PostgreSQL` with quorum commit: figures.md part 2, section 4): whole
//! batches and whole epochs go in, one checkpoint comes out.
//!
//! Source: docs/protocol.md sections 4, 5, 6.

mod disk;
pub(crate) mod fail_stop;
mod frame;

mod record;
mod scan;
mod segment;
pub(crate) mod space;
pub(crate) mod times;

pub(crate) mod folder;
mod index;
mod pin;
mod view;

mod error;
mod shared;

mod archive;
mod backup;
mod epoch;
mod intake;
mod known;
mod operator;
mod read;
mod reindex;
mod replay;
mod restore;
mod write_behind;
mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use hafan_directory::Force;
use hafan_envelope::submission::Digest;
use hafan_tlog::{Signer, TilePath, Verifier};
use tokio::sync::Semaphore;

pub use self::backup::{BackedUp, BackupError, BackupProgress, backup};
pub use self::error::{
    ConfigError, CreateError, EpochDamage, EpochError, OpenError, ReadError, SubmitError,
};
pub use self::intake::{Accepted, Body};
pub use self::operator::{OperatorError, OperatorLog, Publication};
pub use self::read::{Blob, DropAt, Drops, EpochAt};
pub use self::record::RecordError;
pub use self::restore::{Behind, Logs, RestoreError, RestoreProgress, Restored, restore};
pub use self::scan::Damage;

use self::index::Kept;
use self::shared::Shared;
use self::writer::{Command, Writer};

/// Where a store is and how it works.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The folder of the store. Losing it loses reports.
    pub store_dir: PathBuf,
    /// The folder of the pins: on another disk, so that one old copy does not hold both.
    pub pinned_dir: PathBuf,
    /// The beat at which submissions are made durable and answered.
    pub intake_batch: Duration,
    /// Intake is refused while the disk has fewer bytes free than this.
    pub free_bytes_min: u64,
    /// Size of a new segment in bytes, a multiple of 4096: 64 MiB.
    pub segment_size_bytes: u64,
    /// K: by how many leaves each epoch lets a log grow.
    pub leaves_per_epoch: u16,
    /// `<host>/hafan`: the name of the log key, and the beginning of each log's origin.
    pub log_name: String,
    /// The forces that submissions are taken for.
    pub forces: Vec<Force>,
}

/// What an opening store is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpenProgress {
    /// Reading a segment.
    Scanning {
        /// Its number, from 0.
        segment: u32,
        /// Number of segments.
        segments: u32,
    },
    /// Reading a segment a second time, to make the index.
    Indexing {
        /// Its number, from 0.
        segment: u32,
        /// Number of segments.
        segments: u32,
    },
    /// A batch or epoch that was not acknowledged is cut off; `store/torn-SEGMENT-BYTE` keeps it.
    TornTailCut {
        /// The segment.
        segment: u32,
        /// Byte at which the torn frame begins.
        byte: u64,
        /// Bytes cut.
        bytes: u64,
    },
    /// An epoch was durable and not pinned; it is now.
    RolledForward {
        /// The force.
        force: Force,
        /// The year.
        year: u16,
    },
}

/// How the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Submissions are taken.
    pub writable: bool,
    /// The last epoch of every force was closed.
    pub publishing: bool,
    /// The last batch found no room on the disk. It is looked for again at each batch, and each second.
    pub full: bool,
}

/// An open store.
///
/// Dropping it without [`Store::shutdown`] leaves what a killed process leaves: the next start makes the index anew.
pub struct Store {
    shared: Arc<Shared>,
    commands: Sender<Command>,
    writer: Mutex<Option<JoinHandle<(u32, u64)>>>,
    queue: Arc<Semaphore>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("config", &self.shared.config)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Makes a store, with a log of `year` for each force and its signed checkpoint of the empty tree: `hafan init`.
    ///
    /// Makes `store_dir` and `pinned_dir` when they are missing; their parents must be there.
    ///
    /// # Errors
    ///
    /// The folder is not empty, a pin is there, the configuration cannot hold, or the disk refuses.
    pub fn create(config: &StoreConfig, signer: &Signer, year: u16) -> Result<(), CreateError> {
        replay::create(config, signer, year)
    }

    /// Opens a store: reads all segments, compares with the pins, and makes the index anew when that is needed. Blocks.
    ///
    /// # Errors
    ///
    /// There is no store, another process has it, or what it holds is damaged, older than its pins, or not signed by
    /// this key. It changes nothing then.
    pub fn open(
        config: &StoreConfig,
        verifier: &Verifier,
        progress: &dyn Fn(OpenProgress),
    ) -> Result<Self, OpenError> {
        let (parts, segments) = replay::open(config, verifier, progress)?;
        let shared = Arc::new(Shared::new(parts));
        let (commands, receiver) = mpsc::channel();
        let thread = Writer::new(Arc::clone(&shared), segments, receiver).and_then(|writer| {
            thread::Builder::new()
                .name("store-writer".to_owned())
                .spawn(move || writer.run())
        });
        let thread = thread.map_err(|source| OpenError::Io {
            path: config.store_dir.clone(),
            source,
        })?;
        Ok(Self {
            shared,
            commands,
            writer: Mutex::new(Some(thread)),
            queue: intake::queue(),
        })
    }

    /// A file without a name in the store's folder, for [`Body::Spilled`]. Blocks for the disk.
    ///
    /// # Errors
    ///
    /// The disk or the process has no room for it.
    pub fn spill_file(&self) -> io::Result<File> {
        self.shared.folder.spill_file()
    }

    /// Begins the log of a force and year when it has not begun. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Self::close_epoch`].
    pub fn begin_log(&self, force: &Force, year: u16, signer: &Signer) -> Result<(), EpochError> {
        let done = epoch::begin(&self.shared, &self.commands, force, year, signer);
        self.note_epoch(force, done)
    }

    /// Lets the log of a force and year grow by exactly K leaves: the oldest pages of answers that wait, at most
    /// half of K rounded up, then the oldest submissions, at random positions, and decoys. Durable, then pinned, then published. Blocks.
    ///
    /// # Errors
    ///
    /// The disk is full, the year went back, or the pin is not what it was. Nothing has changed then.
    pub fn close_epoch(&self, force: &Force, year: u16, signer: &Signer) -> Result<(), EpochError> {
        let done = epoch::close(&self.shared, &self.commands, force, year, signer);
        self.note_epoch(force, done)
    }

    fn note_epoch(&self, force: &Force, done: Result<(), EpochError>) -> Result<(), EpochError> {
        if self.shared.config.forces.contains(force) {
            self.shared.note_epoch(force, done.is_ok());
        }
        done
    }

    /// The newest checkpoint of a log, as signed.
    #[must_use]
    pub fn checkpoint(&self, force: &Force, year: u16) -> Option<Bytes> {
        self.shared.log(force, year).map(|log| log.note().clone())
    }

    /// The year of a force's newest log.
    #[must_use]
    pub fn latest_year(&self, force: &Force) -> Option<u16> {
        self.shared.latest_year(force)
    }

    /// A tile of hashes or an entry bundle, at any width that the log reaches; nothing beyond. Blocks shortly.
    ///
    /// # Errors
    ///
    /// The index fails.
    pub fn tile(
        &self,
        force: &Force,
        year: u16,
        path: &TilePath,
    ) -> Result<Option<Bytes>, ReadError> {
        read::tile(&self.shared, force, year, path)
    }

    /// The drops and epochs among at most `leaves_max` leaves of a log from leaf `after` on; nothing when there is no
    /// such log. `next` is never beyond the log's size. Blocks shortly.
    ///
    /// # Errors
    ///
    /// The index fails.
    pub fn drops(
        &self,
        force: &Force,
        year: u16,
        after: u64,
        leaves_max: u16,
    ) -> Result<Option<Drops>, ReadError> {
        read::drops(&self.shared, force, year, after, leaves_max)
    }

    /// A submission of a force; nothing when it is not there. Reads it once to check its digests. Blocks.
    ///
    /// # Errors
    ///
    /// It is rotten, or the disk or index fails; other submissions are not touched by that.
    pub fn blob(&self, force: &Force, h: &Digest) -> Result<Option<Blob>, ReadError> {
        read::blob(&self.shared, force, h)
    }

    /// Bytes that may still be written to the store's disk, as of now. What spilled submissions have not yet written
    /// is not taken off.
    ///
    /// # Errors
    ///
    /// The disk does not say.
    pub fn free_bytes(&self) -> io::Result<u64> {
        space::free_bytes(self.shared.folder.root())
    }

    /// How many submissions of a force are durable and wait for an epoch.
    #[must_use]
    pub fn backlog(&self, force: &Force) -> u64 {
        self.waiting(Kept::Drop, force)
    }

    /// How many pages of answers of a force are durable and wait for an epoch.
    #[must_use]
    pub fn pages_waiting(&self, force: &Force) -> u64 {
        self.waiting(Kept::Page, force)
    }

    fn waiting(&self, kept: Kept, force: &Force) -> u64 {
        let queues = self.shared.pending(kept);
        let waiting = queues.get(force).map_or(0, VecDeque::len);
        u64::try_from(waiting).unwrap_or(u64::MAX)
    }

    /// The index parts of the pages of answers among the leaves from `number` × 16,384 on, one after the other; nothing
    /// when the log does not reach that far. Blocks shortly.
    ///
    /// # Errors
    ///
    /// The index fails.
    pub fn reply_index(
        &self,
        force: &Force,
        year: u16,
        number: u64,
    ) -> Result<Option<Bytes>, ReadError> {
        read::reply_index(&self.shared, force, year, number)
    }

    /// The page of answers that a leaf stands for; nothing when it stands for none. Blocks.
    ///
    /// # Errors
    ///
    /// It is rotten, or the disk or index fails.
    pub fn reply_page(
        &self,
        force: &Force,
        year: u16,
        leaf: u64,
    ) -> Result<Option<Bytes>, ReadError> {
        read::reply_page(&self.shared, force, year, leaf)
    }

    /// Whether a submission is durable, without reading it. Blocks shortly.
    ///
    /// # Errors
    ///
    /// The index fails.
    pub fn holds(&self, force: &Force, h: &Digest) -> Result<bool, ReadError> {
        read::holds(&self.shared, force, h)
    }

    /// The forces that submissions are taken for.
    #[must_use]
    pub fn forces(&self) -> &[Force] {
        &self.shared.config.forces
    }

    /// How the store is.
    #[must_use]
    pub fn health(&self) -> Health {
        let full = self.shared.is_full();
        let writable = !full && !self.shared.is_stopping();
        Health {
            writable,
            publishing: self.shared.is_publishing(),
            full,
        }
    }

    /// Ends cleanly: lets the running epoch end, makes durable and answers what waits, closes the index. Blocks.
    ///
    /// Submissions and epochs are refused from then on; so are reads, but for checkpoints.
    pub fn shutdown(&self) {
        self.shared.stop();
        let _no_epoch = self.shared.lock_epoch();
        let Some(end) = self.join_writer() else {
            return;
        };
        let Some(index) = self.shared.take_index() else {
            return;
        };
        match index.close() {
            Ok(()) => {
                if let Err(error) = self.shared.folder.write_clean_mark(end) {
                    tracing::warn!(%error, "cannot mark the clean stop: the next start makes the index anew");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot close the index: the next start makes it anew");
            }
        }
    }

    fn join_writer(&self) -> Option<(u32, u64)> {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()?;
        // When the channel is closed the writer has ended by itself.
        drop(self.commands.send(Command::Stop));
        writer.join().ok()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.stop();
        self.join_writer();
    }
}
