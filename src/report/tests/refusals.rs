//! What is no report and no padded, each for its own reason; and both ways for whatever is one.
#![cfg(test)]

use hafan_report::{
    Attachment, Date, FileEntry, Metadata, PackError, Padded, Report, ReportError, SIZE_CLASSES,
    Thread, UnpackError, ValueError, clean_file_name, member_name,
};
use hafan_ustar::ReadError;
use proptest::collection::vec;
use proptest::prelude::*;
use zeroize::Zeroizing;

const PLAIN: &str = concat!(
    r#"{"version":1,"question_set":"short-1","language":"en","route":"self","force":"btp","#,
    r#""promise":{"id":"p","text":"t"},"written_on":"2026-11-23","#,
    r#""answers":[{"id":"a","question":"q","answer":"words","skipped":false}],"#,
    r#""people":[],"flags":[],"wishes":[],"#,
    r#""files":[{"name":"f.txt","media_type":"text/plain","size":4,"#,
    r#""sha256":"3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7","metadata":"kept"}],"#,
    r#""mailbox":null,"thread":"AAECAwQFBgcICQoLDA0ODw","adds_to":null}"#,
);

fn report(text: &str) -> Report {
    Report::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"))
}

fn refused(text: &str) -> ReportError {
    Report::parse(text.as_bytes())
        .err()
        .unwrap_or_else(|| panic!("{text} was taken"))
}

fn data() -> Attachment {
    Attachment::new(b"data".to_vec())
}

