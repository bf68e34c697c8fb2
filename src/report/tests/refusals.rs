//! What is no report, each for its own reason; and both ways for whatever is one.
#![cfg(test)]

mod base;

use base::{PLAIN, data, with_contact};
use hafan_report::{
    AnswerError, Date, Padded, Report, ReportError, Thread, ValueError, clean_file_name,
    member_name,
};
use proptest::collection::{hash_set, vec};
use proptest::prelude::*;

fn refused(text: &str) -> ReportError {
    Report::parse(text.as_bytes())
        .err()
        .unwrap_or_else(|| panic!("{text} was taken"))
}

#[test]
fn json_of_another_model_is_refused() {
    for (from, to) in [
        (r#""version":1,"#, ""),
        (r#""version":1,"#, r#""version":"1","#),
        (r#""version":1,"#, r#""version":1,"version":1,"#),
        (r#""language":"en""#, r#""language":"fr""#),
        (r#""route":"self""#, r#""route":"myself""#),
        (r#","adds_to":null"#, ""),
        (r#""mailbox":null,"#, ""),
        (r#""mailbox":null"#, r#""mailbox":1"#),
        (r#","basis":"told""#, ""),
        (r#""basis":"told""#, r#""basis":"heard""#),
        (r#""role":"reported""#, r#""role":"suspect""#),
        (r#""wishes":["record"]"#, r#""wishes":null"#),
        (r#""flags":["danger"]"#, r#""flags":[1]"#),
        (r#","state":"answered""#, ""),
        (r#""state":"answered""#, r#""state":"sent""#),
        (r#","person":1"#, ""),
        (r#""person":1"#, r#""person":-1"#),
        (r#""person":1"#, r#""person":256"#),
        (r#","parts":[]"#, ""),
        (r#""contact":null,"#, ""),
        (r#""contact":null"#, r#""contact":{}"#),
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
        refused(&PLAIN.replace("[\"danger\"]", &deep)),
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
        (
            r#""flags":["danger"],"wishes":["record"]"#,
            r#""wishes":["record"],"flags":["danger"]"#,
        ),
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
            r#""mailbox":null"#,
            &format!(r#""mailbox":"age1pq1{}""#, "q".repeat(1951)),
            value("mailbox", ValueError::Recipient),
        ),
        (
            r#""mailbox":null"#,
            &format!(r#""mailbox":"age1pq1{}b""#, "q".repeat(1951)),
            value("mailbox", ValueError::Recipient),
        ),
        (
            r#""mailbox":null"#,
            &format!(r#""mailbox":"AGE1PQ1{}""#, "Q".repeat(1952)),
            value("mailbox", ValueError::Recipient),
        ),
        ("full-1", "Full-1", value("question_set", ValueError::Code)),
        ("full-1", "", value("question_set", ValueError::Code)),
        ("2026-W48", "2026-48", value("key.id", ValueError::Week)),
        ("2026-W48", "20-W48", value("key.id", ValueError::Week)),
        (
            "85cb 6b5f",
            "85cb 6B5f",
            value("key.fingerprint", ValueError::Fingerprint),
        ),
        (
            "85cb 6b5f",
            "85cb06b5f",
            value("key.fingerprint", ValueError::Fingerprint),
        ),
        (
            "85cb 6b5f ",
            "",
            value("key.fingerprint", ValueError::Fingerprint),
        ),
        ("danger", "1danger", value("flags", ValueError::Code)),
        ("record", "to record", value("wishes", ValueError::Code)),
        (
            r#"["danger"]"#,
            r#"["danger","danger"]"#,
            ReportError::Twice { member: "flags" },
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
    let too_many = |what, found, wanted| ReportError::TooMany {
        what,
        found,
        wanted,
    };
    assert_eq!(refused(&many), too_many("files", 65, 64));
    let person = r#"{"role":"reported","basis":"told"}"#;
    let people = PLAIN.replace(person, &vec![person; 65].join(","));
    assert_eq!(refused(&people), too_many("people", 65, 64));
    let wishes: Vec<_> = (0..33).map(|number| format!("\"w{number}\"")).collect();
    let wishes = PLAIN.replace("\"record\"", &wishes.join(","));
    assert_eq!(refused(&wishes), too_many("wishes", 33, 32));
    let (front, rest) = PLAIN.split_once("\"answers\":[").unwrap();
    let (answers, back) = rest.split_once("],\"people\"").unwrap();
    let many = vec![answers; 129].join(",");
    let many = format!("{front}\"answers\":[{many}],\"people\"{back}");
    assert_eq!(refused(&many), too_many("answers", 258, 256));
}

#[test]
fn an_addition_names_what_it_adds_to_and_nothing_else_does() {
    let addition = |text: &str| text.replace(r#""route":"self""#, r#""route":"addition""#);
    let thread = r#""adds_to":"AAAAAAAAAAAAAAAAAAAAAA""#;
    let adds = PLAIN.replace(r#""adds_to":null"#, thread);
    assert!(Report::parse(addition(&adds).as_bytes()).is_ok());
    for text in [addition(PLAIN), adds] {
        assert_eq!(refused(&text), ReportError::Addition);
    }
}

#[test]
fn answers_that_contradict_themselves_are_refused_by_number() {
    let part =
        r#"{"id":"a-b","question":"p","answer":["one","two"],"choice":["x","y"],"person":null}"#;
    let parts = vec![part; 65].join(",");
    let person = |found| AnswerError::Person { found, people: 1 };
    for (from, to, problem) in [
        (
            r#""id":"a""#,
            r#""id":"A""#,
            AnswerError::Code(ValueError::Code),
        ),
        (
            r#""id":"a-b""#,
            r#""id":"""#,
            AnswerError::Code(ValueError::Code),
        ),
        (
            r#"["x","y"]"#,
            r#"["x","Y"]"#,
            AnswerError::Code(ValueError::Code),
        ),
        (r#"["x","y"]"#, r#"["x"]"#, AnswerError::Choice),
        (r#"["x","y"]"#, r#""x""#, AnswerError::Choice),
        (r#""choice":null"#, r#""choice":["x"]"#, AnswerError::Choice),
        (r#"["one","two"]"#, "null", AnswerError::Choice),
        (
            r#"["one","two"],"choice":["x","y"]"#,
            r#"[],"choice":[]"#,
            AnswerError::NoChoice,
        ),
        (r#""answered""#, r#""skipped""#, AnswerError::Says),
        (r#""answered""#, r#""sealed""#, AnswerError::Says),
        (r#""answered""#, r#""not-reached""#, AnswerError::Says),
        (r#""person":1"#, r#""person":0"#, person(0)),
        (r#""person":1"#, r#""person":2"#, person(2)),
        (part, &parts, AnswerError::Parts { found: 65 }),
    ] {
        let text = PLAIN.replacen(from, to, 1);
        assert_ne!(text, PLAIN);
        assert_eq!(
            refused(&text),
            ReportError::Answer { number: 1, problem },
            "{to}"
        );
    }
    let problem = AnswerError::Empty;
    let empty = PLAIN.replace("not-reached", "answered");
    assert_eq!(refused(&empty), ReportError::Answer { number: 2, problem });
    let skipped = PLAIN.replace("not-reached", "skipped");
    assert!(Report::parse(skipped.as_bytes()).is_ok());
}

#[test]
fn contacts_that_cannot_be_opened_are_refused() {
    assert!(Report::parse(with_contact().as_bytes()).is_ok());
    let ones = "1".repeat(64);
    let threshold = |threshold, shares| ReportError::Threshold { threshold, shares };
    let more: Vec<_> = (10..31).map(|n| format!("\"{n}{}\"", &ones[2..])).collect();
    for (from, to, error) in [
        ("\"threshold\":2", "\"threshold\":1", threshold(1, 2)),
        ("\"threshold\":2", "\"threshold\":3", threshold(3, 2)),
        (&format!("\"{ones}\","), "", threshold(2, 1)),
        (&format!("\"{ones}\""), &more.join(","), threshold(2, 22)),
        (
            &ones,
            &"2".repeat(64),
            ReportError::Twice {
                member: "contact.shares",
            },
        ),
        (
            &ones,
            "1",
            ReportError::Value {
                member: "contact.shares",
                problem: ValueError::Sha256,
            },
        ),
    ] {
        assert_eq!(
            refused(&with_contact().replacen(from, to, 1)),
            error,
            "{to}"
        );
    }
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

proptest! {
    #[test]
    fn a_report_is_encoded_and_parsed_the_same(
        texts in vec(any::<String>(), 4), choices in vec(any::<String>(), 0..4), flags in hash_set("[a-z][a-z0-9-]{0,31}", 0..4)
    ) {
        let mut value: serde_json::Value = serde_json::from_str(PLAIN).unwrap();
        value["promise"]["text"] = texts[0].clone().into();
        value["answers"][0]["question"] = texts[1].clone().into();
        value["answers"][0]["answer"] = if choices.is_empty() { texts[2].clone().into() } else { choices.into() };
        value["answers"][0]["parts"][0]["question"] = texts[2].clone().into();
        value["flags"] = flags.into_iter().collect();
        value["files"][0]["name"] = clean_file_name(&texts[3]).into();
        let report: Report = serde_json::from_value(value).unwrap();
        let bytes = report.encode();
        let parsed = Report::parse(&bytes).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(*parsed.encode() == *bytes);
        let padded = Padded::pack(&report, None, &[data()]).map_err(|e| TestCaseError::fail(e.to_string()))?;
        let unpacked = padded.unpack().map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(*unpacked.report.encode() == *bytes && unpacked.files[0].data() == b"data");
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
