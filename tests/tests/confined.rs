//! What the server cannot do once it runs: each forbidden system call ends a process under its filter; the process as built
//! has no capability, is kept to its folders, leaves no core dump; and traced under load it makes no line of its own.
//! Needs root and `strace`.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common_http::{Server, lay_out};
use hafan::confine::filter::{CALLS, programs};
use hafan_tests::reports::{shaped, shaped_draft};
use hafan_tests::{put, resident_bytes};
use rustix::process::{Pid, Signal, kill_process};
use seccompiler::SeccompAction;
use xtask::http::get;

/// What a shell's child needs to be made at all.
const TO_START: [i64; 5] = [
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_vfork,
    libc::SYS_fork,
    libc::SYS_execve,
];

/// Runs Perl, which every Debian has at this place and which makes the call with nothing before it.
fn calls(number: i64) -> ExitStatus {
    Command::new("/usr/bin/perl")
        .args(["-e", &format!("syscall({number}, 0, 0, 0, 0, 0, 0)")])
        .env_clear()
        .stdin(Stdio::null())
        .status()
        .unwrap()
}

/// A filter cannot be taken off, so it is put over a thread of its own.
#[test]
fn each_forbidden_call_ends_a_process_under_the_filter() {
    let under_filter = || {
        for program in programs(SeccompAction::KillProcess, &TO_START).unwrap() {
            seccompiler::apply_filter(&program).unwrap();
        }
        let harmless = calls(libc::SYS_getpid);
        assert!(harmless.success(), "{harmless}");
        for (name, number) in CALLS {
            if !TO_START.contains(number) {
                assert_eq!(calls(*number).signal(), Some(libc::SIGSYS), "{name}");
            }
        }
    };
    thread::spawn(under_filter).join().unwrap();
}

#[test]
fn no_process_is_started_under_the_filter_and_threads_are() {
    let under_filter = || {
        let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        for program in programs(refuse, &[]).unwrap() {
            seccompiler::apply_filter(&program).unwrap();
        }
        assert_eq!(thread::spawn(|| 7).join().unwrap(), 7);
        Command::new("/bin/true").status().unwrap_err()
    };
    let refused = thread::spawn(under_filter).join().unwrap();
    assert_eq!(refused.raw_os_error(), Some(libc::EPERM));
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap()
}

#[test]
fn every_thread_of_the_server_as_built_is_confined() {
    let server = common_http::start();
    // Also those that are started for work as it comes.
    let sent = shaped(1, 0);
    let answer = put(server.address, "btp", &sent.h.to_string(), &sent.submission);
    assert_eq!(answer.unwrap().status, 201);
    let proc = format!("/proc/{}", server.process.id());
    let mut threads = 0;
    for task in fs::read_dir(format!("{proc}/task")).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        assert_eq!(field(&status, "Seccomp:"), "2", "{status}");
        assert_eq!(field(&status, "Seccomp_filters:"), "2", "{status}");
        assert_eq!(field(&status, "NoNewPrivs:"), "1", "{status}");
        for set in ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"] {
            assert_eq!(field(&status, set), "0000000000000000", "{status}");
        }
        threads += 1;
    }
    assert!(threads > 2, "{threads} threads");
    let limits = fs::read_to_string(format!("{proc}/limits")).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"))
        .unwrap();
    let core: Vec<&str> = core.split_whitespace().take(2).collect();
    assert_eq!(core, ["0", "0"]);
    // Whoever looks for plaintext in its memory as root still can.
    assert!(resident_bytes(server.process.id()).unwrap() > 0);
    assert!(fs::File::open(format!("{proc}/mem")).is_ok());
}