fn packed() -> Vec<u8> {
    Padded::pack(&report(PLAIN), &[data()])
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
fn json_of_another_model_is_refused() {
    for (from, to) in [
        (r#""version":1,"#, ""),
        (r#""version":1,"#, r#""version":"1","#),
        (r#""version":1,"#, r#""version":1,"version":1,"#),
        ("short-1", "short-2"),
        (r#""language":"en""#, r#""language":"fr""#),
        (r#""route":"self""#, r#""route":"myself""#),
        (r#","adds_to":null"#, ""),
        (r#""mailbox":null,"#, ""),
        (r#""mailbox":null"#, r#""mailbox":"x""#),
        (r#""people":[]"#, r#""people":[{}]"#),
        (r#""wishes":[]"#, r#""wishes":["x"]"#),
        (r#""wishes":[]"#, r#""wishes":null"#),
        (r#""flags":[]"#, r#""flags":[1]"#),
        (r#","skipped":false"#, ""),
        (r#""answer":"words","#, ""),
        (r#""answer":"words""#, r#""answer":1"#),
        (r#""answer":"words""#, r#""answer":{"a":"b"}"#),
        (r#""answer":"words""#, r#""answer":["a",null]"#),
        (r#""text":"t""#, r#""text":"t","more":1"#),
        (r#""size":4"#, r#""size":-4"#),
        (r#""size":4"#, r#""size":4.5"#),
        ("2026-11-23", "2026-11-31"),
        ("AAECAwQFBgcICQoLDA0ODw", "AAECAwQFBgcICQoLDA0ODx"),
        ("words", "\\ud800"),
        ("words", "\u{1}"),
        ("}]", "}]]"),
    ] {
        let text = PLAIN.replacen(from, to, 1);
        assert_ne!(text, PLAIN);
        assert!(
            matches!(refused(&text), ReportError::Json { .. }),
            "{from} {to}"
        );
    }
    for text in ["", "null", "[]", "{}", "\u{feff}{}"] {
        assert!(matches!(refused(text), ReportError::Json { .. }), "{text}");
    }
    let deep = "[".repeat(100_000);
    assert!(matches!(
        refused(&PLAIN.replace("[],\"flags\"", &deep)),
        ReportError::Json { .. }
    ));
    let mut bytes = PLAIN.as_bytes().to_vec();
    bytes[200] = 0xff;
    assert!(Report::parse(&bytes).is_err());
}

#[test]
fn other_writings_of_the_same_report_are_refused_at_their_first_byte() {
    for (from, to) in [
        (",", ", "),
        ("words", "w\\u006frds"),
        ("words", "\\/"),
        ("words", "\\u2028"),
        ("words", "\\u000A"),
        ("words", "\\u001F"),
        ("\"size\":4", "\"size\":4 "),
        (r#""people":[],"flags":[]"#, r#""flags":[],"people":[]"#),
    ] {
        let text = PLAIN.replacen(from, to, 1);
        let error = refused(&text);
        assert!(
            matches!(error, ReportError::NotCanonical { at } if at > 0),
            "{from}: {error}"
        );
    }
    let end = refused(&format!("{PLAIN}\n"));
    assert_eq!(end, ReportError::NotCanonical { at: PLAIN.len() });
}

#[test]
fn values_without_their_grammar_are_refused_by_name() {
    let value = |member, problem| ReportError::Value { member, problem };
    let hex = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";
    let long = "x".repeat(201);
    for (from, to, error) in [
        (
            "\"version\":1",
            "\"version\":2",
            ReportError::Version { found: 2 },
        ),
        ("btp", "BTP", value("force", ValueError::Force)),
        ("btp", "-btp", value("force", ValueError::Force)),
        ("\"btp\"", "\"\"", value("force", ValueError::Force)),
        ("f.txt", "../f", value("files.name", ValueError::FileName)),
        (
            "f.txt",
            "\u{202e}f",
            value("files.name", ValueError::FileName),
        ),
        ("f.txt", &long, value("files.name", ValueError::FileName)),
        (
            "\"f.txt\"",
            "\"\"",
            value("files.name", ValueError::FileName),
        ),
        (
            "text/plain",
            "text plain",
            value("files.media_type", ValueError::MediaType),
        ),
        (
            hex,
            &hex.to_uppercase(),
            value("files.sha256", ValueError::Sha256),
        ),
        (
            "\"skipped\":false",
            "\"skipped\":true",
            ReportError::Skipped { number: 1 },
        ),
    ] {
        assert_eq!(refused(&PLAIN.replacen(from, to, 1)), error);
    }
    let long = PLAIN.replace("words", &"x".repeat(1 << 20));
    assert_eq!(refused(&long), ReportError::TooLong { found: long.len() });
    let (front, rest) = PLAIN.split_once("\"files\":[").unwrap();
    let (file, back) = rest.split_once(']').unwrap();
    let files = vec![file; 65].join(",");
    let many = format!("{front}\"files\":[{files}]{back}");
    assert_eq!(refused(&many), ReportError::Files { found: 65 });
}

#[test]
fn dates_and_threads_are_exact() {
    for right in [
        "0001-01-01",
        "2000-02-29",
        "2028-02-29",
        "2026-12-31",
        "9999-12-31",
    ] {
        assert_eq!(
            right.parse::<Date>().map(|date| date.to_string()),
            Ok(right.to_owned())
        );
    }
    for wrong in [
        "",
        "2026-1-1",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-00-01",
        "2026-01-00",
        "2026-13-01",
        "0000-01-01",
        "2026-11-23T",
        "+026-11-23",
        "2026/11/23",
        "\u{662}026-11-2",
    ] {
        assert!(
            matches!(wrong.parse::<Date>(), Err(ValueError::Date)),
            "{wrong}"
        );
    }
    for wrong in [
        "",
        "AAECAwQFBgcICQoLDA0OD",
        "AAECAwQFBgcICQoLDA0ODx",
        "AAECAwQFBgcICQoLDA0O+w",
    ] {
        assert!(wrong.parse::<Thread>().is_err(), "{wrong}");
    }
}

#[test]
fn packing_refuses_files_that_are_not_as_said() {
    let pack = |text: &str, files: &[Attachment]| Padded::pack(&report(text), files).err();
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
        Padded::pack(&broken, &[data()]),
        Err(PackError::Report(_))
    ));
}

#[test]
fn packing_refuses_what_no_class_holds() {
    let large = vec![0; 1 << 25];
    let mut report = report(PLAIN);
    report.files = vec![FileEntry::describe("f", "a/b", Metadata::Kept, &large)];
    let refused = Padded::pack(&report, &[Attachment::new(large)]).err();
    assert!(matches!(refused, Some(PackError::TooLarge { found }) if found > 1 << 25));
    report.files = vec![];
    report.flags = vec!["x".repeat(1 << 20)];
    let refused = Padded::pack(&report, &[]).err();
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
        if let Ok((report, _)) = unpacked {
            assert!((512..512 + PLAIN.len()).contains(&at), "byte {at}");
            assert!(report.encode().as_slice() != PLAIN.as_bytes());
        }
    }
    let mut end = bytes;
    end[last] = 1;
    assert_eq!(unpack(end), Err(UnpackError::Padding { at: last }));
}

proptest! {
    #[test]
    fn a_report_is_encoded_and_parsed_the_same(
        texts in vec(any::<String>(), 4), choices in vec(any::<String>(), 0..4), flags in vec(any::<String>(), 0..4)
    ) {
        let mut value: serde_json::Value = serde_json::from_str(PLAIN).unwrap();
        value["promise"]["text"] = texts[0].clone().into();
        value["answers"][0]["question"] = texts[1].clone().into();
        value["answers"][0]["answer"] = if choices.is_empty() { texts[2].clone().into() } else { choices.into() };
        value["flags"] = flags.into();
        value["files"][0]["name"] = clean_file_name(&texts[3]).into();
        let report: Report = serde_json::from_value(value).unwrap();
        let bytes = report.encode();
        let parsed = Report::parse(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(*parsed.encode() == *bytes);
        let padded = Padded::pack(&report, &[data()]).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let (unpacked, files) = padded.unpack().map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(*unpacked.encode() == *bytes && files[0].data() == b"data");
    }

    #[test]
    fn what_is_parsed_would_be_written_the_same(at in 0..PLAIN.len(), to in any::<u8>()) {
        let mut bytes = PLAIN.as_bytes().to_vec();
        bytes[at] = to;
        if let Ok(report) = Report::parse(&bytes) {
            prop_assert!(*report.encode() == bytes);
        }
    }

    #[test]
    fn cleaned_names_are_clean_and_make_names_of_members(name in any::<String>(), number in 1..65_usize) {
        let clean = clean_file_name(&name);
        prop_assert!((1..=200).contains(&clean.len()));
        prop_assert_eq!(&clean_file_name(&clean), &clean);
        let member = member_name(number, &clean);
        prop_assert!(member.len() <= 89);
        prop_assert_eq!(hafan_ustar::check_name(&member), Ok(()));
    }
}
