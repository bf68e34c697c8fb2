//! The two lines of a directory, as bytes. Source: docs/protocol.md section 7.
//!
//! There is one way to write a directory: what was parsed is encoded again and must be the same.

use std::str::FromStr;

use hafan_tlog::Verifier;
use hafan_tlog::note::VerifierError;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::directory::{Contact, Contents};
use crate::force::{Force, ForceError};
use crate::recipient::{Recipient, RecipientError};

/// First line of a directory.
const FIRST_LINE: &str = "hafan directory v1\n";

/// Largest sequence number: what a browser's numbers hold exactly (2^53 - 1).
pub(crate) const SEQUENCE_MAX: u64 = (1 << 53) - 1;

/// The key that envelopes are sealed to in one week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntakeKey {
    /// The ISO week, such as `2026-W48`.
    pub id: String,
    /// The hybrid recipient.
    pub recipient: Recipient,
    /// First day, a Monday (UTC).
    pub from: Date,
    /// First day on which it no longer holds, the Monday after.
    pub until: Date,
}

/// Why text is not a directory.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The first line is another.
    #[error("directory does not begin with the line `hafan directory v1`")]
    FirstLine,
    /// Not two lines, each ended by a newline.
    #[error("directory is not two lines")]
    Lines,
    /// Not the JSON of a directory: a member missing, unknown, doubled or of another type.
    #[error("second line of the directory is not the JSON it must be")]
    Json {
        /// Where and what, as the JSON parser says it.
        source: serde_json::Error,
    },
    /// The JSON of a directory, written in another way than the one that is right.
    #[error("directory is not written in its one right form: white space, order or escapes differ")]
    Form,
    /// The name of the force is not one.
    #[error("force of the directory is not the name of one")]
    Force(#[from] ForceError),
    /// Not a date.
    #[error("{member} of the directory is not a date, want YYYY-MM-DD")]
    Date {
        /// The member that holds it.
        member: &'static str,
    },
    /// Not a verification key.
    #[error("{member} of the directory holds something that is not a verification key")]
    Verifier {
        /// The member that holds it.
        member: &'static str,
        /// What is wrong with it.
        source: VerifierError,
    },
    /// Not a hybrid recipient.
    #[error("{member} of the directory holds something that is not a hybrid recipient")]
    Recipient {
        /// The member that holds it.
        member: &'static str,
        /// What is wrong with it.
        source: RecipientError,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireDirectory {
    force: String,
    sequence: u64,
    valid_from: String,
    valid_until: String,
    log: String,
    intake: Vec<WireIntake>,
    contact: WireContact,
    officers: Vec<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    replies: Option<Vec<String>>,
    couriers: Vec<String>,
    #[serde(deserialize_with = "Option::deserialize")]
    police_suspect: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireIntake {
    id: String,
    recipient: String,
    from: String,
    until: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireContact {
    threshold: u16,
    recipients: Vec<String>,
}

/// The two lines that are signed.
pub(crate) fn encode(contents: &Contents) -> Result<String, WireError> {
    let wire = WireDirectory {
        force: contents.force.to_string(),
        sequence: contents.sequence,
        valid_from: contents.valid_from.to_string(),
        valid_until: contents.valid_until.to_string(),
        log: contents.log.to_string(),
        intake: contents.intake.iter().map(encode_intake).collect(),
        contact: WireContact {
            threshold: contents.contact.threshold,
            recipients: contents
                .contact
                .recipients
                .iter()
                .map(Recipient::to_string)
                .collect(),
        },
        officers: contents.officers.iter().map(Verifier::to_string).collect(),
        replies: (!contents.replies.is_empty())
            .then(|| contents.replies.iter().map(Verifier::to_string).collect()),
        couriers: contents.couriers.iter().map(Verifier::to_string).collect(),
        police_suspect: contents.police_suspect.as_ref().map(Force::to_string),
    };
    let json = serde_json::to_string(&wire).map_err(|source| WireError::Json { source })?;
    Ok(format!("{FIRST_LINE}{json}\n"))
}

/// Reads the two lines, which must have been verified before. Their meaning is checked elsewhere.
pub(crate) fn parse(text: &str) -> Result<Contents, WireError> {
    let rest = text.strip_prefix(FIRST_LINE).ok_or(WireError::FirstLine)?;
    let json = rest.strip_suffix('\n').ok_or(WireError::Lines)?;
    if json.contains('\n') {
        return Err(WireError::Lines);
    }
    let wire: WireDirectory =
        serde_json::from_str(json).map_err(|source| WireError::Json { source })?;
    let contents = Contents {
        force: wire.force.parse()?,
        sequence: wire.sequence,
        valid_from: parse_date("valid_from", &wire.valid_from)?,
        valid_until: parse_date("valid_until", &wire.valid_until)?,
        log: parse_verifier("log", &wire.log)?,
        intake: wire
            .intake
            .iter()
            .map(parse_intake)
            .collect::<Result<_, _>>()?,
        contact: Contact {
            threshold: wire.contact.threshold,
            recipients: wire
                .contact
                .recipients
                .iter()
                .map(|text| parse_recipient("contact", text))
                .collect::<Result<_, _>>()?,
        },
        officers: parse_verifiers("officers", &wire.officers)?,
        // A list without a key is written as null: the form below refuses it.
        replies: parse_verifiers("replies", wire.replies.as_deref().unwrap_or_default())?,
        couriers: parse_verifiers("couriers", &wire.couriers)?,
        police_suspect: wire.police_suspect.map(|force| force.parse()).transpose()?,
    };
    if encode(&contents)? == text {
        Ok(contents)
    } else {
        Err(WireError::Form)
    }
}

fn encode_intake(key: &IntakeKey) -> WireIntake {
    WireIntake {
        id: key.id.clone(),
        recipient: key.recipient.to_string(),
        from: key.from.to_string(),
        until: key.until.to_string(),
    }
}

fn parse_intake(wire: &WireIntake) -> Result<IntakeKey, WireError> {
    Ok(IntakeKey {
        id: wire.id.clone(),
        recipient: parse_recipient("intake", &wire.recipient)?,
        from: parse_date("intake", &wire.from)?,
        until: parse_date("intake", &wire.until)?,
    })
}

pub(crate) fn parse_date(member: &'static str, text: &str) -> Result<Date, WireError> {
    // Other forms of ISO 8601 are dates too, but there is one way to write ours.
    Date::from_str(text)
        .ok()
        .filter(|date| date.year() > 0 && date.to_string() == text)
        .ok_or(WireError::Date { member })
}

fn parse_verifier(member: &'static str, vkey: &str) -> Result<Verifier, WireError> {
    vkey.parse()
        .map_err(|source| WireError::Verifier { member, source })
}

fn parse_verifiers(member: &'static str, vkeys: &[String]) -> Result<Vec<Verifier>, WireError> {
    vkeys
        .iter()
        .map(|vkey| parse_verifier(member, vkey))
        .collect()
}

fn parse_recipient(member: &'static str, text: &str) -> Result<Recipient, WireError> {
    text.parse()
        .map_err(|source| WireError::Recipient { member, source })
}
