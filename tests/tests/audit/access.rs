//! `hafan-audit access`: each way to falsify a record, and each thing that officers must not have done.

use std::fs;
use std::path::PathBuf;

use hafan_tlog::{Signer, note};
use tempfile::TempDir;

use crate::made::{flip, root, write};
use crate::made_record::{MadeEntry, MadeRecord, directory, directory_of, h, officer};
use crate::{Said, audit, text};

const WHY: &str = ",\"reason\":{\"code\":\"safeguarding\",\"words\":null}";

fn opened(officer: u16, of: u8) -> MadeEntry {
    MadeEntry::report(officer, "opened", of, WHY)
}

fn requested(officer: u16, of: u8) -> MadeEntry {
    MadeEntry::report(officer, "contact-requested", of, WHY)
}

fn approved(officer: u16, of: u8, request: u64) -> MadeEntry {
    let rest = format!("{WHY},\"request\":{request}");
    MadeEntry::report(officer, "contact-approved", of, &rest)
}

fn contact(officer: u16, of: u8, request: u64, by: &str) -> MadeEntry {
    let rest = format!(",\"request\":{request},\"approved_by\":[{by}]");
    MadeEntry::report(officer, "contact-opened", of, &rest)
}

/// A record of everything that is right: entry 5 asks, 6 and 7 approve, 8 opens.
fn entries() -> Vec<MadeEntry> {
    vec![
        MadeEntry::issued(1, 1, &directory(1, 3, 2)),
        MadeEntry::imported(1, 0, 64),
        MadeEntry::listed(2),
        opened(2, 7),
        requested(2, 7),
        approved(1, 7, 5),
        approved(3, 7, 5),
        contact(2, 7, 5, "1,3"),
        MadeEntry::imported(1, 64, 128),
        opened(3, 8),
    ]
}

struct Scene {
    dir: TempDir,
    record: MadeRecord,
    published: Vec<u8>,
}

impl Scene {
    fn of(entries: &[MadeEntry]) -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            record: MadeRecord::of(entries),
            published: directory(1, 3, 2),
        }
    }

    fn look(&self, more: &[&str]) -> Said {
        let path = |name: &str| self.dir.path().join(name);
        write(&path("record.tar"), &self.record.export());
        write(&path("btp.directory"), &self.published);
        let root = root().verifier().to_string();
        let (record, directory) = (path("record.tar"), path("btp.directory"));
        let base = [
            "access",
            text(&record),
            "--directory",
            text(&directory),
            "--root",
            &root,
        ];
        audit(&[&base, more].concat())
    }
}

/// A fault of the record of [`entries`].
type Fault = (&'static str, fn(&mut Scene), &'static str);

