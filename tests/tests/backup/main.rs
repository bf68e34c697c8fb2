//! `hafan backup` while the server takes reports, and `hafan restore`, which never lets an old backup go on where a newer
//! log was published. Both are killed, and run out of disk.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[path = "../common_http/mod.rs"]
#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;
mod failures;
#[path = "../small_disk/mod.rs"]
mod small_disk;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common_http::{Laid, Server, lay_out};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tests::{TestServer, told};
use hafan_tlog::Checkpoint;
use rand::Rng as _;
use rand::rngs::OsRng;
use rustix::process::{Pid, Signal, kill_process};
use xtask::demo::Settings;
use xtask::process::guarded;

/// Reports that each store begins with.
const REPORTS: u64 = 24;

fn put(server: &Server, report: &Prepared) -> u16 {
    let h = report.h.to_string();
    hafan_tests::put(server.address, "btp", &h, &report.submission)
        .unwrap()
        .status
}

/// Puts these reports, each of which must be new.
fn fill(server: &Server, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_eq!(put(server, &shaped(number, 0)), 201, "{number}");
    }
}

/// Ends a server cleanly and gives its folders back.
fn stop(mut server: Server) -> Laid {
    kill_process(Pid::from_child(&server.process), Signal::TERM).unwrap();
    assert!(server.process.wait().unwrap().success());
    let nothing = Laid {
        dir: tempfile::tempdir().unwrap(),
        program: PathBuf::new(),
        vkey: String::new(),
    };
    std::mem::replace(&mut server.laid, nothing)
}

/// A command of the server's program: how it ended, and all that it said.
fn run(laid: &Laid, verb: &str, more: &[&OsStr]) -> (Option<i32>, String) {
    let mut command = Command::new(&laid.program);
    command
        .args([verb, "--config"])
        .arg(laid.path("config.toml"));
    let (status, out, err) = told(command.args(more)).unwrap();
    (status.code(), format!("{out}{err}"))
}

/// With the verification key: the log key is the running server's alone.
fn backup(laid: &Laid, out: &Path) -> (Option<i32>, String) {
    let vkey = laid.path("log.key.vkey");
    let more = [OsStr::new("--log-vkey"), vkey.as_os_str(), out.as_os_str()];
    run(laid, "backup", &more)
}

fn restore(laid: &Laid, archive: &Path) -> (Option<i32>, String) {
    run(laid, "restore", &[archive.as_os_str()])
}

/// The machine's main disk is gone; the one with the pins is not.
fn lose_store(laid: &Laid) {
    let store = laid.path("store");
    if store.exists() {
        fs::remove_dir_all(store).unwrap();
    }
}

fn pin(laid: &Laid) -> PathBuf {
    let year = common_http::today().year();
    laid.path(&format!("pinned/btp-{year}.checkpoint"))
}

fn checkpoint(note: &[u8]) -> Checkpoint {
    let text = std::str::from_utf8(note).unwrap();
    Checkpoint::parse(&text[..=text.find("\n\n").unwrap()]).unwrap()
}

fn published(server: &Server) -> Vec<u8> {
    let year = common_http::today().year();
    let path = format!("/log/btp/{year}/checkpoint");
    xtask::http::get(server.address, &path, &[]).unwrap().body
}

