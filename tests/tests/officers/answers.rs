//! Answers from an officer's keyboard to the person who has the words: told once, in order, signed, sealed, and like nothing to
//! everybody else.

use std::fs;
use std::process::{Command, Stdio};

use hafan_envelope::reply::Page;
use hafan_open::reply::open_record;
use hafan_report::{Message, MessageState};
use serde_json::Value;

use crate::office::{Office, PLAIN, Told, Way, by, read, said, walk};

const ANSWER: &str = "Diolch i chi am ddweud wrthym.\nGallwn ni siarad pan fyddwch chi'n barod.";

pub(crate) fn from(person: u8) -> Told {
    Told {
        way: Way::Words(person),
        ..PLAIN
    }
}

pub(crate) fn adds(person: u8) -> Told {
    Told {
        words: "rhywbeth arall a gofiais",
        way: Way::Adds(person),
        ..PLAIN
    }
}

/// Two officers, and a stick for the courier.
pub(crate) fn office() -> Office {
    let office = Office::new(2, 2);
    fs::create_dir(office.path("stick")).unwrap();
    office.write("answer.txt", ANSWER.as_bytes());
    office
}

pub(crate) fn reply<'a>(officer: &'a str, report: &'a str, file: &'a str) -> Vec<&'a str> {
    let text = ["--language", "cy", "--text-file", file, "--yes"];
    by(officer, &[["reply", report].as_slice(), &text].concat())
}

pub(crate) const EXPORT: [&str; 4] = ["replies", "export", "--to", "stick"];

