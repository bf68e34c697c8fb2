//! Why an officer did what is recorded: a closed list of reasons.
//!
//! Must never hold a word of a report: words are those that the officer typed, one short line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most characters that an officer may add to a reason.
pub const WORDS_CHARACTERS_MAX: usize = 300;

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
