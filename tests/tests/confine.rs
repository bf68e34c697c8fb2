//! What the offline tool cannot do: each forbidden system call ends it, new processes and programs are refused, threads are
//! not, and the program as built runs under the filter, without core dumps, in its folders.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[path = "../../keys-tooling/officer/src/harden/filter.rs"]
mod filter;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use filter::{CALLS, install};
use seccompiler::SeccompAction;
use xtask::binaries::Binaries;

/// What a shell's child needs to be made at all; each is tried by itself below.
const TO_START: [i64; 5] = [
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_vfork,
    libc::SYS_fork,
    libc::SYS_execve,
];

/// The call fails, so that the test lives on to say so.
const REFUSE: SeccompAction = SeccompAction::Errno(libc::EPERM.unsigned_abs());

/// Runs Perl, which every Debian has at this place and which makes the call with nothing before it, under the filter of this
/// thread.
fn calls(number: i64) -> ExitStatus {
    Command::new("/usr/bin/perl")
        .args(["-e", &format!("syscall({number}, 0, 0, 0, 0, 0, 0)")])
        .env_clear()
        .stdin(Stdio::null())
        .status()
        .unwrap()
}

/// A filter cannot be taken off, so each test puts it over a thread of its own.
fn under_filter<T: Send + 'static>(
    action: SeccompAction,
    but: &'static [i64],
    work: impl FnOnce() -> T + Send + 'static,
) -> T {
    let work = move || {
        install(action, but).unwrap();
        work()
    };
    thread::spawn(work).join().unwrap()
}

#[test]
fn each_forbidden_call_ends_the_program() {
    under_filter(SeccompAction::KillProcess, &TO_START, || {
        let harmless = calls(libc::SYS_getpid);
        assert!(harmless.success(), "{harmless}");
        for (name, number) in CALLS {
            if *number != libc::SYS_execve {
                assert_eq!(calls(*number).signal(), Some(libc::SIGSYS), "{name}");
            }
        }
        #[cfg(target_arch = "x86_64")]
        assert_eq!(
            calls(libc::SYS_socket | 0x4000_0000).signal(),
            Some(libc::SIGSYS),
            "socket by x32"
        );
    });
}

#[test]
fn no_process_and_no_program_is_started_and_threads_are() {
    let refused = under_filter(REFUSE, &[], || {
        let thread = thread::spawn(|| 7).join().unwrap();
        assert_eq!(thread, 7);
        Command::new("/bin/true").status().unwrap_err()
    });
    assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
    let refused = under_filter(
        REFUSE,
        &[libc::SYS_clone, libc::SYS_clone3, libc::SYS_vfork],
        || Command::new("/bin/true").status().unwrap_err(),
    );
    assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
    let refused = under_filter(REFUSE, &[], || {
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap_err()
    });
    assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
}

/// The program waits for its passphrases at a named pipe; meanwhile the system says how it runs.
#[test]
fn the_program_as_built_runs_so() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("passphrases");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    fs::set_permissions(&pipe, fs::Permissions::from_mode(0o600)).unwrap();
    let mut program = Command::new(Binaries::built().unwrap().keys())
        .args([
            "ceremony",
            "--force",
            "btp",
            "--officers",
            "2",
            "--quorum",
            "2",
            "--weeks",
            "1",
        ])
        .args([
            "--log",
            &log_key(),
            "--out",
            "keys",
            "--passphrase-file",
            "passphrases",
        ])
        .current_dir(dir.path())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A pipe opens for writing once somebody opened it for reading: the program is past its hardening then.
    let writer = fs::File::options().write(true).open(&pipe).unwrap();
    let proc = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", program.id())).unwrap();
    let (status, limits) = (proc("status"), proc("limits"));
    drop(writer);
    let mut said = String::new();
    std::io::Read::read_to_string(&mut program.stderr.take().unwrap(), &mut said).unwrap();
    assert!(!program.wait().unwrap().success());
    let value = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    assert_eq!(value("Seccomp:"), "2");
    assert_eq!(value("Seccomp_filters:"), "2");
    assert_eq!(value("NoNewPrivs:"), "1");
    // Where the system lets no memory be locked, there is no swap, or the program says what to do.
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default();
    let is_told = said.contains("swapoff");
    assert!(
        value("VmLck:") != "0" || swaps.lines().count() < 2 || is_told,
        "{said}"
    );
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(),
        ["0", "0"]
    );
}

fn log_key() -> String {
    let signer = hafan_tlog::Signer::from_seed("confine.example/hafan", &[3; 32]).unwrap();
    signer.verifier().to_string()
}
