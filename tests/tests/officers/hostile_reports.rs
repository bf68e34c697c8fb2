//! Reports that somebody sealed by hand: each is named as not readable, with why and none of its content, and the good
//! ones beside them are read. And good ones whose every word tries to deceive: nothing of that reaches the terminal.

use hafan_report::Padded;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::office::{Office, PLAIN, by, pack as padded_of, read, said};
use crate::stick::{Member, Stick, member, pack, set_field};

/// Stands in each of them and must never be shown.
const CONTENT: &str = "cyfrinach-y-person";

/// What was done to it, its padded, what is said of it.
type Case = (&'static str, Vec<u8>, &'static str);

/// The one form of a report that is right.
fn right() -> String {
    format!(
        concat!(
            r#"{{"version":1,"question_set":"full-1","language":"cy","route":"self","force":"btp","#,
            r#""key":{{"id":"2026-W48","fingerprint":"0000 0000 0000 0000 0000 0000 0000 0000"}},"#,
            r#""promise":{{"id":"p","text":"Addewid."}},"written_on":"2026-11-23","#,
            r#""answers":[{{"id":"a","question":"Beth?","answer":"{}","choice":null,"state":"answered","person":null,"parts":[]}}],"#,
            r#""people":[],"flags":[],"wishes":[],"contact":null,"files":[],"mailbox":null,"#,
            r#""thread":"AAAAAAAAAAAAAAAAAAAAAA","adds_to":null}}"#
        ),
        CONTENT
    )
}

/// Fills an archive up to the size class that holds it.
fn padded(mut archive: Vec<u8>) -> Vec<u8> {
    let class = archive.len().next_power_of_two().max(1 << 16);
    archive.resize(class, 0);
    archive
}

fn of_members(members: &[Member]) -> Vec<u8> {
    padded(pack(members))
}

fn of_json(json: impl AsRef<[u8]>) -> Vec<u8> {
    of_members(&[member("report.json", json.as_ref())])
}

/// The right report with one text in place of another.
fn swapped(from: &str, to: &str) -> Vec<u8> {
    let json = right();
    assert!(json.contains(from), "{from}");
    of_json(json.replacen(from, to, 1))
}