fn wait_beyond(server: &Server, size: u64) {
    let start = Instant::now();
    while checkpoint(&published(server)).size() <= size {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A stopped store with reports, and a backup of it.
fn backed_up() -> (Laid, PathBuf) {
    let server = lay_out("").serve();
    fill(&server, 0..REPORTS);
    wait_beyond(&server, 8);
    let laid = stop(server);
    let archive = laid.path("backup.tar");
    let (code, said) = backup(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
    (laid, archive)
}

#[test]
fn a_backup_of_a_running_server_holds_all_that_was_acknowledged_before_it() {
    let mut server = TestServer::start(&Settings::small()).unwrap();
    let send = |server: &TestServer, number| {
        let report = shaped(number, 0);
        let answer = server.put("btp", &report.h, &report.submission);
        answer.unwrap().status
    };
    let (config, program) = (server.layout().config(), server.binaries().server());
    let hafan = |verb: &str, archive: &Path| {
        let mut command = guarded(&program);
        command.args([verb, "--config"]).arg(&config).arg(archive);
        command
    };
    for number in 0..REPORTS {
        assert_eq!(send(&server, number), 201);
    }
    // Reports go on coming in while it is made.
    let scratch = tempfile::tempdir().unwrap();
    let archive = scratch.path().join("backup.tar");
    let mut making = hafan("backup", &archive)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut number = REPORTS;
    while making.try_wait().unwrap().is_none() {
        assert_eq!(send(&server, number), 201);
        number += 1;
    }
    assert!(making.wait().unwrap().success());
    assert_eq!(mode(&archive), 0o600);

    // What the archive says of itself holds, by programs that are not ours.
    let unpacked = scratch.path().join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("xf").arg(&archive).arg("-C").arg(&unpacked);
    let (status, _, said) = told(&mut tar).unwrap();
    assert!(status.success(), "{said}");
    let mut sums = Command::new("sha256sum");
    sums.args(["--quiet", "--strict", "-c", "SHA256SUMS"]);
    let (status, _, said) = told(sums.current_dir(&unpacked)).unwrap();
    assert!(status.success(), "{said}");

    // The disk is lost right after, and with it what came since; the pins of that moment are not newer.
    let pinned = server.layout().pinned();
    server.terminate().unwrap();
    let year = common_http::today().year();
    let own = fs::read(unpacked.join(format!("checkpoints/btp-{year}"))).unwrap();
    fs::write(pinned.join(format!("btp-{year}.checkpoint")), &own).unwrap();
    fs::remove_dir_all(server.layout().store()).unwrap();
    let (status, out, said) = told(&mut hafan("restore", &archive)).unwrap();
    assert!(status.success(), "{said}");
    assert!(out.contains("is a store again"), "{out}");

    server.restart().unwrap();
    for number in 0..REPORTS {
        assert_eq!(send(&server, number), 200, "{number}");
    }
    // The log goes on from where it was, under the same key.
    let size = || {
        let path = format!("/log/btp/{year}/checkpoint");
        checkpoint(&server.get(&path).unwrap().body).size()
    };
    let start = Instant::now();
    while size() <= checkpoint(&own).size() {
        assert!(start.elapsed() < Duration::from_secs(60), "no epoch");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(send(&server, number + 1), 201);
    let audit = server.binaries().audit();
    server.terminate().unwrap();
    let mut command = Command::new(audit);
    command.args(["store", "--config"]).arg(&config);
    let (status, out, err) = told(&mut command).unwrap();
    assert!(status.success(), "{out}{err}");
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_old_backup_over_newer_pins_is_refused_and_says_what_is_lost() {
    let (laid, archive) = backed_up();
    let old = checkpoint(&fs::read(pin(&laid)).unwrap()).size();
    let server = laid.serve();
    wait_beyond(&server, old + 8);
    let laid = stop(server);
    let new = checkpoint(&fs::read(pin(&laid)).unwrap()).size();
    lose_store(&laid);
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    let lost = new - old;
    for words in [
        "this backup is older than what was published",
        "would be a fork",
        &format!("{new} leaves were published, the backup has {old}, {lost} are lost"),
        "begin a new log",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(!laid.path("store/format").exists());
    // Nor does a server start on what lies there.
    assert_eq!(laid.refused().code, Some(3));
}

#[test]
fn without_pins_a_backup_is_put_back_only_with_a_checkpoint_that_is_known_and_not_newer() {
    let (laid, archive) = backed_up();
    let notes: Vec<PathBuf> = fs::read_dir(laid.path("pinned"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let known: Vec<PathBuf> = notes
        .iter()
        .map(|note| laid.path(note.file_name().unwrap().to_str().unwrap()))
        .collect();
    for (note, copy) in notes.iter().zip(&known) {
        fs::copy(note, copy).unwrap();
    }
    let server = laid.serve();
    let size = checkpoint(&published(&server)).size();
    wait_beyond(&server, size + 8);
    let newer = published(&server);
    let laid = stop(server);
    let newer_path = laid.path("newer");
    fs::write(&newer_path, newer).unwrap();
    lose_store(&laid);
    fs::remove_dir_all(laid.path("pinned")).unwrap();

    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("nothing here says how far these logs were published"),
        "{said}"
    );
    assert!(
        said.contains("btp 20") && said.contains("leicestershire 20"),
        "{said}"
    );

    let mut given: Vec<&OsStr> = Vec::new();
    for note in &known {
        given.extend([OsStr::new("--published"), note.as_os_str()]);
    }
    let mut with_newer = given.clone();
    with_newer.extend([
        OsStr::new("--published"),
        newer_path.as_os_str(),
        archive.as_os_str(),
    ]);
    let (code, said) = run(&laid, "restore", &with_newer);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("older than what was published"), "{said}");
    assert!(!laid.path("pinned").exists());

    let mut forged = fs::read(&known[0]).unwrap();
    let last = forged.len() - 6;
    forged[last] ^= 1;
    fs::write(laid.path("forged"), forged).unwrap();
    let path = laid.path("forged");
    let more = [
        OsStr::new("--published"),
        path.as_os_str(),
        archive.as_os_str(),
    ];
    let (code, said) = run(&laid, "restore", &more);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("is not a checkpoint of a log of"), "{said}");

    given.push(archive.as_os_str());
    let (code, said) = run(&laid, "restore", &given);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        fs::read(pin(&laid)).unwrap(),
        fs::read(
            &known[known
                .iter()
                .position(|note| note.file_name() == pin(&laid).file_name())
                .unwrap()]
        )
        .unwrap()
    );
    let server = laid.serve();
    for number in 0..REPORTS {
        assert_eq!(put(&server, &shaped(number, 0)), 200);
    }
}

#[test]
fn a_backup_of_empty_logs_needs_pins_like_any_other() {
    let laid = lay_out("");
    let archive = laid.path("first.tar");
    let (code, said) = backup(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
    let server = laid.serve();
    wait_beyond(&server, 8);
    let laid = stop(server);
    lose_store(&laid);
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("the backup has 0"), "{said}");
    fs::remove_dir_all(laid.path("pinned")).unwrap();
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("nothing here says how far"), "{said}");
}

#[test]
fn the_operator_log_is_kept_with_the_store_and_never_put_back_behind_its_pin() {
    let laid = stop(lay_out("").serve());
    let operator = laid.path("store/operator");
    let kept: Vec<(String, Vec<u8>)> = names(&operator)
        .into_iter()
        .map(|name| (name.clone(), fs::read(operator.join(&name)).unwrap()))
        .collect();
    assert_eq!(kept.len(), 4, "two directories, a release, the checkpoint");
    // One that is just being written is none yet.
    fs::write(operator.join("00000003.note.next"), "hafan dir").unwrap();
    let archive = laid.path("backup.tar");
    let (code, said) = backup(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
    let pins = laid.path("pins");
    fs::create_dir(&pins).unwrap();
    for name in names(&laid.path("pinned")) {
        fs::copy(laid.path("pinned").join(&name), pins.join(&name)).unwrap();
    }
    laid.issue("btp", 2, common_http::today());
    let laid = stop(laid.serve());
    lose_store(&laid);
    // The forces' logs as they were: it is the operator's that went on.
    for name in names(&pins)
        .iter()
        .filter(|name| !name.starts_with("operator"))
    {
        fs::copy(pins.join(name), laid.path("pinned").join(name)).unwrap();
    }
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(
        said.contains("the operator log has 3 leaves in it, and 4 were published"),
        "{said}"
    );
    assert!(!laid.path("store/format").exists());

    let pin = laid.path("pinned/operator.checkpoint");
    fs::remove_file(&pin).unwrap();
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    let words = "nothing here says how far the operator's log was published";
    assert!(said.contains(words), "{said}");

    let known = pins.join("operator.checkpoint");
    let more = [
        OsStr::new("--published"),
        known.as_os_str(),
        archive.as_os_str(),
    ];
    let (code, said) = run(&laid, "restore", &more);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read(&pin).unwrap(), fs::read(&known).unwrap());
    for (name, bytes) in kept {
        assert_eq!(fs::read(operator.join(&name)).unwrap(), bytes, "{name}");
    }
    drop(laid.serve());
}

#[test]
fn nothing_is_written_over() {
    let (laid, archive) = backed_up();
    let before = fs::read(&archive).unwrap();
    let (code, said) = backup(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("never written over another"), "{said}");
    assert_eq!(fs::read(&archive).unwrap(), before);
    let (code, said) = backup(&laid, &laid.path("store/backup.tar"));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("inside store_dir"), "{said}");
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("is not empty"), "{said}");
    let server = laid.serve();
    assert_eq!(put(&server, &shaped(0, 0)), 200);
}

#[test]
fn a_damaged_archive_is_refused_and_leaves_no_store() {
    let (laid, archive) = backed_up();
    let sound = fs::read(&archive).unwrap();
    lose_store(&laid);
    let bad = laid.path("bad.tar");
    let mut cases: Vec<Vec<u8>> = (0..12)
        .map(|_| {
            let mut bytes = sound.clone();
            let at = OsRng.gen_range(0..bytes.len());
            bytes[at] ^= 1 << OsRng.gen_range(0..8);
            bytes
        })
        .collect();
    for end in [
        0,
        1,
        511,
        512,
        4096,
        sound.len() / 2,
        sound.len() - 512,
        sound.len() - 1,
    ] {
        cases.push(sound[..end].to_vec());
    }
    cases.push([&sound[..], &[0]].concat());
    for bytes in cases {
        fs::write(&bad, bytes).unwrap();
        let (code, said) = restore(&laid, &bad);
        assert_eq!(code, Some(4), "{said}");
        assert!(said.starts_with("hafan: "), "{said}");
        assert!(!laid.path("store/format").exists(), "{said}");
        assert_eq!(laid.refused().code, Some(3));
    }
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn a_rotten_byte_in_the_store_is_named_and_never_backed_up() {
    let (laid, _) = backed_up();
    let segment = laid.path("store/segments/000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[40_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, said) = backup(&laid, &laid.path("rotten.tar"));
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("segment 000000 is damaged at byte"), "{said}");
    assert!(!laid.path("rotten.tar").exists() && !laid.path("rotten.tar.next").exists());
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
