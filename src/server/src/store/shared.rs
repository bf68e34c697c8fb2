//! What the writer, the sequencer and the readers of one store share.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hafan_directory::Force;
use hafan_tlog::Verifier;

use super::StoreConfig;
use super::fail_stop::fail_stop;
use super::folder::Folder;
use super::index::{Index, IndexError, Kept};
use super::pin::Pins;
use super::space::{Full, is_shortage};
use super::view::LogView;

/// A submission or page of answers that is durable and in no epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) h: [u8; 32],
    pub(crate) t: [u8; 32],
}

/// The logs of a store, as published.
pub(crate) type Logs = BTreeMap<(Force, u16), Arc<LogView>>;

/// For each force what waits for an epoch, the oldest first.
pub(crate) type Queues = BTreeMap<Force, VecDeque<Pending>>;

pub(crate) struct Shared {
    pub(crate) config: StoreConfig,
    pub(crate) verifier: Verifier,
    pub(crate) folder: Folder,
    pub(crate) pins: Pins,
    /// Held while the store is open.
    pub(crate) _lock: File,
    index: RwLock<Option<Index>>,
    logs: RwLock<Logs>,
    pending: Mutex<Queues>,
    pages: Mutex<Queues>,
    /// One epoch at a time.
    epoch: Mutex<()>,
    full: AtomicBool,
    stopping: AtomicBool,
    /// Forces whose last epoch could not be closed.
    unpublished: Mutex<BTreeSet<Force>>,
}

/// What a store is opened with.
pub(crate) struct Parts {
    pub(crate) config: StoreConfig,
    pub(crate) verifier: Verifier,
    pub(crate) folder: Folder,
    pub(crate) pins: Pins,
    pub(crate) lock: File,
    pub(crate) index: Index,
    pub(crate) logs: Logs,
    pub(crate) pending: Queues,
    pub(crate) pages: Queues,
}

impl Shared {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            config: parts.config,
            verifier: parts.verifier,
            folder: parts.folder,
            pins: parts.pins,
            _lock: parts.lock,
            index: RwLock::new(Some(parts.index)),
            logs: RwLock::new(parts.logs),
            pending: Mutex::new(parts.pending),
            pages: Mutex::new(parts.pages),
            epoch: Mutex::new(()),
            full: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            unpublished: Mutex::new(BTreeSet::new()),
        }
    }

    /// The index; nothing once the store is shut.
    pub(crate) fn index(&self) -> RwLockReadGuard<'_, Option<Index>> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take_index(&self) -> Option<Index> {
        self.index
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Asks or changes the index for one of the store's threads, which all end before it is taken. Ends the process when
    /// that fails: nothing could be told to be new.
    pub(crate) fn index_or_stop<T>(
        &self,
        what: &str,
        ask: impl FnOnce(&Index) -> Result<T, IndexError>,
    ) -> T {
        match self.index().as_ref().map(ask) {
            Some(Ok(done)) => done,
            Some(Err(error)) => fail_stop(what, &error),
            None => fail_stop(what, &"it was closed before the store's threads ended"),
        }
    }

    /// Keeps room on the disk for the next change of the index.
    pub(crate) fn keep_index_room(&self) -> Result<(), Full> {
        match self.index().as_ref().map(Index::keep_room) {
            None | Some(Ok(())) => Ok(()),
            Some(Err(error)) if is_shortage(&error) => Err(Full),
            Some(Err(error)) => fail_stop("cannot keep room for the index", &error),
        }
    }

    pub(crate) fn logs(&self) -> RwLockReadGuard<'_, Logs> {
        self.logs.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn logs_mut(&self) -> RwLockWriteGuard<'_, Logs> {
        self.logs.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, force: &Force, year: u16) -> Option<Arc<LogView>> {
        self.logs().get(&(force.clone(), year)).cloned()
    }

    pub(crate) fn latest_year(&self, force: &Force) -> Option<u16> {
        let range = (force.clone(), 0)..=(force.clone(), u16::MAX);
        self.logs()
            .range(range)
            .next_back()
            .map(|((_, year), _)| *year)
    }

    /// What waits for an epoch.
    pub(crate) fn pending(&self, kept: Kept) -> MutexGuard<'_, Queues> {
        let queues = match kept {
            Kept::Drop => &self.pending,
            Kept::Page => &self.pages,
        };
        queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lock_epoch(&self) -> MutexGuard<'_, ()> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// Whether the last epoch of each force was closed.
    pub(crate) fn is_publishing(&self) -> bool {
        self.unpublished
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_empty()
    }

    pub(crate) fn note_epoch(&self, force: &Force, closed: bool) {
        let mut unpublished = self
            .unpublished
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if closed {
            unpublished.remove(force);
        } else {
            unpublished.insert(force.clone());
        }
    }
}
