//! The whole system in one test: a report is sealed, sent, logged, carried, taken in, listed and read, by the real programs.
//!
//! Read this first to see how the parts meet. The browser's half of the way is `cargo xtask demo --once`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails as loudly as the test"
)]

#[path = "../oracles/mod.rs"]
#[expect(
    dead_code,
    reason = "logs and records are verified here, packages elsewhere"
)]
mod oracles;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use hafan_directory::Directory;
use hafan_report::{
    Answer, AnswerValue, Attachment, FileEntry, Language, Metadata, Padded, Promise, Report, Route,
    SealedTo, State, VERSION,
};
use hafan_seal::{Recipient, seal, submission};
use hafan_tests::{TestServer, told};
use hafan_tlog::{Checkpoint, Verifier};
use serde_json::Value;
use xtask::binaries::Binaries;
use xtask::demo::{Layout, Settings};
use xtask::process::{output, run};

const FORCE: &str = "btp";
const WORDS: &str = "Roedd hi'n dywyll.\n\"Words\" of her own, 🌧️ مرحبا, <b>&amp; \\u0000 \u{202e}";
const PICTURE: &[u8] = b"\x89PNG\r\n\x1a\n not really a picture";

#[test]
fn a_report_travels_from_sealing_to_an_officer_and_is_the_same_report() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let directory = fetch_directory(&server);
    let recipient: Recipient = directory
        .intake_for(today())
        .unwrap()
        .recipient
        .to_string()
        .parse()
        .unwrap();

    // Report → Padded → Envelope → submission.
    let report = report_of(WORDS);
    let as_sealed = report.encode().to_vec();
    let file = Attachment::new(PICTURE.to_vec());
    let padded = Padded::pack(&report, None, &[file]).unwrap();
    let envelope = seal(&padded, &recipient).unwrap();
    let (h, sent) = submission(&envelope);

    // Durable, once; then again, which changes nothing.
    assert_eq!(server.put(FORCE, &h, &sent).unwrap().status, 201);
    let again = server.put(FORCE, &h, &sent).unwrap();
    assert_eq!((again.status, again.body.len()), (200, 0));

    // Checkpoint → Bundle, ciphertext only.
    let bundles = pull_until_a_drop(&server);

    // Bundle → VerifiedBundle → Report.
    let (layout, binaries) = (server.layout(), server.binaries());
    for bundle in &bundles {
        run("import", &mut import(binaries, layout, bundle)).unwrap();
    }
    let listed = officer(binaries, layout, &["list", "--json"]);
    let listed: Value = serde_json::from_slice(&listed).unwrap();
    let reports = listed["reports"].as_array().unwrap();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0]["route"], "witness");
    assert_eq!(reports[0]["language"], "cy");
    let reference = reports[0]["reference"].as_str().unwrap();
    let read = officer(
        binaries,
        layout,
        &["read", reference, "--reason", "exercise", "--json"],
    );
    assert_eq!(read.trim_ascii_end(), as_sealed);

    // What could deceive on a terminal is shown, not obeyed.
    let shown = String::from_utf8(officer(
        binaries,
        layout,
        &["read", reference, "--reason", "exercise"],
    ))
    .unwrap();
    assert!(shown.contains("Roedd hi'n dywyll."));
    assert!(!shown.contains('\u{202e}'));
    assert!(shown.contains("== As asked and answered"));
    let welsh = [
        "read",
        reference,
        "--reason",
        "exercise",
        "--headings",
        "cy",
    ];
    let shown = String::from_utf8(officer(binaries, layout, &welsh)).unwrap();
    assert!(
        shown.contains("== Fel y gofynnwyd ac yr atebwyd") && shown.contains("Roedd hi'n dywyll.")
    );

    // The same bundle again changes nothing.
    run(
        "import again",
        &mut import(binaries, layout, bundles.last().unwrap()),
    )
    .unwrap();
    let again = officer(binaries, layout, &["list", "--json"]);
    let again: Value = serde_json::from_slice(&again).unwrap();
    assert_eq!(again["reports"].as_array().unwrap().len(), 1);

    the_log_verifies_elsewhere(&server, &directory);
    the_access_record_verifies_elsewhere(&server);
    the_envelope_opens_elsewhere(&server, &h.to_string(), &envelope, &as_sealed);
}

