//! The access record as officers and auditors meet it: written before anything is given out, checked by a verb, and in the
//! way of everything when it cannot be written.
//!
//! Needs root, `mount`, `umount` and `strace`.

use std::fs;
use std::os::fd::AsFd as _;
use std::os::unix::fs::chown;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::Command;

use rustix::fs::FlockOperation;
use serde_json::Value;
use xtask::process::{output, run};

use crate::office::{Office, by, said, with_contact};

const VERIFY: [&str; 4] = ["record", "verify", "--vault", "vault"];

/// A vault with one report, and what an officer asks for: an entry of the record and a file.
fn office() -> (Office, String) {
    let office = Office::new(2, 2);
    let h = office.bring(&[with_contact("Ffugenw")]).remove(0);
    (office, h)
}

fn ask<'a>(report: &'a str, out: &'a str) -> Vec<&'a str> {
    let verb = [
        "contact",
        "request",
        report,
        "--reason",
        "safeguarding",
        "--out",
        out,
    ];
    by("officer-1", &verb)
}

fn verified(office: &Office) -> Value {
    let output = office.run(&[VERIFY.as_slice(), &["--json", "--entries"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asking is refused, nothing is given out, and the record stays as it is.
fn refused(office: &Office, report: &str, code: i32, wanted: &str) {
    let before = office.read("vault/access/entries");
    office.fails(&ask(report, "out"), code, wanted);
    office.fails(
        &ask(report, "out"),
        code,
        "so nothing was opened or changed",
    );
    assert!(!office.path("out").exists());
    assert_eq!(office.read("vault/access/entries"), before);
}

#[test]
fn it_says_who_did_what_and_why_and_nothing_of_the_report() {
    let (office, h) = office();
    office.ok(&ask(&h, "out"));
    let verb = [
        "contact",
        "request",
        &h,
        "--reason",
        "other",
        "--words",
        "gofynnodd hi",
        "--out",
        "out-2",
    ];
    office.ok(&by("officer-2", &verb));
    let shown = office.ok(&[VERIFY.as_slice(), &["--entries"]].concat());
    for wanted in [
        "1 ",
        "officer-1 imported",
        "officer-1 contact-requested",
        "safeguarding",
        "officer-2 contact-requested",
        "other: gofynnodd hi",
        "The record is whole",
        "Head: 4 entries",
        "--against",
    ] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let json = verified(&office);
    assert_eq!((&json["whole"], &json["size"]), (&true.into(), &4.into()));
    assert_eq!(json["entries"][3]["event"]["report"], h.as_str());
    for file in crate::office::walk(&office.path("vault/access")) {
        let bytes = fs::read(&file).unwrap();
        for word in ["geiriau", "Ffugenw", "Beth ddigwyddodd"] {
            assert!(
                !bytes.windows(word.len()).any(|w| w == word.as_bytes()),
                "{}",
                file.display()
            );
        }
    }
}

#[test]
fn what_was_done_to_it_is_named_and_nothing_is_done_on_top() {
    let (office, h) = office();
    for out in ["a", "b", "c"] {
        office.ok(&ask(&h, out));
    }
    let whole = String::from_utf8(office.read("vault/access/entries")).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let joined = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4]];
    let changed = whole.replacen(&lines[3][30..40], "AAAAAAAAAA", 1);
    let cases = [
        (
            joined(&[&lines[..2], &lines[3..]].concat()),
            "removed: entry 3 is missing",
        ),
        (joined(&swapped), "reordered: entry 2 stands after entry 3"),
        (
            joined(&lines[..4]),
            "cut off: entry 5 is missing at the end",
        ),
        (changed, "changed: entry"),
        (whole.clone() + "{}\n", "added: what follows entry 5"),
        (String::new(), "cut off: entries 1 to 5 are missing"),
    ];
    for (entries, wanted) in cases {
        office.write("vault/access/entries", entries.as_bytes());
        office.fails(&VERIFY, 1, wanted);
        office.fails(&VERIFY, 1, "tell the auditors today");
        refused(&office, &h, 4, "record verify");
    }
    office.write("vault/access/entries", whole.as_bytes());
    let head = office.read("vault/access/head");
    fs::remove_file(office.path("vault/access/head")).unwrap();
    office.fails(&VERIFY, 1, "the head is missing");
    refused(&office, &h, 4, "is gone, or its head");
    office.write("vault/access/head", &head);
    office.ok(&VERIFY);
    office.ok(&ask(&h, "out"));
}

#[test]
fn a_vault_that_was_set_back_whole_shows_against_what_was_exported() {
    let (office, h) = office();
    office.ok(&ask(&h, "a"));
    run(
        "cp",
        Command::new("cp")
            .args(["-r", "vault", "earlier"])
            .current_dir(office.path(".")),
    )
    .unwrap();
    office.ok(&ask(&h, "b"));
    let told = office.ok(&["record", "export", "--vault", "vault", "--to", "record.tar"]);
    assert!(
        told.contains("Head: 4 entries") && told.contains("Words: "),
        "{told}"
    );
    office.ok(&[VERIFY.as_slice(), &["--against", "record.tar"]].concat());
    office.fails(
        &["record", "export", "--vault", "vault", "--to", "record.tar"],
        3,
        "cannot write",
    );
    // The record alone set back is seen by the vault's own copy of the head.
    fs::rename(office.path("vault/access"), office.path("access")).unwrap();
    run(
        "cp",
        Command::new("cp")
            .args(["-r", "earlier/access", "vault/access"])
            .current_dir(office.path(".")),
    )
    .unwrap();
    office.fails(
        &VERIFY,
        1,
        "set back: the vault's copy of the head counts 4 entries, and this record ends at 3",
    );
    refused(
        &office,
        &h,
        4,
        "was set back: it has 3 entries, and 4 were written",
    );
    // All of it set back looks whole by itself, and the verb says so; the export shows it.
    fs::remove_dir_all(office.path("vault")).unwrap();
    fs::rename(office.path("earlier"), office.path("vault")).unwrap();
    let looks_whole = office.ok(&VERIFY);
    assert!(
        looks_whole.contains("A vault that was put back whole to an earlier day looks whole"),
        "{looks_whole}"
    );
    office.fails(
        &[VERIFY.as_slice(), &["--against", "record.tar"]].concat(),
        1,
        "set back: the head in record.tar counts 4 entries",
    );
    // Any tar reads what was exported.
    let listing = output(
        "tar",
        Command::new("tar")
            .args(["-tf", "record.tar"])
            .current_dir(office.path(".")),
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(listing).unwrap(),
        "head\ndirectories/1\nentries\n"
    );
    office.write("no.tar", b"no");
    office.fails(
        &[VERIFY.as_slice(), &["--against", "no.tar"]].concat(),
        3,
        "no exported access record",
    );
}

#[test]
fn another_program_another_user_a_link_or_a_read_only_disk_keep_everything_closed() {
    let (office, h) = office();
    let lock = fs::File::open(office.path("vault/access/lock")).unwrap();
    rustix::fs::flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive).unwrap();
    refused(
        &office,
        &h,
        3,
        "another hafan-keys is writing the access record",
    );
    drop(lock);
    for part in ["vault/access", "vault/access/entries"] {
        chown(office.path(part), Some(4242), None).unwrap();
        refused(&office, &h, 4, "belongs to another user");
        chown(office.path(part), Some(0), None).unwrap();
    }
    fs::rename(office.path("vault/access/entries"), office.path("entries")).unwrap();
    std::os::unix::fs::symlink(office.path("entries"), office.path("vault/access/entries"))
        .unwrap();
    refused(&office, &h, 3, "cannot be read or written");
    fs::rename(office.path("entries"), office.path("vault/access/entries")).unwrap();
    let vault = office.path("vault");
    let mount = |options: &str| {
        run(
            "mount",
            Command::new("mount")
                .args(["-o", options])
                .args([&vault, &vault]),
        )
        .unwrap();
    };
    mount("bind");
    mount("remount,bind,ro");
    let refusal = office.run(&ask(&h, "out"));
    run("umount", Command::new("umount").arg(&vault)).unwrap();
    assert_eq!(refusal.status.code(), Some(3), "{}", said(&refusal));
    assert!(
        said(&refusal).contains("it is not read-only"),
        "{}",
        said(&refusal)
    );
    assert!(!office.path("out").exists());
    office.ok(&ask(&h, "out"));
    assert_eq!(verified(&office)["whole"], true);
}

/// SIGKILL at each call by which the record reaches the disk. What was given out is in the record; the record is whole; the
/// same command works.
#[test]
fn a_kill_at_each_step_leaves_a_record_that_is_whole_and_goes_on() {
    let (office, h) = office();
    let mut kills = 0;
    for call in ["fsync", "rename", "unlink", "ftruncate", "flock", "mkdir"] {
        for number in 1.. {
            let out = format!("out-{call}-{number}");
            let is_killed = killed_at(&office, &ask(&h, &out), call, number);
            let json = verified(&office);
            assert_eq!(json["whole"], true, "{call} {number}: {json}");
            let entries = json["entries"].as_array().unwrap().len();
            office.ok(&ask(&h, &format!("{out}-after")));
            let json = verified(&office);
            assert_eq!(
                (&json["whole"], json["notices"].as_array().unwrap().len()),
                (&true.into(), 0)
            );
            assert_eq!(
                json["entries"].as_array().unwrap().len(),
                entries + 1,
                "{call} {number}"
            );
            // Whoever holds a request: an entry says so.
            let requests = fs::read_dir(office.path(".")).unwrap();
            let given = requests.filter(|file| is_request(&file.as_ref().unwrap().path()));
            assert!(given.count() < entries + 1);
            if !is_killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 8, "{kills} kills only");
}

/// Kills the program at the call of this name and number; says whether it came so far.
pub(crate) fn killed_at(office: &Office, args: &[&str], call: &str, number: u32) -> bool {
    let inject = format!("inject={call}:signal=KILL:when={number}");
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &inject])
        .arg(&office.program)
        .args(args)
        .current_dir(office.path("."));
    let ended = traced.output().unwrap();
    let is_killed = ended.status.signal() == Some(9) || ended.status.code() == Some(137);
    assert!(
        is_killed || ended.status.success(),
        "{call} {number}: {}",
        said(&ended)
    );
    is_killed
}

fn is_request(path: &Path) -> bool {
    path.file_name()
        .unwrap()
        .to_string_lossy()
        .starts_with("out-")
}
