//! The officers' side without a network: ceremony, import, list, read; no socket; nothing half-written.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

mod drill;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drill::{Drill, YEAR, copy, report, signer, walk};
use hafan_directory::Directory;
use hafan_envelope::bundle::BundleName;
use hafan_tlog::Verifier;

/// The report of the withheld bundle comes with the whole one later, and an intake key that is gone is
/// named by its week.
#[test]
fn what_was_missing_is_named_and_can_be_filled_in() {
    let drill = Drill::new(&["un", "dau"]);
    drill.fails(&import("withheld.tar", "vault"), 1, "");
    let tree_before = tree(&drill, "vault");
    let filled = drill.ok(&import("bundle.tar", "vault"));
    assert!(
        filled.contains("1 report that had been missing"),
        "{filled}"
    );
    assert!(
        filled.contains("2 reports, 6 decoys, 0 not whole"),
        "{filled}"
    );
    assert_eq!(tree(&drill, "vault"), tree_before);
    assert_eq!(drill.ok(&as_officer(&["list"])).lines().count(), 3);
    let again = drill.ok(&import("bundle.tar", "vault"));
    assert!(again.contains("Nothing was changed"), "{again}");

    let key = walk(&drill.path("vault/intake")).into_iter().min().unwrap();
    let week = key.file_stem().unwrap().to_str().unwrap().to_owned();
    fs::remove_file(&key).unwrap();
    let list = drill.run(&as_officer(&["list"]));
    let text = String::from_utf8(list.stdout).unwrap();
    assert_eq!(list.status.code(), Some(1));
    assert!(
        text.contains(&format!("Missing intake keys: {week}.")),
        "{text}"
    );
    assert_eq!(text.matches("NOT OPENED").count(), 2);
}

#[test]
fn more_weeks_keep_the_old_ones_and_their_reports_open() {
    let drill = Drill::new(&["wythnos un"]);
    drill.ok(&import("bundle.tar", "vault"));
    let old = walk(&drill.path("vault/intake"));
    let root: Verifier = fs::read_to_string(drill.path("keys/root/root.vkey"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let before = Directory::open(&fs::read(drill.path("vault/directory")).unwrap(), &root).unwrap();
    let issue = |out| {
        [
            ["directory", "issue", "--add-weeks", "3", "--vault", "vault"].as_slice(),
            &["--root", "keys/root/root.age", "--out", out],
            &["--as", "officer-1", "--passphrase-file", "passphrases"],
        ]
        .concat()
    };
    drill.ok(&issue("next.directory"));
    drill.fails(&issue("next.directory"), 4, "is there already");
    let after = Directory::open(&fs::read(drill.path("next.directory")).unwrap(), &root).unwrap();
    let (before, after) = (before.contents(), after.contents());
    assert_eq!((before.sequence, after.sequence), (1, 2));
    assert_eq!(after.intake[..2], before.intake[..]);
    assert_eq!(after.intake.len(), 5);
    assert_eq!(after.valid_until, after.intake[4].until);
    assert!(old.iter().all(|key| key.is_file()));
    assert_eq!(walk(&drill.path("vault/intake")).len(), 5);

    // A report sealed to the newest week, in a bundle with the next directory.
    fs::copy(
        drill.path("next.directory"),
        drill.path("keys/operator/btp.directory"),
    )
    .unwrap();
    copy(&drill.path("vault"), &drill.path("other"));
    fs::remove_dir_all(drill.path("other/bundles")).unwrap();
    fs::create_dir(drill.path("other/bundles")).unwrap();
    let tree = r#"{"version":1,"force":"btp","directory_sequence":1,"logs":[]}"#;
    fs::write(drill.path("other/tree.json"), tree).unwrap();
    drill.write_bundle_to(&["wythnos newydd"], 4);
    drill.ok(&import("bundle.tar", "other"));
    let newest = &after.intake[4].id;
    let mut other = as_officer(&["list"]);
    other[2] = "other";
    assert!(drill.ok(&other).contains(newest));
    assert!(
        drill
            .ok(&as_officer(&["list"]))
            .contains(&before.intake[0].id)
    );
}

fn ceremony<'a>(log: &'a str, out: &'a str) -> Vec<&'a str> {
    [
        ["ceremony", "--force", "btp", "--officers", "1"].as_slice(),
        &["--quorum", "1", "--weeks", "2", "--log", log],
        &["--out", out, "--passphrase-file", "passphrases"],
    ]
    .concat()
}

#[test]
fn a_ceremony_killed_at_any_moment_leaves_nothing_that_looks_finished() {
    let drill = Drill::new(&["un"]);
    let log = signer().verifier().to_string();
    let start = Instant::now();
    drill.ok(&ceremony(&log, "whole"));
    let took = start.elapsed();
    let wanted = walk(&drill.path("whole")).len();
    let mut cut = 0;
    for round in 0..20_u32 {
        let out = format!("out-{round}");
        let mut running = drill
            .command(&ceremony(&log, &out))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took * round / 19);
        running.kill().unwrap();
        running.wait().unwrap();
        if drill.path(&out).exists() {
            assert_eq!(walk(&drill.path(&out)).len(), wanted, "round {round}");
        } else {
            cut += 1;
            // What was left over stands in nobody's way.
            if cut == 10 {
                drill.ok(&ceremony(&log, &out));
                assert_eq!(walk(&drill.path(&out)).len(), wanted);
                assert!(!drill.path(&format!(".{out}.partial")).exists());
            }
        }
    }
    assert!(cut > 0);
}

/// A file system of 96 KiB, in a user and mount namespace of its own.
#[test]
fn a_full_disk_is_said_and_leaves_nothing_half_written() {
    let drill = Drill::new(&["un"]);
    let log = signer().verifier().to_string();
    let script = r#"set -eu
mkdir small && mount -t tmpfs -o size=96k none small
cp -r vault small/vault
before=$(cat small/vault/tree.json)
code=0; "$KEYS" import bundle.tar --vault small/vault --as officer-1 --passphrase-file passphrases 2>said || code=$?
[ "$code" = 3 ] && grep -q "cannot write" said && grep -q "has room" said
[ "$before" = "$(cat small/vault/tree.json)" ]
rm -r small/vault
head -c 80000 /dev/zero > small/fill
code=0; "$KEYS" ceremony --force btp --officers 2 --quorum 1 --weeks 9 --log "$LOG" --out small/keys --passphrase-file passphrases 2>said || code=$?
[ "$code" = 3 ] && grep -q "cannot write" said
[ "$(ls -A small)" = fill ]
"#;
    let output = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .env("KEYS", &drill.keys)
        .env("LOG", log)
        .current_dir(drill.dir.path())
        .output()
        .unwrap();
    let said = fs::read_to_string(drill.path("said")).unwrap_or_default();
    assert!(
        output.status.success(),
        "{}{said}",
        String::from_utf8_lossy(&output.stderr)
    );
}

const AS_OFFICER: [&str; 6] = [
    "--vault",
    "vault",
    "--as",
    "officer-2",
    "--passphrase-file",
    "passphrases",
];

/// Takes a bundle into a vault, by officer-1.
fn import<'a>(bundle: &'a str, vault: &'a str) -> Vec<&'a str> {
    let who = ["--vault", vault, "--as", "officer-1"];
    [["import", bundle].as_slice(), &who, &AS_OFFICER[4..]].concat()
}

fn as_officer<'a>(verb: &[&'a str]) -> Vec<&'a str> {
    [verb, &AS_OFFICER].concat()
}

