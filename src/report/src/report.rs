//! `report.json`: one report is one string of bytes, and reading takes no other.

use std::io;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::check::{self, Date, Thread, ValueError};
use crate::name::clean_file_name;
use crate::padded::{FILES_MAX, REPORT_SIZE_BYTES_MAX};

/// The version of the model.
pub const VERSION: u8 = 1;

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
    /// A skipped answer says something.
    #[error("answer {number} was skipped and is not null")]
    Skipped {
        /// Counted from 1.
        number: usize,
    },
    /// More files than allowed.
    #[error("the report has {found} files, at most 64 wanted")]
    Files {
        /// How many there are.
        found: usize,
    },
}

/// The questions that were asked.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
pub enum QuestionSet {
    /// The short route, its first version.
    #[serde(rename = "short-1")]
    Short1,
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

/// What was answered.
#[derive(Zeroize, ZeroizeOnDrop)]
pub enum AnswerValue {
    /// Nothing.
    None,
    /// Own words.
    Text(String),
    /// What was ticked.
    Choices(Vec<String>),
}

/// One question and its answer.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which question.
    pub id: String,
    /// The question as it was shown.
    pub question: String,
    /// [`AnswerValue::None`] when skipped.
    pub answer: AnswerValue,
    /// Whether the person chose to say nothing.
    pub skipped: bool,
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
        let known = check::media_type(media_type).is_ok();
        let media_type = if known {
            media_type
        } else {
            "application/octet-stream"
        };
        Self {
            name: clean_file_name(name),
            media_type: media_type.to_owned(),
            size: u64::try_from(data.len()).unwrap_or(u64::MAX),
            sha256: sha256_hex(data),
            metadata,
        }
    }
}

/// A list that question set `short-1` leaves empty.
#[derive(Clone, Copy, Default, PartialEq, Eq, Zeroize)]
pub struct Empty;

/// What a person tells. The members of `report.json`, in its order.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`VERSION`].
    pub version: u8,
    /// The questions that were asked.
    pub question_set: QuestionSet,
    /// The language that the person wrote in.
    pub language: Language,
    /// For whom the person writes.
    pub route: Route,
    /// The force that was chosen: 1 to 32 characters of `a-z 0-9 -`.
    pub force: String,
    /// What was promised when the report was sent.
    pub promise: Promise,
    /// The day on the person's device.
    pub written_on: Date,
    /// In the order that they were asked.
    pub answers: Vec<Answer>,
    /// Empty.
    pub people: Empty,
    /// What the person ticked; never computed.
    pub flags: Vec<String>,
    /// Empty.
    pub wishes: Empty,
    /// The files, in the order of their members in the archive; at most 64.
    pub files: Vec<FileEntry>,
    /// `null`.
    pub mailbox: (),
    /// What later additions name this report by.
    pub thread: Thread,
    /// The thread of the report that this one adds to.
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
        // Counted first, so that the buffer never grows and leaves a copy behind.
        let mut count = Count(0);
        let counted = serde_json::to_writer(&mut count, self);
        let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
        let written = counted.and_then(|()| serde_json::to_writer(&mut *bytes, self));
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
        check::force(&self.force).map_err(value("force"))?;
        for (answer, number) in self.answers.iter().zip(1..) {
            if answer.skipped && !matches!(answer.answer, AnswerValue::None) {
                return Err(ReportError::Skipped { number });
            }
        }
        if self.files.len() > FILES_MAX {
            return Err(ReportError::Files {
                found: self.files.len(),
            });
        }
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

pub(crate) fn sha256_hex(data: &[u8]) -> String {
    Sha256::digest(data)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            for nibble in [byte >> 4, byte & 15] {
                text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
            }
            text
        })
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq([(); 0])
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EmptyVisitor;

        impl<'de> Visitor<'de> for EmptyVisitor {
            type Value = Empty;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an empty list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Empty, A::Error> {
                match seq.next_element::<IgnoredAny>()? {
                    None => Ok(Empty),
                    Some(_) => Err(serde::de::Error::invalid_length(1, &self)),
                }
            }
        }

        deserializer.deserialize_seq(EmptyVisitor)
    }
}

impl Serialize for AnswerValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Choices(choices) => serializer.collect_seq(choices),
        }
    }
}

impl<'de> Deserialize<'de> for AnswerValue {
    // By hand: serde's `untagged` would hold a second copy that nothing wipes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnswerVisitor;

        impl<'de> Visitor<'de> for AnswerVisitor {
            type Value = AnswerValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("text, a list of texts, or null")
            }

            fn visit_unit<E>(self) -> Result<AnswerValue, E> {
                Ok(AnswerValue::None)
            }

            fn visit_str<E>(self, text: &str) -> Result<AnswerValue, E> {
                Ok(AnswerValue::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AnswerValue, A::Error> {
                let mut choices = Zeroizing::new(Vec::new());
                while let Some(choice) = seq.next_element::<String>()? {
                    choices.push(choice);
                }
                Ok(AnswerValue::Choices(std::mem::take(&mut choices)))
            }
        }

        deserializer.deserialize_any(AnswerVisitor)
    }
}
