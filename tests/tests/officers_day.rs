//! A force's keys and reports from beginning to end, with the lines that stand in the two guides for officers: a ceremony of
//! five, twenty reports sent to a real server, read, a contact that three open and two do not, evidence that others' tools
//! verify, officers who come and go, and a week after which nothing opens.
#![cfg(test)]

#[path = "keys/office.rs"]
#[expect(dead_code, reason = "other drills use the rest")]
mod office;
#[path = "../oracles/mod.rs"]
#[expect(
    dead_code,
    reason = "a package is verified here, logs and records elsewhere"
)]
mod oracles;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use hafan_directory::{Contents, Directory};
use hafan_tests::TestServer;
use serde_json::Value;
use tempfile::TempDir;
use xtask::demo::Settings;
use xtask::process::output;

use crate::office::{Told, Way, pack, passphrase, said};

const FORCE: &str = "btp";
const REPORTS: usize = 20;
const WHO: &str = "Enw: Ffugenw, 07700 900000";

/// The guides' lines that begin with `hafan-keys`, in fences and between backticks, without that word.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for guide in ["guide-ceremony.md", "guide-officer.md"] {
        let text = fs::read_to_string(xtask::root().join("docs").join(guide)).unwrap();
        let spans = text.split('`').flat_map(|part| part.lines());
        let commands = spans.filter_map(|line| line.strip_prefix("hafan-keys "));
        lines.extend(
            commands
                .filter(|line| line.contains("--vault"))
                .map(str::to_owned),
        );
    }
    lines
}

/// The workstation: a folder with the vault and what the guides name beside it.
struct Desk {
    server: TestServer,
    dir: TempDir,
    lines: Vec<String>,
    used: RefCell<BTreeSet<String>>,
}

