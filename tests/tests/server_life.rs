//! The server's life: what it does when asked to end, to read its directories again, or to start on what is not right.
//! Each refusal says what was found, what was wanted and what to do, and has its exit code.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common_http::{FORCES, Laid, Server, assert_headers, lay_out, read_continue, root, today};
use hafan_directory::Directory;
use hafan_tests::reports::{Prepared, shaped};
use jiff::ToSpan as _;
use rustix::process::{Pid, Signal, kill_process};
use xtask::http::{Answer, connect, read_answer};
use xtask::process::guarded;

fn signal(server: &Server, signal: Signal) {
    kill_process(Pid::from_child(&server.process), signal).unwrap();
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(30), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// The head of an upload and the first half of it, on a line that stays open.
fn half_an_upload(server: &Server, report: &Prepared) -> TcpStream {
    let mut stream = connect(server.address).unwrap();
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        report.h,
        report.submission.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The server reads the body from here on; before, it may not have taken the connection.
    read_continue(&mut stream);
    let half = report.submission.len() / 2;
    stream.write_all(&report.submission[..half]).unwrap();
    stream
}

fn put_again(server: &Server, report: &Prepared) -> Answer {
    hafan_tests::put(
        server.address,
        "btp",
        &report.h.to_string(),
        &report.submission,
    )
    .unwrap()
}

/// Waits for the end, and gives the exit code and the folders.
fn ended(mut server: Server) -> (Option<i32>, Laid) {
    let status = server.process.wait().unwrap();
    let empty = Laid {
        dir: tempfile::tempdir().unwrap(),
        program: server.laid.program.clone(),
        vkey: String::new(),
    };
    (status.code(), std::mem::replace(&mut server.laid, empty))
}

#[test]
fn an_upload_under_way_at_a_stop_gets_its_answer_and_is_kept() {
    for class in [0, 5] {
        let server = common_http::start();
        let report = shaped(1, class);
        let mut upload = half_an_upload(&server, &report);
        signal(&server, Signal::TERM);
        wait_until("draining", || {
            server.laid.events().contains("no new connections")
        });
        // From here on nobody new is let in.
        wait_until("the door closes", || {
            TcpStream::connect(server.address).is_err()
        });
        let half = report.submission.len() / 2;
        upload.write_all(&report.submission[half..]).unwrap();
        let answer = read_answer(&mut upload).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
        let (code, laid) = ended(server);
        assert_eq!(code, Some(0), "{}", laid.events());
        assert!(laid.events().contains("\"stopped\""), "{}", laid.events());
        let server = laid.serve();
        assert_eq!(put_again(&server, &report).status, 200);
    }
}

#[test]
fn an_idle_line_does_not_hold_a_stop_up() {
    let server = common_http::start();
    let mut stream = connect(server.address).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    signal(&server, Signal::INT);
    let (code, laid) = ended(server);
    assert_eq!(code, Some(0), "{}", laid.events());
}

/// The sequence of the directory that is handed out.
fn sequence(server: &Server) -> u64 {
    let answer = xtask::http::get(server.address, "/v1/forces/btp/directory", &[]).unwrap();
    assert_eq!(answer.status, 200);
    Directory::open(&answer.body, &root("btp").verifier())
        .unwrap()
        .sequence()
}

#[test]
fn a_hangup_reads_the_directories_again_and_takes_none_that_is_not_right() {
    let server = common_http::start();
    assert_eq!(sequence(&server), 1);
    server.laid.issue("btp", 3, today());
    signal(&server, Signal::HUP);
    wait_until("the newer directory", || sequence(&server) == 3);

    let path = server.laid.path("directories/btp.directory");
    let refused = |words: &str| {
        signal(&server, Signal::HUP);
        wait_until(words, || server.laid.events().contains(words));
        assert_eq!(sequence(&server), 3, "{words}");
    };
    server.laid.issue("btp", 2, today());
    refused("has sequence 2, and 3 is in the operator's log");
    server
        .laid
        .issue("btp", 4, today().checked_sub(8.days()).unwrap());
    refused("does not hold today");
    fs::copy(
        server.laid.path("directories/leicestershire.directory"),
        &path,
    )
    .unwrap();
    refused("is refused");
    fs::remove_file(&path).unwrap();
    refused("cannot read the directory");

    server.laid.issue("btp", 5, today());
    signal(&server, Signal::HUP);
    wait_until("the newest directory", || sequence(&server) == 5);
}

/// One fault, the exit code and the words that it is refused with.
struct Fault {
    what: &'static str,
    make: fn(&Laid),
    code: i32,
    words: &'static [&'static str],
}

