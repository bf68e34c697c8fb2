//! Bundles that are wrong as a whole: each is refused, says why by name, and changes nothing; then the right one is taken in.

use hafan_directory::{Contents, Directory};
use hafan_envelope::bundle::Head;
use hafan_tlog::{Checkpoint, Signer};

use crate::office::{Office, PLAIN, by, pack as padded_of, said};
use crate::stick::{LOG_NAME, Member, Stick, log_key, member, members, pack, set_field};

/// What was done to it, its bytes, what is said of it.
type Case = (&'static str, Vec<u8>, &'static str);

/// A vault and the log that it would take in: one epoch of two reports.
fn sent() -> (Office, Stick) {
    let office = Office::new(2, 2);
    let mut stick = Stick::new(&office);
    let padded = || padded_of(&PLAIN, &office.directory());
    stick.epoch(&[padded(), padded()]);
    (office, stick)
}

/// Each is refused with exit code 1 and its name; nothing of it is in the vault.
fn refused(office: &Office, cases: Vec<Case>) {
    let before = office.read("vault/tree.json");
    for (what, bytes, wanted) in cases {
        office.write("hostile.tar", &bytes);
        let output = office.run(&by("officer-1", &["import", "hostile.tar"]));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("nothing was taken in"), "{what}: {said}");
        assert!(said.contains(wanted), "{what}: wanted {wanted:?}: {said}");
        assert!(!said.contains('\u{1b}'), "{what}");
        assert_eq!(office.read("vault/tree.json"), before, "{what}");
    }
    assert!(
        !office.path("vault/access").exists(),
        "nothing was recorded as taken in"
    );
}

/// The same bundle with one part of its head changed.
fn with_head(stick: &Stick, change: impl FnOnce(&mut Head)) -> Vec<u8> {
    let mut head = stick.head(0, stick.size());
    change(&mut head);
    pack(&members(&head, &stick.blobs(0, stick.size())))
}

/// The same bundle with its members changed.
fn with_members(stick: &Stick, change: impl FnOnce(&mut Vec<Member>)) -> Vec<u8> {
    let mut members = stick.members();
    change(&mut members);
    pack(&members)
}

#[test]
fn files_that_are_no_bundle_are_refused_by_name() {
    let (office, stick) = sent();
    let whole = pack(&stick.members());
    let cut = |at: usize| whole[..at].to_vec();
    let gzip = [&[0x1f, 0x8b, 8, 0][..], &whole].concat();
    refused(
        &office,
        vec![
            ("empty", Vec::new(), "ends"),
            (
                "zeros",
                vec![0; 1 << 20],
                "goes on at byte 1024 after its end",
            ),
            ("text", b"dear officer, open me\n".repeat(100), "ustar"),
            ("a zip", b"PK\x03\x04".repeat(1000), "ustar"),
            ("compressed", gzip, "ustar"),
            ("cut in the directory", cut(700), "ends at byte 700"),
            ("cut in the entries", cut(whole.len() - 140_000), "ends"),
            ("cut in a submission", cut(whole.len() - 40_000), "ends"),
            ("cut before the end", cut(whole.len() - 1024), "ends"),
            (
                "cut in the end",
                cut(whole.len() - 512),
                "512 more bytes wanted",
            ),
            (
                "more after the end",
                [whole.as_slice(), b"x"].concat(),
                "after its end",
            ),
            (
                "another archive after the end",
                [whole.as_slice(), &whole].concat(),
                "after its end",
            ),
        ],
    );
    office.write("right.tar", &whole);
    office.ok(&by("officer-1", &["import", "right.tar"]));
}

