//! Whatever is done to a record is named, by entry; and nothing is appended to it then.

use std::fs;

use crate::office::{Office, joined, opened};
use hafan_record::{Context, Finding, KnownHead, Material, Record, RecordError, verify};

fn said(office: &Office, material: &Material) -> Vec<String> {
    let found = office.judge(material).findings;
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn a_record_that_was_only_appended_to_is_whole() {
    let office = Office::new();
    office.fill(20);
    let verification = office.judge(&office.material());
    assert!(
        verification.findings.is_empty(),
        "{:?}",
        verification.findings
    );
    assert!(verification.notices.is_empty());
    assert_eq!(verification.size, 20);
    let numbers: Vec<u64> = verification
        .entries
        .iter()
        .map(|entry| entry.number)
        .collect();
    assert_eq!(numbers, (1..=20).collect::<Vec<u64>>());
    assert_eq!(verification.entries[4].event, opened(4));
    assert_eq!(verification.entries[4].officer, "hafan/btp/officer-2");
}

#[test]
fn each_removed_entry_is_named() {
    let office = Office::new();
    office.fill(9);
    let whole = office.material();
    for at in 0..8 {
        let mut lines = office.lines();
        lines.remove(at);
        let cut = Material {
            entries: joined(&lines),
            ..whole.clone()
        };
        let number = at + 1;
        assert_eq!(
            said(&office, &cut),
            [format!("removed: entry {number} is missing")]
        );
    }
    let lines = office.lines();
    let cut = Material {
        entries: joined(&[&lines[..2], &lines[5..]].concat()),
        ..whole.clone()
    };
    assert_eq!(said(&office, &cut), ["removed: entries 3 to 5 are missing"]);
    let cut = Material {
        entries: joined(&lines[..7]),
        ..whole.clone()
    };
    assert_eq!(
        said(&office, &cut),
        ["cut off: entries 8 to 9 are missing at the end, which the head counts"]
    );
    let none = Material {
        entries: Vec::new(),
        ..whole
    };
    assert_eq!(
        said(&office, &none),
        ["cut off: entries 1 to 9 are missing at the end, which the head counts"]
    );
}

#[test]
fn each_changed_byte_is_named_by_its_entry() {
    let office = Office::new();
    office.fill(5);
    let whole = office.material();
    for at in 0..5 {
        let lines = office.lines();
        for byte in (0..lines[at].len()).step_by(7) {
            let mut lines = lines.clone();
            lines[at][byte] ^= 1;
            if lines[at].contains(&b'\n') {
                continue;
            }
            let changed = Material {
                entries: joined(&lines),
                ..whole.clone()
            };
            let found = office.judge(&changed).findings;
            let number = u64::try_from(at + 1).unwrap();
            assert!(
                matches!(found.as_slice(), [Finding::Changed { number: n, .. }] if *n == number),
                "entry {number}, byte {byte}: {found:?}"
            );
        }
    }
}

#[test]
fn reordered_and_repeated_entries_are_named() {
    let office = Office::new();
    office.fill(6);
    let whole = office.material();
    let mut lines = office.lines();
    lines.swap(2, 3);
    let swapped = Material {
        entries: joined(&lines),
        ..whole.clone()
    };
    assert_eq!(
        said(&office, &swapped),
        ["reordered: entry 3 stands after entry 4"]
    );
    let mut lines = office.lines();
    lines.insert(4, lines[1].clone());
    let twice = Material {
        entries: joined(&lines),
        ..whole
    };
    assert!(
        said(&office, &twice).contains(&"repeated: entry 2 is there more than once".to_owned())
    );
}

/// Makes a record of these entries in another folder, as whoever has these officers' keys could.
fn forged(office: &Office, officers: &[usize]) -> Material {
    let other = Office::new();
    for (at, officer) in officers.iter().enumerate() {
        let event = opened(u8::try_from(100 + at).unwrap());
        let signer = office.officers.get(officer - 1).unwrap();
        other
            .open()
            .unwrap()
            .append(signer, &office.context(), event)
            .unwrap();
    }
    other.material()
}

#[test]
fn an_entry_that_its_own_officer_signed_anew_is_named() {
    let office = Office::new();
    office.fill(6);
    let whole = office.material();
    // Entry 1 is by officer 1, who signs another one in its place.
    let mut lines = office.lines();
    lines[0] = forged(&office, &[1])
        .entries
        .strip_suffix(b"\n")
        .unwrap()
        .to_vec();
    let replaced = Material {
        entries: joined(&lines),
        ..whole.clone()
    };
    assert_eq!(
        said(&office, &replaced),
        [
            "changed: entry 1 was replaced after it was written, with a signature by hafan/btp/officer-1"
        ]
    );
    // The last entry and the head with it, by the officer who alone wrote them: seen by any head kept elsewhere.
    let kept = whole.head.clone().unwrap();
    fs::remove_dir_all(office.place().dir).unwrap();
    fs::remove_file(office.place().pin).unwrap();
    office.fill(5);
    let context = office.context();
    office
        .open()
        .unwrap()
        .append(&office.officers[2], &context, opened(77))
        .unwrap();
    let known = [KnownHead {
        name: "the head of the export",
        note: &kept,
    }];
    let rewritten = office.material();
    assert!(office.judge(&rewritten).findings.is_empty());
    let found = verify(&rewritten, &office.force, &office.root.verifier(), &known).findings;
    assert!(
        matches!(found.as_slice(), [Finding::Rewritten { size: 6, .. }]),
        "{found:?}"
    );
}

#[test]
fn strangers_and_officers_of_other_directories_are_named() {
    let office = Office::new();
    office.fill(2);
    let stranger = crate::office::signer("hafan/btp/officer-4", 99);
    let mut record = office.open().unwrap();
    let refused = record
        .append(&stranger, &office.context(), opened(1))
        .unwrap_err();
    assert!(matches!(
        refused,
        RecordError::NotAnOfficer { sequence: 1, .. }
    ));
    drop(record);
    // A directory that another root signed does not make them one.
    let theirs = crate::office::directory(2, &[&stranger, &office.officers[0]]);
    let note = theirs
        .sign(&crate::office::signer("hafan/btp/root", 7))
        .unwrap();
    let mut material = office.material();
    material.directories.insert(2, note);
    assert!(matches!(
        office.judge(&material).findings.as_slice(),
        [Finding::Directory { sequence: 2, .. }]
    ));
    // Without the directory nobody's signature counts.
    let mut material = office.material();
    material.directories.clear();
    let found = said(&office, &material);
    assert!(
        found[0].contains("entry 1") && found[0].contains("directory 1 is not with the record"),
        "{found:?}"
    );
}

#[test]
fn an_officer_who_left_signs_no_more_and_what_they_signed_still_counts() {
    let office = Office::new();
    office.fill(3);
    let directory = crate::office::directory(2, &[&office.officers[0], &office.officers[1]]);
    let note = directory.sign(&office.root).unwrap();
    let context = Context {
        directory: &directory,
        note: &note,
        ..office.context()
    };
    let mut record = office.open().unwrap();
    let left = record
        .append(&office.officers[2], &context, opened(1))
        .unwrap_err();
    assert!(matches!(
        left,
        RecordError::NotAnOfficer { sequence: 2, .. }
    ));
    assert_eq!(
        record
            .append(&office.officers[1], &context, opened(1))
            .unwrap()
            .number,
        4
    );
    drop(record);
    let verification = office.judge(&office.material());
    assert!(
        verification.findings.is_empty(),
        "{:?}",
        verification.findings
    );
}

#[test]
fn a_record_that_was_set_back_or_taken_away_is_not_appended_to() {
    let office = Office::new();
    office.fill(3);
    let (entries, head) = (
        fs::read(office.path("entries")).unwrap(),
        fs::read(office.path("head")).unwrap(),
    );
    office.fill(2);
    fs::write(office.path("entries"), entries).unwrap();
    fs::write(office.path("head"), head).unwrap();
    assert!(matches!(
        office.append(1),
        Err(RecordError::SetBack {
            found: 3,
            wanted: 5
        })
    ));
    let pin = fs::read(office.place().pin).unwrap();
    let known = [KnownHead {
        name: "the vault's copy of the head",
        note: &pin,
    }];
    let found = verify(
        &office.material(),
        &office.force,
        &office.root.verifier(),
        &known,
    )
    .findings;
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["set back: the vault's copy of the head counts 5 entries, and this record ends at 3"]
    );
    fs::remove_dir_all(office.place().dir).unwrap();
    assert!(matches!(office.append(1), Err(RecordError::Gone)));
}

