//! The courier against a real server: what is new and no more, over a line that drops, and what it refuses.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hafan_tests::reports::shaped;
use hafan_tests::{TestServer, told};
use serde_json::Value;
use xtask::demo::Settings;

const FORCE: &str = "btp";

/// One pull: exit code, bundles, and what was said.
#[derive(Debug)]
struct Pulled {
    code: Option<i32>,
    bundles: Vec<Value>,
    said: String,
}

impl Pulled {
    fn drops(&self) -> u64 {
        self.bundles
            .iter()
            .filter_map(|bundle| bundle["drops"].as_u64())
            .sum()
    }
}

/// A courier of a server, and the stick that it writes to.
struct Courier {
    program: PathBuf,
    url: String,
    key: PathBuf,
    root: PathBuf,
    stick: tempfile::TempDir,
}

impl Courier {
    fn of(server: &TestServer) -> Self {
        Self {
            program: server.binaries().courier(),
            url: server.url(),
            key: server.layout().courier_key(FORCE),
            root: server.layout().root_vkey(FORCE),
            stick: tempfile::tempdir().unwrap(),
        }
    }

    fn pull(&self) -> Pulled {
        let mut command = Command::new(&self.program);
        command.args(["pull", "--json", "--force", FORCE, "--server", &self.url]);
        command.arg("--key").arg(&self.key);
        command.arg("--root").arg(&self.root);
        command.arg("--out").arg(self.stick.path());
        let (status, out, said) = told(&mut command).unwrap();
        let json: Value = serde_json::from_str(&out).unwrap_or(Value::Null);
        Pulled {
            code: status.code(),
            bundles: json["bundles"].as_array().cloned().unwrap_or_default(),
            said,
        }
    }

    /// Pulls until so many drops have come, and gives all bundles in order.
    fn pull_drops(&self, wanted: u64) -> Vec<Value> {
        let start = Instant::now();
        let mut bundles = Vec::new();
        let mut drops = 0;
        while drops < wanted {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "{drops} of {wanted} drops came"
            );
            let pulled = self.pull();
            assert_eq!(pulled.code, Some(0), "{}", pulled.said);
            drops += pulled.drops();
            bundles.extend(pulled.bundles);
            thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(drops, wanted);
        bundles
    }

    fn state(&self) -> PathBuf {
        self.stick.path().join(format!(".courier-{FORCE}.json"))
    }

    /// Everything on the stick, by name, with its bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = fs::read_dir(self.stick.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect();
        files.sort();
        files
    }

    /// A pull that is refused with this code and these words, and leaves the stick as it was.
    fn refused(&self, code: i32, words: &str) {
        let before = self.files();
        let pulled = self.pull();
        assert_eq!(pulled.code, Some(code), "{words}: {}", pulled.said);
        assert!(pulled.said.contains(words), "{words}: {}", pulled.said);
        assert!(pulled.bundles.is_empty());
        assert!(self.files() == before, "the stick changed");
    }
}

fn send(server: &TestServer, numbers: std::ops::Range<u64>, class: usize) {
    for number in numbers {
        let prepared = shaped(number, class);
        let answer = server
            .put(FORCE, &prepared.h, &prepared.submission)
            .unwrap();
        assert_eq!(answer.status, 201);
    }
}

/// The size of the newest log, in leaves, as published.
fn log_size(server: &TestServer) -> u64 {
    let year = server.get("/log/btp/latest").unwrap().text();
    let path = format!("/log/btp/{}/checkpoint", year.trim());
    let checkpoint = server.get(&path).unwrap().text();
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn each_pull_brings_what_is_new_and_the_vault_takes_all_of_it_in_turn() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let courier = Courier::of(&server);
    let mut bundles = Vec::new();
    for round in 0..3 {
        send(&server, round * 3..round * 3 + 3, 0);
        bundles.extend(courier.pull_drops(3));
    }
    let again = courier.pull();
    assert_eq!((again.code, again.drops()), (Some(0), 0), "{}", again.said);
    bundles.extend(again.bundles);

    let mut next = 0;
    for bundle in &bundles {
        assert_eq!(bundle["first"], next);
        assert_eq!(bundle["missing"], 0);
        next = bundle["last"].as_u64().unwrap();
    }
    // A shell sorts them by character; the vault takes them by leaf, and a second time changes nothing.
    for is_new in [true, false] {
        let mut import = Command::new(server.binaries().keys());
        import.args(["import", "--json", "--vault"]);
        import.arg(server.layout().vault(FORCE));
        import.args(["--as", "officer-1", "--passphrase-file"]);
        import.arg(server.layout().passphrases(FORCE));
        import.args(
            bundles
                .iter()
                .rev()
                .map(|bundle| bundle["path"].as_str().unwrap()),
        );
        let (status, out, said) = told(&mut import).unwrap();
        assert!(status.success(), "{said}");
        let taken: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(taken.len(), bundles.len());
        for (taken, bundle) in taken.iter().zip(&bundles) {
            assert_eq!(taken["first"], bundle["first"]);
            assert_eq!(taken["new"], is_new);
        }
    }
    let partial = courier
        .files()
        .into_iter()
        .filter(|(name, _)| name.contains("partial"));
    assert_eq!(partial.count(), 0);
}

