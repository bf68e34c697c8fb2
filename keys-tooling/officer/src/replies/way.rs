//! How the person who sent a report is answered.
//!
//! Must never come from a file in the vault, only from the report, which its leaf names: whoever can write to the vault could
//! else have an officer's words sealed to themselves.

use hafan_seal::Recipient;

use crate::keyring::Opened;
use crate::weeks::Week;

/// How the person who sent a report is answered.
pub(crate) struct Way {
    /// The week of the intake key that opened the report.
    pub(crate) week: Week,
    /// The thread that comes from the person's words: of the report itself, or of what it adds to.
    pub(crate) thread: String,
    /// What answers are sealed to.
    pub(crate) mailbox: Recipient,
}

/// Why somebody cannot be answered.
pub(crate) enum NoWay {
    /// The report was sent without words.
    NoWords,
    /// Nothing can be sealed to what stands in the place of a mailbox.
    NoMailbox,
}

impl Way {
    /// How the writer of an opened report is answered.
    pub(crate) fn of(opened: &Opened) -> Result<Self, NoWay> {
        let report = &opened.report;
        let mailbox = report.mailbox.as_ref().ok_or(NoWay::NoWords)?;
        let thread = report.adds_to.as_ref().unwrap_or(&report.thread);
        Ok(Self {
            week: opened.week,
            thread: thread.to_string(),
            mailbox: mailbox.parse().map_err(|_| NoWay::NoMailbox)?,
        })
    }
}