const FAULTS: &[Fault] = &[
    (
        "an entry is gone",
        |scene| drop(scene.record.lines.remove(3)),
        "removed-entry entry 4: entry 5 stands there",
    ),
    (
        "two entries have changed places",
        |scene| scene.record.lines.swap(3, 4),
        "reordered-entry entry 4",
    ),
    (
        "the last entry is gone",
        |scene| drop(scene.record.lines.pop()),
        "cut-off entry 10: the head counts 10 entries, and 9 are there",
    ),
    (
        "an entry is there twice",
        |scene| {
            let line = scene.record.lines[4].clone();
            scene.record.lines.insert(5, line);
        },
        "reordered-entry entry 5: it stands behind entry 5",
    ),
    (
        "a character of an entry",
        |scene| scene.record.lines[3][60] ^= 1,
        "changed-entry entry 4",
    ),
    (
        "a character of a signature",
        |scene| {
            let line = &mut scene.record.lines[3];
            let at = line.len() - 20;
            line[at] = if line[at] == b'A' { b'B' } else { b'A' };
        },
        "changed-entry entry 4: the signature is not that of hafan/btp/officer-2",
    ),
    (
        "a space in an entry",
        |scene| scene.record.lines[3].insert(11, b' '),
        "changed-entry entry 4: no DSSE envelope",
    ),
    (
        "an entry was signed anew with another reason",
        |scene| {
            let mut record = MadeRecord::of(&entries()[..3]);
            let why = WHY.replace("safeguarding", "review");
            record.append(&MadeEntry::report(2, "opened", 7, &why));
            scene.record.lines[3] = record.lines[3].clone();
        },
        "replaced-entry entry 4",
    ),
    (
        "the last entry was signed anew",
        |scene| {
            let mut record = MadeRecord::of(&entries()[..9]);
            record.append(&opened(3, 9));
            scene.record.lines[9] = record.lines[9].clone();
        },
        "replaced-entry entry 10",
    ),
    (
        "lines that no head counts",
        |scene| {
            let mut more = scene.record.clone();
            more.append(&opened(2, 7));
            more.append(&opened(2, 7));
            scene.record.lines = more.lines;
        },
        "beyond-head entry 12",
    ),
    (
        "the head is gone",
        |scene| scene.record.head = None,
        "missing-head head",
    ),
    (
        "a character of the head",
        |scene| {
            if let Some(head) = &mut scene.record.head {
                head[20] ^= 1;
            }
        },
        "bad-head head",
    ),
    (
        "the head is by nobody whom a directory names",
        |scene| scene.record.sign(9),
        "bad-head head: no officer of any directory",
    ),
    (
        "the head is that of another record",
        |scene| scene.record.sign_as(1, "hafan/merseyside/access"),
        "bad-head head: it is the head of something else",
    ),
    (
        "the directory that an entry names is gone",
        |scene| {
            scene.record.directories = vec![(2, directory(2, 3, 2))];
        },
        "changed-entry entry 1: directory 1 is not with the record",
    ),
    (
        "a directory that the root has not signed",
        |scene| {
            let other = Signer::from_seed("hafan/btp/root", &[9; 32]).unwrap();
            let signed = String::from_utf8(directory(1, 3, 2)).unwrap();
            let (body, _) = signed.split_once("\n\n").unwrap();
            let forged = note::sign(&format!("{body}\n"), &[&other]).unwrap();
            scene.record.directories = vec![(1, forged)];
        },
        "bad-directory directories/1",
    ),
    (
        "a directory under another number",
        |scene| scene.record.directories.push((2, directory(3, 3, 2))),
        "bad-directory directories/2",
    ),
    (
        "another directory of that number is published",
        |scene| scene.published = directory(1, 2, 2),
        "directory-fork directories/1",
    ),
    (
        "what is published as the directory is no note",
        |scene| scene.published = b"hafan directory v1\n{}\n".to_vec(),
        "bad-directory the directory given",
    ),
    (
        "one person is two officers",
        |scene| {
            let again = Signer::from_seed("hafan/btp/officer-2", &[51; 32]).unwrap();
            scene.published = directory_of(1, &[officer(1), again], 2);
        },
        "bad-directory the directory given: its officers cannot be right",
    ),
    (
        "an officer has the key of the log",
        |scene| {
            let log = Signer::from_seed("hafan/btp/officer-2", &[7; 32]).unwrap();
            scene.published = directory_of(1, &[officer(1), log], 2);
        },
        "bad-directory the directory given: its officers cannot be right",
    ),
    (
        "the last entry was signed anew, and what is published is no note",
        |scene| {
            let mut record = MadeRecord::of(&entries()[..9]);
            record.append(&opened(3, 9));
            scene.record.lines[9] = record.lines[9].clone();
            scene.published = b"none".to_vec();
        },
        "replaced-entry entry 10",
    ),
];

