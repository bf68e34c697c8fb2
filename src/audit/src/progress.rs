//! Progress for a person at a terminal; nothing for scripts.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for so many of a thing, shown when standard error is a terminal.
#[must_use]
pub fn bar(what: impl Into<String>, count: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count).with_message(what.into());
    // ASCII, and narrow enough for 80 columns.
    match ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
