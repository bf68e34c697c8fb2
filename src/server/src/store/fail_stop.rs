//! The one way in which the store, and the folder of drafts, end the process.
//!
//! After a failed write or sync the kernel takes the pages that are not on the disk for written: a second sync would
//! succeed without them, and they may still be read (figures.md part 2, section 3). Nothing that was waiting is
//! acknowledged; the next start reads what the kernel shows, and writes the last frame again before it builds on it.
//! It must never be called for a full disk: that is answered with 507.

use std::fmt::Display;

/// Exit code of the process: cannot reach or read.
pub(crate) const EXIT_CODE: i32 = 3;

/// Says what failed on standard error and ends the process at once, without answering anybody.
///
/// `what` names the step and the file, never content.
#[expect(
    clippy::exit,
    reason = "going on after a failed sync could acknowledge what is not on the disk"
)]
#[expect(
    clippy::print_stderr,
    reason = "the log may itself be waiting for the disk that failed"
)]
pub(crate) fn fail_stop(what: &str, cause: &dyn Display) -> ! {
    eprintln!(
        "hafan: {what}: {cause}. The server stops now and has acknowledged nothing that was waiting. \
         Look at the disk, then start again: the start checks every byte of the store"
    );
    std::process::exit(EXIT_CODE)
}

/// Ends the process when the thread that holds it panics: the store's writer must not be missing unseen.
pub(crate) struct StopOnPanic(pub(crate) &'static str);

impl Drop for StopOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            fail_stop(self.0, &"a defect in the program");
        }
    }
}
