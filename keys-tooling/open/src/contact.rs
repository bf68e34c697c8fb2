//! The sealed contact of a report: shares that are checked against the report, and what they open.
//!
//! No key opens more than one contact: each has an identity of its own, made by the reporter's browser and shared among the
//! officers. What is opened is wiped when dropped. Trusts nothing of what it reads: whoever has a force's keys can seal
//! anything at all. Errors never repeat a word.
//!
//! Source: docs/protocol.md section 2, sealed contact.

use hafan_report::Language;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::hybrid::Identity;
use crate::shamir::{CombineError, Share, ShareError, combine};
use crate::{OpenError, open_bytes};

/// The plaintext of every `contact.age`, in bytes: JSON and then spaces, so that its length says nothing.
pub const DETAILS_SIZE_BYTES: usize = 8192;

/// The most answers; more have no room.
const ANSWERS_MAX: usize = 256;

const VERSION: u8 = 1;

/// What the person wrote about themselves.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Details {
    version: u8,
    /// The force that the report went to.
    pub force: String,
    /// The language that the questions were shown in.
    pub language: Language,
    /// In the order that they were asked.
    pub answers: Vec<Detail>,
}

/// One question and its answer.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Detail {
    /// Code of the question.
    pub id: String,
    /// As it was shown.
    pub question: String,
    /// In the person's own words.
    pub answer: String,
}

/// Why bytes are not the details of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DetailsError {
    /// Another length.
    #[error("the contact is {found} bytes, want {DETAILS_SIZE_BYTES}")]
    Size {
        /// Its length in bytes.
        found: usize,
    },
    /// Not the JSON of a contact: a member missing, strange or of another type.
    #[error("the contact is not the JSON it should be, at column {column}")]
    Json {
        /// Where, counted from 1.
        column: usize,
    },
    /// A later version.
    #[error("the contact is of version {found}, want {VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// An id that is no code, or too many answers.
    #[error("answer {number} of the contact is not as wanted")]
    Answer {
        /// Counted from 1.
        number: usize,
    },
    /// The right JSON, written in another way than the one that is right.
    #[error("the contact is not written in its one right form")]
    NotCanonical,
}

/// Why a share is not that of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckError {
    /// Not the share that the report names.
    #[error("it is not the share that the report names")]
    Digest,
    /// The one that the report names, and no share.
    #[error(transparent)]
    Share(#[from] ShareError),
}

