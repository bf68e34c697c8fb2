//! The full-screen reader as an officer uses it: the real program in a terminal, every key pressed and every screen looked at.
#![cfg(test)]

#[path = "../keys/office.rs"]
#[expect(dead_code, reason = "other drills use the rest")]
mod office;
mod terminal;

use std::fs;
use std::os::fd::AsFd as _;

use rustix::fs::FlockOperation;
use rustix::process::Signal;

use crate::office::{Office, PLAIN, Told, Way, by, passphrase, walk};
use crate::terminal::Terminal;

/// Of the report that is urgent; it tries to steer the terminal.
const HOSTILE: &str =
    "geiriau cyntaf\u{1b}]0;teitl\u{7}\u{1b}[2J\u{1b}[31m\u{202e}diwedd\nail linell";
const PLAIN_WORDS: &str = "dim ond geiriau";

/// A vault with three reports, the urgent one in the middle.
fn office() -> Office {
    let office = Office::new(2, 2);
    office.bring(&[
        PLAIN,
        Told {
            words: HOSTILE,
            flags: &["last-7-days", "danger"],
            ..PLAIN
        },
        PLAIN,
    ]);
    office
}

fn reader(office: &Office, rows: u16, columns: u16) -> Terminal {
    let args = by("officer-1", &["reader"]);
    let mut terminal = Terminal::run(office, &args, rows, columns);
    terminal.until("q: leave");
    terminal
}

/// Opens what is chosen, as an exercise.
fn open(terminal: &mut Terminal) {
    terminal.press("\r");
    terminal.until("Why open");
    terminal.press("8");
    terminal.until("> 8 exercise");
    terminal.press("\r");
    terminal.until("you may leave this empty");
    terminal.press("\r");
    terminal.until("Esc: list");
}

#[test]
fn an_officer_lists_reads_searches_hides_and_leaves_nothing_behind() {
    let office = office();
    let mut terminal = reader(&office, 24, 80);
    let list = terminal.screen();
    // The urgent one stands first, and the list has no word of any.
    let first = list.lines().nth(2).unwrap();
    assert!(
        first.starts_with("> ") && first.contains("!! danger, last-7-days"),
        "{list}"
    );
    assert!(!list.contains("geiriau"), "{list}");
    assert_eq!(office.recorded(), ["listed"]);
    open(&mut terminal);
    assert_eq!(office.recorded(), ["listed", "opened"]);
    let top = terminal.screen();
    assert!(
        top.contains(" !! danger: someone may be in danger"),
        "{top}"
    );
    terminal.press("/CYNTAF\r");
    let found = terminal.until("Found: 1 of 1");
    assert!(
        found.contains(r"| geiriau cyntaf\u{1b}]0;teitl\u{7}\u{1b}[2J\u{1b}[31m"),
        "{found}"
    );
    assert!(found.contains("| ail linell"), "{found}");
    terminal.press("h");
    let hidden = terminal.until("The text is hidden");
    assert!(
        !hidden.contains("geiriau") && !hidden.contains("danger"),
        "{hidden}"
    );
    terminal.press("h");
    terminal.until("geiriau cyntaf");
    terminal.press("?");
    terminal.until("is written down before it opens");
    terminal.press("\r");
    terminal.until("geiriau cyntaf");
    terminal.press("q");
    assert!(terminal.ended().success());
    // Neither a control character of the report nor one that turns text around reached the terminal.
    let written = String::from_utf8_lossy(&terminal.written).into_owned();
    for unwanted in ["\u{1b}]", "\u{7}", "\u{202e}", "\u{9b}"] {
        assert!(!written.contains(unwanted), "{unwanted:?}");
    }
    assert!(!terminal.screen().contains("geiriau"));
    for path in walk(&office.path("vault")) {
        let bytes = fs::read(&path).unwrap();
        let bytes = String::from_utf8_lossy(&bytes);
        assert!(!bytes.contains("geiriau"), "{}", path.display());
    }
    let record = office.ok(&["record", "verify", "--vault", "vault", "--entries"]);
    assert!(
        record.contains("officer-1 opened") && record.contains("exercise"),
        "{record}"
    );
}

