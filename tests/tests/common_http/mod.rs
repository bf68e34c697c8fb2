//! A server on loopback with a small site and directories signed here: all that tests of HTTP need.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hafan_directory::release::Release;
use hafan_directory::{Contact, Contents, Directory, IntakeKey, Recipient, root_key_name};
use hafan_tlog::Signer;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use sha2::{Digest as _, Sha256};
use xtask::binaries::Binaries;
use xtask::http::Answer;
use xtask::process::guarded;

/// The forces that are served.
pub(crate) const FORCES: [&str; 2] = ["btp", "leicestershire"];

/// The start page of the site.
pub(crate) const PAGE: &str = "<!doctype html><title>Start</title>";
/// The same for who names `br`: any bytes, since the server passes them on.
pub(crate) const PAGE_BR: &str = "start as brotli";
/// The same for who names `gzip`.
pub(crate) const PAGE_GZIP: &str = "start as gzip";
/// The page of a 404.
pub(crate) const PAGE_404: &str = "<!doctype html><title>Not here</title>";

/// A server's folders and configuration.
pub(crate) struct Laid {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) program: PathBuf,
    /// The log's verification key.
    pub(crate) vkey: String,
}

/// A server's process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// When the configuration has `admin_listen`.
    pub(crate) admin: Option<SocketAddr>,
    /// When the configuration has `gateway_listen`.
    pub(crate) gateway: Option<SocketAddr>,
    pub(crate) process: Child,
    pub(crate) laid: Laid,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.process.kill();
        let _ended_already = self.process.wait();
    }
}

/// How a command ended that was to be refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) code: Option<i32>,
    /// The lines of stderr that are for people.
    pub(crate) said: String,
}

/// The root key of a force.
pub(crate) fn root(force: &str) -> Signer {
    let seed = if force == "btp" { 7 } else { 8 };
    Signer::from_seed(&format!("hafan/{force}/root"), &[seed; 32]).unwrap()
}

/// The one courier of a force.
pub(crate) fn courier(force: &str) -> Signer {
    let seed = if force == "btp" { 21 } else { 22 };
    Signer::from_seed(&format!("hafan/{force}/courier-1"), &[seed; 32]).unwrap()
}

/// What a force's answers are signed with.
pub(crate) fn reply_key(force: &str) -> Signer {
    let seed = if force == "btp" { 31 } else { 32 };
    Signer::from_seed(&format!("hafan/{force}/replies-1"), &[seed; 32]).unwrap()
}

/// Who releases the site.
pub(crate) fn releaser() -> Signer {
    Signer::from_seed("hafan-release/alys", &[41; 32]).unwrap()
}

/// Today, UTC.
pub(crate) fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}

/// Lays a server out and starts it.
pub(crate) fn start() -> Server {
    lay_out("").serve()
}

/// Keys, directories, site, configuration and store; `more` is TOML put before the configuration's forces.
pub(crate) fn lay_out(more: &str) -> Laid {
    let dir = tempfile::tempdir().unwrap();
    let program = Binaries::built().unwrap().server();
    let vkey = said(
        Command::new(&program)
            .args(["log-key", "--log-name", "test.invalid/hafan", "--out"])
            .arg(dir.path().join("log.key")),
    );
    let laid = Laid { dir, program, vkey };
    fs::create_dir(laid.path("directories")).unwrap();
    for force in FORCES {
        laid.issue(force, 1, today());
    }
    site(&laid.path("site"));
    laid.release(1);
    laid.configure(more);
    let init = laid.command("init");
    assert_eq!(init.0, Some(0), "{}", init.1);
    laid
}

impl Laid {
    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes the configuration.
    pub(crate) fn configure(&self, more: &str) {
        let releaser = releaser().verifier();
        let mut text = format!(
            "listen = \"127.0.0.1:0\"\nlog_name = \"test.invalid/hafan\"\nlog_key_path = \"log.key\"\n\
             store_dir = \"store\"\npinned_dir = \"pinned\"\ndrafts_dir = \"drafts\"\nsite_dir = \"site\"\ndirectories_dir = \"directories\"\n\
             release_path = \"release\"\nrelease_keys = [\"{releaser}\"]\nepoch_s = 1\nintake_batch_ms = 20\n{more}\n"
        );
        for force in FORCES {
            let root = root(force).verifier();
            text.push_str(&format!("[forces.{force}]\nroot = \"{root}\"\n"));
        }
        fs::write(self.path("config.toml"), text).unwrap();
    }

    /// Puts a page into the site, and releases it.
    pub(crate) fn put_page(&self, address: &str, page: &str) {
        fs::write(self.path("site").join(&address[1..]), page).unwrap();
        let path = self.path("site/manifest.json");
        let mut manifest: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        manifest["files"][address] = serde_json::json!({
            "sha256": hex::encode(Sha256::digest(page)),
            "content_type": "text/plain; charset=utf-8",
            "encodings": {},
        });
        fs::write(path, manifest.to_string()).unwrap();
        self.release(1);
    }

    /// Releases the site that lies there.
    pub(crate) fn release(&self, sequence: u64) {
        let manifest = fs::read(self.path("site/manifest.json")).unwrap();
        let digest = Sha256::digest(manifest).into();
        let release = Release::new(sequence, today(), &"0".repeat(40), digest).unwrap();
        fs::write(self.path("release"), release.sign(&[&releaser()]).unwrap()).unwrap();
    }

