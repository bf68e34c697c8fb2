//! A force's directory, read with code of our own: what an auditor needs of it. docs/protocol.md section 7.

use std::collections::BTreeSet;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

use crate::checkpoint::decimal;
use crate::note::{Note, NoteError, Vkey};

/// Largest directory that is read, in bytes.
pub const DIRECTORY_SIZE_BYTES_MAX: usize = 256 * 1024;

const FIRST_LINE: &str = "hafan directory v1\n";

/// Why bytes are no directory of this force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Not signed by the root key.
    #[error("the root key has not signed it: {0}")]
    Note(#[from] NoteError),
    /// Not the two lines.
    #[error("not a directory in its one form")]
    Form,
    /// A member that says what cannot be.
    #[error("its {member} cannot be right")]
    Member {
        /// Which.
        member: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    force: String,
    sequence: u64,
    valid_from: String,
    valid_until: String,
    log: String,
    intake: Vec<Intake>,
    contact: Contact,
    officers: Vec<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    replies: Option<Vec<String>>,
    couriers: Vec<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    police_suspect: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Intake {
    id: String,
    recipient: String,
    from: String,
    until: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contact {
    threshold: u16,
    recipients: Vec<String>,
}

/// What an auditor needs of a directory that the root key has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The force.
    pub force: String,
    /// Its number.
    pub sequence: u64,
    /// The first day on which it holds.
    pub valid_from: Date,
    /// The first day on which it no longer holds.
    pub valid_until: Date,
    /// The key of the server's logs, under the name of the server.
    pub log: Vkey,
    /// How many officers open a contact together.
    pub threshold: u16,
    /// The officers' keys.
    pub officers: Vec<Vkey>,
    /// The keys that answers are signed with.
    pub replies: Vec<Vkey>,
}

impl Directory {
    /// Opens a directory that the root key `hafan/{force}/root` has signed.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub fn open(bytes: &[u8], root: &Vkey) -> Result<Self, DirectoryError> {
        let note = Note::parse(bytes, DIRECTORY_SIZE_BYTES_MAX)?;
        let directory = Self::parse(note.signed_by(root)?)?;
        if root.name() == format!("hafan/{}/root", directory.force) {
            Ok(directory)
        } else {
            Err(DirectoryError::Member { member: "force" })
        }
    }

    /// Reads the two lines, which must have been verified before.
    ///
    /// # Errors
    /// See [`DirectoryError`].
    pub fn parse(text: &str) -> Result<Self, DirectoryError> {
        let json = text.strip_prefix(FIRST_LINE).ok_or(DirectoryError::Form)?;
        let wire: Wire = serde_json::from_str(json).map_err(|_| DirectoryError::Form)?;
        let again = serde_json::to_string(&wire).map_err(|_| DirectoryError::Form)?;
        // One form only: what was signed is all there is.
        if json.strip_suffix('\n') != Some(again.as_str()) {
            return Err(DirectoryError::Form);
        }
        let wrong = |member| DirectoryError::Member { member };
        if !is_force(&wire.force) {
            return Err(wrong("force"));
        }
        let (valid_from, valid_until) = (date(&wire.valid_from), date(&wire.valid_until));
        let (Some(valid_from), Some(valid_until)) = (valid_from, valid_until) else {
            return Err(wrong("dates"));
        };
        let is_weekly = wire.intake.iter().all(Intake::is_a_week);
        if valid_from >= valid_until || !is_weekly {
            return Err(wrong("dates"));
        }
        let log = Vkey::parse(&wire.log).map_err(|_| wrong("log"))?;
        let mut seen = vec![log.clone()];
        let mut named = |texts: &[String], role, member| {
            keys(texts, &wire.force, role, &mut seen).ok_or(wrong(member))
        };
        let officers = named(&wire.officers, "officer", "officers")?;
        named(&wire.couriers, "courier", "couriers")?;
        let replies = wire.replies.as_deref().unwrap_or_default();
        let replies = named(replies, "replies", "replies")?;
        let recipients = wire.contact.recipients.len();
        let threshold = wire.contact.threshold;
        if recipients != officers.len()
            || threshold == 0
            || usize::from(threshold) > recipients
            || has_twice(&wire.contact.recipients)
        {
            return Err(wrong("contact"));
        }
        if has_twice(wire.intake.iter().map(|key| &key.recipient)) {
            return Err(wrong("intake"));
        }
        Ok(Self {
            force: wire.force,
            sequence: wire.sequence,
            valid_from,
            valid_until,
            log,
            threshold,
            officers,
            replies,
        })
    }

    /// The key that signs the log of a year, under the log's origin.
    #[must_use]
    pub fn log_key(&self, year: u16) -> Vkey {
        let name = self.log.name();
        self.log.renamed(&format!("{name}/{}/{year}", self.force))
    }
}

impl Intake {
    /// Whether it holds from a Monday to the next.
    fn is_a_week(&self) -> bool {
        let (Some(from), Some(until)) = (date(&self.from), date(&self.until)) else {
            return false;
        };
        from.weekday() == Weekday::Monday && from.checked_add(1.week()).ok() == Some(until)
    }
}

/// Keys named `hafan/{force}/{role}-N`. No name and no key may be among those that were seen before.
fn keys(texts: &[String], force: &str, role: &str, seen: &mut Vec<Vkey>) -> Option<Vec<Vkey>> {
    let first = seen.len();
    for text in texts {
        let key = Vkey::parse(text).ok()?;
        let number = key.name().strip_prefix(&format!("hafan/{force}/{role}-"))?;
        let number = decimal(number).filter(|number| (1..=65_535).contains(number));
        let is_twice = |other: &Vkey| other.name() == key.name() || other.is_same_key(&key);
        if number.is_none() || seen.iter().any(is_twice) {
            return None;
        }
        seen.push(key);
    }
    Some(seen.get(first..)?.to_vec())
}

fn has_twice<'a>(texts: impl IntoIterator<Item = &'a String>) -> bool {
    let mut seen = BTreeSet::new();
    !texts.into_iter().all(|text| seen.insert(text))
}

/// Whether text is the name of a force: `[a-z0-9]` then `[a-z0-9-]`, 1 to 32 characters.
#[must_use]
pub fn is_force(text: &str) -> bool {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(known) && !text.starts_with('-')
}

/// A day, in the one form that is right.
#[must_use]
pub fn date(text: &str) -> Option<Date> {
    let date: Date = text.parse().ok()?;
    (date.to_string() == text).then_some(date)
}

/// Today, in UTC.
#[must_use]
pub fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}
