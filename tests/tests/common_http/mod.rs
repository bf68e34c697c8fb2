//! A server on loopback with a site of one page and a directory signed here: all that tests of HTTP need.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use hafan_directory::{Contact, Contents, Directory, IntakeKey, Recipient, root_key_name};
use hafan_tlog::Signer;
use jiff::ToSpan as _;
use jiff::civil::Weekday;
use xtask::binaries::Binaries;
use xtask::process::guarded;

/// The server's program, its folders, its process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) process: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

/// Lays a server for `btp` out and starts it.
pub(crate) fn start() -> Server {
    let dir = tempfile::tempdir().unwrap();
    let program = Binaries::built().unwrap().server();
    let vkey = said(
        Command::new(&program)
            .args(["log-key", "--log-name", "test.invalid/hafan", "--out"])
            .arg(dir.path().join("log.key")),
    );
    let root = Signer::from_seed("hafan/btp/root", &[7; 32]).unwrap();
    fs::create_dir(dir.path().join("directories")).unwrap();
    fs::write(
        dir.path().join("directories/btp.directory"),
        directory(&vkey, &root),
    )
    .unwrap();
    site(&dir.path().join("site"));
    let config = dir.path().join("config.toml");
    let text = format!(
        "listen = \"127.0.0.1:0\"\nlog_name = \"test.invalid/hafan\"\nlog_key_path = \"log.key\"\n\
         store_dir = \"store\"\npinned_dir = \"pinned\"\nsite_dir = \"site\"\ndirectories_dir = \"directories\"\n\
         epoch_s = 1\nintake_batch_ms = 20\n[forces.btp]\nroot = \"{}\"\n",
        root.verifier()
    );
    fs::write(&config, text).unwrap();
    said(
        Command::new(&program)
            .args(["init", "--config"])
            .arg(&config),
    );
    let mut process = guarded(&program)
        .args(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .trim()
        .strip_prefix("listening on ")
        .unwrap()
        .parse()
        .unwrap();
    Server {
        address,
        process,
        _dir: dir,
    }
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn directory(log: &str, root: &Signer) -> Vec<u8> {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let monday = today
        .tomorrow()
        .unwrap()
        .nth_weekday(-1, Weekday::Monday)
        .unwrap();
    let until = monday.checked_add(7.days()).unwrap();
    let force: hafan_directory::Force = "btp".parse().unwrap();
    assert_eq!(root.name(), root_key_name(&force));
    let week = monday.iso_week_date();
    Directory::new(Contents {
        force,
        sequence: 1,
        valid_from: monday,
        valid_until: until,
        log: log.parse().unwrap(),
        intake: vec![IntakeKey {
            id: format!("{}-W{:02}", week.year(), week.week()),
            recipient: Recipient::from_key(&[9; 1216]).unwrap(),
            from: monday,
            until,
        }],
        contact: Contact {
            threshold: 0,
            recipients: Vec::new(),
        },
        couriers: Vec::new(),
    })
    .unwrap()
    .sign(root)
    .unwrap()
}

fn site(dir: &Path) {
    fs::create_dir(dir).unwrap();
    fs::write(dir.join("index.html"), "").unwrap();
    let headers = fs::read_to_string(xtask::root().join("web/headers.json")).unwrap();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let manifest = format!(
        "{{\"version\":1,\"headers\":{headers},\"files\":{{\"/\":{{\"sha256\":\"{empty}\",\
         \"content_type\":\"text/html; charset=utf-8\",\"encodings\":{{}}}}}}}}"
    );
    fs::write(dir.join("manifest.json"), manifest).unwrap();
}
