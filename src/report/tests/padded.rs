//! What is no padded, and what cannot be packed as one, each for its own reason.
#![cfg(test)]

mod base;

use base::{PLAIN, data, with_contact};
use hafan_report::{
    Attachment, FileEntry, Metadata, PackError, Packing, Padded, Pieces, Report, ReportError,
    SIZE_CLASSES, SealedContact, UnpackError, Unpacked,
};
use hafan_ustar::ReadError;
use proptest::prelude::{any, prop, proptest};
use zeroize::Zeroizing;

fn report(text: &str) -> Report {
    Report::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn sealed(share: usize) -> SealedContact {
    SealedContact {
        contact: b"contact".to_vec(),
        shares: vec![b"one".to_vec(), vec![2; share]],
    }
}

fn packed() -> Vec<u8> {
    Padded::pack(&report(PLAIN), None, &[data()])
        .map_err(|e| e.to_string())
        .unwrap()
        .as_bytes()
        .to_vec()
}

fn unpack(bytes: Vec<u8>) -> Result<(), UnpackError> {
    Padded::from_bytes(Zeroizing::new(bytes))
        .map_err(|e| e.to_string())
        .unwrap()
        .unpack()
        .map(drop)
}

/// An archive of these members, filled up to `size`.
fn archive(size: usize, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = hafan_ustar::Writer::new();
    for (name, data) in members {
        writer.append(name, data).unwrap();
    }
    let mut bytes = writer.finish();
    bytes.resize(size, 0);
    bytes
}

#[test]
fn the_base_of_these_tests_is_a_report() {
    assert_eq!(report(PLAIN).encode().as_slice(), PLAIN.as_bytes());
    assert_eq!(unpack(packed()), Ok(()));
}

#[test]
fn a_sealed_contact_is_packed_only_as_the_report_says() {
    let with = report(&with_contact());
    let pack = |report: &Report, contact: Option<&SealedContact>| {
        Padded::pack(report, contact, &[data()]).err()
    };
    assert_eq!(pack(&with, Some(&sealed(3))), None);
    assert_eq!(pack(&with, None), Some(PackError::Contact));
    assert_eq!(
        pack(&report(PLAIN), Some(&sealed(3))),
        Some(PackError::Contact)
    );
    let one = SealedContact {
        contact: Vec::new(),
        shares: vec![Vec::new()],
    };
    assert_eq!(pack(&with, Some(&one)), Some(PackError::Contact));
    let share = |found| PackError::ContactSize {
        found,
        wanted: 8 * 1024,
    };
    assert_eq!(pack(&with, Some(&sealed(8 * 1024))), None);
    assert_eq!(
        pack(&with, Some(&sealed(8 * 1024 + 1))),
        Some(share(8 * 1024 + 1))
    );
    let mut large = sealed(3);
    large.contact = vec![0; 16 * 1024 + 1];
    let (found, wanted) = (16 * 1024 + 1, 16 * 1024);
    assert_eq!(
        pack(&with, Some(&large)),
        Some(PackError::ContactSize { found, wanted })
    );

    let padded = Padded::pack(&with, Some(&sealed(3)), &[data()])
        .ok()
        .unwrap();
    let unpacked = padded.unpack().ok().unwrap();
    let contact = unpacked.contact.unwrap();
    assert!(contact.contact == b"contact" && contact.shares == [b"one".to_vec(), vec![2; 3]]);
    assert!(unpacked.files.len() == 1);
}

#[test]
fn a_sealed_contact_is_unpacked_only_as_the_report_says() {
    let json = with_contact();
    let right = ("report.json", json.as_bytes());
    let contact = ("contact.age", &b"c"[..]);
    let (one, two) = (
        ("contact-shares/01.age", &b"1"[..]),
        ("contact-shares/02.age", &b"2"[..]),
    );
    let file = ("files/01-f.txt", &b"data"[..]);
    let of = |members: &[(&str, &[u8])]| unpack(archive(1 << 16, members));
    let wrong = |number| Err(UnpackError::Contact { number });
    assert_eq!(of(&[right, contact, one, two, file]), Ok(()));
    assert_eq!(of(&[right, file]), wrong(2));
    assert_eq!(of(&[right, contact, one, file]), wrong(3));
    assert_eq!(of(&[right, contact, two, one, file]), wrong(2));
    assert_eq!(of(&[right, one, two, contact, file]), wrong(1));
    assert_eq!(
        of(&[right, contact, one, ("contact-shares/2.age", b"2"), file]),
        wrong(3)
    );
    assert_eq!(
        of(&[right, contact, one, two, two, file]),
        Err(UnpackError::Count { named: 1, found: 2 })
    );
    let plain = ("report.json", PLAIN.as_bytes());
    assert_eq!(
        of(&[plain, contact, one, two, file]),
        Err(UnpackError::Count { named: 1, found: 4 })
    );
    let share = vec![0; 8 * 1024 + 1];
    let large = ("contact-shares/02.age", share.as_slice());
    let (found, wanted) = (8 * 1024 + 1, 8 * 1024);
    assert_eq!(
        of(&[right, contact, one, large, file]),
        Err(UnpackError::ContactSize { found, wanted })
    );
}

#[test]
fn packing_refuses_files_that_are_not_as_said() {
    let pack = |text: &str, files: &[Attachment]| Padded::pack(&report(text), None, files).err();
    assert_eq!(
        pack(PLAIN, &[]),
        Some(PackError::Count { named: 1, found: 0 })
    );
    let other = Attachment::new(b"Data".to_vec());
    assert_eq!(pack(PLAIN, &[other]), Some(PackError::File { number: 1 }));
    let size = PLAIN.replace("\"size\":4", "\"size\":5");
    assert_eq!(pack(&size, &[data()]), Some(PackError::File { number: 1 }));
    let mut broken = report(PLAIN);
    broken.force = "No force".to_owned();
    assert!(matches!(
        Padded::pack(&broken, None, &[data()]),
        Err(PackError::Report(_))
    ));
}

#[test]
fn packing_refuses_what_no_class_holds() {
    let large = vec![0; 1 << 25];
    let mut report = report(PLAIN);
    report.files = vec![FileEntry::describe("f", "a/b", Metadata::Kept, &large)];
    let refused = Padded::pack(&report, None, &[Attachment::new(large)]).err();
    assert!(matches!(refused, Some(PackError::TooLarge { found }) if found > 1 << 25));
    report.files = vec![];
    report.promise.text = "x".repeat(1 << 20);
    let refused = Padded::pack(&report, None, &[]).err();
    assert!(matches!(
        refused,
        Some(PackError::Report(ReportError::TooLong { .. }))
    ));
}

#[test]
fn sizes_that_are_no_class_are_refused() {
    for size in [0, 1, 65_535, 65_537, 98_304, (1 << 25) + 1, 1 << 26] {
        assert!(
            Padded::from_bytes(Zeroizing::new(vec![0; size])).is_err(),
            "{size}"
        );
    }
    for size in SIZE_CLASSES {
        assert!(
            Padded::from_bytes(Zeroizing::new(vec![0; size])).is_ok(),
            "{size}"
        );
    }
}

#[test]
fn archives_that_are_no_padded_are_refused() {
    let json = PLAIN.as_bytes();
    let file = ("files/01-f.txt", &b"data"[..]);
    let of = |members: &[(&str, &[u8])]| unpack(archive(1 << 16, members));
    let right = ("report.json", json);
    assert_eq!(of(&[right, file]), Ok(()));
    assert_eq!(of(&[]), Err(UnpackError::NoReport));
    assert_eq!(of(&[file, right]), Err(UnpackError::NoReport));
    assert_eq!(
        of(&[("report.txt", json), file]),
        Err(UnpackError::NoReport)
    );
    assert_eq!(of(&[right]), Err(UnpackError::Count { named: 1, found: 0 }));
    assert_eq!(
        of(&[right, file, file]),
        Err(UnpackError::Count { named: 1, found: 2 })
    );
    assert_eq!(of(&[right, right]), Err(UnpackError::Name { number: 1 }));
    for name in [
        "files/02-f.txt",
        "files/1-f.txt",
        "files/01-g.txt",
        "f.txt",
        "files/01-f.txt.exe",
    ] {
        assert_eq!(
            of(&[right, (name, b"data")]),
            Err(UnpackError::Name { number: 1 }),
            "{name}"
        );
    }
    for data in [&b"dat"[..], b"data!", b"Data", b""] {
        assert_eq!(
            of(&[right, ("files/01-f.txt", data)]),
            Err(UnpackError::File { number: 1 })
        );
    }
    assert!(matches!(
        of(&[("report.json", b"{}"), file]),
        Err(UnpackError::Report(_))
    ));
    let class = UnpackError::Class {
        found: 1 << 17,
        wanted: 1 << 16,
    };
    assert_eq!(unpack(archive(1 << 17, &[right, file])), Err(class));
    assert!(matches!(
        unpack(vec![1; 1 << 16]),
        Err(UnpackError::Archive(ReadError::Name { .. }))
    ));
}

#[test]
fn no_byte_of_a_padded_can_be_changed() {
    let bytes = packed();
    let last = bytes.len() - 1;
    for at in (0..4096).chain([20_000, last]) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let unpacked = Padded::from_bytes(Zeroizing::new(changed))
            .ok()
            .unwrap()
            .unpack();
        // A changed letter of the story is another story: only a seal can tell. It stays canonical.
        if let Ok(Unpacked { report, .. }) = unpacked {
            assert!((512..512 + PLAIN.len()).contains(&at), "byte {at}");
            assert!(report.encode().as_slice() != PLAIN.as_bytes());
        }
    }
    let mut end = bytes;
    end[last] = 1;
    assert_eq!(unpack(end), Err(UnpackError::Padding { at: last }));
}