#[test]
fn a_log_that_has_not_grown_gives_no_bundle() {
    let settings = Settings {
        epoch_s: 3600,
        ..Settings::small()
    };
    let server = TestServer::start(&settings).unwrap();
    let courier = Courier::of(&server);
    for _ in 0..2 {
        let pulled = courier.pull();
        assert_eq!(pulled.code, Some(0), "{}", pulled.said);
        assert!(pulled.bundles.is_empty());
    }
}

/// Lets everything through but cuts each of the first `cuts` answers that are long after `after` bytes.
struct Cutter {
    address: SocketAddr,
    cut: Arc<AtomicUsize>,
}

impl Cutter {
    fn start(server: SocketAddr, cuts: usize, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                let server = TcpStream::connect(server).unwrap();
                let (asking, asked) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(asking, asked));
                let counted = Arc::clone(&counted);
                thread::spawn(move || pass_cutting(server, client, &counted, cuts, after));
            }
        });
        Self { address, cut }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let _either_side_ended = std::io::copy(&mut from, &mut to);
    let _ended_already = to.shutdown(Shutdown::Write);
}

/// As [`pass`], but ends both sides once an answer of this connection is longer than `after`, `cuts` times in all.
fn pass_cutting(
    mut from: TcpStream,
    mut to: TcpStream,
    cut: &AtomicUsize,
    cuts: usize,
    after: usize,
) {
    let mut buffer = [0; 4096];
    let mut passed = 0;
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        passed += read;
        if passed > after && cut.load(Ordering::SeqCst) < cuts {
            cut.fetch_add(1, Ordering::SeqCst);
            let _ended_already = from.shutdown(Shutdown::Both);
            let _ended_already = to.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
    }
    let _ended_already = to.shutdown(Shutdown::Write);
}

#[test]
fn a_line_that_drops_within_a_blob_is_tried_again_until_all_of_it_is_there() {
    let server = TestServer::start(&Settings::small()).unwrap();
    send(&server, 1..2, 4);
    wait_until("one epoch", || log_size(&server) > 0);
    let mut courier = Courier::of(&server);
    let cutter = Cutter::start(server.address(), 3, 300_000);
    courier.url = format!("http://{}", cutter.address);
    let bundles = courier.pull_drops(1);
    assert_eq!(cutter.cut.load(Ordering::SeqCst), 3);
    let carried = fs::read(bundles.last().unwrap()["path"].as_str().unwrap()).unwrap();
    let sent = shaped(1, 4).submission;
    assert!(
        carried
            .windows(64)
            .any(|window| window == &sent[sent.len() - 64..])
    );
}

#[test]
fn a_line_that_always_drops_leaves_no_bundle_and_the_next_run_brings_it() {
    let server = TestServer::start(&Settings::small()).unwrap();
    send(&server, 1..2, 4);
    wait_until("one epoch", || log_size(&server) > 0);
    let mut courier = Courier::of(&server);
    let cutter = Cutter::start(server.address(), usize::MAX, 300_000);
    courier.url = format!("http://{}", cutter.address);
    let start = Instant::now();
    let cut = loop {
        // The drop may come in a later epoch than the first.
        let pulled = courier.pull();
        if pulled.code != Some(0) || start.elapsed() > Duration::from_secs(60) {
            break pulled;
        }
    };
    assert_eq!(cut.code, Some(3), "{}", cut.said);
    assert!(cut.bundles.is_empty());
    courier.url = server.url();
    courier.pull_drops(1);
}