/// The right report with one file, described and named so.
fn with_file(entry: &Value, name: &str, data: &[u8]) -> Vec<u8> {
    let json = right().replacen(
        r#""files":[]"#,
        &format!(r#""files":[{}]"#, file_json(entry)),
        1,
    );
    of_members(&[member("report.json", json.as_bytes()), member(name, data)])
}

fn file(name: &str, data: &[u8]) -> Value {
    json!({"name": name, "media_type": "image/jpeg", "size": data.len(),
           "sha256": hex::encode(Sha256::digest(data)), "metadata": "kept"})
}

/// In the order of the protocol.
fn file_json(entry: &Value) -> String {
    let members = ["name", "media_type", "size", "sha256", "metadata"];
    let members = members.map(|name| format!(r#""{name}":{}"#, entry[name]));
    format!("{{{}}}", members.join(","))
}

fn broken_json() -> Vec<Case> {
    let deep = |open: &str, close: &str| {
        swapped(
            &format!("\"{CONTENT}\""),
            &format!("{}{}", open.repeat(9000), close.repeat(9000)),
        )
    };
    vec![
        ("deep lists", deep("[", "]"), "report.json is not version 1"),
        (
            "deep objects",
            deep(r#"{"a":"#, "}"),
            "report.json is not version 1",
        ),
        (
            "not UTF-8",
            of_json([right().as_bytes(), b"\xff"].concat()),
            "report.json is not",
        ),
        (
            "no JSON",
            of_json("cyfrinach"),
            "report.json is not version 1",
        ),
        (
            "white space",
            of_json(right() + "\n"),
            "report.json is not in its one form",
        ),
        (
            "an escape that need not be",
            swapped("Beth", r"\u0042eth"),
            "not in its one form",
        ),
        (
            "a newer version",
            swapped(r#""version":1"#, r#""version":2"#),
            "a newer program may read it",
        ),
        (
            "a member more",
            swapped(r#""version":1"#, r#""version":1,"x":1"#),
            "report.json is not version 1",
        ),
        (
            "a member less",
            swapped(r#","adds_to":null"#, ""),
            "report.json is not version 1",
        ),
        (
            "a member twice",
            swapped(r#""people":[]"#, r#""people":[],"people":[]"#),
            "report.json is not version 1",
        ),
        (
            "members in another order",
            swapped(r#""flags":[],"wishes":[]"#, r#""wishes":[],"flags":[]"#),
            "not in its one form",
        ),
        (
            "a route that there is not",
            swapped(r#""route":"self""#, r#""route":"spy""#),
            "report.json is not version 1",
        ),
        (
            "a day that there is not",
            swapped("2026-11-23", "2026-02-30"),
            "report.json is not version 1",
        ),
        (
            "a flag with an escape",
            swapped(r#""flags":[]"#, r#""flags":["\u001b[2J"]"#),
            "a code is",
        ),
        (
            "a flag twice",
            swapped(r#""flags":[]"#, r#""flags":["child","child"]"#),
            "name one thing twice",
        ),
        (
            "33 flags",
            swapped(
                r#""flags":[]"#,
                &format!(
                    r#""flags":[{}]"#,
                    (0..33)
                        .map(|n| format!("\"f{n}\""))
                        .collect::<Vec<_>>()
                        .join(",")
                ),
            ),
            "33 flags",
        ),
        (
            "a force that climbs",
            swapped(r#""force":"btp""#, r#""force":"../btp""#),
            "a force is",
        ),
        (
            "a thread that is too short",
            swapped("AAAAAAAAAAAAAAAAAAAAAA", "AAAA"),
            "report.json is not version 1",
        ),
        (
            "answered with nothing",
            swapped(&format!("\"{CONTENT}\""), "null"),
            "answered and says nothing",
        ),
        (
            "skipped with words",
            swapped(r#""state":"answered""#, r#""state":"skipped""#),
            "says something",
        ),
        (
            "a person that there is not",
            swapped(r#""person":null"#, r#""person":7"#),
            "speaks of person 7",
        ),
        (
            "a number that overflows",
            swapped(r#""person":null"#, r#""person":99999999999999999999"#),
            "report.json is not version 1",
        ),
        ("257 answers", many_answers(), "257 answers"),
        (
            "over 1 MiB",
            of_json(right().replace(CONTENT, &"x".repeat(1 << 20))),
            "at most 1048576 wanted",
        ),
    ]
}

fn many_answers() -> Vec<u8> {
    let json = right();
    let (start, rest) = json.split_once(r#"{"id":"a""#).unwrap();
    let (answer, end) = rest.split_once("}]").unwrap();
    let answers = vec![format!(r#"{{"id":"a"{answer}}}"#); 257].join(",");
    of_json(format!("{start}{answers}]{end}"))
}

fn broken_archives() -> Vec<Case> {
    let report = || member("report.json", right().as_bytes());
    let whole = || of_members(&[report()]);
    let mut late = whole();
    *late.last_mut().unwrap() = 1;
    let mut large = whole();
    large.resize(1 << 17, 0);
    let mut link = report();
    set_field(&mut link.header, 156, b"2");
    let mut climbs = member("files/01-a.jpg", b"x");
    set_field(&mut climbs.header, 0, b"files/../../a\0");
    let mut huge = report();
    set_field(&mut huge.header, 124, b"77777777777\0");
    let many = (0..10_000).map(|n| member(&format!("files/{n}"), b""));
    let many: Vec<Member> = std::iter::once(report()).chain(many).collect();
    let contact = r#""contact":{"threshold":2,"shares":["00","01"]}"#;
    vec![
        (
            "nothing",
            vec![0; 1 << 16],
            "first member is not report.json",
        ),
        ("noise", b"\xc3\x28".repeat(1 << 15), "ustar"),
        (
            "another member first",
            of_members(&[member("a.json", b"{}"), report()]),
            "first member is not report.json",
        ),
        (
            "a file that the report does not name",
            of_members(&[report(), member("files/01-a.jpg", b"x")]),
            "names 0 files, 1 are there",
        ),
        (
            "10,000 members",
            of_members(&many),
            "names 0 files, 10000 are there",
        ),
        ("a link", of_members(&[link]), "typeflag"),
        (
            "a name that climbs",
            of_members(&[report(), climbs]),
            "\"..\"",
        ),
        ("a size of 8 GiB", of_members(&[huge]), "ustar archive ends"),
        (
            "words in the padding",
            late,
            "padding at byte 65535 is not zero",
        ),
        (
            "a size class too large",
            large,
            "65536 would hold its archive",
        ),
        (
            "a file of another digest",
            with_file(
                &json!({"name": "a.jpg", "media_type": "image/jpeg", "size": 1, "sha256": "00".repeat(32), "metadata": "kept"}),
                "files/01-a.jpg",
                b"x",
            ),
            "not of the size and SHA-256",
        ),
        (
            "a file of another size",
            with_file(
                &{
                    let mut f = file("a.jpg", b"x");
                    f["size"] = json!(2);
                    f
                },
                "files/01-a.jpg",
                b"x",
            ),
            "not of the size and SHA-256",
        ),
        (
            "a file under another name",
            with_file(&file("a.jpg", b"x"), "files/01-b.jpg", b"x"),
            "not named as its member should be",
        ),
        (
            "a file's name with a slash",
            with_file(&file("../a.jpg", b"x"), "files/01-a.jpg", b"x"),
            "a file name is",
        ),
        (
            "a file's name with an escape",
            with_file(&file("\u{1b}[2J", b"x"), "files/01-a.jpg", b"x"),
            "a file name is",
        ),
        (
            "a type with a line end",
            with_file(
                &{
                    let mut f = file("a.jpg", b"x");
                    f["media_type"] = json!("a/b\r\nc");
                    f
                },
                "files/01-a.jpg",
                b"x",
            ),
            "a media type is",
        ),
        (
            "a file that is not there",
            swapped(
                r#""files":[]"#,
                &format!(r#""files":[{}]"#, file_json(&file("a.jpg", b"x"))),
            ),
            "names 1 files, 0 are there",
        ),
        (
            "a contact that is not there",
            swapped(
                r#""contact":null"#,
                &contact
                    .replace("00", &"00".repeat(32))
                    .replace("01", &"01".repeat(32)),
            ),
            "sealed contact is not as the report says",
        ),
        (
            "a contact of wrong digests",
            swapped(r#""contact":null"#, contact),
            "a digest is 64",
        ),
        (
            "a contact of 21 shares",
            swapped(
                r#""contact":null"#,
                &format!(r#""contact":{{"threshold":2,"shares":[{}]}}"#, digests(21)),
            ),
            "2 of 21 shares",
        ),
        (
            "a contact that one alone opens",
            swapped(
                r#""contact":null"#,
                &format!(r#""contact":{{"threshold":1,"shares":[{}]}}"#, digests(2)),
            ),
            "1 of 2 shares",
        ),
    ]
}

/// Different digests, as JSON.
fn digests(count: u8) -> String {
    let digests = (0..count).map(|n| format!("\"{}\"", hex::encode([n; 32])));
    digests.collect::<Vec<_>>().join(",")
}

#[test]
fn each_is_named_and_the_good_ones_are_readable() {
    let office = Office::new(2, 2);
    let cases: Vec<Case> = [broken_json(), broken_archives()]
        .into_iter()
        .flatten()
        .collect();
    let hostile = cases.iter().map(|(_, bytes, _)| {
        Padded::from_bytes(Zeroizing::new(bytes.clone()))
            .ok()
            .unwrap()
    });
    let good = || padded_of(&PLAIN, &office.directory());
    let reports: Vec<Padded> = [good(), good()]
        .into_iter()
        .chain(hostile)
        .chain([good()])
        .collect();
    let mut stick = Stick::new(&office);
    let h = stick.epoch(&reports);
    office.write("bundle.tar", &pack(&stick.members()));
    office.ok(&by("officer-1", &["import", "bundle.tar"]));

    let output = office.run(&by("officer-1", &["list", "--json"]));
    assert_eq!(output.status.code(), Some(1));
    let list: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = list["reports"].as_array().unwrap();
    assert_eq!(list.len(), reports.len());
    let error = |leaf: usize| {
        let row = list.iter().find(|row| row["index"] == leaf).unwrap();
        row["error"].as_str().map(str::to_owned)
    };
    for leaf in [0, 1, reports.len() - 1] {
        assert_eq!(error(leaf), None, "leaf {leaf}");
    }
    for ((what, _, wanted), leaf) in cases.iter().zip(2..) {
        let error = error(leaf).unwrap_or_else(|| panic!("{what}: it was opened"));
        assert!(error.contains(wanted), "{what}: wanted {wanted:?}: {error}");
        assert!(
            !error.contains(CONTENT) && error.is_ascii(),
            "{what}: {error}"
        );
    }
    let first = h[2].to_string();
    let refused = office.run(&read("officer-1", &first[..12]));
    let text = said(&refused);
    assert_eq!(refused.status.code(), Some(1), "{text}");
    assert!(
        text.contains("what is in it is no report") && !text.contains(CONTENT),
        "{text}"
    );
    let shown = office.ok(&read("officer-1", &h[0].to_string()[..12]));
    assert!(shown.contains(PLAIN.words), "{shown}");
}

/// What a terminal could obey or an eye could be deceived by: C0 and C1 controls, bidirectional controls, tags, joiners,
/// variation selectors, invisible operators, and a pile of marks.
const DECEITS: [&str; 14] = [
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]52;c;eA==\u{7}",
    "\u{9b}31m",
    "\u{90}q\u{9c}",
    "\u{8}\u{8}\u{8}",
    "\r",
    "\u{202e}txt.exe",
    "\u{2066}\u{2069}",
    "\u{200f}",
    "\u{e0041}",
    "\u{200b}\u{2060}",
    "\u{fff9}",
    "\u{7f}",
];

#[test]
fn no_word_of_a_report_steers_the_terminal() {
    let office = Office::new(2, 2);
    let deceit = DECEITS.concat() + &"e".repeat(3) + &"\u{301}".repeat(500);
    let row = "2. Did it happen? [skipped]";
    let words = format!("{deceit}\n{row}\n{}", "x".repeat(5000));
    let json: Value = json!({
        "version": 1, "question_set": "full-1", "language": "en", "route": "self", "force": "btp",
        "key": {"id": "2026-W48", "fingerprint": "0000 0000 0000 0000 0000 0000 0000 0000"},
        "promise": {"id": "p", "text": words}, "written_on": "2026-11-23",
        "answers": [
            {"id": "a", "question": words, "answer": words, "choice": null, "state": "answered", "person": null,
             "parts": [{"id": "b", "question": words, "answer": words, "choice": null, "person": null}]},
            {"id": "c", "question": words, "answer": [words, words], "choice": ["one", "two"], "state": "answered", "person": null, "parts": []},
        ],
        "people": [], "flags": ["danger"], "wishes": ["talk"], "contact": null,
        "files": [{"name": "gpj.exe", "media_type": "image/jpeg", "size": 1,
                   "sha256": hex::encode(Sha256::digest(b"x")), "metadata": "kept"}],
        "mailbox": null, "thread": "AAAAAAAAAAAAAAAAAAAAAA", "adds_to": null,
    });
    let report: hafan_report::Report = serde_json::from_value(json).unwrap();
    let file = hafan_report::Attachment::new(b"x".to_vec());
    let padded = Padded::pack(&report, None, &[file]).unwrap();
    let mut stick = Stick::new(&office);
    let h = stick.epoch(&[padded]);
    office.write("bundle.tar", &pack(&stick.members()));
    office.ok(&by("officer-1", &["import", "bundle.tar"]));
    for verb in [
        by("officer-1", &["list"]),
        read("officer-1", &h[0].to_string()[..12]),
    ] {
        let output = office.run(&verb);
        assert!(output.status.success(), "{}", said(&output));
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let steers = text.chars().find(|c| steers(*c));
            assert_eq!(steers, None, "{}", text.escape_unicode());
            let marks = text
                .split(|c| c != '\u{301}')
                .map(|run| run.chars().count())
                .max();
            assert!(marks.unwrap_or(0) <= 16, "{marks:?} marks in a row");
            // An answer cannot pass for the tool's own words.
            assert!(
                !text
                    .lines()
                    .any(|line| line.strip_prefix(' ').unwrap_or(line) == row),
                "{text}"
            );
            assert!(text.lines().all(|line| line.chars().count() <= 100 + 16));
        }
    }
}

fn steers(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
