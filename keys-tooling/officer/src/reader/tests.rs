//! Every view at the two sizes that matter, and every key, without a vault or a terminal.

use hafan_export::rows;
use hafan_export::sheet::{Place, sheet};
use hafan_record::ReasonCode;
use hafan_report::{Language, Report};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;
use secrecy::ExposeSecret as _;
use termion::event::Key;

use super::app::{App, Ask, View};
use super::draw::draw;
use super::sheet::Sheet;
use crate::list::{Content, Row};

const ESCAPED: &str = "\u{1b}[2Jcyntaf\u{202e}";

fn entry(held: usize, flags: &[&str]) -> Row {
    Row {
        held,
        reference: format!("3f2a-91bc-77d{held}"),
        is_read: false,
        year: 2026,
        index: 0,
        adds_to: None,
        content: Ok(Content {
            week: "2026-W48".to_owned(),
            route: "self",
            language: "cy",
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            files: 0,
            thread: "AAAAAAAAAAAAAAAAAAAAAA".to_owned(),
            adds_to: None,
        }),
    }
}

fn opened(words: &str) -> Sheet {
    let report: Report = serde_json::from_value(serde_json::json!({
        "version": 1, "question_set": "full-1", "language": "cy", "route": "self", "force": "btp",
        "key": {"id": "2026-W48", "fingerprint": "0000 0000 0000 0000 0000 0000 0000 0000"},
        "promise": {"id": "p", "text": "Addewid."}, "written_on": "2026-11-23",
        "answers": [{"id": "a", "question": "Beth ddigwyddodd?", "answer": words, "choice": null,
                     "state": "answered", "person": null, "parts": []}],
        "people": [], "flags": ["danger"], "wishes": [], "contact": null, "files": [], "mailbox": null,
        "thread": "AAAAAAAAAAAAAAAAAAAAAA", "adds_to": null,
    }))
    .unwrap();
    let place = Place {
        reference: "3f2a-91bc-77d0",
        week: "2026-W48",
        year: 2026,
        index: 1,
        adds_to: None,
    };
    Sheet::new(rows::blocks(&sheet(&report, &place, Language::English)))
}

/// Unlocked, with three reports of which none is open.
fn unlocked() -> App {
    let mut app = App::new(
        "btp".to_owned(),
        "officer-1".to_owned(),
        ReasonCode::FirstReading,
    );
    let mut closed = entry(2, &[]);
    closed.content =
        Err("the intake key of its week is not in this vault, or was retired".to_owned());
    app.unlocked(vec![entry(0, &["danger", "child"]), closed, entry(1, &[])]);
    app
}

fn reading(words: &str) -> App {
    let mut app = unlocked();
    app.opened(0, opened(words));
    app
}

fn shown(app: &mut App, columns: u16, rows: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, app)).unwrap();
    let buffer = terminal.backend().buffer();
    let cells = buffer.content.chunks(usize::from(columns));
    let rows = cells.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>());
    rows.map(|row| row.trim_end().to_owned() + "\n").collect()
}

fn both(app: &mut App, wanted: &str) {
    for (columns, rows) in [(80, 24), (40, 12)] {
        let screen = shown(app, columns, rows);
        let words: String = screen.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            words.contains(wanted),
            "{columns} x {rows}, {wanted:?}:\n{screen}"
        );
        assert!(
            screen.chars().all(|c| c == '\n' || !c.is_control()),
            "{screen:?}"
        );
    }
}

fn press(app: &mut App, keys: &str) {
    for c in keys.chars() {
        assert!(app.key(Key::Char(c)).is_none(), "{c}");
    }
}

#[test]
fn the_list_says_what_is_urgent_new_and_closed() {
    let mut app = unlocked();
    both(&mut app, "> 3f2a-91bc-77d0 new");
    both(&mut app, "q: leave");
    let screen = shown(&mut app, 80, 24);
    assert!(
        screen.contains("2026-W48  self      cy    !! danger, child"),
        "{screen}"
    );
    assert!(screen.contains("NOT OPENED: the intake key"), "{screen}");
    press(&mut app, "j");
    both(&mut app, "> 3f2a-91bc-77d2");
    press(&mut app, "\n");
    both(&mut app, "This report cannot be opened: the intake key");
    press(&mut app, "\n");
    both(&mut app, "3 reports, 0 open");
}

