//! The key that answers are signed with: lacking, lost, followed by another, and passed on with officers.

use std::fs;

use hafan_directory::{Contents, Directory};
use hafan_envelope::reply::Page;
use hafan_open::reply::open_record;
use hafan_report::{Message, MessageState};
use secrecy::SecretString;

use crate::answers::{EXPORT, found, from, office, pages, reply};
use crate::office::{Office, Way, by, parse_signer, passphrase, read, said, walk};
use crate::small_disk::Small;

#[test]
fn a_vault_without_a_key_for_answers_works_and_says_how_one_is_made() {
    let office = office();
    without_key(&office);
    let hs = office.load(&[from(1), from(2)], &[]);
    let told = office.ok(&by("officer-1", &["import", "bundle.tar"]));
    assert!(
        told.contains("2 reports") && told.contains("directory issue --new-reply-key"),
        "{told}"
    );
    assert_eq!(office.events(), ["imported"]);
    office.ok(&read("officer-1", &hs[0]));
    office.fails(
        &reply("officer-1", &hs[0], "answer.txt"),
        2,
        "no key that answers are signed with",
    );
    // Each page ends with what the officers saw, signed: without a key there is none.
    office.fails(
        &by("officer-1", &EXPORT),
        2,
        "no key that answers are signed with",
    );
    assert_eq!(office.events(), ["imported", "opened"]);
    office.ok(&new_key("next"));
    // Now both people are told, and the one whose report was read before is told so by the next reading.
    let told = office.ok(&reply("officer-1", &hs[0], "answer.txt"));
    assert!(told.contains("as message 2 to them"), "{told}");
    office.ok(&read("officer-1", &hs[0]));
    office.ok(&by("officer-1", &EXPORT));
    let pages = pages(&office);
    let states = |person| -> Vec<MessageState> {
        found(&office, &pages, person)
            .iter()
            .map(|told| told.1)
            .collect()
    };
    use MessageState::{Collected, Read, Replied};
    assert_eq!(states(1), [Collected, Replied, Read]);
    assert_eq!(states(2), [Collected]);
}

fn new_key(out: &str) -> Vec<&str> {
    let issue = ["directory", "issue", "--new-reply-key"];
    let root = ["--root", "keys/root/root.age", "--out", out];
    by("officer-1", &[issue.as_slice(), &root].concat())
}

/// As a vault was before there were answers: no key, and a directory that names none.
fn without_key(office: &Office) {
    let contents = Contents {
        replies: Vec::new(),
        ..office.directory()
    };
    let locked = office.read("keys/root/root.age");
    let secret = hafan_open::unlock(&locked, &SecretString::from(passphrase("root"))).unwrap();
    let root = parse_signer(std::str::from_utf8(&secret).unwrap().trim_end());
    let note = Directory::new(contents).unwrap().sign(&root);
    office.write("vault/directory", &note.unwrap());
    fs::remove_dir_all(office.path("vault/replies")).unwrap();
}

#[test]
fn keys_for_answers_follow_one_another_and_older_ones_stay_named() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    let names = || -> Vec<String> {
        let replies = office.directory().replies;
        replies.iter().map(|key| key.name().to_owned()).collect()
    };
    assert_eq!(names(), ["hafan/btp/replies-1"]);
    for number in 2..=9 {
        let out = format!("next-{number}");
        let told = office.ok(&new_key(&out));
        assert!(
            told.contains(&format!("Answers are signed by replies-{number}")),
            "{told}"
        );
        assert_eq!(names()[0], format!("hafan/btp/replies-{number}"));
    }
    assert_eq!(names().len(), 8);
    assert_eq!(names()[7], "hafan/btp/replies-2");
    let secrets: Vec<_> = walk(&office.path("vault/replies"))
        .into_iter()
        .filter(|path| path.to_str().unwrap().contains("replies-"))
        .collect();
    assert_eq!(secrets, [office.path("vault/replies/replies-9.age")]);
    office.ok(&reply("officer-1", &h, "answer.txt"));
    office.ok(&by("officer-1", &EXPORT));
    let newest = office.directory().replies[..1].to_vec();
    let page = pages(&office).remove(0);
    let mailbox = Way::mailbox(1);
    let thread = Way::thread(1).parse().ok().unwrap();
    let page = Page::parse(&page).unwrap();
    let by_newest = page.records().filter(|record| {
        let opened = open_record(record, &mailbox).ok().flatten();
        opened.is_some_and(|padded| Message::open(&padded, &newest, "btp", &thread).is_ok())
    });
    assert_eq!(by_newest.count(), 1);
}