#[test]
fn nothing_is_appended_to_entries_that_are_not_the_heads() {
    let office = Office::new();
    office.fill(4);
    let whole = office.lines();
    for lines in [
        [&whole[..1], &whole[2..]].concat(),
        whole[..3].to_vec(),
        [
            whole[1].clone(),
            whole[0].clone(),
            whole[2].clone(),
            whole[3].clone(),
        ]
        .to_vec(),
    ] {
        fs::write(office.path("entries"), joined(&lines)).unwrap();
        assert!(matches!(office.append(1), Err(RecordError::Entries)));
    }
    for more in [b"{}\n".as_slice(), b"x\ny", &joined(&whole[3..])] {
        fs::write(
            office.path("entries"),
            [joined(&whole).as_slice(), more].concat(),
        )
        .unwrap();
        assert!(
            matches!(office.append(1), Err(RecordError::Beyond { size: 4 })),
            "{more:?}"
        );
        assert!(
            !office.judge(&office.material()).findings.is_empty(),
            "{more:?}"
        );
    }
}

#[test]
fn an_export_reads_back_and_its_every_change_is_seen() {
    let office = Office::new();
    office.fill(3);
    let material = office.material();
    let export = material.export(Vec::new()).unwrap();
    assert_eq!(Material::of_export(export.as_slice()).unwrap(), material);
    for at in (0..export.len()).step_by(11) {
        let mut changed = export.clone();
        changed[at] ^= 1;
        if let Ok(read) = Material::of_export(changed.as_slice()) {
            assert!(!office.judge(&read).findings.is_empty(), "byte {at}");
        }
    }
    for cut in [0, 1, 511, 512, export.len() / 2, export.len() - 1] {
        Material::of_export(&export[..cut]).unwrap_err();
    }
}

#[test]
fn one_at_a_time() {
    let office = Office::new();
    office.fill(1);
    let held = office.open().unwrap();
    assert!(matches!(office.append(1), Err(RecordError::Locked)));
    drop(held);
    assert_eq!(office.append(1).unwrap(), 2);
    let elsewhere = Record::open(
        office.place(),
        &"dyfed-powys".parse().unwrap(),
        &office.root.verifier(),
    );
    assert!(elsewhere.is_err());
}
