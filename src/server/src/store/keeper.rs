//! Gives the index's file, now and then, what the index holds in memory: a thread of its own, so that neither the writer
//! nor anybody who waits for an answer waits for sled's writes too. An index that fails ends the process.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::fail_stop::{StopOnPanic, fail_stop};
use super::index::Index;
use super::shared::Shared;
use super::writer::CLOSED_EARLY;

/// So long what is held gathers before it is written.
const PAUSE: Duration = Duration::from_millis(50);

/// The thread that keeps the index's file.
pub(crate) struct Keeper {
    held: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl Keeper {
    /// Starts the thread.
    pub(crate) fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (held, receiver) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("index-keeper".to_owned())
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
    let _guard = StopOnPanic("the index is not kept any more");
    for () in held {
        thread::sleep(PAUSE);
        match shared.index().as_ref().map(Index::write_held) {
            Some(Ok(())) => {}
            Some(Err(error)) => fail_stop("cannot write the index", &error),
            None => fail_stop("cannot write the index", &CLOSED_EARLY),
        }
    }
}