/// The pages on the stick, by name.
pub(crate) fn pages(office: &Office) -> Vec<Vec<u8>> {
    let files = walk(&office.path("stick"));
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// What a person finds on these pages with their words, by number.
pub(crate) fn found(
    office: &Office,
    pages: &[Vec<u8>],
    person: u8,
) -> Vec<(u32, MessageState, String)> {
    let mailbox = Way::mailbox(person);
    let replies = office.directory().replies;
    let thread = Way::thread(person).parse().ok().unwrap();
    let mut found = Vec::new();
    for page in pages {
        for record in Page::parse(page).unwrap().records() {
            let opened = open_record(&record, &mailbox);
            if let Some(padded) = opened.ok().flatten() {
                let message = Message::open(&padded, &replies, "btp", &thread);
                let message = message.unwrap_or_else(|why| panic!("{why}"));
                let about = message
                    .text
                    .clone()
                    .unwrap_or_else(|| message.report.clone());
                found.push((message.number, message.state, about));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn each_person_is_told_what_became_of_their_report_and_nobody_else() {
    use MessageState::{Collected, Read, Replied};
    let office = office();
    let hs = office.bring(&[from(1), PLAIN, from(2), adds(1)]);
    let entries = office.ok(&["record", "verify", "--vault", "vault", "--entries"]);
    assert!(entries.contains("officer-1 collected"), "{entries}");
    let told = office.ok(&read("officer-2", &hs[0]));
    assert!(told.contains("Can be answered yes, in writing"), "{told}");
    office.ok(&read("officer-1", &hs[0]));
    office.ok(&read("officer-1", &hs[1]));
    let told = office.ok(&reply("officer-1", &hs[3], "answer.txt"));
    for wanted in ["in Welsh", "Diolch i chi am ddweud", "as message 4 to them"] {
        assert!(told.contains(wanted), "{wanted}: {told}");
    }
    let told = office.ok(&by("officer-2", &EXPORT));
    assert!(told.contains("1 page with 5 messages in stick"), "{told}");
    let pages = pages(&office);
    assert_eq!(pages.len(), 1);
    let h = Page::parse(&pages[0]).unwrap().digest().to_string();
    let name = format!("stick/replies-{}.page", &h[..16]);
    assert_eq!(office.read(&name), pages[0]);
    assert_eq!(
        found(&office, &pages, 1),
        [
            (1, Collected, hs[0].clone()),
            (2, Collected, hs[3].clone()),
            (3, Read, hs[0].clone()),
            (4, Replied, ANSWER.to_owned()),
        ]
    );
    assert_eq!(found(&office, &pages, 2), [(1, Collected, hs[2].clone())]);
    assert_eq!(found(&office, &pages, 3), []);
    let events = ["opened", "opened", "opened", "replied", "replies-exported"];
    assert_eq!(office.recorded(), events);
    // Every entry verifies, and no file of the vault has a word of an answer, a thread or a mailbox in the clear.
    office.ok(&["record", "verify", "--vault", "vault"]);
    let mailbox = Way::mailbox(1).to_recipient().to_string();
    for file in walk(&office.path("vault")) {
        let bytes = fs::read(&file).unwrap();
        for word in ["Diolch", "siarad", &Way::thread(1), &mailbox[..40]] {
            let is_there = bytes.windows(word.len()).any(|w| w == word.as_bytes());
            assert!(!is_there, "{word} in {}", file.display());
        }
    }
    assert_eq!(
        walk(&office.path("vault/replies/outbox")),
        Vec::<std::path::PathBuf>::new()
    );
}

#[test]
fn who_cannot_be_reached_and_what_cannot_be_sent_is_said_and_no_answer_is_recorded() {
    let office = office();
    let no_key = Told {
        way: Way::NoKey,
        ..PLAIN
    };
    let hs = office.bring(&[PLAIN, from(1), no_key]);
    assert_eq!(office.events(), ["imported", "collected"]);
    // That it is opened to see whether there is a way back is recorded, and no more.
    office.fails(
        &reply("officer-1", &hs[0], "answer.txt"),
        1,
        "it was sent without words",
    );
    office.fails(
        &reply("officer-1", &hs[2], "answer.txt"),
        1,
        "in the place of a mailbox is none",
    );
    let opened = ["imported", "collected", "collected", "collected"];
    assert_eq!(office.events(), opened);
    for (text, wanted) in [
        ("", "the text is empty"),
        ("\n \n", "the text is empty"),
        (
            "un\tdau",
            "line 1 of the text has the control character U+0009",
        ),
        ("un\r\ndau", "control character U+000D"),
        ("\u{1b}[2J", "U+001B"),
    ] {
        office.write("wrong.txt", text.as_bytes());
        office.fails(&reply("officer-1", &hs[1], "wrong.txt"), 2, wanted);
    }
    office.write("wrong.txt", b"\xff");
    office.fails(&reply("officer-1", &hs[1], "wrong.txt"), 2, "is not UTF-8");
    office.fails(
        &reply("officer-1", &hs[1], "none.txt"),
        3,
        "cannot read none.txt",
    );
    office.fails(
        &reply("officer-1", "ffff-ffff", "answer.txt"),
        1,
        "no report in this vault",
    );
    assert_eq!(office.events(), opened);
    // By how much it is too long is right to the byte.
    office.write("long.txt", "a".repeat(3000).as_bytes());
    let output = office.run(&reply("officer-1", &hs[1], "long.txt"));
    let told = said(&output);
    let over = told.split("the message is ").nth(1).unwrap();
    let over: usize = over.split(' ').next().unwrap().parse().unwrap();
    assert!(told.contains("no answer was recorded"), "{told}");
    assert_eq!(office.events()[4..], ["collected"]);
    office.write("long.txt", "a".repeat(3000 - over + 1).as_bytes());
    office.fails(
        &reply("officer-1", &hs[1], "long.txt"),
        2,
        "is 1 bytes too long",
    );
    // The advice counts as the message does.
    let fits = "a".repeat(3000 - over);
    for (character, bytes) in [
        ("é", 2),
        ("\n", 2),
        ("\"", 2),
        ("\u{2019}", 3),
        ("\u{2013}", 3),
    ] {
        office.write("long.txt", format!("{character}{fits}").as_bytes());
        let wanted = format!("is {bytes} bytes too long");
        office.fails(&reply("officer-1", &hs[1], "long.txt"), 2, &wanted);
    }
    office.write("long.txt", fits.as_bytes());
    office.ok(&reply("officer-1", &hs[1], "long.txt"));
    // A character that could deceive is shown for what it is.
    office.write("answer.txt", "a\u{202e}b".as_bytes());
    let shown = office.ok(&reply("officer-1", &hs[1], "answer.txt"));
    assert!(shown.contains(r" a\u{202e}b "), "{shown}");
    assert_eq!(office.recorded().last().unwrap(), "replied");
    office.ok(&by("officer-1", &EXPORT));
    let pages = pages(&office);
    assert_eq!(found(&office, &pages, 1)[1].2, "a".repeat(3000 - over));
}

#[test]
fn a_text_may_be_piped_in_and_loses_only_the_line_ends_behind_it() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    let mut piped = Command::new("sh");
    let args = reply("officer-1", &h, "-");
    piped
        .args(["-c", r#"printf 'Helo.\n\nSut ydych chi?\n\n' | "$0" "$@""#])
        .arg(&office.program)
        .args(args)
        .current_dir(office.path("."))
        .stdin(Stdio::null());
    let output = piped.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    office.ok(&by("officer-1", &EXPORT));
    let found = found(&office, &pages(&office), 1);
    assert_eq!(found[1].2, "Helo.\n\nSut ydych chi?");
}

#[test]
fn what_is_added_stands_below_its_report_and_a_thread_shows_all_of_it() {
    let office = office();
    let urgent = Told {
        flags: &["danger"],
        ..adds(1)
    };
    let hs = office.bring(&[from(1), PLAIN, urgent]);
    let reference = |h: &str| format!("{}-{}-{}", &h[..4], &h[4..8], &h[8..12]);
    let list = office.run(&by("officer-1", &["list"]));
    let list = String::from_utf8(list.stdout).unwrap();
    let lines: Vec<&str> = list.lines().skip(1).collect();
    assert!(lines[0].starts_with(&reference(&hs[0])), "{list}");
    assert!(
        lines[1].starts_with(&reference(&hs[2])) && lines[1].contains("addition  cy"),
        "{list}"
    );
    assert_eq!(lines[2].trim(), format!("adds to {}", reference(&hs[0])));
    assert!(lines[3].starts_with(&reference(&hs[1])), "{list}");
    let json = office.run(&by("officer-1", &["list", "--json"]));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["reports"][1]["adds_to"], reference(&hs[0]));
    assert_eq!(json["reports"][0]["adds_to"], Value::Null);
    office.ok(&reply("officer-1", &hs[2], "answer.txt"));
    let recorded = office.recorded().len();
    for (asked, headings) in [(&hs[0], "en"), (&hs[2], "cy")] {
        let verb = [
            "thread",
            asked,
            "--reason",
            "review",
            "--headings",
            headings,
        ];
        let told = office.ok(&by("officer-2", &verb));
        let at = |words: &str| {
            told.find(words)
                .unwrap_or_else(|| panic!("{words}: {told}"))
        };
        assert!(at("dim ond geiriau") < at("rhywbeth arall a gofiais"));
        assert!(at("rhywbeth arall a gofiais") < at("Diolch i chi am ddweud wrthym."));
        let adds = if headings == "en" {
            "Adds to Report"
        } else {
            "Yn ychwanegu at Adroddiad"
        };
        at(&format!("{adds} {}", reference(&hs[0])));
        at(if headings == "en" {
            "What was told to them: 5"
        } else {
            "Yr hyn a ddywedwyd wrthynt: 5"
        });
        at(if headings == "en" {
            "Additions: 1."
        } else {
            "Ychwanegiadau: 1."
        });
    }
    assert_eq!(
        office.recorded()[recorded..],
        ["listed", "opened", "opened", "listed", "opened", "opened"]
    );
}

#[test]
fn a_report_that_does_not_open_fails_no_import_and_is_told_when_it_opens() {
    let office = office();
    let week = office.directory().intake[0].id.clone();
    let key = format!("vault/intake/{week}.age");
    fs::rename(office.path(&key), office.path("away")).unwrap();
    let later = Told { week: 1, ..from(2) };
    let hs = office.bring(&[from(1), later]);
    office.fails(
        &reply("officer-1", &hs[0], "answer.txt"),
        1,
        "does not open",
    );
    fs::rename(office.path("away"), office.path(&key)).unwrap();
    // The answer itself looks at it again: the person is told that it was collected, and then answered.
    office.ok(&reply("officer-1", &hs[0], "answer.txt"));
    office.ok(&by("officer-1", &EXPORT));
    let pages = pages(&office);
    use MessageState::{Collected, Replied};
    assert_eq!(
        found(&office, &pages, 1),
        [
            (1, Collected, hs[0].clone()),
            (2, Replied, ANSWER.to_owned())
        ]
    );
    assert_eq!(found(&office, &pages, 2).len(), 1);
}

#[test]
fn nothing_is_sent_before_yes_is_typed_unless_it_is_given() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    let mut args = reply("officer-1", &h, "answer.txt");
    args.retain(|arg| *arg != "--yes");
    // In a session of its own there is no terminal to ask on.
    let mut asked = Command::new("setsid");
    asked.arg("--wait").arg(&office.program).args(args);
    asked.current_dir(office.path(".")).stdin(Stdio::null());
    let output = asked.output().unwrap();
    let told = said(&output);
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("give --yes"), "{told}");
    assert_eq!(office.recorded(), [""; 0]);
}

/// Whoever can write to the vault can seal another ledger to the officers: it must not say where their words go.
#[test]
fn the_ledger_does_not_say_where_words_go_and_is_not_begun_anew_when_it_is_lost() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    office.ok(&reply("officer-1", &h, "answer.txt"));
    let ledger = office.path("vault/replies/ledger.age");
    let (officer, _) = office.officer(1);
    let json = hafan_open::open_bytes(&fs::read(&ledger).unwrap(), &[&officer]).unwrap();
    let json = String::from_utf8(json.to_vec()).unwrap();
    assert!(json.contains(&Way::thread(1)) && !json.contains("age1"));
    fs::remove_file(&ledger).unwrap();
    for verb in [
        reply("officer-1", &h, "answer.txt"),
        by("officer-1", &EXPORT),
    ] {
        office.fails(&verb, 1, "ledger.age is not as hafan-keys wrote it");
    }
    let told = office.ok(&read("officer-1", &h));
    assert!(told.contains("is not told that it was read"), "{told}");
}

#[test]
fn the_words_of_an_answer_go_with_the_key_of_their_week() {
    let office = office();
    let h = office.bring(&[from(1)]).remove(0);
    office.ok(&reply("officer-1", &h, "answer.txt"));
    let week = office.directory().intake[0].id.clone();
    office.ok(&by("officer-1", &["retire", &week, "--yes"]));
    let events = office.events();
    office.fails(
        &reply("officer-1", &h, "answer.txt"),
        1,
        "a report of it can be answered no more",
    );
    // No answer is recorded that could not be sent.
    assert_eq!(office.events()[events.len()..], ["collected"]);
    office.fails(
        &by("officer-1", &["thread", &h, "--reason", "review"]),
        1,
        "cannot be opened",
    );
    // What was queued still goes out.
    office.ok(&by("officer-1", &EXPORT));
    assert_eq!(found(&office, &pages(&office), 1).len(), 2);
}