#[test]
fn the_list_says_what_an_addition_adds_to() {
    let mut app = unlocked();
    let mut added = entry(1, &["danger"]);
    added.adds_to = Some("3f2a-91bc-77d0".to_owned());
    if let Ok(content) = &mut added.content {
        content.route = "addition";
        content.adds_to = Some("AAAAAAAAAAAAAAAAAAAAAA".to_owned());
    }
    app.unlocked(vec![entry(0, &[]), added]);
    let narrow = shown(&mut app, 40, 12);
    assert!(
        narrow.contains("3f2a-91bc-77d1  new    adds  !! danger"),
        "{narrow}"
    );
    let screen = shown(&mut app, 80, 24);
    assert!(
        screen.contains("addition  cy    !! danger  to 3f2a-91bc-77d0"),
        "{screen}"
    );
}

#[test]
fn a_long_list_keeps_what_is_chosen_in_sight() {
    let mut app = unlocked();
    app.unlocked((0..100).map(|at| entry(at, &[])).collect());
    for _ in 0..99 {
        press(&mut app, "j");
        let screen = shown(&mut app, 40, 12);
        assert!(screen.contains("> 3f2a"), "{screen}");
    }
    both(&mut app, "> 3f2a-91bc-77d99");
    assert!(app.key(Key::Home).is_none());
    both(&mut app, "> 3f2a-91bc-77d0");
}

#[test]
fn a_reason_is_chosen_before_anything_opens() {
    let mut app = unlocked();
    press(&mut app, "\n");
    both(&mut app, "Why open 3f2a-91bc-77d0?");
    both(&mut app, "> 1 first-reading");
    for (number, code) in ('1'..='9').zip(ReasonCode::ALL) {
        press(&mut app, &number.to_string());
        both(&mut app, &format!("> {number} {code}"));
    }
    press(&mut app, "\n");
    both(&mut app, "(needed)");
    press(&mut app, "\n");
    both(&mut app, "the reason 'other' needs words");
    press(&mut app, "gofynnodd hi");
    both(&mut app, "> gofynnodd hi_");
    let Some(Ask::Open(0, reason)) = app.key(Key::Char('\n')) else {
        panic!("it opens nothing");
    };
    assert_eq!(reason.code(), ReasonCode::Other);
    press(&mut app, &" a dyma fwy".repeat(26));
    both(&mut app, "fwy_");
    both(&mut app, "In a few words");
    assert_eq!(reason.words().unwrap().as_str(), "gofynnodd hi");
    // Until the vault has answered, nothing is open.
    assert!(app.sheets.is_empty());
    assert!(app.key(Key::Esc).is_none() && app.key(Key::Esc).is_none());
    both(&mut app, "0 open");
}

#[test]
fn words_of_a_report_are_made_visible_and_can_all_be_reached() {
    let long = format!("{ESCAPED} {}", "gair ".repeat(2000));
    for (columns, rows) in [(80, 24), (40, 12), (200, 60)] {
        let mut app = reading(&long);
        let mut seen = String::new();
        for _ in 0..2000 {
            seen.push_str(&shown(&mut app, columns, rows));
            press(&mut app, " ");
        }
        assert!(seen.contains(r"\u{1b}[2Jcyntaf\u{202e}"), "{columns}");
        assert!(seen.contains("End of the report."), "{columns}");
        assert!(
            seen.contains("!! danger: someone may be in danger"),
            "{columns}"
        );
        assert!(seen.contains("100%"));
    }
}

#[test]
fn a_window_of_another_width_begins_with_the_same_words() {
    let mut app = reading(
        &(0..400)
            .map(|at| format!("gair{at:03} "))
            .collect::<String>(),
    );
    shown(&mut app, 80, 24);
    press(&mut app, "      ");
    let top = |screen: &str| screen.lines().nth(1).unwrap().to_owned();
    let before = top(&shown(&mut app, 80, 24));
    let first = before.split_whitespace().nth(1).unwrap().to_owned();
    assert!(first.starts_with("gair"), "{before}");
    let narrow = top(&shown(&mut app, 40, 12));
    assert!(narrow.contains(&first), "{narrow} without {first}");
}