#[test]
fn what_was_sealed_is_what_officers_read_and_no_call_touches_the_network() {
    let hostile = "Llythrennau: ŵ ŷ 👍 שלום\n\u{1b}[2J\u{202e}txt.exe";
    // Long enough that its chunks are opened by more than one thread, under the filter that forbids sockets.
    let long = "gair ".repeat(180_000);
    let drill = Drill::new(&[hostile, &long]);
    for program in ["strace", "unshare"] {
        let found = Command::new(program).arg("--version").output();
        assert!(
            found.is_ok(),
            "{program} is missing: apt-get install strace util-linux"
        );
    }
    let traced = |args: &[&str]| {
        let trace = drill.path("trace");
        let output = Command::new("unshare")
            .args(["-rn", "strace", "-f", "-e", "trace=network", "-o"])
            .arg(&trace)
            .arg(&drill.keys)
            .args(args)
            .current_dir(drill.dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let calls = fs::read_to_string(&trace).unwrap();
        assert!(
            calls.contains("exited with 0"),
            "strace saw nothing: {calls}"
        );
        assert!(
            !calls.contains('('),
            "{args:?} made network calls:\n{calls}"
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let log = signer().verifier().to_string();
    traced(&[
        "ceremony",
        "--force",
        "btp",
        "--officers",
        "1",
        "--quorum",
        "1",
        "--weeks",
        "1",
        "--log",
        &log,
        "--out",
        "more",
        "--passphrase-file",
        "passphrases",
    ]);
    let imported = traced(&import("bundle.tar", "vault"));
    assert!(
        imported.contains("2 reports, 6 decoys, 0 not whole"),
        "{imported}"
    );
    let listed = traced(&as_officer(&["list", "--json"]));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let oldest = listed["reports"][1].clone();
    assert_eq!(
        (&oldest["language"], &oldest["state"]),
        (&"cy".into(), &"new".into())
    );
    let reference = oldest["reference"].as_str().unwrap();
    let shown = traced(&as_officer(&["read", reference, "--reason", "exercise"]));
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    assert!(
        shown.contains("| Llythrennau: ŵ ŷ 👍 שלום\n    | \\u{1b}[2J\\u{202e}txt.exe"),
        "{shown}"
    );
    assert!(shown.contains("Pryd?") && shown.contains("[skipped]"));
    assert!(shown.contains("Ni fyddwn yn ceisio dod o hyd i chi."));
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
    let json = traced(&as_officer(&[
        "read", reference, "--reason", "exercise", "--json",
    ]));
    assert_eq!(
        json.trim_end().as_bytes(),
        report(hostile).encode().as_slice()
    );
    let newest = listed["reports"][0]["reference"].as_str().unwrap();
    let json = traced(&as_officer(&[
        "read", newest, "--reason", "exercise", "--json",
    ]));
    assert_eq!(
        json.trim_end().as_bytes(),
        report(&long).encode().as_slice()
    );
    assert!(drill.ok(&as_officer(&["list"])).contains("read"));
    for file in walk(&drill.path("vault")) {
        let bytes = fs::read(&file).unwrap();
        let needle = "Llythrennau".as_bytes();
        assert!(
            !bytes.windows(needle.len()).any(|w| w == needle),
            "{}",
            file.display()
        );
    }
}

#[test]
fn refusals_are_said_with_their_exit_code_and_change_nothing() {
    let drill = Drill::new(&["un"]);
    let before = fs::read(drill.path("vault/tree.json")).unwrap();
    fs::write(
        drill.path("cut.tar"),
        &fs::read(drill.path("bundle.tar")).unwrap()[..9000],
    )
    .unwrap();
    drill.fails(&import("cut.tar", "vault"), 1, "nothing was taken in");
    drill.fails(&import("bundle.tar", "keys"), 2, "is not a vault");
    drill.fails(&import("none.tar", "vault"), 3, "cannot read");
    assert_eq!(fs::read(drill.path("vault/tree.json")).unwrap(), before);

    drill.fails(&import("withheld.tar", "vault"), 1, "");
    let again = drill.run(&import("withheld.tar", "vault"));
    assert!(
        String::from_utf8(again.stdout)
            .unwrap()
            .contains("NOT WHOLE  leaf 0")
    );

    fs::write(drill.path("wrong"), "officer-2: not the right passphrase\n").unwrap();
    drill.fails(
        &[
            "list",
            "--vault",
            "vault",
            "--as",
            "officer-2",
            "--passphrase-file",
            "wrong",
        ],
        4,
        "chmod 600",
    );
    fs::set_permissions(drill.path("wrong"), fs::Permissions::from_mode(0o600)).unwrap();
    drill.fails(
        &[
            "list",
            "--vault",
            "vault",
            "--as",
            "officer-2",
            "--passphrase-file",
            "wrong",
        ],
        1,
        "the key of officer-2 did not open: that is not its passphrase",
    );
    drill.fails(
        &[
            "list",
            "--vault",
            "vault",
            "--as",
            "../officer-2",
            "--passphrase-file",
            "wrong",
        ],
        2,
        "no key",
    );
    let log = signer().verifier().to_string();
    drill.fails(
        &[
            "ceremony",
            "--force",
            "btp",
            "--officers",
            "1",
            "--quorum",
            "1",
            "--weeks",
            "1",
            "--log",
            &log,
            "--out",
            "keys",
            "--passphrase-file",
            "passphrases",
        ],
        4,
        "is there already",
    );
}

#[test]
fn an_import_killed_at_any_moment_leaves_the_vault_as_it_was_or_done() {
    let drill = Drill::new(&["un", "dau", "tri", "pedwar", "pump"]);
    copy(&drill.path("vault"), &drill.path("whole"));
    let start = Instant::now();
    drill.ok(&import("bundle.tar", "whole"));
    let took = start.elapsed();
    let (before, after) = (tree(&drill, "vault"), tree(&drill, "whole"));
    assert_ne!(before, after);
    for round in 0..20_u32 {
        let vault = format!("vault-{round}");
        copy(&drill.path("vault"), &drill.path(&vault));
        let mut running = drill
            .command(&import("bundle.tar", &vault))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(took.max(Duration::from_millis(20)) * round / 20);
        running.kill().unwrap();
        running.wait().unwrap();
        let found = tree(&drill, &vault);
        assert!(found == before || found == after, "round {round}");
        drill.ok(&import("bundle.tar", &vault));
        assert_eq!(tree(&drill, &vault), after);
        let name = BundleName {
            year: YEAR,
            first: 0,
            last: 8,
        };
        let dir = format!("{vault}/bundles/{}-{}-{}", name.year, name.first, name.last);
        assert_eq!(walk(&drill.path(&dir)).len(), 5 + 1 + 5);
        assert!(
            !walk(&drill.path(&vault))
                .iter()
                .any(|p| p.to_string_lossy().contains(".partial"))
        );
    }
}

fn tree(drill: &Drill, vault: &str) -> Vec<u8> {
    fs::read(drill.path(vault).join("tree.json")).unwrap()
}
