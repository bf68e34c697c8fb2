//! What officers hand each other to open a sealed contact together: a request, and an approval from each.
//!
//! Both are C2SP signed notes with one signature, by an officer's key, and a text of two lines: what it is, and JSON without
//! white space with the members in the order of the types below. There is one way to write each. Only what an officer of the
//! newest directory signed is parsed.
//!
//! An approval holds one share, sealed to the officer who asked: nobody on the way can open it, and only that officer can
//! put the shares together. Must never hold a share in the clear, or a word of a report.
//!
//! Source: docs/protocol.md section 11.

use hafan_directory::Force;
use hafan_record::{Hex32, Reason};
use hafan_report::SHARE_SIZE_BYTES_MAX;
use hafan_tlog::note::{self, NoteError, SignError};
use hafan_tlog::{Signer, Verifier};
use jiff::civil::Date;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Largest request or approval in bytes.
pub const PAPER_SIZE_BYTES_MAX: usize = 16 * 1024;

const REQUEST: &str = "hafan contact request v1\n";
const APPROVAL: &str = "hafan contact approval v1\n";

/// An officer asks for the sealed contact of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The force.
    #[serde(with = "as_text")]
    pub force: Force,
    /// The report's `h`.
    pub report: Hex32,
    /// N of the `officer-N` who asks, and to whom the shares are sealed.
    pub officer: u16,
    /// The number of the entry of the access record that says so.
    pub entry: u64,
    /// The day (UTC).
    #[serde(with = "as_text")]
    pub asked_on: Date,
    /// Why.
    pub reason: Reason,
}

/// An officer gives their share to the one who asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The force.
    #[serde(with = "as_text")]
    pub force: Force,
    /// The report's `h`.
    pub report: Hex32,
    /// SHA-256 of the request, as it was signed.
    pub request: Hex32,
    /// N of the `officer-N` who approves.
    pub officer: u16,
    /// Which share it is, counted from 1.
    pub share: u8,
    /// The day (UTC).
    #[serde(with = "as_text")]
    pub approved_on: Date,
    /// Why.
    pub reason: Reason,
    /// The share as an age file to the officer who asked.
    #[serde(with = "as_base64")]
    pub sealed: Vec<u8>,
}

/// One or the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paper {
    /// An officer asks.
    Request(Request),
    /// An officer gives.
    Approval(Approval),
}

/// What an officer signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What it says; its `officer` is the one who signed.
    pub paper: Paper,
    /// SHA-256 of the note.
    pub digest: Hex32,
}

/// Why a request or an approval is refused.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// Not a note, or an officer's signature that does not verify: it was changed.
    #[error("it is not a note as an officer signed it")]
    Note(#[from] NoteError),
    /// Nobody signed it whose signature counts.
    #[error("no officer of the newest directory has signed it")]
    Unsigned,
    /// Not exactly one signature.
    #[error("it has {found} signatures, want one")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// Neither a request nor an approval, or of a later version.
    #[error("it is neither a contact request nor a contact approval of version 1")]
    FirstLine,
    /// Not the JSON it must be.
    #[error("its second line is not the JSON it must be, at column {column}")]
    Json {
        /// Where, counted from 1.
        column: usize,
    },
    /// The right JSON, written in another way than the one that is right.
    #[error("it is not written in its one right form")]
    Form,
    /// Of another force.
    #[error("it is of {found}, want {wanted}")]
    Force {
        /// Its force.
        found: Force,
        /// The force of the directory.
        wanted: Force,
    },
    /// It names another officer than the one who signed it.
    #[error("it names officer-{found}, and {signer} signed it")]
    Officer {
        /// The number in it.
        found: u16,
        /// Key name of the signer.
        signer: String,
    },
    /// The sealed share is too long.
    #[error("the share in it is {found} bytes, want at most {SHARE_SIZE_BYTES_MAX}")]
    Share {
        /// Its length in bytes.
        found: usize,
    },
}

impl Paper {
    /// Signs it with the key of the officer whom it names.
    ///
    /// # Errors
    /// None in practice: what these types hold can be written and signed.
    pub fn sign(&self, signer: &Signer) -> Result<Vec<u8>, SignError> {
        note::sign(&self.encode(), &[signer])
    }

    /// Opens a note that one of these officers of this force has signed.
    ///
    /// # Errors
    /// See [`PaperError`].
    pub fn open(note: &[u8], force: &Force, officers: &[Verifier]) -> Result<Signed, PaperError> {
        for officer in officers {
            let text = match note::open_within(note, PAPER_SIZE_BYTES_MAX, &[officer]) {
                Ok(text) => text,
                Err(NoteError::Unsigned { .. }) => continue,
                Err(why) => return Err(why.into()),
            };
            if text.signature_count() != 1 {
                let found = text.signature_count();
                return Err(PaperError::Signatures { found });
            }
            let paper = Self::parse(text.as_str())?;
            if paper.force() != force {
                let (found, wanted) = (paper.force().clone(), force.clone());
                return Err(PaperError::Force { found, wanted });
            }
            let found = paper.officer();
            if officer.name() != format!("hafan/{force}/officer-{found}") {
                let signer = officer.name().to_owned();
                return Err(PaperError::Officer { found, signer });
            }
            let digest = Hex32::sha256(note);
            return Ok(Signed { paper, digest });
        }
        Err(PaperError::Unsigned)
    }

    /// Reads the two lines, which must have been verified before.
    ///
    /// # Errors
    /// See [`PaperError`].
    pub fn parse(text: &str) -> Result<Self, PaperError> {
        let paper = if let Some(json) = text.strip_prefix(REQUEST) {
            Self::Request(read(json)?)
        } else if let Some(json) = text.strip_prefix(APPROVAL) {
            Self::Approval(read(json)?)
        } else {
            return Err(PaperError::FirstLine);
        };
        if let Self::Approval(approval) = &paper
            && approval.sealed.len() > SHARE_SIZE_BYTES_MAX
        {
            let found = approval.sealed.len();
            return Err(PaperError::Share { found });
        }
        if paper.encode() == text {
            Ok(paper)
        } else {
            Err(PaperError::Form)
        }
    }

    /// The two lines that are signed.
    ///
    /// # Panics
    /// Never: each has a JSON form.
    #[must_use]
    pub fn encode(&self) -> String {
        let (first, json) = match self {
            Self::Request(request) => (REQUEST, serde_json::to_string(request)),
            Self::Approval(approval) => (APPROVAL, serde_json::to_string(approval)),
        };
        let json = json.expect("text, numbers and lists always have a JSON form");
        format!("{first}{json}\n")
    }

    const fn force(&self) -> &Force {
        match self {
            Self::Request(request) => &request.force,
            Self::Approval(approval) => &approval.force,
        }
    }

    const fn officer(&self) -> u16 {
        match self {
            Self::Request(request) => request.officer,
            Self::Approval(approval) => approval.officer,
        }
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, PaperError> {
    serde_json::from_str(json).map_err(|e| PaperError::Json { column: e.column() })
}

/// Values that have one form as text.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        text.parse()
            .map_err(|_| D::Error::custom("not the text of such a value"))
    }
}

/// Bytes in canonical base64.
mod as_base64 {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = BASE64_STANDARD.decode(text);
        bytes.map_err(|_| D::Error::custom("not base64"))
    }
}
