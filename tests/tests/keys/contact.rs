//! `contact`: as many officers as it takes open who a report is from; fewer, or with a forged share, get nothing.

use std::fs;

use hafan_open::quorum::{Paper, Request};
use hafan_open::{Identity, open_bytes};
use xtask::search::{forms, search_files};

use crate::office::{Office, PLAIN, by, said, with_contact};

const WHO: &str = "Enw: Siân Ffugenw\u{202e}\u{1b}[2J, 07700 900000";

pub(crate) fn request(office: &Office, officer: &str, report: &str, out: &str) {
    let verb = [
        "contact",
        "request",
        report,
        "--reason",
        "safeguarding",
        "--out",
        out,
    ];
    office.ok(&by(officer, &verb));
}

fn approve<'a>(officer: &'a str, request: &'a str, out: &'a str) -> Vec<&'a str> {
    let verb = [
        "contact",
        "approve",
        request,
        "--reason",
        "safeguarding",
        "--out",
        out,
    ];
    by(officer, &verb)
}

fn open<'a>(officer: &'a str, files: &[&'a str]) -> Vec<&'a str> {
    by(officer, &[&["contact", "open"], files].concat())
}

/// Five officers, quorum 3, one report with a contact; officer-1 asked, and 1 to 4 approved.
fn asked() -> (Office, String) {
    let office = Office::new(5, 3);
    let h = office.bring(&[with_contact(WHO), PLAIN]).remove(0);
    request(&office, "officer-1", &h, "q");
    for officer in ["officer-1", "officer-2", "officer-3", "officer-4"] {
        office.ok(&approve(officer, "q", &format!("{officer}.approval")));
    }
    (office, h)
}

const A: [&str; 4] = [
    "officer-1.approval",
    "officer-2.approval",
    "officer-3.approval",
    "officer-4.approval",
];

#[test]
fn three_of_five_open_it_and_two_get_nothing() {
    let (office, _) = asked();
    office.fails(
        &open("officer-1", &["q", A[0], A[1]]),
        1,
        "2 of the 3 approvals",
    );
    office.fails(&open("officer-1", &["q"]), 1, "0 of the 3 approvals");
    let before = office.recorded();
    assert_eq!(before[0], "contact-requested");
    assert_eq!(before[1..], ["contact-approved"; 4]);

    let output = office.run(&open("officer-1", &[A[3], "q", A[1], A[0]]));
    let shown = said(&output);
    assert!(output.status.success(), "{shown}");
    assert!(
        shown.contains("Pwy ydych chi? | Enw: Siân Ffugenw"),
        "{shown}"
    );
    assert!(
        shown.contains("\\u{202e}\\u{1b}[2J, 07700 900000"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'));
    assert_eq!(office.recorded()[before.len()..], ["contact-opened"]);
    // All four do as well as three.
    office.ok(&open("officer-1", &["q", A[0], A[1], A[2], A[3]]));

    // Nothing of the contact is on the disk, in the clear or in any usual form.
    for word in ["Ffugenw", "07700 900000"] {
        let (found, bytes) = search_files(&office.path("."), &forms(word)).unwrap();
        assert!(found.is_empty() && bytes > 0, "{found:?}");
    }
    // Neither is a share: each approval opens for the officer who asked, and for nobody else.
    let (asker, _) = office.officer(1);
    let (other, _) = office.officer(5);
    for name in A {
        let sealed = approval(&office, name).0.sealed;
        assert!(open_bytes(&sealed, &[&other]).is_err());
        let share = open_bytes(&sealed, &[&asker]).unwrap();
        for file in crate::office::walk(&office.path(".")) {
            let bytes = fs::read(&file).unwrap();
            assert!(
                xtask::search::find(&bytes, &share[..16]).is_none(),
                "{}",
                file.display()
            );
        }
    }
}

fn paper(office: &Office, name: &str) -> Paper {
    let contents = office.directory();
    Paper::open(&office.read(name), &contents.force, &contents.officers)
        .unwrap()
        .paper
}

fn approval(office: &Office, name: &str) -> (hafan_open::quorum::Approval, Identity) {
    let Paper::Approval(approval) = paper(office, name) else {
        panic!("{name} is no approval");
    };
    let identity = office.officer(approval.officer).0;
    (approval, identity)
}

/// What officer-3 could write with their own key: a share that is not theirs to invent.
fn forge(office: &Office, out: &str, change: impl Fn(&mut hafan_open::quorum::Approval, Vec<u8>)) {
    let (mut forged, _) = approval(office, A[2]);
    let share = open_bytes(&forged.sealed, &[&office.officer(1).0]).unwrap();
    change(&mut forged, share.to_vec());
    let signer = office.officer(3).1;
    office.write(out, &Paper::Approval(forged).sign(&signer).unwrap());
}

fn seal(office: &Office, officer: usize, bytes: &[u8]) -> Vec<u8> {
    let to = office.directory().contact.recipients[officer - 1]
        .as_str()
        .parse();
    hafan_seal::seal_bytes(bytes, &[to.unwrap()]).unwrap()
}

#[test]
fn a_forged_share_opens_nothing_and_its_officer_is_named() {
    let (office, _) = asked();
    let files = ["q", A[0], A[1], "forged"];
    let refused = |why: &str| {
        let wanted = format!("nothing was opened: officer-3: {why}");
        office.fails(&open("officer-1", &files), 1, &wanted);
        fs::remove_file(office.path("forged")).unwrap();
    };
    let before = office.recorded();
    // A value, the x, x = 0, the x of another, no bytes, a wrong number, sealed to another, no age file.
    for at in [0, 40, 76, 77] {
        forge(&office, "forged", |approval, mut share| {
            share[at] ^= 1;
            approval.sealed = seal(&office, 1, &share);
        });
        refused("it is not the share that the report names");
    }
    forge(&office, "forged", |approval, mut share| {
        share[77] = 0;
        approval.sealed = seal(&office, 1, &share);
    });
    refused("it is not the share that the report names");
    forge(&office, "forged", |approval, _| {
        approval.sealed = seal(&office, 1, b"");
    });
    refused("it is not the share that the report names");
    forge(&office, "forged", |approval, _| approval.share = 5);
    refused("it is not the share that the report names");
    for number in [0, 6, 255] {
        forge(&office, "forged", |approval, _| approval.share = number);
        refused(&format!("the report has no share {number}"));
    }
    forge(&office, "forged", |approval, share| {
        approval.sealed = seal(&office, 3, &share);
    });
    refused("the share does not open: it was sealed to another key");
    forge(&office, "forged", |approval, _| {
        approval.sealed = b"no age file".to_vec();
    });
    refused("the share does not open");
    assert_eq!(office.recorded(), before);
    // Two forged: both are named, though the others would be enough.
    forge(&office, "forged", |approval, _| approval.share = 5);
    let (mut other, _) = approval(&office, A[3]);
    other.sealed = seal(&office, 1, b"");
    let other = Paper::Approval(other).sign(&office.officer(4).1).unwrap();
    office.write("other", &other);
    let both = open("officer-1", &["q", A[0], A[1], "forged", "other"]);
    office.fails(&both, 1, "officer-4: it is not the share");
    // Without the forged one it opens.
    office.ok(&open("officer-1", &["q", A[0], A[1], A[3]]));
}

#[test]
fn what_does_not_go_together_is_refused_with_its_name() {
    let (office, h) = asked();
    let enough = |last: &'static str| open("officer-1", &["q", A[0], A[1], last]);
    office.ok(&approve("officer-2", "q", "again"));
    office.fails(&enough("again"), 2, "a second approval by officer-2");
    office.fails(&enough(A[1]), 2, "a second approval by officer-2");
    forge(&office, "same-share", |approval, _| approval.share = 2);
    let same = "officer-2 and officer-3 both say that theirs is share 2";
    office.fails(&enough("same-share"), 1, same);

    // Another request for the same report, and one for another report.
    request(&office, "officer-1", &h, "q2");
    office.ok(&approve("officer-3", "q2", "for-q2"));
    office.fails(
        &enough("for-q2"),
        1,
        "approves another request for this report",
    );
    let other = office.bring(&[with_contact("arall")]).remove(0);
    request(&office, "officer-1", &other, "q3");
    office.ok(&approve("officer-3", "q3", "for-q3"));
    office.fails(&enough("for-q3"), 1, "approves another report");
    office.fails(
        &open("officer-1", &["q", "q2", A[0], A[1], A[2]]),
        2,
        "2 requests were given",
    );
    office.fails(
        &open("officer-1", &[A[0], A[1], A[2]]),
        2,
        "0 requests were given",
    );
    office.fails(
        &open("officer-2", &["q", A[0], A[1], A[2]]),
        2,
        "officer-1 asked",
    );

    // Changed, signed by nobody, by a stranger, too long, not there.
    let mut changed = office.read(A[2]);
    let at = changed
        .windows(9)
        .position(|w| w == br#""share":3"#)
        .unwrap();
    changed[at + 8] = b'4';
    office.write("changed", &changed);
    office.fails(&enough("changed"), 1, "was refused");
    office.write("nothing", b"");
    office.fails(&enough("nothing"), 1, "was refused");
    let stranger = hafan_tlog::Signer::from_seed("hafan/btp/officer-3", &[9; 32]).unwrap();
    office.write("stranger", &paper(&office, A[2]).sign(&stranger).unwrap());
    office.fails(
        &enough("stranger"),
        1,
        "no officer of the newest directory has signed it",
    );
    let other = office.officer(4).1;
    office.write("another", &paper(&office, A[2]).sign(&other).unwrap());
    office.fails(
        &enough("another"),
        1,
        "it names officer-3, and hafan/btp/officer-4 signed it",
    );
    office.write("long", &vec![b'a'; 20_000]);
    office.fails(&enough("long"), 3, "cannot read long");
    office.fails(&enough("not-there"), 3, "cannot read not-there");
    office.ok(&open("officer-1", &["q", A[0], A[1], A[2]]));
}

#[test]
fn what_cannot_be_asked_or_approved_is_told_why() {
    let (office, h) = asked();
    let plain = office.bring(&[PLAIN]).remove(0);
    let ask = |report: &'static str, more: &[&'static str]| {
        let verb = [&["contact", "request", report, "--out", "new"], more].concat();
        by("officer-1", &verb)
    };
    let plain: &'static str = plain.leak();
    let h: &'static str = h.leak();
    office.fails(
        &ask(plain, &["--reason", "review"]),
        1,
        "has no sealed contact",
    );
    office.fails(
        &ask("ffffffff", &["--reason", "review"]),
        1,
        "no report in this vault",
    );
    office.fails(
        &ask(h, &["--reason", "curiosity"]),
        2,
        "not one of the reasons",
    );
    office.fails(
        &ask(h, &["--reason", "other"]),
        2,
        "the reason 'other' needs words",
    );
    office.fails(&ask(h, &[]), 2, "--reason");
    assert!(!office.path("new").exists());

    office.fails(
        &approve("officer-2", A[0], "new"),
        2,
        "is an approval, not a request",
    );
    office.fails(&approve("officer-2", "q", "q"), 4, "is there already");
    // Too old, from the future, about a report that is not here.
    let Paper::Request(asked) = paper(&office, "q") else {
        panic!("q is no request");
    };
    let resign = |change: &dyn Fn(&mut Request)| {
        let mut request = asked.clone();
        change(&mut request);
        let signer = office.officer(1).1;
        office.write("changed", &Paper::Request(request).sign(&signer).unwrap());
    };
    let days = |days: i64| jiff::ToSpan::days(days);
    resign(&|request| request.asked_on = request.asked_on.saturating_sub(days(29)));
    office.fails(
        &approve("officer-2", "changed", "new"),
        4,
        "can be used until",
    );
    let all = ["changed", A[0], A[1], A[2]];
    office.fails(&open("officer-1", &all), 4, "can be used until");
    resign(&|request| request.asked_on = request.asked_on.saturating_add(days(365)));
    office.fails(
        &approve("officer-2", "changed", "new"),
        4,
        "check this machine's date",
    );
    resign(&|request| request.report = hafan_record::Hex32([7; 32]));
    office.fails(
        &approve("officer-2", "changed", "new"),
        1,
        "is not in this vault",
    );
    // 28 days old is not too old, nor is one of tomorrow, on the other side of midnight.
    for change in [28, -1] {
        resign(&|request| request.asked_on = request.asked_on.saturating_sub(days(change)));
        office.ok(&approve("officer-2", "changed", &format!("new{change}")));
    }
    // Not this officer's passphrase.
    office.write("wrong", b"officer-2: not the passphrase of officer-2\n");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(office.path("wrong"), private).unwrap();
    let mut args = approve("officer-2", "q", "new");
    *args.last_mut().unwrap() = "wrong";
    office.fails(&args, 1, "that is not its passphrase");
    assert!(!office.path("new").exists());
}

/// Whatever keeps the record from being written keeps everything closed.
#[test]
fn nothing_is_given_or_shown_when_it_cannot_be_recorded() {
    let (office, h) = asked();
    fs::rename(office.path("vault/access"), office.path("taken")).unwrap();
    let h: &'static str = h.leak();
    let ask = ["contact", "request", h, "--reason", "audit", "--out", "new"];
    for args in [by("officer-1", &ask), approve("officer-5", "q", "new")] {
        office.fails(&args, 4, "access record");
        assert!(!office.path("new").exists());
    }
    let output = office.run(&open("officer-1", &["q", A[0], A[1], A[2]]));
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout.is_empty(), "{}", said(&output));
    fs::remove_dir_all(office.path("vault/access")).unwrap();
    fs::rename(office.path("taken"), office.path("vault/access")).unwrap();
    office.ok(&open("officer-1", &["q", A[0], A[1], A[2]]));
}
