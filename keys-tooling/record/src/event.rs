//! What can be recorded, and why it was done: a closed list of events and a closed list of reasons.
//!
//! Must never hold a word of a report: words are those that the officer typed, one short line.

use std::fmt;
use std::str::FromStr;

use hafan_envelope::submission::Digest;
use serde::{Deserialize, Serialize};

/// The most characters that an officer may add to a reason.
pub const WORDS_CHARACTERS_MAX: usize = 300;

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

/// Why an officer opens, exports or asks: a closed list, so that it can be counted and cannot say too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonCode {
    /// The first look at a report that came in.
    FirstReading,
    /// Someone may be in danger now.
    Safeguarding,
    /// Work on an investigation.
    Investigation,
    /// Disclosure to the prosecution or a court.
    Disclosure,
    /// The person who reported asked for it.
    Asked,
    /// A supervisor's review.
    Review,
    /// An inspection or audit.
    Audit,
    /// A test or exercise, with reports made for it.
    Exercise,
    /// None of these; words are needed.
    Other,
}

impl ReasonCode {
    /// All of them, in the order in which they are offered.
    pub const ALL: [Self; 9] = [
        Self::FirstReading,
        Self::Safeguarding,
        Self::Investigation,
        Self::Disclosure,
        Self::Asked,
        Self::Review,
        Self::Audit,
        Self::Exercise,
        Self::Other,
    ];

    /// As it is typed and written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstReading => "first-reading",
            Self::Safeguarding => "safeguarding",
            Self::Investigation => "investigation",
            Self::Disclosure => "disclosure",
            Self::Asked => "asked",
            Self::Review => "review",
            Self::Audit => "audit",
            Self::Exercise => "exercise",
            Self::Other => "other",
        }
    }

    /// What it means, for the person who chooses.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::FirstReading => "the first look at a report that came in",
            Self::Safeguarding => "someone may be in danger now",
            Self::Investigation => "work on an investigation",
            Self::Disclosure => "disclosure to the prosecution or a court",
            Self::Asked => "the person who reported asked for it",
            Self::Review => "a supervisor's review",
            Self::Audit => "an inspection or audit",
            Self::Exercise => "a test or exercise, with reports made for it",
            Self::Other => "none of these; say in words which",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReasonCode {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let found = Self::ALL.into_iter().find(|code| code.as_str() == text);
        found.ok_or(ReasonError::Code)
    }
}

/// What the officer adds to a reason: one line of 1 to [`WORDS_CHARACTERS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Words(String);

/// Why a reason is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReasonError {
    /// Not on the closed list.
    #[error("that is not one of the reasons")]
    Code,
    /// Too long.
    #[error("the words of a reason are {found} characters, want at most {WORDS_CHARACTERS_MAX}")]
    Long {
        /// How many there are.
        found: usize,
    },
    /// Blank, or with a line end or another control character.
    #[error("the words of a reason are one line that is not blank and has no control character")]
    Form,
    /// `other` says nothing without words.
    #[error("the reason 'other' needs words")]
    Needed,
}

impl Words {
    /// As they were typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Words {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        let found = text.chars().count();
        if found > WORDS_CHARACTERS_MAX {
            return Err(ReasonError::Long { found });
        }
        if text.trim().is_empty()
            || text
                .chars()
                .any(|c| c.is_control() || "\u{2028}\u{2029}".contains(c))
        {
            return Err(ReasonError::Form);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Words {
    type Error = ReasonError;

    fn try_from(text: String) -> Result<Self, ReasonError> {
        text.parse()
    }
}

impl From<Words> for String {
    fn from(words: Words) -> Self {
        words.0
    }
}

/// A reason, and what the officer added to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "ReasonJson", into = "ReasonJson")]
pub struct Reason {
    code: ReasonCode,
    words: Option<Words>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonJson {
    code: ReasonCode,
    words: Option<Words>,
}

impl Reason {
    /// A reason from the list, with words or without.
    ///
    /// # Errors
    /// [`ReasonError::Needed`] for `other` without words.
    pub fn new(code: ReasonCode, words: Option<Words>) -> Result<Self, ReasonError> {
        if code == ReasonCode::Other && words.is_none() {
            return Err(ReasonError::Needed);
        }
        Ok(Self { code, words })
    }

    /// Which of the list.
    #[must_use]
    pub const fn code(&self) -> ReasonCode {
        self.code
    }

    /// What was added.
    #[must_use]
    pub const fn words(&self) -> Option<&Words> {
        self.words.as_ref()
    }
}

impl TryFrom<ReasonJson> for Reason {
    type Error = ReasonError;

    fn try_from(json: ReasonJson) -> Result<Self, ReasonError> {
        Self::new(json.code, json.words)
    }
}

impl From<Reason> for ReasonJson {
    fn from(Reason { code, words }: Reason) -> Self {
        Self { code, words }
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
            | Self::ShareResealed { report, .. } => Some(*report),
            Self::Listed { .. }
            | Self::Rotated { .. }
            | Self::OfficerAdded { .. }
            | Self::OfficerRemoved { .. }
            | Self::Retired { .. }
            | Self::Imported { .. }
            | Self::DirectoryIssued { .. } => None,
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
            | Self::DirectoryIssued { .. } => None,
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