fn pieces(data: &[u8], at_once: usize) -> Pieces {
    let mut pieces = Pieces::default();
    for chunk in data.chunks(at_once) {
        pieces.push(chunk);
    }
    pieces
}

proptest! {
    #[test]
    fn what_is_written_in_parts_is_what_is_packed(
        files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..150_000), 0..4),
        at_once in 1_usize..70_000,
    ) {
        let mut report = report(PLAIN);
        let names = ["a.png", "../b\u{202e}", "Ŵŷ 🌧"];
        let describe = |(data, name): (&Vec<u8>, &str)| {
            let entry = FileEntry::describe(name, "image/png", Metadata::Kept, data);
            let again = pieces(data, at_once).describe(name, "image/png", Metadata::Kept);
            assert_eq!(again.sha256, entry.sha256);
            assert_eq!((again.name.as_str(), again.size), (entry.name.as_str(), entry.size));
            entry
        };
        report.files = files.iter().zip(names).map(describe).collect();
        let whole: Vec<Attachment> = files.iter().cloned().map(Attachment::new).collect();
        let packed = Padded::pack(&report, None, &whole).map_err(|e| e.to_string()).unwrap();

        let parts = files.iter().map(|data| pieces(data, at_once)).collect();
        let packing = Packing::new(&report, parts).map_err(|e| e.to_string()).unwrap();
        assert_eq!(packing.size_bytes(), packed.as_bytes().len());
        let mut written = Vec::new();
        packing.write(&mut written).unwrap();
        assert!(written == packed.as_bytes());
    }
}

#[test]
fn what_cannot_be_packed_is_not_written_in_parts_either() {
    let refused = |report: &Report, files| Packing::new(report, files).err().unwrap();
    let plain = report(PLAIN);
    assert_eq!(
        refused(&plain, Vec::new()),
        PackError::Count { named: 1, found: 0 }
    );
    assert_eq!(
        refused(&plain, vec![pieces(b"other", 9)]),
        PackError::File { number: 1 }
    );
    assert_eq!(
        refused(&report(&with_contact()), vec![pieces(data().data(), 9)]),
        PackError::Contact
    );
    let large = vec![0; 1 << 25];
    let mut report = report(PLAIN);
    report.files = vec![FileEntry::describe("a", "", Metadata::Kept, &large)];
    let error = refused(&report, vec![pieces(&large, 1 << 16)]);
    assert!(matches!(error, PackError::TooLarge { .. }), "{error}");
}
