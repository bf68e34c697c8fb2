//! What can be typed: verbs, flags and their help.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use hafan_audit::access::html::Language;

const ABOUT: &str = "Looks at a system of Hafan's from outside, and takes nobody's word.

Each command answers one question, a finding a line, with a verdict at the end. It changes nothing that it looks at; `canary plant` alone sends something, as a person does.";

const EXIT_CODES: &str = "Exit codes:
  0  holds: nothing was found that should not be
  1  a finding
  2  wrong usage
  3  no answer: what is to be looked at cannot be reached or read

What each command proves and what it cannot: docs/guide-auditor.md.";

const LOG: &str = "Examples:
  hafan-audit log --server https://reports.example.org --force btp --root root.vkey --state btp.state
  hafan-audit log --dir mirror --force btp --root root.vkey
  hafan-audit log --dir one-log --log-key log.vkey --force btp --leaves 8

Reads every entry and every tile of every year, derives all tiles anew from the entries, and compares the tree with the signed checkpoint and with each checkpoint that was kept. With --state it keeps what it saw, finds a log that was rewritten or rolled back since, and goes on where an interrupted run ended, or at the kept checkpoint if that is before. A run with a finding leaves the state as it was.

The operator's log is read with it: every directory and every release, each with its note, and the directory that is served must be the newest of the force in it.";

#[derive(Parser)]
#[command(name = "hafan-audit", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Is the public log whole, regular, signed, and the one that was seen before?
    #[command(after_help = LOG)]
    Log(LogArgs),
    /// Is every byte that the server keeps one that the protocol knows?
    #[command(after_help = STORE)]
    Store(StoreArgs),
    /// Does the server give every browser the site that was published?
    #[command(after_help = SITE)]
    Site(SiteArgs),
    /// Does a force's access record hold: who opened what, why, and with whose approval?
    #[command(after_help = ACCESS)]
    Access(AccessArgs),
    /// Is anything that people write anywhere but with the officers?
    #[command(subcommand)]
    Canary(CanaryVerb),
}

#[derive(Subcommand)]
pub(crate) enum CanaryVerb {
    /// Send marked reports through the real page.
    #[command(after_help = PLANT)]
    Plant(PlantArgs),
    /// Look for their marks in files, and in the memory of processes.
    #[command(after_help = SCAN)]
    Scan(ScanArgs),
}

const PLANT: &str = "Examples:
  hafan-audit canary plant https://reports.example.org --force btp \\
      --marks marks.json
  hafan-audit canary plant http://127.0.0.1:8080 --force btp --language cy \\
      --count 3 --marks marks.json

Fills in the whole form in a Chromium of its own, with a random mark in every field and in a file, and sends it, once a report. Tell the force before: these are reports that its officers open. The marks are written down before anything is sent. Exits with 0 when all were sent.";

#[derive(Args)]
pub(crate) struct PlantArgs {
    /// The server's address: https and a name.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// The force, such as btp.
    #[arg(long)]
    pub(crate) force: String,
    /// The language of the page.
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) language: Language,
    /// How many reports.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub(crate) count: u8,
    /// The new file that the marks are written into.
    #[arg(long, value_name = "FILE")]
    pub(crate) marks: PathBuf,
    /// The browser.
    #[arg(long, value_name = "PROGRAM", default_value = "/usr/bin/chromium")]
    pub(crate) browser: PathBuf,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const SCAN: &str = "Examples:
  hafan-audit canary scan --marks marks.json --in /var/lib/hafan --in /tmp \\
      --in /var/log --process $(pidof hafan) --opened read.txt
  strace -f -s 1000000 -e trace=write,pwrite64,sendto,sendmsg -o writes.txt \\
      -p $(pidof hafan)        while planting, and then:
  hafan-audit canary scan --marks marks.json --in writes.txt --opened read.txt

Looks for each mark as UTF-8, UTF-16, hex, base64 at its three offsets, percent, JSON and C escapes, XOR with any one byte, gzip, zlib and Zstandard. First it plants each form itself: a scan that misses one is void and ends with 3. So does one whose marks are not all in what the officers opened (hafan-keys read REFERENCE > read.txt). Run it as root, on the server.";

