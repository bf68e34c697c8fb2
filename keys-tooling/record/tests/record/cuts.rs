//! A loss of power at any step of an append: what was acknowledged stays, and the next append goes on.

use std::fs;
use std::os::unix::fs::symlink;

use crate::office::{Office, joined};
use hafan_record::{Notice, RecordError};

/// What an append leaves at each step, made from the states before and after it.
#[test]
fn a_cut_at_each_step_loses_no_entry_and_blames_nobody() {
    for before in [0, 1, 4] {
        let office = Office::new();
        office.fill(before);
        let old = if before == 0 {
            Vec::new()
        } else {
            fs::read(office.path("entries")).unwrap()
        };
        let old_head = (before > 0).then(|| fs::read(office.path("head")).unwrap());
        let old_pin = (before > 0).then(|| fs::read(office.place().pin).unwrap());
        office.fill(1);
        let new = fs::read(office.path("entries")).unwrap();
        let new_head = fs::read(office.path("head")).unwrap();
        let mut sizes: Vec<usize> = (old.len()..new.len()).step_by(97).collect();
        sizes.extend([new.len() - 1, new.len()]);
        for size in sizes {
            for has_next in [true, false] {
                fs::write(office.path("entries"), &new[..size]).unwrap();
                restore(&office.path("head"), old_head.as_deref());
                restore(&office.place().pin, old_pin.as_deref());
                restore(
                    &office.path(".head.next"),
                    has_next.then_some(new_head.as_slice()),
                );
                let found = office.judge(&office.material());
                assert!(
                    found.findings.is_empty(),
                    "{before} {size}: {:?}",
                    found.findings
                );
                let number = u64::try_from(before).unwrap() + 1;
                match found.notices.as_slice() {
                    [] => assert_eq!(size, old.len()),
                    [Notice::Torn { after, .. }] => assert_eq!(*after, number - 1),
                    [Notice::Pending { number: pending }] => {
                        assert_eq!((*pending, size), (number, new.len()));
                    }
                    more => panic!("{more:?}"),
                }
                let next = if size == new.len() {
                    number + 1
                } else {
                    number
                };
                assert_eq!(office.append(2).unwrap(), next);
                let found = office.judge(&office.material());
                assert!(found.findings.is_empty() && found.notices.is_empty());
                assert!(fs::read(office.path("entries")).unwrap().starts_with(&old));
            }
        }
    }
}

fn restore(path: &std::path::Path, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => fs::write(path, bytes).unwrap(),
        None if path.exists() => fs::remove_file(path).unwrap(),
        None => {}
    }
}

#[test]
fn the_head_is_newer_than_its_copy_after_a_cut_between_them() {
    let office = Office::new();
    office.fill(2);
    let pin = fs::read(office.place().pin).unwrap();
    office.fill(1);
    fs::write(office.place().pin, pin).unwrap();
    assert_eq!(office.append(1).unwrap(), 4);
}

#[test]
fn a_line_whose_sectors_never_reached_the_disk_is_torn() {
    let office = Office::new();
    office.fill(2);
    let whole = office.lines();
    let mut torn = whole[1].clone();
    for byte in &mut torn[100..400] {
        *byte = 0;
    }
    for tail in [[torn.as_slice(), b"\n"].concat(), vec![0; 900], torn] {
        fs::write(
            office.path("entries"),
            [joined(&whole), tail.clone()].concat(),
        )
        .unwrap();
        let found = office.judge(&office.material());
        assert!(found.findings.is_empty(), "{:?}", found.findings);
        assert!(matches!(
            found.notices.as_slice(),
            [Notice::Torn { after: 2, .. }]
        ));
    }
    assert_eq!(office.append(1).unwrap(), 3);
    assert!(office.path("torn-2").exists());
    let found = office.judge(&office.material());
    assert!(found.findings.is_empty() && found.notices.is_empty());
}

#[test]
fn a_record_is_not_written_through_a_link() {
    let office = Office::new();
    office.fill(1);
    let elsewhere = office.dir.path().join("elsewhere");
    fs::rename(office.path("entries"), &elsewhere).unwrap();
    symlink(&elsewhere, office.path("entries")).unwrap();
    let before = fs::read(&elsewhere).unwrap();
    assert!(matches!(office.append(1), Err(RecordError::Io { .. })));
    assert_eq!(fs::read(&elsewhere).unwrap(), before);
}
