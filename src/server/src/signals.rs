//! The signals that the server hears: SIGTERM and SIGINT end it, SIGHUP reads the directories again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock;
use crate::directories::Directories;
use crate::store::OperatorLog;
use crate::telemetry::{Event, log};

/// The signals that the server hears.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for SIGTERM or SIGINT; each SIGHUP on the way reads the directories again.
    pub(crate) async fn stop(&mut self, directories: &Directories, operator: &OperatorLog) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {
                    let refused = directories.read_again(clock::today(), operator);
                    for (force, why) in &refused {
                        log(&Event::DirectoryRefused { force, why });
                    }
                    if refused.is_empty() {
                        log(&Event::DirectoriesRead);
                    }
                }
            }
        }
    }
}
