//! What keeps secrets in memory from reaching a disk: no core dump, no tracing, locked pages.

use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

/// Whether the secrets of this run can reach swap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Every page is locked, or there is no swap.
    StaysInMemory,
    /// The system does not let this process lock its pages, and swap is on.
    MaySwap,
}

/// Hardens the process; to be called before the first secret is read.
///
/// # Errors
/// When core dumps cannot be switched off: then no secret should be read at all.
pub(crate) fn process() -> Result<Memory, rustix::io::Errno> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(if lock_pages() || !swap_is_on() {
        Memory::StaysInMemory
    } else {
        Memory::MaySwap
    })
}

/// Locks all pages, present and future, when no limit stands in the way: under a limit a later
/// allocation would fail in the middle of work.
fn lock_pages() -> bool {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let limit = rustix::process::getrlimit(Resource::Memlock);
    if limit.current.is_some() && rustix::process::setrlimit(Resource::Memlock, unlimited).is_err()
    {
        return false;
    }
    rustix::mm::mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT)
        .is_ok()
}

/// `/proc/swaps` has one heading line and then one a swap area. A system without that file is taken to
/// swap.
fn swap_is_on() -> bool {
    !std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() < 2)
}
