//! What keeps secrets of this process from a disk, a network and other processes: no core dump, no tracing, locked pages,
//! forbidden system calls, and folders that alone it may write to.

mod filter;

use std::path::Path;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use seccompiler::SeccompAction;

use crate::failure::{Failure, Kind};

/// Whether the secrets of this run can reach swap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Memory {
    /// Every page is locked, or there is no swap.
    StaysInMemory,
    /// The system does not let this process lock its pages, and swap is on.
    MaySwap,
}

/// Whether the program is kept to its folders.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Folders {
    /// It can write nowhere else.
    Kept,
    /// The system has no Landlock, or an old one.
    Open,
}

/// Hardens the process; to be called before anything is read, even the arguments.
///
/// # Errors
/// When core dumps cannot be switched off or system calls cannot be forbidden: then no secret should be read at all.
pub(crate) fn process() -> Result<Memory, Failure> {
    filter::install(SeccompAction::KillProcess, &[]).map_err(|why| {
        Failure::new(
            Kind::Unsafe,
            "this system does not let the program forbid itself the network",
            "run this on Linux with seccomp, as Debian and Ubuntu have it, outside a container",
        )
        .because(why)
    })?;
    no_core_dumps().map_err(|errno| {
        Failure::new(
            Kind::Unsafe,
            "core dumps cannot be switched off, and they could hold secrets",
            "run this on a system that lets a program switch off its core dumps",
        )
        .because(std::io::Error::from(errno))
    })?;
    Ok(if lock_pages() || !swap_is_on() {
        Memory::StaysInMemory
    } else {
        Memory::MaySwap
    })
}

fn no_core_dumps() -> Result<(), rustix::io::Errno> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none)?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
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

/// Lets the process write from now on only below these folders and to the terminal, and forbids it TCP once more. A folder
/// that is not there gives no right; the verb that needs it says so.
///
/// # Errors
/// When the system has Landlock and refuses.
pub(crate) fn folders(may_write: &[&Path]) -> Result<Folders, Failure> {
    confine(may_write).map_err(|why| {
        Failure::new(
            Kind::Unsafe,
            "this system did not keep the program to its folders",
            "run this outside a container; if it stays so, report it",
        )
        .because(why)
    })
}

fn confine(may_write: &[&Path]) -> Result<Folders, RulesetError> {
    let abi = ABI::V4;
    let (all, read) = (AccessFs::from_all(abi), AccessFs::from_read(abi));
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(abi))?
        .create()?;
    // To execute is forbidden by the filter and here.
    if let Ok(fd) = PathFd::new("/") {
        rules = rules.add_rule(PathBeneath::new(fd, read & !AccessFs::Execute))?;
    }
    for path in ["/dev/tty", "/dev/null", "/dev/pts"]
        .map(Path::new)
        .iter()
        .chain(may_write)
    {
        if let Ok(fd) = PathFd::new(path) {
            let rights = if path.is_dir() {
                all & !AccessFs::Execute
            } else {
                AccessFs::from_file(abi) & !AccessFs::Execute
            };
            rules = rules.add_rule(PathBeneath::new(fd, rights))?;
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Folders::Kept,
        RulesetStatus::PartiallyEnforced | RulesetStatus::NotEnforced => Folders::Open,
    })
}