    /// Issues a force's directory for the week of a day.
    pub(crate) fn issue(&self, force: &str, sequence: u64, day: Date) {
        let path = self.path("directories").join(format!("{force}.directory"));
        fs::write(path, directory(force, sequence, day, &self.vkey)).unwrap();
    }

    /// Runs a command of the server's program to its end: its exit code, and what it said.
    pub(crate) fn command(&self, verb: &str) -> (Option<i32>, String) {
        let output = Command::new(&self.program)
            .args([verb, "--config"])
            .arg(self.path("config.toml"))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// Starts a server that is to refuse, and waits for its end.
    pub(crate) fn refused(&self) -> Refused {
        let (code, text) = self.command("serve");
        let said = text
            .lines()
            .filter(|line| !line.starts_with('{'))
            .collect::<Vec<_>>()
            .join("\n");
        Refused { code, said }
    }

    /// Starts the server and waits until it listens.
    pub(crate) fn serve(self) -> Server {
        let mut process = guarded(&self.program)
            .args(["serve", "--config"])
            .arg(self.path("config.toml"))
            .stdout(Stdio::piped())
            .stderr(Stdio::from(
                fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(self.path("events"))
                    .unwrap(),
            ))
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut address = |label: &str| {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            match line.trim().strip_prefix(label) {
                Some(address) => address.parse().unwrap(),
                None => panic!("{line}{}", self.events()),
            }
        };
        let listening = address("listening on ");
        let config = fs::read_to_string(self.path("config.toml")).unwrap();
        let admin = config
            .contains("admin_listen")
            .then(|| address("admin listening on "));
        let gateway = config
            .contains("gateway_listen")
            .then(|| address("gateway listening on "));
        Server {
            address: listening,
            admin,
            gateway,
            process,
            laid: self,
        }
    }

    /// What its servers wrote to stderr so far.
    pub(crate) fn events(&self) -> String {
        let mut text = String::new();
        fs::File::open(self.path("events"))
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        text
    }
}

/// Each header of `web/headers.json` once and with its value, and besides them those named here and no other.
pub(crate) fn assert_headers(what: &str, answer: &Answer, besides: &[&str]) {
    let text = fs::read_to_string(xtask::root().join("web/headers.json")).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(&text).unwrap();
    let wanted = wanted.as_object().unwrap();
    for (name, value) in wanted {
        let found: Vec<_> = answer
            .headers
            .iter()
            .filter(|(found, _)| found == name)
            .collect();
        assert_eq!(found.len(), 1, "{what}: {name}");
        assert_eq!(Some(found[0].1.as_str()), value.as_str(), "{what}: {name}");
    }
    let mut found: Vec<&str> = answer
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !wanted.contains_key(*name))
        .collect();
    found.sort_unstable();
    let mut besides = besides.to_vec();
    besides.sort_unstable();
    assert_eq!(found, besides, "{what}");
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

fn directory(force: &str, sequence: u64, day: Date, log: &str) -> Vec<u8> {
    let root = root(force);
    let monday = day
        .tomorrow()
        .unwrap()
        .nth_weekday(-1, Weekday::Monday)
        .unwrap();
    let until = monday.checked_add(7.days()).unwrap();
    let name: hafan_directory::Force = force.parse().unwrap();
    assert_eq!(root.name(), root_key_name(&name));
    let week = monday.iso_week_date();
    Directory::new(Contents {
        force: name,
        sequence,
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
        officers: Vec::new(),
        replies: vec![reply_key(force).verifier()],
        couriers: vec![courier(force).verifier()],
        police_suspect: None,
    })
    .unwrap()
    .sign(&root)
    .unwrap()
}

fn site(dir: &Path) {
    fs::create_dir(dir).unwrap();
    let hash = |text: &str| hex::encode(Sha256::digest(text));
    for (name, text) in [
        ("index.html", PAGE),
        ("index.html.br", PAGE_BR),
        ("index.html.gz", PAGE_GZIP),
        ("404.html", PAGE_404),
    ] {
        fs::write(dir.join(name), text).unwrap();
    }
    let headers = fs::read_to_string(xtask::root().join("web/headers.json")).unwrap();
    let headers: serde_json::Value = serde_json::from_str(&headers).unwrap();
    let html = "text/html; charset=utf-8";
    let manifest = serde_json::json!({
        "version": 1,
        "headers": headers,
        "files": {
            "/": {"sha256": hash(PAGE), "content_type": html, "encodings": {
                "br": {"path": "index.html.br", "sha256": hash(PAGE_BR)},
                "gzip": {"path": "index.html.gz", "sha256": hash(PAGE_GZIP)},
            }},
            "/404.html": {"sha256": hash(PAGE_404), "content_type": html, "encodings": {}},
        },
    });
    fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
}

/// Reads the interim answer with which the server says that it has room and reads the body (RFC 9110 15.2.1).
pub(crate) fn read_continue(stream: &mut TcpStream) {
    let mut found = [0; 25];
    stream.read_exact(&mut found).unwrap();
    assert_eq!(found.as_slice(), b"HTTP/1.1 100 Continue\r\n\r\n");
}