#[derive(Args)]
pub(crate) struct ScanArgs {
    /// The file of marks that `plant` wrote.
    #[arg(long, value_name = "FILE")]
    pub(crate) marks: PathBuf,
    /// A folder or file to look through. May be given several times.
    #[arg(long = "in", value_name = "FILE_OR_DIR")]
    pub(crate) places: Vec<PathBuf>,
    /// A process whose memory is looked through. May be given several times.
    #[arg(long = "process", value_name = "PID")]
    pub(crate) processes: Vec<u32>,
    /// What the officers opened, as their tool wrote it. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) opened: Vec<PathBuf>,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const SITE: &str = "Examples:
  hafan-audit site https://reports.example.org --log-key log.vkey \\
      --release-key alys.vkey --release-key bryn.vkey
  hafan-audit site https://reports.example.org --log-key log.vkey \\
      --release-key alys.vkey --release-key bryn.vkey --manifest manifest.json

The release that is served must be signed by each release key and by nobody else, and be the newest in the operator's log. Then fetches every file of its manifest as browsers do, plain and compressed, and compares each byte and header; then what must not be there. With --manifest all is compared with that one: build it yourself from the commit of the release (cargo xtask site). Have the keys from those who release the site, not from the server's operator.";

#[derive(Args)]
#[command(group = ArgGroup::new("wanted").required(true).multiple(true).args(["release_key", "manifest"]))]
pub(crate) struct SiteArgs {
    /// The server's address: https and a name.
    #[arg(value_name = "URL")]
    pub(crate) server: String,
    /// The key of somebody who releases the site. Once for each of them.
    #[arg(long, value_name = "VKEY_OR_FILE", requires = "log_key")]
    pub(crate) release_key: Vec<String>,
    /// The key of the server's logs.
    #[arg(long, value_name = "VKEY_OR_FILE", requires = "release_key")]
    pub(crate) log_key: Option<String>,
    /// The manifest of a build of your own.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// Allow plain HTTP to another machine than this one.
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const ACCESS: &str = "Examples:
  hafan-audit access record.tar --directory btp.directory --root root.vkey
  hafan-audit access record.tar --directory btp.directory --root root.vkey \\
      --bundle /media/stick --against record-of-last-month.tar --html record.html

Reads what `hafan-keys record export` wrote: the chain, the head, each signature by an officer of that time, and what the entries say of each other: reports opened before they were imported, contacts opened with too few approvals. With --bundle each report is matched with the bundle that brought it. Keep the head of each export: only a later head shows that entries were left out at the end.";

#[derive(Args)]
pub(crate) struct AccessArgs {
    /// The exported access record.
    #[arg(value_name = "FILE")]
    pub(crate) record: PathBuf,
    /// The force's directory as it is published.
    #[arg(long, value_name = "FILE")]
    pub(crate) directory: PathBuf,
    /// The force's root key: root.vkey of the ceremony, or the key in it.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) root: String,
    /// A bundle that was imported, or a folder of them. May be given several times.
    #[arg(long, value_name = "FILE_OR_DIR")]
    pub(crate) bundle: Vec<PathBuf>,
    /// An earlier export, or its head, that was kept elsewhere. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Vec<PathBuf>,
    /// Write a page for people, to print and attach.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// The language of that page.
    #[arg(long, value_enum, default_value = "en")]
    pub(crate) language: Language,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const STORE: &str = "Examples:
  hafan-audit store --config /etc/hafan/config.toml
  hafan-audit store /mnt/snapshot/store --pinned /mnt/snapshot/pinned \\
      --drafts /mnt/snapshot/drafts --config /etc/hafan/config.toml --json

Accounts for every byte of the value log, the index, the operator's log, the pins and the drafts. The server has to be stopped, or the store a snapshot or a copy (cp -a keeps the times, which are looked at). The index is opened in a copy in the temporary folder.";

#[derive(Args)]
pub(crate) struct StoreArgs {
    /// The folder of a copy of the store, with its pins and drafts; else all those of the configuration.
    #[arg(value_name = "DIR", requires_all = ["pinned", "drafts"])]
    pub(crate) dir: Option<PathBuf>,
    /// The folder of the pins that were copied with it.
    #[arg(long, value_name = "DIR", requires = "dir")]
    pub(crate) pinned: Option<PathBuf>,
    /// The folder of the drafts that were copied with it.
    #[arg(long, value_name = "DIR", requires = "dir")]
    pub(crate) drafts: Option<PathBuf>,
    /// The configuration that the server runs with.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The key of the logs, where no directory names it.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) log_key: Option<String>,
    /// Take epochs of another size than those before, because that was announced.
    #[arg(long)]
    pub(crate) accept_beat: bool,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
#[command(group = ArgGroup::new("place").required(true).args(["server", "dir"]))]
#[command(group = ArgGroup::new("key").required(true).multiple(true).args(["root", "log_key"]))]
pub(crate) struct LogArgs {
    /// The server's address: https and a name.
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// A folder instead: a mirror of a server's answers by path, or the checkpoint and tiles of one log.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The force, such as btp.
    #[arg(long)]
    pub(crate) force: String,
    /// The force's root key: root.vkey of the ceremony, or the key in it.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) root: Option<String>,
    /// A root key that the force had before. May be given several times.
    #[arg(long, value_name = "VKEY_OR_FILE", requires = "root")]
    pub(crate) former_root: Vec<String>,
    /// The key of the logs, where no directory is served.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) log_key: Option<String>,
    /// The file in which what was seen is kept for the next time.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Only the log of this year.
    #[arg(long, value_name = "YEAR")]
    pub(crate) year: Option<u16>,
    /// Leaves of an epoch, where no beat is served.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..=256))]
    pub(crate) leaves: Option<u64>,
    /// Read only what came since the kept checkpoint.
    #[arg(long, requires = "state")]
    pub(crate) new_only: bool,
    /// Take a beat that was changed, because that was announced: what grew since the last look is not compared with it.
    #[arg(long, requires = "state")]
    pub(crate) accept_beat: bool,
    /// Allow plain HTTP to another machine than this one.
    #[arg(long)]
    pub(crate) allow_http: bool,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}