#[test]
fn a_bundle_with_one_byte_changed_is_not_taken_in_whole() {
    let server = TestServer::start(&Settings::small()).unwrap();
    send_short(&server);
    let bundles = pull_until_a_drop(&server);
    let bundle = bundles.last().unwrap();
    let whole = fs::read(bundle).unwrap();
    // The last submission's ciphertext lies before the two closing blocks.
    let middle = whole.len() - 1024 - 30_000;
    let mut changed = whole.clone();
    changed[middle] ^= 1;
    fs::write(bundle, changed).unwrap();
    for earlier in &bundles[..bundles.len() - 1] {
        run(
            "import",
            &mut import(server.binaries(), server.layout(), earlier),
        )
        .unwrap();
    }
    let (status, _, said) = told(&mut import(server.binaries(), server.layout(), bundle)).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    // It is listed as damaged, if at all, and the exit code says that something is missing.
    let layout = server.layout();
    let (status, listed, said) = told(&mut officer_command(
        server.binaries(),
        layout,
        &["list", "--json"],
    ))
    .unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let readable = listed["reports"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|report| report["route"] == "witness")
        .count();
    assert_eq!(readable, 0);
}

#[test]
fn the_officers_work_makes_no_socket_and_needs_no_network() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (layout, binaries) = (server.layout(), server.binaries());
    send_short(&server);
    let bundles = pull_until_a_drop(&server);
    let trace_path = scratch.path().join("trace");
    // A namespace with no network at all, traced with everything that it starts.
    let traced = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command
            .args(["-rn", "strace", "-f", "-e", "trace=network", "-A", "-o"])
            .arg(&trace_path)
            .arg(binaries.keys())
            .args(arguments);
        command
    };
    let vault = layout.vault(FORCE);
    let vault = vault.to_str().unwrap();
    let passphrases = layout.passphrases(FORCE);
    let who = ["--vault", vault, "--as", "officer-1", "--passphrase-file"];
    let who = [who.as_slice(), &[passphrases.to_str().unwrap()]].concat();
    let mut calls = String::new();
    let mut traced = |verb: &[&str]| {
        let said = output("hafan-keys", &mut traced(&[verb, &who].concat())).unwrap();
        calls.push_str(&fs::read_to_string(&trace_path).unwrap());
        fs::remove_file(&trace_path).unwrap();
        said
    };
    let mut import = vec!["import"];
    import.extend(bundles.iter().map(|bundle| bundle.to_str().unwrap()));
    traced(&import);
    let listed: Value = serde_json::from_slice(&traced(&["list", "--json"])).unwrap();
    let report = listed["reports"][0]["reference"].as_str().unwrap();
    let why = ["--reason", "exercise"];
    traced(&[["read", report].as_slice(), &why].concat());
    let out = scratch.path().join("out");
    let out = ["--out", out.to_str().unwrap()];
    traced(&[["export", report].as_slice(), &why, &out].concat());
    let trace = calls;
    assert!(
        trace.contains("exited with 0"),
        "nothing was traced: {trace}"
    );
    for call in [
        "socket(",
        "socketpair(",
        "connect(",
        "bind(",
        "sendto(",
        "sendmsg(",
    ] {
        assert!(!trace.contains(call), "{trace}");
    }
}

fn today() -> jiff::civil::Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}

fn fetch_directory(server: &TestServer) -> Directory {
    let answer = server
        .get(&format!("/v1/forces/{FORCE}/directory"))
        .unwrap();
    assert_eq!(answer.status, 200);
    let root = fs::read_to_string(server.layout().root_vkey(FORCE)).unwrap();
    let root: Verifier = root.trim().parse().unwrap();
    Directory::open(&answer.body, &root).unwrap()
}