#[test]
fn tricks_with_archives_are_refused_by_name() {
    let (office, stick) = sent();
    let field = |at: usize, bytes: &'static [u8]| {
        with_members(&stick, |members| {
            set_field(&mut members[5].header, at, bytes);
        })
    };
    let named = |name: &str| {
        let mut bytes = [0; 100];
        bytes[..name.len()].copy_from_slice(name.as_bytes());
        with_members(&stick, |members| {
            set_field(&mut members[5].header, 0, &bytes);
        })
    };
    let many = with_members(&stick, |members| {
        members.extend((0..10_000).map(|n| member(&format!("more/{n}"), b"")));
    });
    let huge = with_members(&stick, |members| {
        set_field(&mut members[0].header, 124, b"77777777777\0");
    });
    refused(
        &office,
        vec![
            ("10,000 members", many, "another member"),
            ("a name that climbs", named("../../../etc/passwd"), "\"..\""),
            (
                "a name from the root",
                named("/etc/passwd"),
                "part that is empty",
            ),
            ("a name like an option", named("-rf"), "begins with"),
            (
                "a name with escapes",
                named("blobs/\u{1b}[2J"),
                "character other than",
            ),
            (
                "a name in Unicode",
                named("blobs/\u{202e}rat"),
                "character other than",
            ),
            ("a hidden name", named("blobs/.ssh"), "another member"),
            ("a symbolic link", field(156, b"2"), "typeflag"),
            ("a hard link", field(156, b"1"), "typeflag"),
            ("a device", field(156, b"3"), "typeflag"),
            ("a folder", field(156, b"5"), "typeflag"),
            ("a pipe", field(156, b"6"), "typeflag"),
            ("an extended header", field(156, b"x"), "typeflag"),
            ("a GNU long name", field(156, b"L"), "typeflag"),
            ("a sparse file", field(156, b"S"), "typeflag"),
            ("a link name", field(157, b"/etc/passwd"), "linkname"),
            ("a set-user-ID program", field(100, b"0004755\0"), "mode"),
            ("an owner", field(108, b"0001750\0"), "uid"),
            ("a time", field(136, b"00000000001\0"), "mtime"),
            ("a name's prefix", field(345, b"etc"), "prefix"),
            ("the magic of GNU", field(257, b"ustar  \0"), "magic"),
            (
                "a size in base 256",
                field(124, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
                "size",
            ),
            (
                "a size of 8 GiB for the directory",
                huge,
                "directory is 8589934591 bytes, at most",
            ),
            (
                "a sum that is wrong",
                with_members(&stick, |m| m[5].header[148] ^= 1),
                "chksum",
            ),
            ("padding that is not zero", padding(&stick), "padding"),
            (
                "members in another order",
                with_members(&stick, |m| m.swap(1, 2)),
                "previous-checkpoint wanted",
            ),
            (
                "a member that is missing",
                with_members(&stick, |m| {
                    m.remove(2);
                }),
                "checkpoint wanted",
            ),
            (
                "a member twice",
                with_members(&stick, |m| m.insert(1, m[0].clone())),
                "previous-checkpoint wanted",
            ),
        ],
    );
}

fn padding(stick: &Stick) -> Vec<u8> {
    let members = stick.members();
    let mut bytes = pack(&members);
    bytes[512 + members[0].data.len()] = 1;
    bytes
}

#[test]
fn directories_and_checkpoints_of_others_are_refused_by_name() {
    let (office, stick) = sent();
    let other = Office::new(2, 2);
    let mut theirs = Stick::new(&other);
    theirs.epoch(&[]);
    let contents = office.directory();
    let sign_all = |seed: u8| {
        let root = Signer::from_seed("hafan/btp/root", &[seed; 32]).unwrap();
        Directory::new(contents.clone())
            .unwrap()
            .sign(&root)
            .unwrap()
    };
    let stranger = Signer::from_seed(LOG_NAME, &[9; 32]).unwrap();
    let end = stick.checkpoint(stick.size());
    let resized = |size| {
        Checkpoint::new(end.origin(), size, end.root())
            .unwrap()
            .sign(&log_key())
    };
    let elsewhere = Checkpoint::new(&format!("{LOG_NAME}/btp/2020"), end.size(), end.root());
    refused(
        &office,
        vec![
            (
                "another root's directory",
                with_head(&stick, |h| h.directory = sign_all(8)),
                "no signature by hafan/btp/root",
            ),
            (
                "a changed directory",
                with_head(&stick, |h| h.directory[60] ^= 1),
                "directory in the bundle does not verify",
            ),
            (
                "another force's bundle",
                with_head(&stick, |h| h.directory = dyfed(&contents)),
                "no signature by",
            ),
            (
                "another vault's bundle",
                pack(&theirs.members()),
                "no signature by hafan/btp/root",
            ),
            (
                "another log's checkpoint",
                with_head(&stick, |h| h.checkpoint = end.sign(&stranger)),
                "checkpoint does not verify",
            ),
            (
                "a year that is no log of the force",
                with_head(&stick, |h| {
                    h.checkpoint = elsewhere.clone().unwrap().sign(&stranger);
                }),
                "does not verify",
            ),
            (
                "a checkpoint of more leaves",
                with_head(&stick, |h| h.checkpoint = resized(9)),
                "entries",
            ),
            (
                "a checkpoint of fewer leaves",
                with_head(&stick, |h| h.checkpoint = resized(7)),
                "entries",
            ),
            (
                "an unsigned checkpoint",
                with_head(&stick, |h| h.checkpoint = end.encode().into_bytes()),
                "checkpoint does not verify",
            ),
            (
                "a first bundle that begins later",
                with_head(&stick, |h| h.previous_checkpoint = end.sign(&log_key())),
                "begins at leaf 8",
            ),
            (
                "a previous checkpoint that nobody signed",
                with_head(&stick, |h| h.previous_checkpoint = b"x\n0\n\n".to_vec()),
                "previous-checkpoint is not of a log of this force",
            ),
        ],
    );
}