fn wait_for(server: &Server, words: &str) {
    let start = Instant::now();
    while !server.laid.events().contains(words) {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "{}",
            server.laid.events()
        );
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_file_outside_its_folders_cannot_be_read_whatever_leads_there() {
    let server = common_http::start();
    assert!(
        !server.laid.events().contains("Landlock"),
        "no Landlock here"
    );
    let inside = server.laid.path("directories/btp.directory");
    let lead_to = |name: &str| {
        let target = server.laid.path(name);
        fs::copy(&inside, &target).unwrap();
        fs::remove_file(&inside).unwrap();
        std::os::unix::fs::symlink(&target, &inside).unwrap();
        kill_process(Pid::from_child(&server.process), Signal::HUP).unwrap();
    };
    // A link itself is no obstacle.
    lead_to("directories/elsewhere");
    wait_for(&server, "directories read again");
    assert!(!server.laid.events().contains("refused"));
    lead_to("elsewhere");
    wait_for(
        &server,
        "directory of btp refused, the one before it stays: cannot read",
    );
}

/// What of the network a server may ask of the system, from its start on.
const NETWORK: [&str; 13] = [
    "socket",
    "socketpair",
    "bind",
    "listen",
    "accept4",
    "setsockopt",
    "getsockopt",
    "getsockname",
    "getpeername",
    "recvfrom",
    "sendto",
    "shutdown",
    "exited",
];

/// The name and arguments of each call of a trace that was begun or done.
fn traced(trace: &str) -> impl Iterator<Item = (&str, &str)> {
    trace.lines().filter_map(|line| {
        let call = line.split_once(' ')?.1.trim_start();
        (!call.starts_with(['<', '+', '-'])).then_some(())?;
        call.split_once('(')
    })
}

/// What glibc looks at when it gives memory back, if it may.
const ALLOCATORS: &str = "/proc/sys/vm/overcommit_memory";

/// A path that a call opens by its whole name, outside the folders of the server.
fn opened_outside<'a>(dir: &Path, arguments: &'a str) -> Option<&'a str> {
    let path = arguments.split('"').nth(1)?;
    let is_outside = path.starts_with('/') && !Path::new(path).starts_with(dir);
    (is_outside && path != ALLOCATORS).then_some(path)
}

#[test]
fn traced_under_load_it_opens_no_line_and_no_file_but_its_own() {
    let mut laid = lay_out("");
    let (wrapper, out) = (laid.path("traced"), laid.path("trace"));
    // -D: the server itself stays this test's child.
    let script = format!(
        "#!/bin/sh\nexec strace -D -f -qq -e trace=network,open,openat,openat2,creat -o {} {} \"$@\"\n",
        out.display(),
        laid.program.display()
    );
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(
        &wrapper,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
    laid.program = wrapper;
    let mut server = laid.serve();
    let before = fs::read_to_string(&out).unwrap();
    for number in 0..20 {
        let sent = shaped(number, usize::try_from(number % 6).unwrap());
        let force = common_http::FORCES[usize::try_from(number % 2).unwrap()];
        let answer = put(server.address, force, &sent.h.to_string(), &sent.submission);
        assert_eq!(answer.unwrap().status, 201);
        for path in [
            "/",
            "/v1/forces/btp/directory",
            "/log/btp/latest",
            "/readyz",
            "/nowhere",
        ] {
            get(server.address, path, &[]).unwrap();
        }
    }
    draft(&server);
    kill_process(Pid::from_child(&server.process), Signal::HUP).unwrap();
    wait_for(&server, "directories read again");
    kill_process(Pid::from_child(&server.process), Signal::TERM).unwrap();
    assert!(server.process.wait().unwrap().success());
    let trace = fs::read_to_string(&out).unwrap();
    let names: BTreeSet<&str> = traced(&trace)
        .map(|(name, _)| name)
        .filter(|name| !name.starts_with("open"))
        .collect();
    assert!(names.contains("accept4"), "{names:?}");
    let other: Vec<_> = names
        .iter()
        .filter(|name| !NETWORK.contains(name))
        .collect();
    assert!(other.is_empty(), "{other:?}");
    // No name is looked up and no datagram sent: every socket of an address family is the one that it listens on.
    let sockets = traced(&trace).filter(|(name, _)| *name == "socket");
    let sockets: Vec<_> = sockets.map(|(_, arguments)| arguments).collect();
    assert_eq!(sockets.len(), 1, "{sockets:?}");
    assert!(
        sockets
            .iter()
            .all(|one| one.starts_with("AF_INET, SOCK_STREAM")),
        "{sockets:?}"
    );
    // Once it listens, no file but its own is opened, and no socket made.
    let after = trace.strip_prefix(before.as_str()).unwrap_or(&trace);
    let dir = server.laid.dir.path();
    let outside: BTreeSet<_> = traced(after)
        .filter(|(name, _)| name.starts_with("open"))
        .filter_map(|(_, arguments)| opened_outside(dir, arguments))
        .collect();
    assert!(outside.is_empty(), "{outside:?}");
}

/// Saves one and reads it back.
fn draft(server: &Server) {
    use sha2::{Digest as _, Sha256};
    let key = [5; 32];
    let id = hex::encode(
        Sha256::new()
            .chain_update(b"hafan/draft-id/v1\0")
            .chain_update(key)
            .finalize(),
    );
    let path = format!("/v1/drafts/{id}");
    let body = [key.as_slice(), &shaped_draft(1)].concat();
    let kind = [("Content-Type", "application/vnd.hafan.draft")];
    let saved = xtask::http::request(server.address, "PUT", &path, &kind, Some(&body)).unwrap();
    assert_eq!(saved.status, 201, "{}", saved.text());
    assert_eq!(get(server.address, &path, &[]).unwrap().status, 200);
}