/// Puts a store of its own in the place of the server's, under the same log key.
fn begin_another_log(server: &mut TestServer) {
    assert!(server.terminate().unwrap().success());
    for folder in [server.layout().store(), server.layout().pinned()] {
        fs::rename(&folder, folder.with_extension("before")).unwrap();
    }
    let mut init = Command::new(server.binaries().server());
    init.arg("init")
        .arg("--config")
        .arg(server.layout().dir().join("config.toml"));
    let (status, _, said) = told(&mut init).unwrap();
    assert!(status.success(), "{said}");
    server.restart().unwrap();
}

#[test]
fn a_log_that_was_rolled_back_or_rewritten_is_refused_and_the_right_one_goes_on() {
    let mut server = TestServer::start(&Settings::small()).unwrap();
    let mut courier = Courier::of(&server);
    send(&server, 0..2, 0);
    courier.pull_drops(2);
    wait_until("three epochs", || log_size(&server) >= 24);
    let pulled = courier.pull();
    assert_eq!(pulled.code, Some(0), "{}", pulled.said);
    let carried = log_size(&server);

    // Shorter than what was carried, by the same key.
    begin_another_log(&mut server);
    courier.url = server.url();
    assert!(log_size(&server) < carried);
    courier.refused(1, "was rolled back");
    // Longer, but another.
    wait_until("a longer log", || log_size(&server) > carried + 8);
    courier.refused(1, "was rewritten");

    // The right store again.
    assert!(server.terminate().unwrap().success());
    for folder in [server.layout().store(), server.layout().pinned()] {
        fs::rename(&folder, folder.with_extension("false")).unwrap();
        fs::rename(folder.with_extension("before"), &folder).unwrap();
    }
    server.restart().unwrap();
    courier.url = server.url();
    send(&server, 2..3, 0);
    courier.pull_drops(1);
}

#[test]
fn a_changed_state_wrong_root_open_key_and_dead_server_are_refused_and_write_nothing() {
    let mut server = TestServer::start(&Settings::small()).unwrap();
    let mut courier = Courier::of(&server);
    send(&server, 1..2, 0);
    courier.pull_drops(1);

    // The state does not go with the checkpoint that it ends with.
    let right = fs::read_to_string(courier.state()).unwrap();
    let mut json: Value = serde_json::from_str(&right).unwrap();
    json["logs"][0]["hashes"][0] = Value::from("00".repeat(32));
    fs::write(courier.state(), json.to_string()).unwrap();
    courier.refused(1, "courier-btp.json");
    fs::write(courier.state(), &right).unwrap();

    let other = tempfile::tempdir().unwrap();
    let stranger = hafan_tlog::Signer::from_seed("hafan/btp/root", &[9; 32]).unwrap();
    let root = std::mem::replace(&mut courier.root, other.path().join("root.vkey"));
    fs::write(&courier.root, stranger.verifier().to_string()).unwrap();
    courier.refused(1, "does not verify with --root");
    courier.root = root;

    let open_key = other.path().join("courier-1.key");
    fs::copy(&courier.key, &open_key).unwrap();
    fs::set_permissions(&open_key, fs::Permissions::from_mode(0o644)).unwrap();
    let key = std::mem::replace(&mut courier.key, open_key);
    courier.refused(4, "can be read by others than its owner");
    courier.key = other.path().join("none.key");
    courier.refused(3, "none.key");
    courier.key = key;

    server.kill().unwrap();
    courier.refused(3, "cannot reach");
}

#[test]
fn plain_http_to_another_machine_and_an_address_that_is_none_are_refused_before_anything_is_sent() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let mut courier = Courier::of(&server);
    for (url, code, words) in [
        (
            "http://reports.example.org",
            4,
            "plain HTTP to another machine",
        ),
        (
            "http://127.0.0.1.example.org",
            4,
            "plain HTTP to another machine",
        ),
        ("ftp://reports.example.org", 2, "no http or https URL"),
        (
            "https://reports.example.org/path",
            2,
            "more than a server's name",
        ),
        (
            "https://reports.example.org/?query",
            2,
            "more than a server's name",
        ),
    ] {
        courier.url = url.to_owned();
        courier.refused(code, words);
    }
    let missing: &Path = "/nowhere/at/all".as_ref();
    let mut command = Command::new(&courier.program);
    command.args(["pull", "--force", FORCE, "--server", &server.url()]);
    command.arg("--key").arg(&courier.key);
    command.arg("--root").arg(&courier.root);
    let (status, _, said) = told(command.arg("--out").arg(missing)).unwrap();
    assert_eq!(status.code(), Some(2), "{said}");
    assert!(said.contains("/nowhere/at/all is no folder"), "{said}");
}