#[test]
fn what_cannot_be_recorded_is_not_opened_and_the_screen_says_so() {
    let office = office();
    let mut terminal = reader(&office, 24, 80);
    let lock = fs::File::open(office.path("vault/access/lock")).unwrap();
    rustix::fs::flock(lock.as_fd(), FlockOperation::NonBlockingLockExclusive).unwrap();
    terminal.press("\r\r\r");
    let said = terminal.until("the access record cannot be written");
    assert!(!said.contains("geiriau"), "{said}");
    assert_eq!(office.recorded(), ["listed"]);
    drop(lock);
    terminal.press("\r");
    terminal.until("0 open");
    assert!(!String::from_utf8_lossy(&terminal.written).contains("geiriau"));
    open(&mut terminal);
    assert_eq!(office.recorded(), ["listed", "opened"]);
}

#[test]
fn what_of_a_reading_could_not_be_remembered_is_said_with_its_reason() {
    let office = Office::new(2, 2);
    office.bring(&[Told {
        way: Way::Words(1),
        ..PLAIN
    }]);
    fs::remove_file(office.path("vault/replies/replies-1.age")).unwrap();
    let mut terminal = reader(&office, 24, 80);
    terminal.press("\r\r\r");
    let said = terminal.until("vault/replies/replies-1.age");
    assert!(
        said.contains("is not told") && !said.contains("Can be answered"),
        "{said}"
    );
    terminal.press("\r");
    terminal.until("Can be answered");
}

#[test]
fn it_locks_by_key_and_by_itself_and_asks_for_the_passphrase_again() {
    let office = office();
    let args = by("officer-1", &["reader", "--idle-s", "30"]);
    let mut terminal = Terminal::run(&office, &args, 24, 80);
    terminal.until("q: leave");
    open(&mut terminal);
    terminal.press("/geiriau\r");
    terminal.until("Found: 1 of 1");
    assert!(terminal.in_memory("geiriau cyntaf") > 0);
    terminal.press("l");
    let locked = terminal.until("Type the passphrase of officer-1");
    assert!(!locked.contains("geiriau"), "{locked}");
    assert_eq!(terminal.in_memory("geiriau cyntaf"), 0);
    terminal.press("not the passphrase\r");
    terminal.until("that is not its passphrase");
    terminal.press(&format!("{}\r", passphrase("officer-1")));
    terminal.until("3 reports, 0 open");
    open(&mut terminal);
    terminal.press("/geiriau\r");
    terminal.until("Found: 1 of 1");
    let locked = terminal.until("It locked by itself");
    assert!(!locked.contains("geiriau"), "{locked}");
    assert_eq!(terminal.in_memory("geiriau cyntaf"), 0);
    terminal.press("\u{1b}");
    assert!(terminal.ended().success());
}

#[test]
fn a_signal_clears_the_screen_and_gives_the_terminal_back() {
    let office = office();
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let mut terminal = reader(&office, 24, 80);
        open(&mut terminal);
        terminal.signal(signal);
        terminal.ended();
        assert!(
            !terminal.screen().contains("danger"),
            "{}",
            terminal.screen()
        );
    }
}

#[test]
fn small_and_changing_windows_show_whole_words_or_say_that_they_are_too_small() {
    let office = office();
    let mut terminal = reader(&office, 12, 40);
    open(&mut terminal);
    terminal.press("/geiriau\r");
    let small = terminal.until("Found: 1 of 1");
    assert!(small.contains("| cyntaf\\u{1b}]0;teitl"), "{small}");
    assert!(
        small.contains("q: leave") && small.contains("h: hide"),
        "{small}"
    );
    terminal.resize(8, 30);
    let none = terminal.until("too small");
    assert!(!none.contains("geiriau"), "{none}");
    terminal.resize(30, 140);
    let wide = terminal.until("geiriau cyntaf");
    assert!(wide.contains("!! danger, last-7-days"), "{wide}");
    terminal.resize(24, 80);
    terminal.until_gone("!! danger, last-7-days");
    terminal.press("\u{1b}");
    terminal.until("1 open");
    terminal.press("j");
    terminal.until("1 open");
    open(&mut terminal);
    terminal.press("/geiriau\r");
    terminal.until("Found: 2 of 2");
    let both = terminal.screen();
    assert!(both.contains(PLAIN_WORDS), "{both}");
    terminal.press("n");
    terminal.until("Found: 1 of 2");
    terminal.press("\u{3}");
    assert!(terminal.ended().success());
}

#[test]
fn without_a_terminal_it_says_what_to_do() {
    let office = office();
    office.fails(&by("officer-1", &["reader"]), 2, "hafan-keys read");
}