const FAULTS: [Fault; 18] = [
    Fault {
        what: "no configuration",
        make: |laid| fs::remove_file(laid.path("config.toml")).unwrap(),
        code: 3,
        words: &[
            "cannot read the configuration",
            "config.toml",
            "No such file",
        ],
    },
    Fault {
        what: "unknown option",
        make: |laid| laid.configure("colour = 3"),
        code: 2,
        words: &["config.toml", "unknown field `colour`", "`leave_url`"],
    },
    Fault {
        what: "out of bounds",
        make: |laid| laid.configure("leaves_per_epoch = 0"),
        code: 2,
        words: &["`leaves_per_epoch`", "wanted 1 to 256"],
    },
    Fault {
        what: "no log key",
        make: |laid| fs::remove_file(laid.path("log.key")).unwrap(),
        code: 3,
        words: &["cannot read the log key", "log.key", "backup"],
    },
    Fault {
        what: "a log key that others may read",
        make: |laid| mode(laid, "log.key", 0o644),
        code: 4,
        words: &["has mode 0644, wanted 0600", "chmod 600"],
    },
    Fault {
        what: "half a log key",
        make: |laid| fs::write(laid.path("log.key"), "hafan log key v1 00").unwrap(),
        code: 4,
        words: &["log.key", "is not a key file of `hafan init`"],
    },
    Fault {
        what: "every directory expired",
        make: |laid| {
            for force in FORCES {
                laid.issue(force, 2, today().checked_sub(8.days()).unwrap());
            }
        },
        code: 4,
        words: &["does not hold today", "hafan-keys directory issue"],
    },
    Fault {
        what: "no directory",
        make: |laid| fs::remove_file(laid.path("directories/btp.directory")).unwrap(),
        code: 3,
        words: &["cannot read the directory", "btp.directory"],
    },
    Fault {
        what: "a stray file in the site",
        make: |laid| fs::write(laid.path("site/stray.html"), "x").unwrap(),
        code: 4,
        words: &["stray.html", "remove it"],
    },
    Fault {
        what: "a changed page",
        make: |laid| fs::write(laid.path("site/index.html"), "x").unwrap(),
        code: 4,
        words: &[
            "is not the one in the manifest",
            "restore the released build",
        ],
    },
    Fault {
        what: "no release",
        make: |laid| fs::remove_file(laid.path("release")).unwrap(),
        code: 3,
        words: &["cannot read the release", "hafan-keys release sign"],
    },
    Fault {
        what: "a release of another site",
        make: |laid| {
            let path = laid.path("site/manifest.json");
            let manifest = fs::read_to_string(&path).unwrap();
            fs::write(&path, format!("{manifest} ")).unwrap();
        },
        code: 4,
        words: &["is of another site", "bring both from one release"],
    },
    Fault {
        what: "a release that was changed",
        make: |laid| {
            let note = fs::read_to_string(laid.path("release")).unwrap();
            fs::write(laid.path("release"), note.replace(":1,", ":2,")).unwrap();
        },
        code: 4,
        words: &["the release", "is refused", "the note was changed"],
    },
    Fault {
        what: "no operator's log",
        make: |laid| fs::remove_dir_all(laid.path("store/operator")).unwrap(),
        code: 4,
        words: &[
            "operator/checkpoint is not what this server wrote",
            "one backup of both",
        ],
    },
    Fault {
        what: "no pin of the operator's log",
        make: |laid| fs::remove_file(laid.path("pinned/operator.checkpoint")).unwrap(),
        code: 4,
        words: &["operator.checkpoint is not what this server wrote"],
    },
    Fault {
        what: "no store",
        make: |laid| fs::remove_dir_all(laid.path("store")).unwrap(),
        code: 3,
        words: &["store", "hafan init"],
    },
    Fault {
        what: "a folder that is no store",
        make: |laid| fs::remove_file(laid.path("store/format")).unwrap(),
        code: 3,
        words: &["is no store", "hafan init"],
    },
    Fault {
        what: "another log key",
        make: another_key,
        code: 4,
        words: &[
            "names the log key",
            "this server signs with",
            "issue the directory",
        ],
    },
];

