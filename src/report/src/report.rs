//! `report.json`: one report is one string of bytes, and reading takes no other.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::answer::{Answer, AnswerError};
use crate::check::{self, Date, Thread, ValueError};
use crate::name::clean_file_name;
use crate::padded::{FILES_MAX, REPORT_SIZE_BYTES_MAX, SHARES_MAX};

/// The version of the model.
pub const VERSION: u8 = 1;

/// How many questions a report may hold.
pub const ANSWERS_MAX: usize = 256;

/// How many people the answers of a report may speak of.
pub const PEOPLE_MAX: usize = 64;

/// How many flags, and how many wishes, a report may hold.
pub const CODES_MAX: usize = 32;

/// Why bytes are not `report.json`, or why a report cannot be written as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Longer than 1 MiB.
    #[error("report.json is {found} bytes, at most 1048576 wanted")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// Not the JSON of this model: another version, a member missing, strange or out of order.
    #[error("report.json is not version 1 as wanted, from line {line} column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Bytes, counted from 1; 0 when it is the whole.
        column: usize,
    },
    /// The same report would be written otherwise: white space, or another way of escaping.
    #[error("report.json is not in its one form at byte {at}")]
    NotCanonical {
        /// Offset of the first byte that would be another.
        at: usize,
    },
    /// A version that this program does not know.
    #[error("the report's version is {found}, 1 wanted; a newer program may read it")]
    Version {
        /// What was found.
        found: u8,
    },
    /// A value has not the grammar it should have.
    #[error("{member} in report.json: {problem}")]
    Value {
        /// Name of the member.
        member: &'static str,
        /// What is wrong with it.
        problem: ValueError,
    },
    /// An answer is not as its state says, or its choice is not beside what was chosen.
    #[error("answer {number} in report.json: {problem}")]
    Answer {
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        problem: AnswerError,
    },
    /// More of something than a report can have.
    #[error("the report has {found} {what}, at most {wanted} wanted")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        wanted: usize,
    },
    /// A flag or a wish stands there twice.
    #[error("{member} in report.json name one thing twice")]
    Twice {
        /// Name of the member.
        member: &'static str,
    },
    /// It adds to an earlier report and is no addition, or is one and adds to none.
    #[error(
        "route and adds_to in report.json do not agree: an addition names what it adds to, and nothing else does"
    )]
    Addition,
    /// The shares of a sealed contact cannot be opened by so many officers.
    #[error("the contact needs {threshold} of {shares} shares, 2 to all of 2 to 20 wanted")]
    Threshold {
        /// How many it takes.
        threshold: u8,
        /// How many there are.
        shares: usize,
    },
}

/// The language that the person wrote in.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
pub enum Language {
    /// English.
    #[serde(rename = "en")]
    English,
    /// Welsh.
    #[serde(rename = "cy")]
    Welsh,
}

/// For whom the person writes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// It happened to the person who writes.
    #[serde(rename = "self")]
    Myself,
    /// It happened to somebody else.
    Other,
    /// The person saw or knows something.
    Witness,
    /// The person writes as part of their work.
    Work,
    /// The person adds to what they sent before.
    Addition,
}

/// Whether what a file says of its making was left in.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "lowercase")]
pub enum Metadata {
    /// As it was chosen.
    Kept,
    /// Taken out on the person's device.
    Removed,
}

/// What was promised when the report was sent.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// Which promise.
    pub id: String,
    /// Its text as it was shown.
    pub text: String,
}

/// Which intake key a report was sealed to, as the page showed it.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct SealedTo {
    /// The ISO week of the key, such as `2026-W48`.
    pub id: String,
    /// 39 characters: docs/protocol.md section 9.
    pub fingerprint: String,
}

/// Somebody whom answers speak of.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who they are in what happened.
    pub role: Role,
    /// How the person who writes knows of them; `None` when not said.
    #[serde(deserialize_with = "Option::deserialize")]
    pub basis: Option<Basis>,
}