impl Desk {
    fn new() -> Self {
        let settings = Settings {
            officers: 5,
            quorum: 3,
            ..Settings::small()
        };
        let desk = Self {
            server: TestServer::start(&settings).unwrap(),
            dir: tempfile::tempdir().unwrap(),
            lines: lines(),
            used: RefCell::default(),
        };
        let layout = desk.server.layout();
        std::os::unix::fs::symlink(layout.vault(FORCE), desk.path("vault")).unwrap();
        fs::copy(
            layout.keys(FORCE).join("root/root.age"),
            desk.path("root.age"),
        )
        .unwrap();
        let mut passphrases = fs::read_to_string(layout.passphrases(FORCE)).unwrap();
        passphrases.push_str(&format!("officer-6: {}\n", passphrase("officer-6")));
        desk.write_private("passphrases", &passphrases);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write_private(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(self.path(name), text).unwrap();
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(self.path(name), private).unwrap();
    }

    /// The guides' first line of a verb.
    fn line(&self, verb: &str) -> String {
        let found = self
            .lines
            .iter()
            .find(|line| line.starts_with(&format!("{verb} ")));
        let line = found.unwrap_or_else(|| panic!("no guide has hafan-keys {verb}"));
        self.used.borrow_mut().insert(line.clone());
        line.clone()
    }

    /// Runs the guides' line of a verb with other words for some of its words; what it asks on a terminal is in a file.
    fn run(&self, verb: &str, swaps: &[(&str, &str)]) -> Output {
        let mut line = self.line(verb);
        for (from, to) in swaps {
            assert!(line.contains(from), "{from} is not in: {line}");
            line = line.replace(from, to);
        }
        Command::new(self.server.binaries().keys())
            .args(line.split(' '))
            .args(["--passphrase-file", "passphrases"])
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn ok(&self, verb: &str, swaps: &[(&str, &str)]) -> String {
        let output = self.run(verb, swaps);
        let said = said(&output);
        assert!(output.status.success(), "{verb}: {said}");
        said
    }

    fn fails(&self, verb: &str, swaps: &[(&str, &str)], wanted: &str) {
        let output = self.run(verb, swaps);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{verb}: {said}");
        assert!(said.contains(wanted), "{verb}: {said}");
    }

    /// The directory that the server gives out.
    fn contents(&self) -> Contents {
        let answer = self.server.get(&format!("/v1/forces/{FORCE}/directory"));
        let root = fs::read_to_string(self.server.layout().root_vkey(FORCE)).unwrap();
        let root = root.trim().parse().unwrap();
        let directory = Directory::open(&answer.unwrap().body, &root).unwrap();
        directory.contents().clone()
    }

    /// Seals and sends the reports, and carries bundles until all are in them.
    fn send(&self, contents: &Contents) {
        for number in 0..REPORTS {
            let told = Told {
                words: "Dyma'r geiriau.",
                flags: match number {
                    3 => &["danger", "child"],
                    11 => &["last-7-days"],
                    _ => &[],
                },
                contact: (number == 7).then_some(WHO),
                way: if number == 3 {
                    Way::Words(1)
                } else {
                    Way::None
                },
                week: 0,
            };
            let to = contents.intake[0].recipient.as_str().parse().unwrap();
            let envelope = hafan_seal::seal(&pack(&told, contents), &to).unwrap();
            let (h, sent) = hafan_seal::submission(&envelope);
            assert_eq!(self.server.put(FORCE, &h, &sent).unwrap().status, 201);
        }
        let start = Instant::now();
        let mut carried = 0;
        while carried < REPORTS {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "{carried} carried"
            );
            carried += self.pull();
        }
    }

    /// How many reports one more bundle has.
    fn pull(&self) -> usize {
        let layout = self.server.layout();
        let mut courier = Command::new(self.server.binaries().courier());
        courier.args([
            "pull",
            "--json",
            "--force",
            FORCE,
            "--server",
            &self.server.url(),
        ]);
        courier.arg("--key").arg(layout.courier_key(FORCE));
        courier.arg("--root").arg(layout.root_vkey(FORCE));
        courier.arg("--out").arg(layout.stick(FORCE));
        let written = output("hafan-courier pull", &mut courier).unwrap();
        let written: Value = serde_json::from_slice(&written).unwrap();
        let bundles = written["bundles"].as_array().unwrap().iter();
        let drops = bundles
            .map(|bundle| bundle["drops"].as_u64().unwrap())
            .sum::<u64>();
        usize::try_from(drops).unwrap()
    }

    fn import(&self) {
        let stick = self.server.layout().stick(FORCE);
        let bundles = fs::read_dir(&stick).unwrap();
        let bundles = bundles.map(|entry| entry.unwrap().path());
        let bundles: Vec<String> = bundles
            .filter(|path| path.extension().is_some_and(|ending| ending == "tar"))
            .map(|path| path.to_str().unwrap().to_owned())
            .collect();
        self.ok(
            "import",
            &[("/media/stick/bundle-*.tar", &bundles.join(" "))],
        );
    }

    /// References in the order of the list, and the flags of each.
    fn listed(&self) -> Vec<(String, usize)> {
        let output = self.run("list", &[("list ", "list --json ")]);
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let reports = listed["reports"].as_array().unwrap().iter();
        let row = |report: &Value| {
            let flags = report["flags"].as_array().map_or(0, Vec::len);
            (report["reference"].as_str().unwrap().to_owned(), flags)
        };
        reports.map(row).collect()
    }
}

#[test]
fn the_guides_lead_from_the_ceremony_to_the_end_of_a_week() {
    let desk = Desk::new();
    ceremony(&desk);
    let contents = desk.contents();
    desk.send(&contents);
    desk.import();
    let listed = desk.listed();
    assert_eq!(listed.len(), REPORTS);
    let flags: Vec<usize> = listed.iter().map(|(_, flags)| *flags).collect();
    assert_eq!(flags[..3], [2, 1, 0], "the urgent ones first");
    let mut sealed = String::new();
    for (reference, _) in &listed {
        let shown = desk.ok("read", &[("REFERENCE", reference)]);
        assert!(shown.contains("Dyma'r geiriau."), "{shown}");
        if shown.contains("opens with 3 of 5 officers") {
            sealed.clone_from(reference);
        }
    }
    contact(&desk, &sealed);
    let (first, _) = &listed[0];
    evidence(&desk, first);
    answers(&desk, first);
    officers(&desk);
    record(&desk);
    let week = contents.intake[0].id.as_str();
    let shown = desk.ok(
        "retire",
        &[("2026-W48", week), ("--vault", "--yes --vault")],
    );
    assert!(
        shown.contains("20 reports in the vault") && shown.contains("0 never opened"),
        "{shown}"
    );
    for (number, (reference, _)) in listed.iter().enumerate() {
        let officers = ["officer-1", "officer-3", "officer-6"];
        // One officer tries every report, the others one each.
        let tries = officers
            .iter()
            .filter(|officer| number == 0 || **officer == "officer-1");
        for officer in tries {
            let swaps = [("REFERENCE", reference.as_str()), ("officer-1", officer)];
            desk.fails("read", &swaps, "cannot be opened");
        }
    }
    // What was exported in time stays whole.
    verified(&desk, &desk.path("evidence"));
    let used = desk.used.borrow();
    for line in &desk.lines {
        // The full screen has drills of its own.
        assert!(
            used.contains(line) || line.starts_with("reader "),
            "not tried: {line}"
        );
    }
}

/// The ceremony by itself, with the guide's own line: what it makes is what the guide says goes where.
fn ceremony(desk: &Desk) {
    fs::copy(
        desk.server.layout().dir().join("log.key.vkey"),
        desk.path("log.vkey"),
    )
    .unwrap();
    desk.ok(
        "ceremony",
        &[("./keys", "./made"), ("./vault", "./made-vault")],
    );
    for file in [
        "root/root.age",
        "courier/courier-1.key",
        "operator/btp.directory",
        "record.html",
    ] {
        assert!(desk.path("made").join(file).is_file(), "{file}");
    }
}

fn contact(desk: &Desk, report: &str) {
    desk.ok("contact request", &[("REFERENCE", report)]);
    for officer in ["officer-1", "officer-2", "officer-3"] {
        desk.ok("contact approve", &[("officer-2", officer)]);
    }
    let two = "./officer-1.approval ./officer-2.approval";
    desk.fails(
        "contact open",
        &[("./*.approval", two)],
        "2 of the 3 approvals",
    );
    let three = format!("{two} ./officer-3.approval");
    let shown = desk.ok("contact open", &[("./*.approval", &three)]);
    assert!(shown.contains(WHO), "{shown}");
}

/// The urgent one was sent with words; what is told goes onto a page.
fn answers(desk: &Desk, report: &str) {
    fs::write(desk.path("answer.txt"), "Diolch i chi am ddweud wrthym.\n").unwrap();
    let swaps = [("REFERENCE", report), ("--vault", "--yes --vault")];
    let shown = desk.ok("reply", &swaps);
    assert!(shown.contains("as message 3 to them"), "{shown}");
    fs::create_dir(desk.path("pages")).unwrap();
    let shown = desk.ok("replies export", &[("/media/stick", "./pages")]);
    assert!(shown.contains("1 page with 3 messages"), "{shown}");
    let shown = desk.ok("thread", &[("REFERENCE", report)]);
    assert!(shown.contains("Diolch i chi am ddweud wrthym."), "{shown}");
}

fn evidence(desk: &Desk, report: &str) {
    let swaps = [
        ("/media/evidence/REFERENCE", "./evidence"),
        ("REFERENCE", report),
    ];
    desk.ok("export", &swaps);
    verified(desk, &desk.path("evidence"));
}

fn verified(desk: &Desk, package: &Path) {
    let mut sums = Command::new("sha256sum");
    let sums = sums
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(package);
    output("sha256sum", sums).unwrap();
    let verdict = oracles::verify_package(package, &desk.server.layout().root_vkey(FORCE));
    assert!(verdict.is_ok(), "{verdict:?}");
}

fn officers(desk: &Desk) {
    desk.ok("directory issue", &[]);
    desk.ok("officers add", &[]);
    let shown = desk.ok("contact reseal", &[]);
    assert!(shown.contains("the shares of 1 report"), "{shown}");
    desk.ok("officers remove", &[("--vault", "--yes --vault")]);
}

/// The record verifies, and needs no passphrase.
fn record(desk: &Desk) {
    for verb in ["record verify", "record export"] {
        let mut program = Command::new(desk.server.binaries().keys());
        program
            .args(desk.line(verb).split(' '))
            .current_dir(desk.dir.path());
        let shown = output("hafan-keys record", &mut program).unwrap();
        assert!(!shown.is_empty());
    }
    let verdict = oracles::verify_record(&desk.path("access.tar")).unwrap();
    assert!(verdict.contains("each signed"), "{verdict}");
}
