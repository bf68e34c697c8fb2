//! What can be recorded: a closed list of events. Must never hold a word of a report.

use std::fmt;
use std::str::FromStr;

use hafan_envelope::submission::Digest;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;

/// 32 bytes, written as 64 lower-case hexadecimal characters: a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hex32(pub [u8; 32]);

/// Text that is not 64 lower-case hexadecimal characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hexadecimal characters")]
pub struct Hex32Error;

impl Hex32 {
    /// The SHA-256 of these bytes.
    #[must_use]
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(<sha2::Sha256 as sha2::Digest>::digest(bytes).into())
    }
}

impl From<&Digest> for Hex32 {
    fn from(h: &Digest) -> Self {
        Self(h.0)
    }
}

impl fmt::Display for Hex32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for Hex32 {
    type Err = Hex32Error;

    fn from_str(text: &str) -> Result<Self, Hex32Error> {
        let digest: Digest = text.parse().map_err(|_| Hex32Error)?;
        Ok(Self(digest.0))
    }
}

impl TryFrom<String> for Hex32 {
    type Error = Hex32Error;

    fn try_from(text: String) -> Result<Self, Hex32Error> {
        text.parse()
    }
}

impl From<Hex32> for String {
    fn from(hex32: Hex32) -> Self {
        hex32.to_string()
    }
}

/// What was done. `report` is the submission's h, as it stands in the public log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A report was opened to be read.
    Opened {
        /// Which.
        report: Hex32,
        /// Why.
        reason: Reason,
    },
    /// Every report of the vault was opened for one line of a list: route, language, flags.
    Listed {
        /// How many reports the list has.
        reports: u64,
        /// SHA-256 of the vault's `tree.json`.
        tree: Hex32,
    },
    /// A report was written out as an evidence package.
    Exported {
        /// Which.
        report: Hex32,
        /// Why.
        reason: Reason,
        /// SHA-256 of the package's manifest.
        manifest: Hex32,
    },
    /// An officer asks for the sealed contact of a report.
    ContactRequested {
        /// Which.
        report: Hex32,
        /// Why.
        reason: Reason,
    },
    /// An officer gives their share of a sealed contact.
    ContactApproved {
        /// Which report.
        report: Hex32,
        /// Why.
        reason: Reason,
        /// The number of the entry that asked for it.
        request: u64,
    },
    /// A sealed contact was opened.
    ContactOpened {
        /// Which report.
        report: Hex32,
        /// The number of the entry that asked for it.
        request: u64,
        /// The numbers N of the officers whose shares opened it.
        approved_by: Vec<u16>,
    },
    /// A share of a report's sealed contact was sealed to another officer.
    ShareResealed {
        /// Which report.
        report: Hex32,
        /// Whose share it was: N of `officer-N`.
        from: u16,
        /// Whose it is now.
        to: u16,
    },
    /// Weeks of intake keys were added.
    Rotated {
        /// The first of them, such as `2026-W48`.
        first: WeekId,
        /// The last.
        last: WeekId,
    },
    /// An officer was added.
    OfficerAdded {
        /// N of `officer-N`.
        number: u16,
        /// SHA-256 of the officer's vkey as the directory writes it.
        vkey: Hex32,
    },
    /// An officer was removed.
    OfficerRemoved {
        /// N of `officer-N`.
        number: u16,
        /// SHA-256 of the officer's vkey as the directory writes it.
        vkey: Hex32,
    },
    /// The intake key of a week was destroyed.
    Retired {
        /// Which week.
        week: WeekId,
        /// SHA-256 of the recipient's text.
        recipient: Hex32,
        /// How many reports of the week are unreadable from then on.
        reports: u64,
        /// How many of them nobody ever opened.
        unread: u64,
    },
    /// A bundle was taken in.
    Imported {
        /// The year of the log.
        year: u16,
        /// Its first leaf.
        first: u64,
        /// The leaf after its last.
        last: u64,
        /// SHA-256 of its checkpoint note.
        checkpoint: Hex32,
    },
    /// A directory was signed.
    DirectoryIssued {
        /// Its sequence.
        sequence: u64,
        /// SHA-256 of the note.
        note: Hex32,
    },
    /// Reports that came were opened to see whether there is a way back to the people who sent them.
    Collected {
        /// How many.
        reports: u64,
        /// SHA-256 of the vault's `tree.json`.
        tree: Hex32,
    },
    /// An officer answered somebody who has words.
    Replied {
        /// The report that was answered.
        report: Hex32,
        /// In which language.
        language: AnswerLanguage,
        /// SHA-256 of the answer's text.
        text: Hex32,
    },
    /// Pages of answers were written out.
    RepliesExported {
        /// How many messages are on them.
        records: u64,
        /// `h` of each page.
        pages: Vec<Hex32>,
    },
}