#[test]
fn each_way_to_falsify_a_record_is_named() {
    for (what, damage, wanted) in FAULTS {
        let mut scene = Scene::of(&entries());
        scene.look(&[]).holds();
        damage(&mut scene);
        let said = scene.look(&[]);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

/// Something that officers must not have done, in a record whose every signature is right.
type Deed = (&'static str, fn() -> Vec<MadeEntry>, &'static str);

fn changed(change: impl FnOnce(&mut Vec<MadeEntry>)) -> Vec<MadeEntry> {
    let mut all = entries();
    change(&mut all);
    all
}

const DEEDS: &[Deed] = &[
    (
        "a report was opened before anything was imported",
        || vec![opened(2, 7)],
        "opened-before-import entry 1",
    ),
    (
        "a bundle was passed over",
        || changed(|all| all[8] = MadeEntry::imported(1, 72, 128)),
        "import-gap entry 9: leaves 72 to 128 of 2026",
    ),
    (
        "an approval is missing",
        || changed(|all| all[6] = opened(3, 7)),
        "approval-missing entry 8: no entry before it says that officer-3 approved",
    ),
    (
        "one officer approved",
        || changed(|all| all[7] = contact(2, 7, 5, "1")),
        "too-few-approvals entry 8: 1 officers approved, and it takes 2",
    ),
    (
        "one officer is counted twice",
        || changed(|all| all[7] = contact(2, 7, 5, "1,1")),
        "approval-twice entry 8",
    ),
    (
        "nobody asked",
        || changed(|all| all[4] = opened(2, 7)),
        "opening-without-request entry 8",
    ),
    (
        "another report's contact was asked for",
        || changed(|all| all[4] = requested(2, 8)),
        "opening-without-request entry 8",
    ),
    (
        "what was approved was not asked for",
        || changed(|all| all[5] = approved(1, 7, 4)),
        "approval-without-request entry 6",
    ),
    (
        "another officer opened than the one who asked",
        || changed(|all| all[7] = contact(1, 7, 5, "1,3")),
        "opened-by-another entry 8: officer-2 asked, and officer-1 opened",
    ),
    (
        "the request was too old",
        || {
            changed(|all| {
                for entry in &mut all[7..] {
                    entry.date = "2026-12-25";
                }
            })
        },
        "stale-request entry 8",
    ),
    (
        "an event of no known kind",
        || changed(|all| all[9] = MadeEntry::other(1, "{\"type\":\"printed\",\"copies\":3}")),
        "unknown-event entry 10: an event that is not known here, printed",
    ),
    (
        "a member too many",
        || {
            changed(|all| {
                all[3] = MadeEntry::report(2, "opened", 7, &format!("{WHY},\"where\":\"home\""));
            })
        },
        "changed-entry entry 4: what is signed is no statement",
    ),
    (
        "a reason that is none of the list",
        || {
            changed(|all| {
                all[3] =
                    MadeEntry::report(2, "opened", 7, &WHY.replace("safeguarding", "curiosity"));
            })
        },
        "changed-entry entry 4: what is signed is no statement",
    ),
    (
        "no reason",
        || changed(|all| all[3] = MadeEntry::report(2, "opened", 7, "")),
        "changed-entry entry 4: what is signed is no statement",
    ),
    (
        "another reason without words",
        || {
            changed(|all| {
                all[3] = MadeEntry::report(2, "opened", 7, &WHY.replace("safeguarding", "other"));
            })
        },
        "changed-entry entry 4: what is signed is no statement",
    ),
    (
        "a subject that says something else",
        || changed(|all| all[3].subject.2 = h(1)),
        "changed-entry entry 4: its subject says something else",
    ),
    (
        "an officer whom no directory names",
        || changed(|all| all[3].officer = 4),
        "changed-entry entry 4: hafan/btp/officer-4 is no officer of directory 1",
    ),
    (
        "an entry signed with another officer's key",
        || changed(|all| all[3].key = Some(3)),
        "changed-entry entry 4: the signature is not that of hafan/btp/officer-2",
    ),
    (
        "an entry with a number of its own",
        || changed(|all| all[3].number = Some(40)),
        "removed-entry entry 4: entry 40 stands there",
    ),
    (
        "an entry with the largest number that there is",
        || changed(|all| all[3].number = Some(u64::MAX)),
        "removed-entry entry 4: entry 18446744073709551615 stands there",
    ),
    (
        "a forged entry with the largest number that there is",
        || {
            changed(|all| {
                all[3].number = Some(u64::MAX);
                all[3].key = Some(3);
            })
        },
        "changed-entry entry 4: the signature is not that of hafan/btp/officer-2",
    ),
    (
        "another directory was issued than the one beside the record",
        || changed(|all| all[0] = MadeEntry::issued(1, 1, b"another")),
        "directory-fork entry 1",
    ),
    (
        "a day that is none",
        || changed(|all| all[3].date = "2026-02-30"),
        "changed-entry entry 4: what is signed is no statement",
    ),
];

#[test]
fn each_thing_that_officers_must_not_do_is_named() {
    for (what, entries, wanted) in DEEDS {
        let said = Scene::of(&entries()).look(&[]);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn an_officer_who_left_cannot_go_on_under_an_older_directory() {
    let later = |officer, directory| MadeEntry {
        directory,
        ..MadeEntry::listed(officer)
    };
    for (last, is_former) in [(later(2, 1), false), (later(3, 1), true)] {
        let mut scene = Scene::of(&changed(|all| all.extend([later(1, 2), last])));
        scene.record.directories.push((2, directory(2, 2, 2)));
        let said = scene.look(&[]);
        if is_former {
            said.finds("former-officer entry 12: hafan/btp/officer-3 signed it under directory 1");
        } else {
            said.holds();
        }
    }
}

#[test]
fn a_record_without_a_head_is_told_and_explains_no_other() {
    let mut scene = Scene::of(&entries()[..1]);
    scene.record.head = None;
    let said = scene.look(&[]);
    said.holds();
    assert!(said.text.contains("notice: there is one entry and no head"));
    let kept = scene.dir.path().join("kept.tar");
    write(&kept, &scene.record.export());
    scene
        .look(&["--against", text(&kept)])
        .finds("bad-head kept.tar");
    scene.record.lines.clear();
    let said = scene.look(&[]);
    said.holds();
    assert!(said.text.contains("notice: the record has no entry"));
}

#[test]
fn a_record_that_was_set_back_or_written_anew_shows_against_a_head_that_was_kept() {
    let mut scene = Scene::of(&entries());
    let kept = scene.dir.path().join("kept.tar");
    let head = scene.dir.path().join("kept.head");
    write(&kept, &scene.record.export());
    write(&head, scene.record.head.as_ref().unwrap());
    for kept in [&kept, &head] {
        scene.look(&["--against", text(kept)]).holds();
    }
    scene.record = MadeRecord::of(&entries()[..9]);
    for kept in [&kept, &head] {
        let said = scene.look(&["--against", text(kept)]);
        said.finds(&format!(
            "set-back {}",
            kept.file_name().unwrap().to_str().unwrap()
        ));
    }
    scene.record = MadeRecord::of(&changed(|all| all[9] = opened(3, 9)));
    scene
        .look(&["--against", text(&kept)])
        .finds("rewritten kept.tar");
    flip(&head, 40);
    scene
        .look(&["--against", text(&head)])
        .finds("bad-head kept.head");
}

#[test]
fn what_an_interrupted_write_leaves_is_told_and_is_no_finding() {
    let mut scene = Scene::of(&entries());
    let line = scene.record.lines.pop().unwrap();
    scene.record.sign(1);
    let export = |lines: Vec<Vec<u8>>| MadeRecord {
        lines,
        ..scene.record.clone()
    };
    let whole = scene.record.lines.clone();
    let pending = export([whole.as_slice(), &[line]].concat());
    let look = |record: &MadeRecord| {
        let scene = Scene {
            dir: tempfile::tempdir().unwrap(),
            record: record.clone(),
            published: directory(1, 3, 2),
        };
        scene.look(&[])
    };
    let said = look(&pending);
    said.holds();
    assert!(
        said.text
            .contains("entry 10 is written, and the head does not count it")
    );
}

#[test]
fn a_page_for_people_says_what_was_found_and_lets_nothing_through() {
    let why = "<script>alert(1)</script> \u{202e}";
    let why = format!(",\"reason\":{{\"code\":\"other\",\"words\":\"{why}\"}}");
    let scene = Scene::of(&changed(|all| {
        all[3] = MadeEntry::report(2, "opened", 7, &why);
    }));
    let page = scene.dir.path().join("record.html");
    scene.look(&["--html", text(&page)]).holds();
    let english = fs::read_to_string(&page).unwrap();
    assert!(
        english.contains("This record holds")
            && english.contains("officer-1 approved (6; safeguarding)")
    );
    assert!(english.contains("&lt;script&gt;") && !english.contains("<script"));
    assert!(english.contains("\\u{202e}") && !english.contains('\u{202e}'));
    let broken = Scene::of(&changed(|all| all[6] = opened(3, 7)));
    broken
        .look(&["--html", text(&page), "--language", "cy"])
        .finds("approval-missing");
    let welsh = fs::read_to_string(&page).unwrap();
    assert!(welsh.contains("Nid yw'r cofnod hwn yn dal".replace('\'', "&#39;").as_str()));
    assert!(
        welsh.contains("approval-missing entry 8") && welsh.contains("gofynnodd (5; safeguarding)")
    );
}

#[test]
fn what_cannot_be_read_is_never_said_to_hold() {
    let scene = Scene::of(&entries());
    scene.look(&[]).holds();
    let (record, published) = (
        scene.dir.path().join("record.tar"),
        scene.dir.path().join("btp.directory"),
    );
    let root = root().verifier().to_string();
    let run = |record: &PathBuf, directory: &PathBuf, root: &str| {
        audit(&[
            "access",
            text(record),
            "--directory",
            text(directory),
            "--root",
            root,
        ])
    };
    let nowhere = PathBuf::from("/nowhere");
    run(&nowhere, &published, &root).fails(3, "cannot read /nowhere");
    run(&record, &nowhere, &root).fails(3, "cannot read /nowhere");
    run(&record, &published, "/nowhere").fails(3, "cannot read /nowhere");
    run(&published, &published, &root).fails(3, "is no exported access record");
    run(&record, &published, &officer(1).verifier().to_string()).fails(2, "no force's root key");
    run(&record, &published, text(&published)).fails(2, "holds no verification key");
    flip(&record, 100);
    run(&record, &published, &root).fails(3, "is no exported access record");
    audit(&["access"]).fails(2, "--directory");
}
