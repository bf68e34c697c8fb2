//! Progress for a person at a terminal; nothing for scripts.

use std::io::IsTerminal as _;

use indicatif::{ProgressBar, ProgressStyle};

/// Makes progress bars, or bars that do not show.
pub(crate) struct Progress {
    shown: bool,
}

impl Progress {
    /// Shows bars when standard error is a terminal.
    pub(crate) fn for_person() -> Self {
        Self {
            shown: std::io::stderr().is_terminal(),
        }
    }

    /// A bar for so many of a thing.
    pub(crate) fn bar(&self, what: &'static str, count: usize) -> ProgressBar {
        if !self.shown {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)).with_message(what);
        // ASCII, and narrow enough for 80 columns.
        match ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}") {
            Ok(style) => bar.with_style(style.progress_chars("=> ")),
            Err(_) => bar,
        }
    }
}