fn report_of(words: &str) -> Report {
    Report {
        version: VERSION,
        question_set: "full-1".to_owned(),
        language: Language::Welsh,
        route: Route::Witness,
        force: FORCE.to_owned(),
        key: SealedTo {
            id: "2026-W48".to_owned(),
            fingerprint: "0000 0000 0000 0000 0000 0000 0000 0000".to_owned(),
        },
        promise: Promise {
            id: "none-1".to_owned(),
            text: "Nobody will contact you.".to_owned(),
        },
        written_on: today().to_string().parse().unwrap(),
        answers: vec![Answer {
            id: "a1".to_owned(),
            question: "What happened?".to_owned(),
            answer: AnswerValue::Text(words.to_owned()),
            choice: AnswerValue::None,
            state: State::Answered,
            person: None,
            parts: Vec::new(),
        }],
        people: Vec::new(),
        flags: Vec::new(),
        wishes: Vec::new(),
        contact: None,
        files: vec![FileEntry::describe(
            "llun.png",
            "image/png",
            Metadata::Removed,
            PICTURE,
        )],
        mailbox: None,
        thread: "AAAAAAAAAAAAAAAAAAAAAA".parse().unwrap(),
        adds_to: None,
    }
}

/// Sends a report without files.
fn send_short(server: &TestServer) {
    let directory = fetch_directory(server);
    let intake = directory.intake_for(today()).unwrap();
    let recipient: Recipient = intake.recipient.to_string().parse().unwrap();
    let mut report = report_of("short");
    report.files.clear();
    let envelope = seal(&Padded::pack(&report, None, &[]).unwrap(), &recipient).unwrap();
    let (h, sent) = submission(&envelope);
    assert_eq!(server.put(FORCE, &h, &sent).unwrap().status, 201);
}

/// One pull of the courier's: the bundles that it wrote, and how many reports are in them.
fn pull_counted(server: &TestServer) -> (Vec<PathBuf>, u64) {
    let layout = server.layout();
    let written = output(
        "hafan-courier pull",
        Command::new(server.binaries().courier())
            .args([
                "pull",
                "--json",
                "--force",
                FORCE,
                "--server",
                &server.url(),
            ])
            .arg("--key")
            .arg(layout.courier_key(FORCE))
            .arg("--root")
            .arg(layout.root_vkey(FORCE))
            .arg("--out")
            .arg(layout.stick(FORCE)),
    )
    .unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    let bundles = written["bundles"].as_array().unwrap();
    let paths = bundles
        .iter()
        .map(|bundle| layout.stick(FORCE).join(bundle["path"].as_str().unwrap()))
        .collect();
    let drops = bundles
        .iter()
        .map(|bundle| bundle["drops"].as_u64().unwrap())
        .sum();
    (paths, drops)
}

/// Pulls until an epoch has taken the report in.
fn pull_until_a_drop(server: &TestServer) -> Vec<PathBuf> {
    let start = Instant::now();
    let mut bundles = Vec::new();
    loop {
        let (new, drops) = pull_counted(server);
        bundles.extend(new);
        if drops > 0 {
            return bundles;
        }
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "the report is not in the log"
        );
    }
}

fn import(binaries: &Binaries, layout: &Layout, bundle: &Path) -> Command {
    let mut command = Command::new(binaries.keys());
    command
        .arg("import")
        .arg(bundle)
        .arg("--vault")
        .arg(layout.vault(FORCE))
        .args(["--as", "officer-1", "--passphrase-file"])
        .arg(layout.passphrases(FORCE));
    command
}

fn officer(binaries: &Binaries, layout: &Layout, verb: &[&str]) -> Vec<u8> {
    output("hafan-keys", &mut officer_command(binaries, layout, verb)).unwrap()
}

fn officer_command(binaries: &Binaries, layout: &Layout, verb: &[&str]) -> Command {
    let mut command = Command::new(binaries.keys());
    command
        .args(verb)
        .arg("--vault")
        .arg(layout.vault(FORCE))
        .args(["--as", "officer-1", "--passphrase-file"])
        .arg(layout.passphrases(FORCE));
    command
}