fn dyfed(contents: &Contents) -> Vec<u8> {
    let root = Signer::from_seed("hafan/dyfed-powys/root", &[1; 32]).unwrap();
    let name = |number: usize| format!("hafan/dyfed-powys/officer-{number}");
    let officers = (1..=contents.officers.len()).map(|n| {
        Signer::from_seed(&name(n), &[u8::try_from(n).unwrap(); 32])
            .unwrap()
            .verifier()
    });
    let courier = Signer::from_seed("hafan/dyfed-powys/courier-1", &[77; 32]).unwrap();
    let contents = Contents {
        force: "dyfed-powys".parse().unwrap(),
        officers: officers.collect(),
        replies: Vec::new(),
        couriers: vec![courier.verifier()],
        ..contents.clone()
    };
    Directory::new(contents).unwrap().sign(&root).unwrap()
}

#[test]
fn entries_and_epochs_that_do_not_fit_are_refused_by_name() {
    let (office, stick) = sent();
    let seed = "05".repeat(32);
    let epochs = |text: String| with_head(&stick, |h| h.epochs = text.into_bytes());
    refused(
        &office,
        vec![
            (
                "an entry changed",
                with_head(&stick, |h| h.entries[70] ^= 1),
                "do not lead to the checkpoint's root",
            ),
            (
                "an entry of another version",
                with_head(&stick, |h| h.entries[66] = 2),
                "do not lead to the checkpoint's root",
            ),
            (
                "half an entry",
                with_head(&stick, |h| {
                    h.entries.pop();
                }),
                "multiple of 66",
            ),
            (
                "an entry too few",
                with_head(&stick, |h| h.entries.truncate(7 * 66)),
                "7 entries, 8 wanted",
            ),
            (
                "an entry too many",
                with_head(&stick, |h| h.entries.extend([1; 66])),
                "9 entries, 8 wanted",
            ),
            (
                "no entries",
                with_head(&stick, |h| h.entries.clear()),
                "0 entries",
            ),
            ("deep JSON", epochs("[".repeat(200_000)), "epochs"),
            (
                "epochs that are no JSON",
                epochs("\u{0}".to_owned()),
                "epochs",
            ),
            (
                "an epoch too many",
                epochs(format!(
                    r#"[{{"first":0,"leaves":8,"seed":"{seed}"}},{{"first":8,"leaves":8,"seed":"{seed}"}}]"#
                )),
                "epochs",
            ),
            (
                "an epoch that is too short",
                epochs(format!(r#"[{{"first":0,"leaves":7,"seed":"{seed}"}}]"#)),
                "epochs",
            ),
            (
                "a number that overflows",
                epochs(format!(
                    r#"[{{"first":0,"leaves":18446744073709551616,"seed":"{seed}"}}]"#
                )),
                "epochs",
            ),
            (
                "an epoch with a member more",
                epochs(format!(
                    r#"[{{"first":0,"leaves":8,"seed":"{seed}","x":1}}]"#
                )),
                "epochs",
            ),
            (
                "a submission twice",
                with_members(&stick, |m| m.push(m[5].clone())),
                "belongs to no leaf",
            ),
            (
                "submissions in another order",
                with_members(&stick, |m| m.swap(5, 6)),
                "belongs to no leaf",
            ),
            (
                "a submission of no leaf",
                with_members(&stick, |m| {
                    m.push(member(&format!("blobs/{}", "ab".repeat(32)), b"x"));
                }),
                "belongs to no leaf",
            ),
        ],
    );
}

#[test]
fn a_history_that_was_rewritten_is_refused_by_name() {
    let (office, mut stick) = sent();
    let first = stick.size();
    office.write("one.tar", &pack(&stick.members()));
    office.ok(&by("officer-1", &["import", "one.tar"]));
    let before = office.read("vault/tree.json");
    let mut other = Stick::new(&office);
    other.epoch(&[padded_of(&PLAIN, &office.directory())]);
    other.epoch(&[]);
    stick.epoch(&[]);
    stick.epoch(&[]);
    let bundle = |log: &Stick, from, to| pack(&members(&log.head(from, to), &log.blobs(from, to)));
    let cases: [(&str, Vec<u8>, &str); 4] = [
        (
            "the whole log is another",
            bundle(&other, 0, 16),
            "was rewritten",
        ),
        (
            "it goes on from another log",
            bundle(&other, first, 16),
            "was rewritten",
        ),
        (
            "leaves between are left out",
            bundle(&stick, 16, 24),
            "begins at leaf 16",
        ),
        (
            "the log is shorter and another",
            bundle(&other, 0, 8),
            "was rewritten",
        ),
    ];
    for (what, bytes, wanted) in cases {
        office.write("hostile.tar", &bytes);
        let output = office.run(&by("officer-1", &["import", "hostile.tar"]));
        let said = said(&output);
        assert_eq!(output.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains(wanted), "{what}: {said}");
        assert_eq!(office.read("vault/tree.json"), before, "{what}");
    }
    office.write("right.tar", &bundle(&stick, first, 24));
    office.ok(&by("officer-1", &["import", "right.tar"]));
    assert_eq!(
        office
            .ok(&by("officer-1", &["list"]))
            .matches("2026-W")
            .count(),
        2
    );
}

/// What one leaf lacks is named with its leaf, and the other report of the bundle is readable.
#[test]
fn a_leaf_that_is_not_whole_is_named_and_the_rest_is_readable() {
    type Change = fn(&mut Head, &mut Vec<Member>);
    let cases: [(&str, Change, &str); 6] = [
        (
            "withheld",
            |_, m| {
                m.remove(5);
            },
            "leaf 0",
        ),
        (
            "ciphertext changed",
            |_, m| m[5].data[40_000] ^= 1,
            "leaf 0",
        ),
        ("salt changed", |_, m| m[5].data[0] ^= 1, "leaf 0"),
        ("tag changed", |_, m| m[5].data[20] ^= 1, "leaf 0"),
        (
            "cut short",
            |_, m| {
                m[5] = member(
                    std::str::from_utf8(&m[5].header[..70]).unwrap(),
                    &m[5].data[..100],
                );
            },
            "leaf 0",
        ),
        (
            "another's ciphertext",
            |_, m| m[5].data = m[6].data.clone(),
            "leaf 0",
        ),
    ];
    for (what, change, wanted) in cases {
        let (office, stick) = sent();
        let mut head = stick.head(0, 8);
        let mut all = members(&head, &stick.blobs(0, 8));
        change(&mut head, &mut all);
        office.write("hostile.tar", &pack(&all));
        office.fails(
            &by("officer-1", &["import", "hostile.tar"]),
            1,
            &format!("NOT WHOLE {wanted}"),
        );
        let list = office.run(&by("officer-1", &["list"]));
        let shown = said(&list);
        assert_eq!(list.status.code(), Some(1), "{what}: {shown}");
        assert!(shown.contains("NOT WHOLE: 1 report"), "{what}: {shown}");
        assert_eq!(shown.matches("2026-W").count(), 1, "{what}: {shown}");
        // The courier brings it whole; it fills in what was lacking.
        office.write("whole.tar", &pack(&stick.members()));
        office.ok(&by("officer-1", &["import", "whole.tar"]));
        assert_eq!(
            office
                .ok(&by("officer-1", &["list"]))
                .matches("2026-W")
                .count(),
            2,
            "{what}"
        );
    }
}