/// Who somebody is in what happened.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who is said to have done it.
    Reported,
    /// To whom it happened.
    Victim,
    /// Who saw, heard or was told.
    Witness,
    /// Anybody else.
    Other,
}

/// How the person who writes knows what they say of somebody.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// They know it themselves.
    Known,
    /// They believe it.
    Believed,
    /// They were told.
    Told,
}

/// How the sealed contact that goes with a report opens.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct ContactSeal {
    /// How many shares it takes: 2 to all.
    pub threshold: u8,
    /// SHA-256 of each share, 64 lower-case hexadecimal characters; 2 to [`SHARES_MAX`].
    pub shares: Vec<String>,
}

/// What `report.json` says of one file.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// As [`clean_file_name`] gives it: 1 to 200 bytes.
    pub name: String,
    /// Said by the browser, believed by nobody: 1 to 100 printable ASCII characters.
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// 64 lower-case hexadecimal characters.
    pub sha256: String,
    /// Whether metadata was taken out.
    pub metadata: Metadata,
}

impl FileEntry {
    /// Describes a file; cleans its name, and takes an unusable media type as unknown.
    #[must_use]
    pub fn describe(name: &str, media_type: &str, metadata: Metadata, data: &[u8]) -> Self {
        let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
        Self::of(name, media_type, metadata, size, sha256_hex(data))
    }

    pub(crate) fn of(
        name: &str,
        media_type: &str,
        metadata: Metadata,
        size: u64,
        sha256: String,
    ) -> Self {
        let known = check::media_type(media_type).is_ok();
        let media_type = if known {
            media_type
        } else {
            "application/octet-stream"
        };
        Self {
            name: clean_file_name(name),
            media_type: media_type.to_owned(),
            size,
            sha256,
            metadata,
        }
    }
}

/// What a person tells. The members of `report.json`, in its order.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`VERSION`].
    pub version: u8,
    /// Which questions there were: a code of the site's question set.
    pub question_set: String,
    /// The language that the person wrote in.
    pub language: Language,
    /// For whom the person writes.
    pub route: Route,
    /// The force that reads it: 1 to 32 characters of `a-z 0-9 -`.
    pub force: String,
    /// The intake key that it was sealed to.
    pub key: SealedTo,
    /// What was promised when the report was sent.
    pub promise: Promise,
    /// The day on the person's device.
    pub written_on: Date,
    /// In the order that they were asked; at most [`ANSWERS_MAX`].
    pub answers: Vec<Answer>,
    /// Whom the answers speak of, in the order that they appear.
    pub people: Vec<Person>,
    /// What the person ticked; never computed. Codes, each once.
    pub flags: Vec<String>,
    /// What the person would like to happen. Codes, each once.
    pub wishes: Vec<String>,
    /// The sealed contact that goes with the report.
    #[serde(deserialize_with = "Option::deserialize")]
    pub contact: Option<ContactSeal>,
    /// The files, in the order of their members in the archive; at most 64.
    pub files: Vec<FileEntry>,
    /// What answers to the report are sealed to: `age1pq1…`, 1959 characters; `None` when it was sent without words.
    #[serde(deserialize_with = "Option::deserialize")]
    pub mailbox: Option<String>,
    /// What later additions name this report by.
    pub thread: Thread,
    /// The thread of the report that this one adds to; with [`Route::Addition`], and only then.
    #[serde(deserialize_with = "Option::deserialize")]
    pub adds_to: Option<Thread>,
}