/// Why shares that are those of the report open no contact. Then the device that sealed it was at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContactError {
    /// The shares do not go together.
    #[error("the shares do not go together")]
    Combine(#[from] CombineError),
    /// What they give is no identity.
    #[error("what the shares give is no identity")]
    Identity,
    /// The identity does not open the contact.
    #[error("the contact does not open")]
    Open(#[from] OpenError),
    /// What is sealed is no contact.
    #[error("the contact opens, and what is in it is not one")]
    Details(#[from] DetailsError),
}

/// Takes bytes for the share whose SHA-256 the report names, as 64 lower-case hexadecimal characters.
///
/// # Errors
/// See [`CheckError`]; the bytes are wiped then.
pub fn check_share(bytes: Zeroizing<Vec<u8>>, digest: &str) -> Result<Share, CheckError> {
    if hex::encode(Sha256::digest(&*bytes)) != digest {
        return Err(CheckError::Digest);
    }
    Ok(Share::from_bytes(bytes)?)
}

/// Opens a `contact.age` with shares of its identity, as many as it takes or more.
///
/// # Errors
/// See [`ContactError`]. Nothing is given out unless all of it is right.
pub fn open_contact(sealed: &[u8], shares: &[Share]) -> Result<Details, ContactError> {
    let secret = combine(shares)?;
    let text = std::str::from_utf8(&secret).map_err(|_| ContactError::Identity)?;
    let identity: Identity = text.parse().map_err(|_| ContactError::Identity)?;
    let plain = open_bytes(sealed, &[&identity])?;
    Ok(Details::parse(&plain)?)
}

impl Details {
    /// Reads the plaintext of a `contact.age`, whose one form is that of the page.
    ///
    /// # Errors
    /// Anything else, without a word of the content.
    pub fn parse(plain: &[u8]) -> Result<Self, DetailsError> {
        if plain.len() != DETAILS_SIZE_BYTES {
            return Err(DetailsError::Size { found: plain.len() });
        }
        let json = plain.trim_ascii_end();
        let details: Self =
            serde_json::from_slice(json).map_err(|e| DetailsError::Json { column: e.column() })?;
        if details.version != VERSION {
            let found = details.version;
            return Err(DetailsError::Version { found });
        }
        let wrong = details
            .answers
            .iter()
            .position(|answer| !is_code(&answer.id));
        if let Some(number) = wrong.or((details.answers.len() > ANSWERS_MAX).then_some(ANSWERS_MAX))
        {
            let number = number + 1;
            return Err(DetailsError::Answer { number });
        }
        if details.encode().is_some_and(|wanted| *wanted == plain) {
            Ok(details)
        } else {
            Err(DetailsError::NotCanonical)
        }
    }

    /// The plaintext; `None` when it has no room.
    fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        // As long as all of it from the start, so that it never grows and leaves a copy behind.
        let mut plain = Zeroizing::new(vec![b' '; DETAILS_SIZE_BYTES]);
        serde_json::to_writer(plain.as_mut_slice(), self).ok()?;
        Some(plain)
    }
}

/// Whether text has the grammar of a code: docs/protocol.md section 2.
fn is_code(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase());
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    first && rest && text.len() <= 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(language: Language, answers: &[(String, String, String)]) -> Details {
        let answers = answers.iter().map(|(id, question, answer)| Detail {
            id: id.clone(),
            question: question.clone(),
            answer: answer.clone(),
        });
        Details {
            version: VERSION,
            force: "btp".to_owned(),
            language,
            answers: answers.collect(),
        }
    }

    fn answers() -> impl Strategy<Value = Vec<(String, String, String)>> {
        proptest::collection::vec(
            ("[a-z][a-z0-9-]{0,31}", any::<String>(), any::<String>()),
            0..12,
        )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_fills_the_room(welsh: bool, answers in answers()) {
            let language = if welsh { Language::Welsh } else { Language::English };
            let Some(plain) = written(language, &answers).encode() else {
                // Only what has no room is not written.
                let size: usize = answers.iter().map(|(id, q, a)| id.len() + q.len() + a.len()).sum();
                prop_assert!(size * 6 + answers.len() * 64 + 128 > DETAILS_SIZE_BYTES);
                return Ok(());
            };
            prop_assert_eq!(plain.len(), DETAILS_SIZE_BYTES);
            let read = Details::parse(&plain).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(read.language == language);
            let found: Vec<_> = read
                .answers
                .iter()
                .map(|one| (one.id.clone(), one.question.clone(), one.answer.clone()))
                .collect();
            prop_assert_eq!(found, answers);
        }

        #[test]
        fn what_has_no_room_is_not_written(size in DETAILS_SIZE_BYTES..2 * DETAILS_SIZE_BYTES) {
            let long = ("contact-name".to_owned(), String::new(), "a".repeat(size));
            prop_assert!(written(Language::English, &[long]).encode().is_none());
        }

        #[test]
        fn a_byte_changed_is_refused_or_read_as_it_stands(
            answers in answers(),
            at: proptest::sample::Index,
            to: u8,
        ) {
            if let Some(mut plain) = written(Language::English, &answers).encode() {
                *at.get_mut(plain.as_mut_slice()) = to;
                if let Ok(read) = Details::parse(&plain) {
                    prop_assert!(read.encode().is_some_and(|again| *again == *plain));
                }
            }
        }
    }
}
