//! What a directory says, what makes it sound, and how it is signed and opened.

use std::collections::BTreeSet;

use hafan_tlog::note::{self, KeyNameError, NoteError};
use hafan_tlog::{Signer, Verifier, log_origin};
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};

use crate::force::Force;
use crate::recipient::Recipient;
use crate::wire::{self, IntakeKey, SEQUENCE_MAX, WireError};

/// Largest signed directory in bytes: about 120 weeks of intake keys.
pub const DIRECTORY_SIZE_BYTES_MAX: usize = 256 * 1024;

/// The most keys that answers are signed with, of which one signs now.
pub const REPLY_KEYS_MAX: usize = 8;

/// What a directory says. It becomes a [`Directory`] when it is sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The force whose keys they are.
    pub force: Force,
    /// Counts the versions of this directory and never goes back; at most 2^53 - 1.
    pub sequence: u64,
    /// First day on which the directory holds (UTC).
    pub valid_from: Date,
    /// First day on which it no longer holds (UTC).
    pub valid_until: Date,
    /// The key of the server's logs, under the log name `<host>/hafan`.
    pub log: Verifier,
    /// The keys that envelopes are sealed to, one a week, without gap.
    pub intake: Vec<IntakeKey>,
    /// Who can open a sealed contact.
    pub contact: Contact,
    /// What officers sign the access record with, `hafan/{force}/officer-N`: one for each recipient of
    /// the contact, in the same order.
    pub officers: Vec<Verifier>,
    /// What answers are signed with, `hafan/{force}/replies-N`: the first signs now, the others signed answers
    /// that may still be read. None, or 1 to [`REPLY_KEYS_MAX`].
    pub replies: Vec<Verifier>,
    /// Keys of the couriers, `hafan/{force}/courier-N`.
    pub couriers: Vec<Verifier>,
    /// The force that reads reports which involve this force's own people.
    pub police_suspect: Option<Force>,
}

/// The officers who together can open a sealed contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// How many of them it takes; 0 only when there are no recipients.
    pub threshold: u16,
    /// One hybrid recipient for each officer.
    pub recipients: Vec<Recipient>,
}

/// A sound directory: every rule of docs/protocol.md section 7 holds, save those of today's date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    contents: Contents,
}