/// Also when the directory cannot be given out, and when a run was cut before it was done.
#[test]
fn the_secret_of_a_key_for_answers_is_destroyed_when_another_takes_its_place() {
    let office = office();
    office.bring(&[]);
    let old = office.path("vault/replies/replies-1.age");
    fs::copy(&old, office.path("copy")).unwrap();
    let small = Small::mount(office.path("small"));
    small.leave(0);
    office.fails(
        &new_key("small/next"),
        3,
        "the directory is signed and in the vault",
    );
    assert!(office.path("vault/replies/replies-2.age").exists());
    assert!(!old.exists());
    fs::copy(office.path("copy"), &old).unwrap();
    let root = ["--root", "keys/root/root.age", "--out", "next"];
    let issue = ["directory", "issue", "--add-weeks", "1"];
    office.ok(&by("officer-1", &[issue.as_slice(), &root].concat()));
    assert!(!old.exists());
}

#[test]
fn officers_who_come_and_go_take_the_answers_along_and_leave_them() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    office.ok(&reply("officer-2", &h, "answer.txt"));
    let root = ["--root", "keys/root/root.age"];
    let add = ["officers", "add", "--out", "with-3"];
    let told = office.ok(&by("officer-1", &[add.as_slice(), &root].concat()));
    assert!(told.contains("wrapped anew: the key for answers"), "{told}");
    let (leaver, _) = office.officer(2);
    let remove = [
        "officers",
        "remove",
        "officer-2",
        "--yes",
        "--out",
        "without-2",
    ];
    let told = office.ok(&by("officer-1", &[remove.as_slice(), &root].concat()));
    assert!(told.contains("--new-reply-key"), "{told}");
    for file in walk(&office.path("vault/replies")) {
        let bytes = fs::read(&file).unwrap();
        assert!(
            hafan_open::open_bytes(&bytes, &[&leaver]).is_err(),
            "{}",
            file.display()
        );
    }
    let told = office.ok(&reply("officer-3", &h, "answer.txt"));
    assert!(told.contains("as message 3 to them"), "{told}");
    let thread = office.ok(&by("officer-3", &["thread", &h, "--reason", "review"]));
    assert!(
        thread.contains("officer-2; in the outbox") && thread.contains("officer-3; in the outbox"),
        "{thread}"
    );
    assert_eq!(thread.matches("Diolch i chi am ddweud").count(), 2);
}

#[test]
fn a_damaged_report_that_is_filled_in_is_told_that_it_was_collected() {
    let office = office();
    without_key(&office);
    let h = office.load(&[from(1)], &[]).remove(0);
    fs::rename(office.path("bundle.tar"), office.path("first.tar")).unwrap();
    let import = by("officer-1", &["import", "first.tar"]);
    office.ok(&import);
    office.write(&format!("vault/bundles/2026-0-8/{h}"), b"rotten");
    office.ok(&new_key("next"));
    office.bring(&[]);
    let told = office.ok(&import);
    assert!(told.contains("1 message that a report"), "{told}");
    // Nothing is looked at twice.
    let events = office.events();
    office.write(&format!("vault/bundles/2026-0-8/{h}"), b"rotten");
    office.ok(&import);
    assert_eq!(office.events()[events.len()..], ["imported"]);
}

#[test]
fn a_fault_with_the_key_for_answers_keeps_no_report_out() {
    let office = office();
    let mut hs = Vec::new();
    for (person, bundle) in [(1, "first.tar"), (2, "second.tar")] {
        hs.extend(office.load(&[from(person)], &[]));
        fs::rename(office.path("bundle.tar"), office.path(bundle)).unwrap();
    }
    let key = office.path("vault/replies/replies-1.age");
    fs::rename(&key, office.path("away")).unwrap();
    let import = by("officer-1", &["import", "first.tar", "second.tar"]);
    let output = office.run(&import);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(
        told.contains("cannot read vault/replies/replies-1.age"),
        "{told}"
    );
    assert_eq!(told.matches("1 report, 7 decoys").count(), 2, "{told}");
    assert_eq!(office.events(), ["imported", "imported"]);
    // It is read all the same, and on one sheet too; each time is said what is lacking.
    for verb in ["read", "thread"] {
        let told = office.ok(&by("officer-1", &[verb, &hs[1], "--reason", "review"]));
        assert!(told.contains("is not told that it was read"), "{told}");
    }
    fs::rename(office.path("away"), &key).unwrap();
    let told = office.ok(&import);
    assert!(told.contains("2 messages that a report"), "{told}");
}
