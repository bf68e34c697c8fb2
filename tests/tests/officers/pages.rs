//! Pages of answers on a stick: always one, the same again after a cut, and known when they come back among the leaves.
//!
//! Needs root, `mount`, `umount` and `strace`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::Command;

use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use hafan_report::MessageState;
use serde_json::Value;

use crate::access::killed_at;
use crate::answers::{EXPORT, found, from, office, pages, reply};
use crate::office::{Office, PLAIN, by, said, walk};
use crate::small_disk::Small;

#[test]
fn there_is_a_page_with_nothing_to_tell_and_what_comes_later_goes_on_counting() {
    let office = office();
    // Before anything was verified there is nothing that a page could end with.
    office.fails(&by("officer-1", &EXPORT), 2, "nothing was imported");
    office.bring(&[]);
    let told = office.ok(&by("officer-1", &EXPORT));
    assert!(told.contains("1 page with 0 messages"), "{told}");
    let first = pages(&office).remove(0);
    assert_eq!(first.len(), PAGE_SIZE_BYTES);
    let h = office.bring(&[from(1)]).remove(0);
    office.ok(&by("officer-1", &EXPORT));
    office.ok(&reply("officer-1", &h, "answer.txt"));
    office.ok(&reply("officer-2", &h, "answer.txt"));
    let json = by("officer-1", &[EXPORT.as_slice(), &["--json"]].concat());
    let output = office.run(&json);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&json["records"], &json["left"]), (&2.into(), &0.into()));
    let h = json["pages"][0]["h"].as_str().unwrap();
    assert_eq!(
        json["pages"][0]["file"],
        format!("stick/replies-{}.page", &h[..16])
    );
    let pages = pages(&office);
    assert_eq!(pages.len(), 3);
    let numbers: Vec<u32> = found(&office, &pages, 1)
        .iter()
        .map(|told| told.0)
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn an_export_that_was_cut_gives_out_the_same_pages_and_no_number_twice() {
    let office = office();
    let h = office.bring(&[from(1), from(2)]).remove(0);
    // A stick with no room for a page: what is recorded is not given out, and nothing is lost.
    let small = Small::mount(office.path("small"));
    small.leave(8);
    let to_small = ["replies", "export", "--to", "small"];
    office.fails(
        &by("officer-1", &to_small),
        3,
        "It gives out the same pages",
    );
    assert_eq!(walk(&office.path("small")), [office.path("small/filler")]);
    let staged: Vec<_> = walk(&office.path("vault/replies/outbox"));
    let page = staged
        .iter()
        .find(|path| path.extension().unwrap() == "page");
    let page = fs::read(page.unwrap()).unwrap();
    // What is told meanwhile waits for its own page.
    office.ok(&reply("officer-1", &h, "answer.txt"));
    let told = office.ok(&by("officer-2", &EXPORT));
    assert!(
        told.contains("1 page with 2 messages") && told.contains("1 message more"),
        "{told}"
    );
    assert_eq!(pages(&office), [page]);
    office.ok(&by("officer-2", &EXPORT));
    let pages = pages(&office);
    assert_eq!(pages.len(), 2);
    let numbers: Vec<u32> = found(&office, &pages, 1)
        .iter()
        .map(|told| told.0)
        .collect();
    assert_eq!(numbers, [1, 2]);
    drop(small);
    // The page may be there already, and another file of its name is left alone.
    office.fails(
        &by("officer-1", &["replies", "export", "--to", "vault"]),
        2,
        "is in the vault",
    );
    office.fails(
        &by("officer-1", &["replies", "export", "--to", "no"]),
        2,
        "is not there",
    );
}

/// The calls by which something reaches the disk, and each how many-th of them is looked at.
const KILLS: [(&str, usize); 4] = [("fsync", 3), ("rename", 1), ("unlink", 2), ("mkdir", 1)];