/// Why the contents of a directory are not sound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// The sequence number is too large.
    #[error("sequence of the directory is {found}, want at most {SEQUENCE_MAX}")]
    Sequence {
        /// The sequence number.
        found: u64,
    },
    /// The directory ends before it begins.
    #[error("directory holds from {from} until {until}, want a later end")]
    Validity {
        /// First day.
        from: Date,
        /// First day on which it no longer holds.
        until: Date,
    },
    /// The log's key has a name that is not a log name.
    #[error("log key is named {found}, want the host, a slash and `hafan`")]
    LogName {
        /// The name.
        found: String,
    },
    /// There is no intake key.
    #[error("directory has no intake key, want at least one")]
    NoIntake,
    /// An intake key does not hold from Monday to Monday.
    #[error("intake key {at} holds from {from} until {until}, want Monday to the next Monday")]
    IntakeWeek {
        /// Number of the intake key, from 0.
        at: usize,
        /// First day.
        from: Date,
        /// First day on which it no longer holds.
        until: Date,
    },
    /// The ID of an intake key is not its ISO week.
    #[error("id of intake key {at} is not its ISO week, want {wanted}")]
    IntakeId {
        /// Number of the intake key, from 0.
        at: usize,
        /// The ISO week of its dates.
        wanted: String,
    },
    /// A gap, an overlap or a wrong order of intake keys.
    #[error("intake key {at} begins on {found}, want {wanted}, when the one before ends")]
    IntakeOrder {
        /// Number of the intake key, from 0.
        at: usize,
        /// First day.
        found: Date,
        /// Last day but one of the key before.
        wanted: Date,
    },
    /// Two intake keys have the same recipient, so that destroying one would not destroy its week.
    #[error("intake key {at} has the recipient of an earlier one, want a key for each week")]
    IntakeTwice {
        /// Number of the intake key, from 0.
        at: usize,
    },
    /// The threshold is not 1 to the number of recipients.
    #[error("contact needs {threshold} of {recipients} recipients, want at least 1 and not more")]
    Threshold {
        /// The threshold.
        threshold: u16,
        /// Number of recipients.
        recipients: usize,
    },
    /// Two officers have the same recipient.
    #[error("recipient {at} of the contact is an earlier one again, want one for each officer")]
    ContactTwice {
        /// Number of the recipient, from 0.
        at: usize,
    },
    /// There are more or fewer officers than recipients of the contact.
    #[error("directory has {officers} officers and {recipients} recipients, want one for each")]
    Officers {
        /// Number of officers.
        officers: usize,
        /// Number of recipients.
        recipients: usize,
    },
    /// An officer's key is not named as an officer of this force.
    #[error("officer {at} is not named hafan/{force}/officer-N with N from 1")]
    OfficerName {
        /// Number of the officer, from 0.
        at: usize,
        /// The force.
        force: Force,
    },
    /// An officer has the name or the key of an earlier officer, or the log's key.
    #[error("officer {at} has the name or key of another, want one of its own")]
    OfficerTwice {
        /// Number of the officer, from 0.
        at: usize,
    },
    /// More keys that answers are signed with than a directory can have.
    #[error(
        "directory has {found} keys that answers are signed with, want at most {REPLY_KEYS_MAX}"
    )]
    Replies {
        /// How many there are.
        found: usize,
    },
    /// A key that answers are signed with is not named as one of this force.
    #[error("reply key {at} is not named hafan/{force}/replies-N with N from 1")]
    ReplyName {
        /// Number of the key, from 0.
        at: usize,
        /// The force.
        force: Force,
    },
    /// A key that answers are signed with has the name or the key of an earlier one, an officer's key, or the log's.
    #[error("reply key {at} has the name or key of another, want one of its own")]
    ReplyTwice {
        /// Number of the key, from 0.
        at: usize,
    },
    /// Reports on the force's own people would go to the force itself.
    #[error("directory of {force} names {force} for reports on its own people, want another force")]
    PoliceSuspect {
        /// The force.
        force: Force,
    },
    /// A courier's key is not named as a courier of this force.
    #[error("courier {at} is not named hafan/{force}/courier-N with N from 1")]
    CourierName {
        /// Number of the courier, from 0.
        at: usize,
        /// The force.
        force: Force,
    },
    /// A courier has the name or the key of an earlier courier, or another key of the directory.
    #[error("courier {at} has the name or key of another, want one of its own")]
    CourierTwice {
        /// Number of the courier, from 0.
        at: usize,
    },
}

