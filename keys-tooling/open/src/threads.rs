//! Work shared among the cores there are.

use std::num::NonZero;
use std::thread;

/// The most threads.
const THREADS_MAX: usize = 8;

/// A thread's stack, in bytes: the header of an age file and its keys lie on it, and no payload.
const STACK_SIZE_BYTES: usize = 512 * 1024;

/// Does `work` on this thread and on others, one a core, at most `most` in all; each call takes what is left to do until
/// nothing is.
///
/// A system that gives no more threads, as where memory that may be locked is short, leaves it all to fewer.
pub fn share(most: usize, work: impl Fn() + Sync) {
    share_on(threads(most), work);
}

/// How many threads there are to be for work of `most` parts.
pub(crate) fn threads(most: usize) -> usize {
    // To ask the system costs as much as to open a small report.
    if most < 2 {
        return 1;
    }
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    cores.min(most).clamp(1, THREADS_MAX)
}

pub(crate) fn share_on(threads: usize, work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 1..threads {
            let thread = thread::Builder::new().stack_size(STACK_SIZE_BYTES);
            if thread.spawn_scoped(scope, &work).is_err() {
                break;
            }
        }
        work();
    });
}