/// SIGKILL at each call by which something reaches the disk, of the answer and of its export: the same commands again tell the
/// person each thing once, under one number each, and pages that went out are known.
#[test]
fn a_kill_at_each_step_loses_and_repeats_nothing() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    copy(&office, "vault", "first");
    let mut kills = 0;
    for (call, step) in KILLS {
        for number in (1..).step_by(step) {
            copy(&office, "first", "vault");
            empty_stick(&office);
            let mut killed =
                killed_at(&office, &reply("officer-1", &h, "answer.txt"), call, number);
            if killed {
                office.ok(&reply("officer-1", &h, "answer.txt"));
            }
            killed |= killed_at(&office, &by("officer-1", &EXPORT), call, number);
            office.ok(&by("officer-1", &EXPORT));
            let pages = pages(&office);
            let told = found(&office, &pages, 1);
            let numbers: std::collections::BTreeSet<u32> = told.iter().map(|told| told.0).collect();
            assert_eq!(told.len(), numbers.len(), "{call} {number}: {told:?}");
            // A first run that was killed behind its last step had answered already.
            assert!((2..=3).contains(&told.len()), "{call} {number}: {told:?}");
            let known = String::from_utf8(office.read("vault/replies/pages.json")).unwrap();
            for page in &pages {
                let h = Page::parse(page).unwrap().digest().to_string();
                assert!(known.contains(&h), "{call} {number}: {known}");
            }
            office.ok(&["record", "verify", "--vault", "vault"]);
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 12, "{kills} kills only");
}

/// The same of the import that tells people that their report was collected: each is told so exactly once.
#[test]
fn a_kill_at_each_step_of_an_import_tells_each_person_once() {
    let office = office();
    let h = office.load(&[from(1)], &[]).remove(0);
    copy(&office, "vault", "first");
    let mut kills = 0;
    for (call, step) in KILLS {
        for number in (1..).step_by(step) {
            copy(&office, "first", "vault");
            empty_stick(&office);
            let import = by("officer-1", &["import", "bundle.tar"]);
            let killed = killed_at(&office, &import, call, number);
            office.ok(&import);
            office.ok(&by("officer-1", &EXPORT));
            let told = found(&office, &pages(&office), 1);
            let wanted = [(1, MessageState::Collected, h.clone())];
            assert_eq!(told, wanted, "{call} {number}");
            office.ok(&["record", "verify", "--vault", "vault"]);
            if !killed {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= 12, "{kills} kills only");
}

fn copy(office: &Office, from: &str, to: &str) {
    drop(fs::remove_dir_all(office.path(to)));
    let copied = Command::new("cp")
        .arg("-a")
        .args([office.path(from), office.path(to)])
        .status();
    assert!(copied.unwrap().success());
}

fn empty_stick(office: &Office) {
    drop(fs::remove_dir_all(office.path("stick")));
    fs::create_dir(office.path("stick")).unwrap();
}

/// A folder's name need not be UTF-8: what is given out is named all the same.
#[test]
fn a_stick_of_any_name_is_written_to_and_named() {
    let office = office();
    let h = office.bring(&[PLAIN]).remove(0);
    let stick = Path::new(OsStr::from_bytes(b"st\xffick"));
    fs::create_dir(office.path(".").join(stick)).unwrap();
    let to = |verb: &[&str], flag: &str, out: &Path| -> Value {
        let mut command = office.command(&by("officer-1", verb));
        let output = command.arg("--json").arg(flag).arg(out).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let json = to(&["replies", "export"], "--to", stick);
    let file = json["pages"][0]["file"].as_str().unwrap();
    assert!(file.starts_with("st\u{fffd}ick/replies-"), "{file}");
    let verb = ["export", &h, "--reason", "disclosure"];
    let json = to(&verb, "--out", &stick.join("package"));
    assert_eq!(json["out"], "st\u{fffd}ick/package");
}

#[test]
fn pages_among_the_leaves_are_counted_and_one_that_is_not_ours_is_named() {
    let (office, other) = (office(), office());
    for either in [&office, &other] {
        either.bring(&[]);
    }
    office.ok(&by("officer-1", &EXPORT));
    other.ok(&by("officer-1", &EXPORT));
    let (ours, theirs) = (pages(&office).remove(0), pages(&other).remove(0));
    office.load(&[PLAIN], &[ours, theirs]);
    let output = office.run(&by("officer-1", &["import", "bundle.tar"]));
    let told = said(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for wanted in [
        "1 report, 1 page of answers, 5 decoys, 0 not whole",
        "NOT OURS leaf 10: a page of answers that this vault did not make",
        "No report is missing",
    ] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let list = office.ok(&by("officer-1", &["list"]));
    assert!(!list.contains("NOT WHOLE"), "{list}");
    let again = by("officer-1", &["import", "bundle.tar", "--json"]);
    let json: Value = serde_json::from_slice(&office.run(&again).stdout).unwrap();
    assert_eq!((&json["pages"], &json["decoys"]), (&1.into(), &5.into()));
    assert_eq!(json["findings"][0]["page"], true);
}