/// Why a directory cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The signer is not the root key of this force.
    #[error("signer is named {found}, want {wanted}")]
    SignerName {
        /// Name of the signer.
        found: String,
        /// The key name of the force's root key.
        wanted: String,
    },
    /// It cannot be written.
    #[error("directory cannot be written")]
    Wire(#[from] WireError),
    /// The note cannot be signed.
    #[error("directory cannot be signed")]
    Note(#[from] note::SignError),
    /// Over [`DIRECTORY_SIZE_BYTES_MAX`].
    #[error("signed directory is {found} bytes, want at most {DIRECTORY_SIZE_BYTES_MAX}")]
    Size {
        /// Size in bytes.
        found: usize,
    },
}

/// Why a signed directory is refused.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Not a note that the root key signed.
    #[error("directory is not signed by the root key asked for")]
    Note(#[from] NoteError),
    /// Not exactly one signature.
    #[error("directory has {found} signatures, want one")]
    Signatures {
        /// Number of signatures.
        found: usize,
    },
    /// The signed text is not a directory.
    #[error("signed text is not a directory")]
    Wire(#[from] WireError),
    /// The root key is not named as the root key of the force in the text.
    #[error("directory of {force} is signed by {found}, want {wanted}")]
    RootName {
        /// The force in the text.
        force: Force,
        /// Name of the root key.
        found: String,
        /// The key name of that force's root key.
        wanted: String,
    },
    /// The directory breaks a rule of its own.
    #[error("directory is not sound")]
    Contents(#[from] ContentsError),
}

/// Why a directory does not hold on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// It holds later.
    #[error("directory holds from {from}, and today is {today}: check this computer's date")]
    NotYet {
        /// The first day on which it holds.
        from: Date,
        /// The day given.
        today: Date,
    },
    /// It held before.
    #[error("directory expired on {until}, and today is {today}: a new one is needed")]
    Expired {
        /// The first day on which it no longer holds.
        until: Date,
        /// The day given.
        today: Date,
    },
}

impl Directory {
    /// Takes contents that are sound.
    ///
    /// # Errors
    ///
    /// The first rule of docs/protocol.md section 7 that does not hold.
    pub fn new(contents: Contents) -> Result<Self, ContentsError> {
        if contents.sequence > SEQUENCE_MAX {
            return Err(ContentsError::Sequence {
                found: contents.sequence,
            });
        }
        if contents.valid_from >= contents.valid_until {
            let (from, until) = (contents.valid_from, contents.valid_until);
            return Err(ContentsError::Validity { from, until });
        }
        if log_host(contents.log.name()).is_none() {
            return Err(ContentsError::LogName {
                found: contents.log.name().to_owned(),
            });
        }
        check_intake(&contents.intake)?;
        check_contact(&contents.contact)?;
        check_keys(&contents)?;
        if contents.police_suspect.as_ref() == Some(&contents.force) {
            let force = contents.force;
            return Err(ContentsError::PoliceSuspect { force });
        }
        Ok(Self { contents })
    }

    /// Opens a signed directory: the note first, then its text, then its rules.
    ///
    /// `root` is the pinned root key, named `hafan/{force}/root`. Whether it holds today:
    /// [`Self::check_date`].
    ///
    /// # Errors
    ///
    /// Over 256 KiB, not signed by this key and no other, not a directory, not of the root key's
    /// force, or not sound.
    pub fn open(signed: &[u8], root: &Verifier) -> Result<Self, OpenError> {
        let text = note::open_within(signed, DIRECTORY_SIZE_BYTES_MAX, &[root])?;
        if text.signature_count() != 1 {
            return Err(OpenError::Signatures {
                found: text.signature_count(),
            });
        }
        let contents = wire::parse(text.as_str())?;
        let wanted = root_key_name(&contents.force);
        if root.name() != wanted {
            let found = root.name().to_owned();
            return Err(OpenError::RootName {
                force: contents.force,
                found,
                wanted,
            });
        }
        Ok(Self::new(contents)?)
    }

    /// Signs the directory with the root key of its force: the whole note.
    ///
    /// # Errors
    ///
    /// The signer is not named `hafan/{force}/root`, or the note is over 256 KiB.
    pub fn sign(&self, root: &Signer) -> Result<Vec<u8>, SignError> {
        let wanted = root_key_name(&self.contents.force);
        if root.name() != wanted {
            return Err(SignError::SignerName {
                found: root.name().to_owned(),
                wanted,
            });
        }
        let signed = note::sign(&self.encode_text()?, &[root])?;
        if signed.len() > DIRECTORY_SIZE_BYTES_MAX {
            return Err(SignError::Size {
                found: signed.len(),
            });
        }
        Ok(signed)
    }

    /// The two lines that are signed.
    ///
    /// # Errors
    ///
    /// None in practice: what is sound can be written.
    pub fn encode_text(&self) -> Result<String, WireError> {
        wire::encode(&self.contents)
    }

    /// All that the directory says.
    #[must_use]
    pub const fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The force whose keys they are.
    #[must_use]
    pub const fn force(&self) -> &Force {
        &self.contents.force
    }

    /// The number of this version; it never goes back.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.contents.sequence
    }

    /// Checks that the directory holds on this day (UTC).
    ///
    /// # Errors
    ///
    /// It does not hold yet, or no longer.
    pub fn check_date(&self, today: Date) -> Result<(), DateError> {
        let (from, until) = (self.contents.valid_from, self.contents.valid_until);
        if today < from {
            return Err(DateError::NotYet { from, today });
        }
        if today >= until {
            return Err(DateError::Expired { until, today });
        }
        Ok(())
    }

    /// The intake key of this day (UTC), when there is one.
    #[must_use]
    pub fn intake_for(&self, date: Date) -> Option<&IntakeKey> {
        self.contents
            .intake
            .iter()
            .find(|key| key.from <= date && date < key.until)
    }

    /// The key that answers are signed with now, when there is one.
    #[must_use]
    pub fn reply_key(&self) -> Option<&Verifier> {
        self.contents.replies.first()
    }

    /// The courier's key with this key name, when the directory names it.
    #[must_use]
    pub fn courier(&self, key_name: &str) -> Option<&Verifier> {
        self.contents
            .couriers
            .iter()
            .find(|courier| courier.name() == key_name)
    }

    /// The origin of this force's log of a year.
    #[must_use]
    pub fn log_origin(&self, year: u16) -> String {
        log_origin(self.contents.log.name(), self.contents.force.as_str(), year)
    }

    /// The log's key, named as the origin of this force's log of a year: what opens its checkpoints.
    ///
    /// # Errors
    ///
    /// The origin is too long for a key name.
    pub fn log_verifier(&self, year: u16) -> Result<Verifier, KeyNameError> {
        self.contents.log.renamed(&self.log_origin(year))
    }
}

/// The key name of the root key of a force.
#[must_use]
pub fn root_key_name(force: &Force) -> String {
    format!("hafan/{force}/root")
}

/// The host in a log name, `<host>/hafan`.
fn log_host(name: &str) -> Option<&str> {
    name.strip_suffix("/hafan")
        .filter(|host| !host.is_empty() && !host.contains('/'))
}

fn check_intake(intake: &[IntakeKey]) -> Result<(), ContentsError> {
    if intake.is_empty() {
        return Err(ContentsError::NoIntake);
    }
    let mut recipients = BTreeSet::new();
    let mut before: Option<&IntakeKey> = None;
    for (at, key) in intake.iter().enumerate() {
        let next_monday = key.from.checked_add(1.week()).ok();
        if key.from.weekday() != Weekday::Monday || next_monday != Some(key.until) {
            let (from, until) = (key.from, key.until);
            return Err(ContentsError::IntakeWeek { at, from, until });
        }
        let wanted = IntakeKey::id_of(key.from);
        if key.id != wanted {
            return Err(ContentsError::IntakeId { at, wanted });
        }
        if let Some(before) = before.filter(|before| before.until != key.from) {
            let (found, wanted) = (key.from, before.until);
            return Err(ContentsError::IntakeOrder { at, found, wanted });
        }
        if !recipients.insert(&key.recipient) {
            return Err(ContentsError::IntakeTwice { at });
        }
        before = Some(key);
    }
    Ok(())
}

fn check_contact(contact: &Contact) -> Result<(), ContentsError> {
    let (threshold, recipients) = (contact.threshold, contact.recipients.len());
    if (threshold == 0) != (recipients == 0) || usize::from(threshold) > recipients {
        return Err(ContentsError::Threshold {
            threshold,
            recipients,
        });
    }
    let mut earlier = BTreeSet::new();
    for (at, recipient) in contact.recipients.iter().enumerate() {
        if !earlier.insert(recipient) {
            return Err(ContentsError::ContactTwice { at });
        }
    }
    Ok(())
}

/// Officers, couriers and what signs answers: each named as such, and no key in two hands.
fn check_keys(contents: &Contents) -> Result<(), ContentsError> {
    let (officers, recipients) = (contents.officers.len(), contents.contact.recipients.len());
    if officers != recipients {
        return Err(ContentsError::Officers {
            officers,
            recipients,
        });
    }
    let found = contents.replies.len();
    if found > REPLY_KEYS_MAX {
        return Err(ContentsError::Replies { found });
    }
    let mut keys = BTreeSet::from([contents.log.key()]);
    let mut names = BTreeSet::new();
    let force = &contents.force;
    for (at, officer) in contents.officers.iter().enumerate() {
        if !is_numbered(officer.name(), &format!("hafan/{force}/officer-")) {
            let force = force.clone();
            return Err(ContentsError::OfficerName { at, force });
        }
        if !names.insert(officer.name()) || !keys.insert(officer.key()) {
            return Err(ContentsError::OfficerTwice { at });
        }
    }
    for (at, key) in contents.replies.iter().enumerate() {
        if !is_numbered(key.name(), &format!("hafan/{force}/replies-")) {
            let force = force.clone();
            return Err(ContentsError::ReplyName { at, force });
        }
        if !names.insert(key.name()) || !keys.insert(key.key()) {
            return Err(ContentsError::ReplyTwice { at });
        }
    }
    for (at, courier) in contents.couriers.iter().enumerate() {
        if !is_numbered(courier.name(), &format!("hafan/{force}/courier-")) {
            let force = force.clone();
            return Err(ContentsError::CourierName { at, force });
        }
        if !names.insert(courier.name()) || !keys.insert(courier.key()) {
            return Err(ContentsError::CourierTwice { at });
        }
    }
    Ok(())
}

/// Whether a name is the prefix and a number from 1 to 65535. A plus sign or leading zeros would be a
/// second name for the same.
fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|text| {
        let number = text.parse::<u16>();
        number.is_ok_and(|number| number > 0 && number.to_string() == text)
    })
}

impl IntakeKey {
    /// The ID of the intake key of this day's week: its ISO week, such as `2026-W48`.
    #[must_use]
    pub fn id_of(date: Date) -> String {
        let week = date.iso_week_date();
        format!("{:04}-W{:02}", week.year(), week.week())
    }
}