/// The language that an answer is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnswerLanguage {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Welsh.
    #[serde(rename = "cy")]
    Welsh,
}

impl Event {
    /// The event's name, as written.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Opened { .. } => "opened",
            Self::Listed { .. } => "listed",
            Self::Exported { .. } => "exported",
            Self::ContactRequested { .. } => "contact-requested",
            Self::ContactApproved { .. } => "contact-approved",
            Self::ContactOpened { .. } => "contact-opened",
            Self::ShareResealed { .. } => "share-resealed",
            Self::Rotated { .. } => "rotated",
            Self::OfficerAdded { .. } => "officer-added",
            Self::OfficerRemoved { .. } => "officer-removed",
            Self::Retired { .. } => "retired",
            Self::Imported { .. } => "imported",
            Self::DirectoryIssued { .. } => "directory-issued",
            Self::Collected { .. } => "collected",
            Self::Replied { .. } => "replied",
            Self::RepliesExported { .. } => "replies-exported",
        }
    }

    /// The report it is about, if it is about one.
    #[must_use]
    pub const fn report(&self) -> Option<Hex32> {
        match self {
            Self::Opened { report, .. }
            | Self::Exported { report, .. }
            | Self::ContactRequested { report, .. }
            | Self::ContactApproved { report, .. }
            | Self::ContactOpened { report, .. }
            | Self::ShareResealed { report, .. }
            | Self::Replied { report, .. } => Some(*report),
            Self::Listed { .. }
            | Self::Rotated { .. }
            | Self::OfficerAdded { .. }
            | Self::OfficerRemoved { .. }
            | Self::Retired { .. }
            | Self::Imported { .. }
            | Self::DirectoryIssued { .. }
            | Self::Collected { .. }
            | Self::RepliesExported { .. } => None,
        }
    }

    /// The reason that was given, for those events that ask for one.
    #[must_use]
    pub const fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Opened { reason, .. }
            | Self::Exported { reason, .. }
            | Self::ContactRequested { reason, .. }
            | Self::ContactApproved { reason, .. } => Some(reason),
            Self::Listed { .. }
            | Self::ContactOpened { .. }
            | Self::ShareResealed { .. }
            | Self::Rotated { .. }
            | Self::OfficerAdded { .. }
            | Self::OfficerRemoved { .. }
            | Self::Retired { .. }
            | Self::Imported { .. }
            | Self::DirectoryIssued { .. }
            | Self::Collected { .. }
            | Self::Replied { .. }
            | Self::RepliesExported { .. } => None,
        }
    }
}

/// The name of an ISO week, such as `2026-W48`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WeekId(String);

/// Text that names no ISO week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the name of an ISO week, such as 2026-W48")]
pub struct WeekIdError;

impl FromStr for WeekId {
    type Err = WeekIdError;

    fn from_str(text: &str) -> Result<Self, WeekIdError> {
        let (year, week) = text.split_once("-W").ok_or(WeekIdError)?;
        let digits =
            |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(week, 2) {
            return Err(WeekIdError);
        }
        let (year, week) = (year.parse(), week.parse());
        let (Ok(year), Ok(week)) = (year, week) else {
            return Err(WeekIdError);
        };
        jiff::civil::ISOWeekDate::new(year, week, jiff::civil::Weekday::Monday)
            .map(|_| Self(text.to_owned()))
            .map_err(|_| WeekIdError)
    }
}

impl fmt::Display for WeekId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for WeekId {
    type Error = WeekIdError;

    fn try_from(text: String) -> Result<Self, WeekIdError> {
        text.parse()
    }
}

impl From<WeekId> for String {
    fn from(week: WeekId) -> Self {
        week.0
    }
}