fn mode(laid: &Laid, name: &str, mode: u32) {
    fs::set_permissions(laid.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn another_key(laid: &Laid) {
    fs::write(
        laid.path("log.key"),
        format!("hafan log key v1 {}\n", "11".repeat(32)),
    )
    .unwrap();
}

#[test]
fn each_fault_at_the_start_is_refused_with_its_words_and_code() {
    for fault in FAULTS {
        let laid = lay_out("");
        (fault.make)(&laid);
        let refused = laid.refused();
        assert_eq!(
            refused.code,
            Some(fault.code),
            "{}: {}",
            fault.what,
            refused.said
        );
        for words in fault.words {
            assert!(
                refused.said.contains(words),
                "{}: wanted {words:?} in: {}",
                fault.what,
                refused.said
            );
        }
        assert!(refused.said.starts_with("hafan: "), "{}", refused.said);
    }
}

#[test]
fn one_expired_directory_closes_the_door_of_its_own_force_only() {
    let laid = lay_out("");
    laid.issue("btp", 2, today().checked_sub(8.days()).unwrap());
    let (code, said) = laid.command("check-config");
    assert_eq!(code, Some(4), "{said}");
    let words = "the directory of btp does not hold today";
    assert!(said.contains(words), "{said}");

    let server = laid.serve();
    assert!(server.laid.events().contains(words));
    let directory = |force: &str| {
        xtask::http::get(
            server.address,
            &format!("/v1/forces/{force}/directory"),
            &[],
        )
        .unwrap()
    };
    assert_eq!(directory("btp").status, 503);
    assert!(directory("btp").text().contains("directory-expired"));
    assert_eq!(directory("leicestershire").status, 200);

    server.laid.issue("btp", 3, today());
    signal(&server, Signal::HUP);
    wait_until("the new directory", || directory("btp").status == 200);
}

#[test]
fn a_second_server_on_a_store_is_refused_and_the_first_goes_on() {
    let server = common_http::start();
    let refused = server.laid.refused();
    assert_eq!(refused.code, Some(4), "{}", refused.said);
    assert!(
        refused.said.contains("another server has this store open"),
        "{}",
        refused.said
    );
    assert_eq!(put_again(&server, &shaped(1, 0)).status, 201);
}

#[test]
fn a_taken_address_is_refused_by_name() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let laid = lay_out(&format!("admin_listen = \"{address}\""));
    let refused = laid.refused();
    assert_eq!(refused.code, Some(3), "{}", refused.said);
    assert!(
        refused
            .said
            .contains(&format!("cannot listen on {address}")),
        "{}",
        refused.said
    );
}

/// Starts a server as systemd does for a [Socket] unit: the socket is descriptor 3, and stays open with us.
fn serve_behind(socket: &TcpListener, laid: &Laid) -> Child {
    let stdin = OwnedFd::from(socket.try_clone().unwrap());
    let events = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(laid.path("events"))
        .unwrap();
    guarded("sh")
        .args([
            "-c",
            "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"",
            "sh",
        ])
        .arg(&laid.program)
        .args(["serve", "--config"])
        .arg(laid.path("config.toml"))
        .stdin(Stdio::from(stdin))
        .stdout(Stdio::null())
        .stderr(Stdio::from(events))
        .spawn()
        .unwrap()
}

/// Names in the configuration the address of the socket.
fn listen_at(laid: &Laid, address: SocketAddr) {
    let config = fs::read_to_string(laid.path("config.toml")).unwrap();
    let config = config.replace("127.0.0.1:0", &address.to_string());
    fs::write(laid.path("config.toml"), config).unwrap();
}

#[test]
fn restarts_behind_a_handed_socket_refuse_nobody_and_lose_nothing() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let laid = lay_out("");
    listen_at(&laid, address);
    let done = AtomicBool::new(false);
    let acknowledged = AtomicUsize::new(0);
    let senders = 4;
    let sent: Vec<Vec<u64>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..senders)
            .map(|sender| {
                let (done, acknowledged) = (&done, &acknowledged);
                scope.spawn(move || {
                    let mut sent = Vec::new();
                    for number in (sender..).step_by(4) {
                        if done.load(Ordering::SeqCst) {
                            break;
                        }
                        let report = shaped(number, 0);
                        let h = report.h.to_string();
                        // No answer, or a refused or reset line, fails here.
                        let answer = hafan_tests::put(address, "btp", &h, &report.submission);
                        let answer = answer.unwrap();
                        let told_when =
                            answer.headers.iter().any(|(name, _)| name == "retry-after");
                        match answer.status {
                            201 => {
                                sent.push(number);
                                acknowledged.fetch_add(1, Ordering::SeqCst);
                            }
                            status => assert!(status == 503 && told_when, "{}", answer.text()),
                        }
                    }
                    sent
                })
            })
            .collect();
        for _ in 0..6 {
            let mut server = serve_behind(&socket, &laid);
            let before = acknowledged.load(Ordering::SeqCst);
            wait_until("reports are taken", || {
                acknowledged.load(Ordering::SeqCst) >= before + 25
            });
            kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
            assert!(server.wait().unwrap().success(), "{}", laid.events());
        }
        let mut server = serve_behind(&socket, &laid);
        done.store(true, Ordering::SeqCst);
        let sent = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        kill_process(Pid::from_child(&server), Signal::TERM).unwrap();
        assert!(server.wait().unwrap().success(), "{}", laid.events());
        sent
    });
    let mut server = serve_behind(&socket, &laid);
    let mut count = 0;
    for number in sent.into_iter().flatten() {
        let report = shaped(number, 0);
        let again = hafan_tests::put(address, "btp", &report.h.to_string(), &report.submission);
        assert_eq!(
            again.unwrap().status,
            200,
            "{number} was acknowledged and is gone"
        );
        count += 1;
    }
    assert!(count >= 150, "{count}");
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_handed_socket_that_the_configuration_does_not_name_is_refused() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let laid = lay_out("");
    let mut server = serve_behind(&socket, &laid);
    assert_eq!(server.wait().unwrap().code(), Some(4), "{}", laid.events());
    let words = format!("a socket at {}", socket.local_addr().unwrap());
    assert!(laid.events().contains(&words), "{}", laid.events());
}

#[test]
fn a_store_on_a_disk_that_takes_no_files_is_refused() {
    // Also root can write nothing in these two.
    for (place, code, words) in [
        ("/proc", 4, "cannot hold files without a name (O_TMPFILE)"),
        ("/proc/self", 3, "cannot write in store_dir"),
    ] {
        let laid = lay_out("");
        fs::remove_dir_all(laid.path("store")).unwrap();
        std::os::unix::fs::symlink(place, laid.path("store")).unwrap();
        let refused = laid.refused();
        assert_eq!(refused.code, Some(code), "{}", refused.said);
        assert!(refused.said.contains(words), "{}", refused.said);
    }
}

#[test]
fn init_makes_a_store_once_and_never_over_another() {
    let laid = lay_out("");
    let (code, said) = laid.command("init");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("is not empty"), "{said}");
    for force in FORCES {
        assert!(
            laid.path("directories")
                .join(format!("{force}.directory"))
                .exists()
        );
    }
    let server = laid.serve();
    assert_headers(
        "after",
        &xtask::http::get(server.address, "/", &[]).unwrap(),
        &["connection", "content-length", "content-type"],
    );
}