/// Fetches the log over HTTP as anybody can, and has Go's and Python's implementations verify it.
fn the_log_verifies_elsewhere(server: &TestServer, directory: &Directory) {
    let folder = tempfile::tempdir().unwrap();
    let year = server.get(&format!("/log/{FORCE}/latest")).unwrap().text();
    let year: u16 = year.trim_end().parse().unwrap();
    let log = format!("/log/{FORCE}/{year}");
    let verifier = directory.log_verifier(year).unwrap();
    let note = server.get(&format!("{log}/checkpoint")).unwrap();
    assert_eq!(note.status, 200);
    let checkpoint = Checkpoint::open(&note.body, &verifier).unwrap();
    assert!(checkpoint.size() > 0 && checkpoint.size().is_multiple_of(8));
    fs::write(folder.path().join("checkpoint"), &note.body).unwrap();
    for tile in hafan_tlog::tile::new_tiles(0, checkpoint.size()) {
        let answer = server.get(&format!("{log}/{tile}")).unwrap();
        assert_eq!(answer.status, 200, "{tile}");
        let path = folder.path().join(tile.to_string());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, answer.body).unwrap();
    }
    let verdicts = oracles::verify_log(&verifier.to_string(), folder.path(), &[], None);
    assert_eq!(verdicts.go.err(), None);
    assert_eq!(verdicts.python.err(), None);
}

/// Exports what the officers wrote down of themselves, and has Python's `securesystemslib` verify it.
fn the_access_record_verifies_elsewhere(server: &TestServer) {
    let folder = tempfile::tempdir().unwrap();
    let export = folder.path().join("access.tar");
    let mut command = Command::new(server.binaries().keys());
    command.args(["record", "export", "--vault"]);
    command.arg(server.layout().vault(FORCE));
    run("record export", command.arg("--to").arg(&export)).unwrap();
    let verdict = oracles::verify_record(&export).unwrap();
    assert!(verdict.contains("each signed"), "{verdict}");
}

/// Takes the envelope out of the store's own file and opens it with npm's age and `tar x`, and no code of ours.
fn the_envelope_opens_elsewhere(server: &TestServer, h: &str, envelope: &[u8], report: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let found = hafan_tests::segments(&server.layout().store())
        .unwrap()
        .into_iter()
        .any(|path| {
            let bytes = fs::read(path).unwrap();
            xtask::search::find(&bytes, envelope).is_some_and(|at| {
                fs::write(
                    folder.path().join("envelope.age"),
                    &bytes[at..at + envelope.len()],
                )
                .unwrap();
                true
            })
        });
    assert!(found, "the store does not hold the envelope of {h}");
    let identity_path = intake_identity(server, folder.path());
    let script = xtask::root().join("tests/interop/open-envelope.mjs");
    let padded_path = folder.path().join("padded.tar");
    xtask::tools::npm_ci().unwrap();
    let status = Command::new("node")
        .arg(script)
        .args([
            &identity_path,
            &folder.path().join("envelope.age"),
            &padded_path,
        ])
        .status()
        .unwrap();
    assert!(
        status.success(),
        "age-encryption does not open the envelope"
    );
    run(
        "tar x",
        Command::new("tar")
            .arg("-xf")
            .arg(&padded_path)
            .arg("-C")
            .arg(folder.path()),
    )
    .unwrap();
    assert_eq!(fs::read(folder.path().join("report.json")).unwrap(), report);
    assert_eq!(
        fs::read(folder.path().join("files/01-llun.png")).unwrap(),
        PICTURE
    );
}

/// The intake identities of the vault, opened with the officer's key, as a file of age identities a line.
fn intake_identity(server: &TestServer, folder: &Path) -> PathBuf {
    use hafan_open::{Identity, open_bytes, unlock};
    let vault = server.layout().vault(FORCE);
    let passphrases = fs::read_to_string(server.layout().passphrases(FORCE)).unwrap();
    let passphrase = passphrases
        .lines()
        .find_map(|line| line.strip_prefix("officer-1: "))
        .unwrap();
    let locked = fs::read(vault.join("officers/officer-1.age")).unwrap();
    let officer = unlock(&locked, &passphrase.to_owned().into()).unwrap();
    // The identity's line; behind it is the one that the officer signs with.
    let officer = std::str::from_utf8(&officer).unwrap();
    let officer: Identity = officer.lines().next().unwrap().parse().unwrap();
    let mut lines = String::new();
    for path in xtask::search::files_under(&vault.join("intake")).unwrap() {
        if let Ok(secret) = open_bytes(&fs::read(path).unwrap(), &[&officer]) {
            lines.push_str(std::str::from_utf8(&secret).unwrap().trim());
            lines.push('\n');
        }
    }
    let path = folder.join("identities");
    fs::write(&path, lines).unwrap();
    path
}
