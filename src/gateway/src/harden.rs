//! What keeps what people write from a disk, from other processes, and from places that it has no business in: no core dump, no tracing,
//! locked pages, forbidden system calls, and no file to be opened at all.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
};
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit};
use seccompiler::{BackendError, BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Calls that this program never makes: other programs, other processes' memory, and ways around a filter.
const CALLS: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
];

/// Why the process is not safe enough to take a form.
#[derive(Debug, thiserror::Error)]
pub enum HardenError {
    /// Core dumps or tracing cannot be forbidden.
    #[error(
        "cannot {what}, and it could give away what people write: run this outside a container that forbids it"
    )]
    System {
        /// What was asked for.
        what: &'static str,
        /// From the operating system.
        source: io::Error,
    },
    /// Memory may be swapped out.
    #[error(
        "memory cannot be locked, and this machine has swap space, where what people write could stay: \
         raise LimitMEMLOCK to infinity, or switch swap off with swapoff -a"
    )]
    Swap,
    /// No filter of system calls.
    #[error("this system takes no filter of system calls: run this on Linux with seccomp")]
    Filter(#[source] FilterError),
    /// Landlock refuses.
    #[error("this system did not keep the program from its files")]
    Folders(#[from] RulesetError),
}

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// It cannot be made for this processor.
    #[error("the filter cannot be made")]
    Backend(#[from] BackendError),
    /// The system does not take it.
    #[error("the filter is not taken")]
    Install(#[from] seccompiler::Error),
}

/// Hardens the process: first thing in `main`, before anything is read.
///
/// # Errors
/// When something is refused: then nobody should write here.
pub fn process() -> Result<(), HardenError> {
    // A panic's message can hold what was sent; its place in the code is enough to find the fault.
    std::panic::set_hook(Box::new(|info| {
        use std::io::Write as _;
        if let Some(place) = info.location() {
            let _closed = writeln!(
                io::stderr(),
                "hafan-gateway: fault at {}:{}",
                place.file(),
                place.line()
            );
        }
    }));
    let failed = |what| {
        move |errno: rustix::io::Errno| HardenError::System {
            what,
            source: errno.into(),
        }
    };
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none).map_err(failed("forbid core dumps"))?;
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(failed("forbid tracing of this process"))?;
    filter().map_err(HardenError::Filter)?;
    if lock_pages() || !swap_is_on() {
        Ok(())
    } else {
        Err(HardenError::Swap)
    }
}

/// A forbidden call ends the program at once: it can only come from code that somebody else put into it.
fn filter() -> Result<(), FilterError> {
    let processor = TargetArch::try_from(std::env::consts::ARCH)?;
    let rules = CALLS
        .iter()
        .map(|call| (*call, Vec::new()))
        .collect::<BTreeMap<_, _>>();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::KillProcess,
        processor,
    )?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

/// Locks all pages, present and future, unless a limit stands in the way: under one a later allocation would fail in the middle of work.
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

/// `/proc/swaps` has one heading line and then one a swap area. A system without that file is taken to swap.
fn swap_is_on() -> bool {
    !std::fs::read_to_string("/proc/swaps").is_ok_and(|swaps| swaps.lines().count() < 2)
}

/// From now on no file can be opened, for reading neither, no socket bound, and no TCP connection made but to `server`. To be called
/// when all is read and bound, and before the first thread is started. A system without Landlock has the unit's sandbox only.
///
/// # Errors
/// When the system has Landlock and refuses.
pub fn places(server: Option<SocketAddr>) -> Result<(), HardenError> {
    let abi = ABI::V4;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .create()?;
    if let Some(server) = server {
        rules = rules.add_rule(NetPort::new(server.port(), AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()?;
    Ok(())
}