#[test]
fn a_search_goes_through_all_that_is_open_and_marks_without_colour() {
    let mut app = unlocked();
    press(&mut app, "/");
    both(&mut app, "Open a report first");
    app.opened(2, opened("Roedd y DRWS ar agor.\nCaeais y drws."));
    app.opened(0, opened("drws"));
    shown(&mut app, 80, 24);
    press(&mut app, "/drws");
    both(&mut app, "Look for: drws");
    press(&mut app, "\n");
    both(&mut app, "Found: 1 of 3");
    press(&mut app, "n");
    both(&mut app, "Found: 2 of 3");
    assert_eq!(app.chosen, 2);
    press(&mut app, "nn");
    both(&mut app, "Found: 1 of 3");
    assert_eq!(app.chosen, 0);
    press(&mut app, "N");
    both(&mut app, "Found: 3 of 3");
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, &mut app)).unwrap();
    let marked = terminal.backend().buffer().content.iter();
    let marked = marked.filter(|cell| {
        cell.modifier
            .contains(Modifier::UNDERLINED | Modifier::REVERSED)
    });
    assert_eq!(marked.map(|cell| cell.symbol()).collect::<String>(), "drws");
    press(&mut app, "/nid yma\n");
    both(&mut app, "Not found");
    press(&mut app, "n");
    both(&mut app, "Nothing to go on to");
    // A line's end is found as a space, and capitals that grow keep their place.
    assert_eq!(opened("y\ndrws").find("Y DRWS").len(), 1);
    assert_eq!(opened("İİ drws").find("drws").len(), 1);
    assert_eq!(opened("drws").find(""), []);
}

#[test]
fn nothing_is_to_be_seen_while_hidden_locked_or_too_small() {
    let mut app = reading("cyfrinach");
    shown(&mut app, 40, 12);
    app.key(Key::End);
    let end = shown(&mut app, 40, 12);
    assert!(end.contains("End of the report."), "{end}");
    press(&mut app, "kkk");
    both(&mut app, "| cyfrinach");
    press(&mut app, "h");
    for (columns, rows) in [(80, 24), (40, 12)] {
        let screen = shown(&mut app, columns, rows);
        assert!(
            screen.contains("hidden") && !screen.contains("cyfrinach"),
            "{screen}"
        );
        assert!(!screen.contains("danger"), "{screen}");
    }
    press(&mut app, "jh");
    both(&mut app, "cyfrinach");
    let small = shown(&mut app, 39, 11);
    assert!(
        small.contains("too small") && !small.contains("cyfrinach"),
        "{small}"
    );
    shown(&mut app, 1, 1);
    assert!(matches!(app.key(Key::Char('l')), Some(Ask::Lock)));
    app.lock("Nothing is open any more.");
    assert!(app.sheets.is_empty() && app.entries.is_empty() && app.hits.is_empty());
    both(&mut app, "Type the passphrase of officer-1");
    press(&mut app, "geiriau cudd");
    both(&mut app, "Passphrase: ************");
    app.key(Key::Backspace);
    let Some(Ask::Unlock(secret)) = app.key(Key::Char('\n')) else {
        panic!("it unlocks nothing");
    };
    assert_eq!(secret.expose_secret(), "geiriau cud");
    both(&mut app, "Passphrase: Nothing is open");
}

#[test]
fn help_and_messages_are_read_to_their_end_and_lead_back() {
    let mut app = reading("gair");
    press(&mut app, "?");
    both(&mut app, "one line; one report");
    for _ in 0..40 {
        press(&mut app, "j");
        shown(&mut app, 40, 12);
    }
    let end = shown(&mut app, 40, 12);
    assert!(end.contains("written to the disk."), "{end}");
    press(&mut app, "\n");
    assert!(matches!(app.view, View::Reading));
    app.tell("the access record cannot be written".to_owned());
    both(&mut app, "the access record cannot be written");
    assert!(matches!(app.key(Key::Char('q')), Some(Ask::Leave)));
    assert!(matches!(app.key(Key::Ctrl('c')), Some(Ask::Leave)));
}
