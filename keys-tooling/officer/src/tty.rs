//! What is asked of the person at the terminal, other than passphrases.
//!
//! Asks on the terminal itself, so that neither a pipe nor a file can answer. Must never ask for a secret: what is typed here
//! is shown.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use crate::failure::{COLUMNS, Failure, Kind, print, say};
use hafan_export::text;

/// The longest answer in bytes.
const ANSWER_SIZE_BYTES_MAX: u64 = 1024;

/// Tells the person something in whole sentences, wrapped to the terminal.
pub(crate) fn tell(words: &str) {
    say(text::block(words, 0, COLUMNS).trim_end_matches('\n'));
}

/// Shows an outcome in whole sentences, wrapped to the terminal, where scripts read.
pub(crate) fn show(words: &str) -> Result<(), Failure> {
    print(&text::block(words.trim_end_matches('\n'), 0, COLUMNS))
}

/// Goes on when `wanted` is typed, and ends everything when it is not.
///
/// # Errors
/// [`Kind::No`] with `stopped` when something else was typed; [`Kind::Unreadable`] without a terminal, with `instead`, which
/// says what a script gives.
pub(crate) fn must_type(
    question: &str,
    wanted: &str,
    stopped: &str,
    instead: &str,
) -> Result<(), Failure> {
    let answer = ask(question).map_err(|error| {
        let what = "cannot ask whether to go on: there is no terminal";
        let advice = format!("run this in a terminal, or {instead}");
        Failure::new(Kind::Unreadable, what, advice).because(error)
    })?;
    if answer.trim() == wanted {
        return Ok(());
    }
    Err(Failure::new(
        Kind::No,
        format!("'{wanted}' was not typed"),
        stopped,
    ))
}

fn ask(question: &str) -> std::io::Result<String> {
    let mut tty = File::options().read(true).write(true).open("/dev/tty")?;
    write!(tty, "{question} ")?;
    tty.flush()?;
    let mut answer = String::new();
    BufReader::new(tty)
        .take(ANSWER_SIZE_BYTES_MAX)
        .read_line(&mut answer)?;
    Ok(answer)
}
