//! Which system calls the server can never make once it listens: a seccomp filter over all its threads.
//!
//! Lines are taken and answered; none is opened, and nothing else is listened on. No other program, no other process, no
//! look into another process, no interface that goes around the filter. A call that is forbidden ends the process at
//! once: it can only come from code that somebody else put into it.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

/// Calls that are forbidden whatever their arguments.
pub const CALLS: &[(&str, i64)] = &[
    // New lines of any kind, and names on the network. Answers go by sendto and writev on lines that came in.
    ("socket", libc::SYS_socket),
    ("socketpair", libc::SYS_socketpair),
    ("connect", libc::SYS_connect),
    ("bind", libc::SYS_bind),
    ("listen", libc::SYS_listen),
    ("sendmmsg", libc::SYS_sendmmsg),
    ("recvmmsg", libc::SYS_recvmmsg),
    // Other programs.
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    // Other processes' memory and files.
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("pidfd_open", libc::SYS_pidfd_open),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("kcmp", libc::SYS_kcmp),
    // Ways around a filter, and into the kernel.
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter),
    ("io_uring_register", libc::SYS_io_uring_register),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("memfd_create", libc::SYS_memfd_create),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2),
    ("pivot_root", libc::SYS_pivot_root),
    ("chroot", libc::SYS_chroot),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("personality", libc::SYS_personality),
    ("keyctl", libc::SYS_keyctl),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("kexec_load", libc::SYS_kexec_load),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("reboot", libc::SYS_reboot),
    ("setuid", libc::SYS_setuid),
    ("setgid", libc::SYS_setgid),
    ("capset", libc::SYS_capset),
];

/// The old calls that make a process; other machines than this one never had them.
#[cfg(target_arch = "x86_64")]
const PROCESSES: &[i64] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const PROCESSES: &[i64] = &[];

/// Set in the number of a call that is made the way of 32-bit pointers (x32), which the same processor takes.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub enum FilterError {
    /// This processor has none.
    #[error("this machine's processor is not one that the filter is made for")]
    Processor,
    /// The filter cannot be made.
    #[error("the filter cannot be made")]
    Backend(#[from] BackendError),
    /// The system does not take it.
    #[error("the system takes no filter of system calls")]
    Install(#[from] seccompiler::Error),
}

/// Puts the filter over all threads of the process and all that they start. It cannot be taken off.
///
/// # Errors
/// When the system takes no filter.
pub fn install_for_all_threads() -> Result<(), FilterError> {
    for program in programs(SeccompAction::KillProcess, &[])? {
        seccompiler::apply_filter_all_threads(&program)?;
    }
    Ok(())
}

/// The filters, in the order in which they are put; a forbidden call meets with `action`. Calls in `but` stay possible.
///
/// # Errors
/// When they cannot be made for this processor.
pub fn programs(action: SeccompAction, but: &[i64]) -> Result<Vec<BpfProgram>, FilterError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    let numbers = CALLS.iter().map(|(_, number)| *number);
    for number in numbers.chain(PROCESSES.iter().copied()) {
        rules.insert(number, Vec::new());
        #[cfg(target_arch = "x86_64")]
        rules.insert(number | X32, Vec::new());
    }
    rules.insert(libc::SYS_clone, vec![not_a_thread()?]);
    #[cfg(target_arch = "x86_64")]
    rules.insert(libc::SYS_clone | X32, Vec::new());
    rules.retain(|number, _| !but.contains(number));
    let calls = program(rules, action)?;
    if but.contains(&libc::SYS_clone3) {
        return Ok(vec![calls]);
    }
    // What clone3 is asked lies in memory, where a filter cannot look: without it the C library asks clone instead.
    let clone3 = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let unknown = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    Ok(vec![calls, program(clone3, unknown)?])
}

fn program(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    action: SeccompAction,
) -> Result<BpfProgram, FilterError> {
    let processor =
        TargetArch::try_from(std::env::consts::ARCH).map_err(|_| FilterError::Processor)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, processor)?;
    Ok(filter.try_into()?)
}

/// A clone that does not share its process with its maker is a new process.
fn not_a_thread() -> Result<SeccompRule, BackendError> {
    let thread = u64::try_from(libc::CLONE_THREAD).unwrap_or(0);
    let flags = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Qword,
        SeccompCmpOp::MaskedEq(thread),
        0,
    )?;
    SeccompRule::new(vec![flags])
}
