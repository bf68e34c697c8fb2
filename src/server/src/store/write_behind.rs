//! The index's write-behind: a thread that gives sled, now and then, what the index holds in memory, so that neither the
//! writer nor anybody who waits for an answer waits for sled's writes too.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::fail_stop::{StopOnPanic, fail_stop};
use super::index::Index;
use super::shared::Shared;

/// So long what is held gathers before it is written.
const PAUSE: Duration = Duration::from_millis(50);

/// The thread.
pub(crate) struct WriteBehind {
    held: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl WriteBehind {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (held, receiver) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(move || run(&shared, &receiver))?;
        Ok(Self { held, thread })
    }

    /// Says that the index holds something new. Never blocks.
    pub(crate) fn note(&self) {
        // Where it is said already nothing is lost; and the thread does not end before this, or the process ends too.
        let _said_already = self.held.try_send(());
    }

    /// Waits until all that is held is written, and ends the thread.
    pub(crate) fn end(self) {
        drop(self.held);
        if self.thread.join().is_err() {
            fail_stop("cannot write the index", &"a defect in the program");
        }
    }
}

fn run(shared: &Shared, held: &Receiver<()>) {
    let _guard = StopOnPanic("the index is not written any more");
    for () in held {
        thread::sleep(PAUSE);
        shared.index_or_stop("cannot write the index", Index::write_held);
    }
}
