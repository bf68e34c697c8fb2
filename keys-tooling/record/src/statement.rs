//! What an entry says: an in-toto Statement, version 1, of our own predicate. docs/protocol.md section 10.
//!
//! The subject repeats what the event is about, so that any in-toto tool finds the entries of a report by
//! its digest. Both are written from the event, and a statement whose subject says something else is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hafan_tlog::{Hash, Signer};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::dsse::Envelope;
use crate::event::{Event, Hex32};
use crate::officers::Officers;

/// What the predicate is.
pub const PREDICATE_TYPE: &str = "urn:hafan:access-record:v1";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// Longest name of a program and its version in bytes.
const TOOL_SIZE_BYTES_MAX: usize = 64;

/// One entry: what was done, by whom, when, and where it stands in the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts from 1; the leaf of the tree has this number less one.
    pub number: u64,
    /// Root of the tree of all entries before this one.
    pub before: Hash,
    /// The officer's key name, `hafan/{force}/officer-N`.
    pub officer: String,
    /// The day, as the workstation's clock had it (UTC).
    pub date: Date,
    /// Sequence of the directory that was the vault's.
    pub directory: u64,
    /// The program and its version.
    pub tool: String,
    /// What was done.
    pub event: Event,
}

/// Why a line is not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Over [`crate::LINE_SIZE_BYTES_MAX`].
    #[error("the line is {found} bytes, want at most {max}", max = crate::LINE_SIZE_BYTES_MAX)]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// Not a DSSE envelope in its one form.
    #[error("the line is not a DSSE envelope as this record writes it")]
    Envelope,
    /// Another number of signatures than one.
    #[error("the line has {found} signatures, want one")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// Not a Statement of our predicate in its one form.
    #[error("what is signed is not a statement as this record writes it")]
    Statement,
    /// No directory of that sequence is with the record.
    #[error("directory {sequence} is not with the record, so its officers are not known")]
    Directory {
        /// The sequence that the entry names.
        sequence: u64,
    },
    /// The directory names no such officer.
    #[error("{officer} is no officer of directory {sequence}")]
    Officer {
        /// The name that the entry gives.
        officer: String,
        /// The directory.
        sequence: u64,
    },
    /// The signature is not the officer's.
    #[error("the signature is not that of {officer}")]
    Signature {
        /// The name that the entry gives.
        officer: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StatementJson {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<SubjectJson>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: PredicateJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectJson {
    name: String,
    digest: DigestJson,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
enum DigestJson {
    /// SHA-256 with the label of docs/protocol.md section 4, so not of a file's bytes.
    #[serde(rename = "hafan-blob-v1")]
    H(Hex32),
    #[serde(rename = "sha256")]
    Sha256(Hex32),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PredicateJson {
    entry: u64,
    before: String,
    officer: String,
    date: Date,
    directory: u64,
    tool: String,
    event: Event,
}

impl Entry {
    /// Signs the entry and gives its line, without a line end.
    ///
    /// # Errors
    /// The line would be too long, or the tool's name is.
    pub(crate) fn sign(&self, signer: &Signer) -> Result<Vec<u8>, EntryError> {
        if !is_tool(&self.tool) {
            return Err(EntryError::Statement);
        }
        Envelope::sign(self.encode()?, signer).encode()
    }

    /// Reads a line and checks that it is signed by the officer it names, and that the directory it names
    /// has that officer.
    ///
    /// # Errors
    /// See [`EntryError`].
    pub fn open(line: &[u8], officers: &Officers) -> Result<Self, EntryError> {
        let envelope = Envelope::parse(line)?;
        let entry = Self::parse(&envelope.payload)?;
        let sequence = entry.directory;
        let directory = officers
            .of(sequence)
            .ok_or(EntryError::Directory { sequence })?;
        let officer = entry.officer.clone();
        let Some(verifier) = directory.iter().find(|known| known.name() == officer) else {
            return Err(EntryError::Officer { officer, sequence });
        };
        if !envelope.is_by(verifier) {
            return Err(EntryError::Signature { officer });
        }
        Ok(entry)
    }

    /// What a line says of itself, signature unseen: only to name an entry that was changed.
    pub(crate) fn claimed(line: &[u8]) -> Option<Self> {
        let envelope = Envelope::parse(line).ok()?;
        Self::parse(&envelope.payload).ok()
    }

    fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let (name, digest) = subject(&self.event);
        let json = StatementJson {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![SubjectJson { name, digest }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: PredicateJson {
                entry: self.number,
                before: self.before.to_string(),
                officer: self.officer.clone(),
                date: self.date,
                directory: self.directory,
                tool: self.tool.clone(),
                event: self.event.clone(),
            },
        };
        serde_json::to_vec(&json).map_err(|_| EntryError::Statement)
    }

    fn parse(payload: &[u8]) -> Result<Self, EntryError> {
        let json: StatementJson =
            serde_json::from_slice(payload).map_err(|_| EntryError::Statement)?;
        let PredicateJson {
            entry: number,
            before,
            officer,
            date,
            directory,
            tool,
            event,
        } = json.predicate;
        let before = STANDARD.decode(before).ok();
        let before: Option<[u8; 32]> = before.and_then(|bytes| bytes.try_into().ok());
        let entry = Self {
            number,
            before: Hash(before.ok_or(EntryError::Statement)?),
            officer,
            date,
            directory,
            tool,
            event,
        };
        if number == 0 || !is_tool(&entry.tool) || entry.encode()? != payload {
            return Err(EntryError::Statement);
        }
        Ok(entry)
    }
}

fn is_tool(tool: &str) -> bool {
    (1..=TOOL_SIZE_BYTES_MAX).contains(&tool.len())
        && tool.bytes().all(|b| b.is_ascii_graphic() || b == b' ')
}

/// What an event is about, for tools that know in-toto and not our predicate.
fn subject(event: &Event) -> (String, DigestJson) {
    match event {
        Event::Opened { report, .. }
        | Event::Exported { report, .. }
        | Event::ContactRequested { report, .. }
        | Event::ContactApproved { report, .. }
        | Event::ContactOpened { report, .. }
        | Event::ShareResealed { report, .. }
        | Event::Replied { report, .. } => ("report".to_owned(), DigestJson::H(*report)),
        Event::Listed { tree, .. } | Event::Collected { tree, .. } => {
            ("vault".to_owned(), DigestJson::Sha256(*tree))
        }
        Event::Rotated { first, last } => {
            let name = format!("weeks {first} to {last}");
            let digest = Hex32::sha256(name.as_bytes());
            (name, DigestJson::Sha256(digest))
        }
        Event::OfficerAdded { number, vkey } | Event::OfficerRemoved { number, vkey } => {
            (format!("officer-{number}"), DigestJson::Sha256(*vkey))
        }
        Event::Retired {
            week, recipient, ..
        } => (format!("week {week}"), DigestJson::Sha256(*recipient)),
        Event::Imported {
            year,
            first,
            last,
            checkpoint,
        } => (
            format!("bundle-{year:04}-{first}-{last}"),
            DigestJson::Sha256(*checkpoint),
        ),
        Event::DirectoryIssued { sequence, note } => {
            (format!("directory {sequence}"), DigestJson::Sha256(*note))
        }
        Event::RepliesExported { pages, .. } => {
            let all: Vec<u8> = pages.iter().flat_map(|page| page.0).collect();
            let digest = DigestJson::Sha256(Hex32::sha256(&all));
            ("pages of answers".to_owned(), digest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{AnswerLanguage, WeekId};
    use crate::reason::{Reason, ReasonCode, Words};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    const OFFICER: &str = "hafan/btp/officer-3";

    fn hex32() -> impl Strategy<Value = Hex32> {
        any::<[u8; 32]>().prop_map(Hex32)
    }

    fn week() -> impl Strategy<Value = WeekId> {
        (2020..2100_u16, 1..53_u8).prop_map(|(year, week)| {
            let name = format!("{year}-W{week:02}");
            name.parse().expect("every year has 52 weeks")
        })
    }

    fn reason() -> impl Strategy<Value = Reason> {
        let code = select(ReasonCode::ALL.to_vec());
        (code, proptest::option::of("\\PC{1,80}")).prop_filter_map("no reason", |(code, words)| {
            let words: Option<Words> = words.and_then(|words| words.parse().ok());
            Reason::new(code, words).ok()
        })
    }

    fn about_a_report() -> impl Strategy<Value = Event> {
        let language = select(vec![AnswerLanguage::English, AnswerLanguage::Welsh]);
        prop_oneof![
            (hex32(), reason()).prop_map(|(report, reason)| Event::Opened { report, reason }),
            (hex32(), reason(), hex32()).prop_map(|(report, reason, manifest)| Event::Exported {
                report,
                reason,
                manifest
            }),
            (hex32(), reason())
                .prop_map(|(report, reason)| Event::ContactRequested { report, reason }),
            (hex32(), reason(), any::<u64>()).prop_map(|(report, reason, request)| {
                Event::ContactApproved {
                    report,
                    reason,
                    request,
                }
            }),
            (hex32(), any::<u64>(), vec(any::<u16>(), 0..20)).prop_map(
                |(report, request, approved_by)| Event::ContactOpened {
                    report,
                    request,
                    approved_by
                }
            ),
            (hex32(), any::<u16>(), any::<u16>())
                .prop_map(|(report, from, to)| Event::ShareResealed { report, from, to }),
            (hex32(), language, hex32()).prop_map(|(report, language, text)| Event::Replied {
                report,
                language,
                text
            }),
        ]
    }

    fn about_the_vault() -> impl Strategy<Value = Event> {
        prop_oneof![
            (any::<u64>(), hex32()).prop_map(|(reports, tree)| Event::Listed { reports, tree }),
            (any::<u64>(), hex32()).prop_map(|(reports, tree)| Event::Collected { reports, tree }),
            (week(), week()).prop_map(|(first, last)| Event::Rotated { first, last }),
            (any::<u16>(), hex32()).prop_map(|(number, vkey)| Event::OfficerAdded { number, vkey }),
            (any::<u16>(), hex32())
                .prop_map(|(number, vkey)| Event::OfficerRemoved { number, vkey }),
            (week(), hex32(), any::<u64>(), any::<u64>()).prop_map(
                |(week, recipient, reports, unread)| Event::Retired {
                    week,
                    recipient,
                    reports,
                    unread
                }
            ),
            (any::<u16>(), any::<u64>(), any::<u64>(), hex32()).prop_map(
                |(year, first, last, checkpoint)| Event::Imported {
                    year,
                    first,
                    last,
                    checkpoint
                }
            ),
            (any::<u64>(), hex32())
                .prop_map(|(sequence, note)| Event::DirectoryIssued { sequence, note }),
            (any::<u64>(), vec(hex32(), 0..40))
                .prop_map(|(records, pages)| Event::RepliesExported { records, pages }),
        ]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let place = (1..u64::MAX, any::<[u8; 32]>(), any::<u64>());
        let day = (1..=9999_i16, 1..=12_i8, 1..=28_i8);
        let event = prop_oneof![about_a_report(), about_the_vault()];
        (place, day, "[!-~ ]{1,64}", event).prop_map(
            |((number, before, directory), (year, month, day), tool, event)| Entry {
                number,
                before: Hash(before),
                officer: OFFICER.to_owned(),
                date: Date::new(year, month, day).expect("every month has 28 days"),
                directory,
                tool,
                event,
            },
        )
    }

    proptest! {
        #[test]
        fn a_line_is_read_as_it_was_written(entry in entry()) {
            let signer = Signer::from_seed(OFFICER, &[7; 32]).expect("a key name");
            let line = entry.sign(&signer).expect("there is room");
            let envelope = Envelope::parse(&line).expect("an envelope");
            prop_assert!(envelope.is_by(&signer.verifier()));
            prop_assert_eq!(Entry::claimed(&line), Some(entry));
        }

        #[test]
        fn a_line_with_any_byte_changed_says_nothing_in_that_name(
            entry in entry(),
            at: proptest::sample::Index,
            to: u8,
        ) {
            let signer = Signer::from_seed(OFFICER, &[7; 32]).expect("a key name");
            let mut line = entry.sign(&signer).expect("there is room");
            let byte = at.get_mut(line.as_mut_slice());
            prop_assume!(*byte != to);
            *byte = to;
            if let Ok(envelope) = Envelope::parse(&line) {
                prop_assert!(!envelope.is_by(&signer.verifier()));
            }
        }
    }
}