impl Report {
    /// The bytes of `report.json`: UTF-8, no white space, escaped as ECMAScript's `JSON.stringify`
    /// does. Does not check; [`crate::Padded::pack`] does.
    ///
    /// # Panics
    /// Never: every report has a JSON form, and writing to memory does not fail.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(check::json_size(self)));
        let written = serde_json::to_writer(&mut *bytes, self);
        assert!(written.is_ok(), "a report always has a JSON form");
        bytes
    }

    /// Reads `report.json`, whose one form is that of [`Report::encode`].
    ///
    /// # Errors
    /// Anything else, without a word of the content.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        if bytes.len() > REPORT_SIZE_BYTES_MAX {
            return Err(ReportError::TooLong { found: bytes.len() });
        }
        let report: Self = serde_json::from_slice(bytes).map_err(|e| ReportError::Json {
            line: e.line(),
            column: e.column(),
        })?;
        report.check()?;
        let wanted = report.encode();
        if wanted.as_slice() != bytes {
            let same = wanted.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            return Err(ReportError::NotCanonical { at: same });
        }
        Ok(report)
    }

    /// Checks what types alone cannot hold.
    ///
    /// # Errors
    /// The first member that is not as wanted.
    pub fn check(&self) -> Result<(), ReportError> {
        if self.version != VERSION {
            return Err(ReportError::Version {
                found: self.version,
            });
        }
        let value = |member| move |problem| ReportError::Value { member, problem };
        check::code(&self.question_set).map_err(value("question_set"))?;
        check::force(&self.force).map_err(value("force"))?;
        check::week(&self.key.id).map_err(value("key.id"))?;
        check::fingerprint(&self.key.fingerprint).map_err(value("key.fingerprint"))?;
        at_most("answers", self.answers.len(), ANSWERS_MAX)?;
        at_most("people", self.people.len(), PEOPLE_MAX)?;
        for (answer, number) in self.answers.iter().zip(1..) {
            answer
                .check(self.people.len())
                .map_err(|problem| ReportError::Answer { number, problem })?;
        }
        for (member, codes) in [("flags", &self.flags), ("wishes", &self.wishes)] {
            at_most(member, codes.len(), CODES_MAX)?;
            for (code, at) in codes.iter().zip(0..) {
                check::code(code).map_err(value(member))?;
                if codes.iter().take(at).any(|earlier| earlier == code) {
                    return Err(ReportError::Twice { member });
                }
            }
        }
        if let Some(contact) = &self.contact {
            contact.check()?;
        }
        if let Some(mailbox) = &self.mailbox {
            check::recipient(mailbox).map_err(value("mailbox"))?;
        }
        if self.adds_to.is_some() != (self.route == Route::Addition) {
            return Err(ReportError::Addition);
        }
        at_most("files", self.files.len(), FILES_MAX)?;
        for file in &self.files {
            let clean = Zeroizing::new(clean_file_name(&file.name));
            if *clean != file.name {
                return Err(value("files.name")(ValueError::FileName));
            }
            check::media_type(&file.media_type).map_err(value("files.media_type"))?;
            check::sha256(&file.sha256).map_err(value("files.sha256"))?;
        }
        Ok(())
    }
}

impl ContactSeal {
    fn check(&self) -> Result<(), ReportError> {
        let (threshold, shares) = (self.threshold, self.shares.len());
        if !(2..=SHARES_MAX).contains(&shares) || !(2..=shares).contains(&usize::from(threshold)) {
            return Err(ReportError::Threshold { threshold, shares });
        }
        for (share, at) in self.shares.iter().zip(0..) {
            let member = "contact.shares";
            check::sha256(share).map_err(|problem| ReportError::Value { member, problem })?;
            if self.shares.iter().take(at).any(|earlier| earlier == share) {
                return Err(ReportError::Twice { member });
            }
        }
        Ok(())
    }
}

const fn at_most(what: &'static str, found: usize, wanted: usize) -> Result<(), ReportError> {
    if found > wanted {
        return Err(ReportError::TooMany {
            what,
            found,
            wanted,
        });
    }
    Ok(())
}

pub(crate) fn sha256_hex(data: &[u8]) -> String {
    hex_of(&Sha256::digest(data))
}

pub(crate) fn hex_of(digest: &[u8]) -> String {
    digest
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        })
}
