//! What a force tells somebody who has words: a C2SP signed note by the key for answers, filled with zeros to one size.
//!
//! There is one way to write each. Only what the force signed is parsed, and it has to be for the force and the thread that
//! are asked for: a message that was sent to somebody else cannot be passed off as this person's. Must never give a word of it
//! in an error. Source: docs/protocol.md section 14.

use hafan_tlog::note::{self, NoteError, SignError};
use hafan_tlog::{Signer, Verifier};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::check::{self, Date, Thread, ValueError};
use crate::report::Language;

/// Size of a message in bytes, the zeros behind it included.
pub const MESSAGE_SIZE_BYTES: usize = 2435;

/// A message as it is sealed: a note, and zeros.
pub type PaddedMessage = Zeroizing<[u8; MESSAGE_SIZE_BYTES]>;

const FIRST_LINE: &str = "hafan message v1\n";

/// Why something is no message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not of the one size.
    #[error("the message is {found} bytes, {MESSAGE_SIZE_BYTES} wanted")]
    Size {
        /// Its size in bytes.
        found: usize,
    },
    /// It does not fit.
    #[error("the message is {over} bytes too long")]
    TooLong {
        /// How many bytes have to go.
        over: usize,
    },
    /// Something stands behind the note.
    #[error("what stands behind the message is not zeros")]
    Padding,
    /// Not a note, or a signature that does not verify.
    #[error("the message is not a note as the force signed it")]
    Note(#[from] NoteError),
    /// None of the keys signed it.
    #[error("none of the force's keys for answers has signed the message")]
    Unsigned,
    /// Not exactly one signature.
    #[error("the message has {found} signatures, want one")]
    Signatures {
        /// How many.
        found: usize,
    },
    /// Another kind of note, or of a later version.
    #[error("the note is no message of version 1")]
    FirstLine,
    /// Not the JSON it must be.
    #[error("the second line of the message is not the JSON it must be, at column {column}")]
    Json {
        /// Where, counted from 1.
        column: usize,
    },
    /// The right JSON, written in another way than the one that is right.
    #[error("the message is not written in its one right form")]
    Form,
    /// A value has not the grammar it should have.
    #[error("{member} of the message: {problem}")]
    Value {
        /// Name of the member.
        member: &'static str,
        /// What is wrong with it.
        problem: ValueError,
    },
    /// The number is 0.
    #[error("the message has number 0, and messages count from 1")]
    Number,
    /// Words without the state that has words, or the state without them.
    #[error(
        "the message has words or a language where it has none, or lacks them where it has them"
    )]
    Words,
    /// Nothing but white space.
    #[error("the text is empty")]
    Blank,
    /// A control character other than a line end.
    #[error("line {line} of the text has the control character U+{code:04X}")]
    Control {
        /// Which line, counted from 1.
        line: usize,
        /// The character.
        code: u32,
    },
    /// Of another force.
    #[error("the message is of another force")]
    Force,
    /// To another thread.
    #[error("the message is to another thread")]
    Thread,
    /// The signer is no key for answers of the message's force.
    #[error("the signer is named {found}, want hafan/{{force}}/replies-N")]
    Signer {
        /// Its key name.
        found: String,
    },
    /// The note cannot be signed.
    #[error("the message cannot be signed")]
    Sign(#[from] SignError),
}

/// What a message tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// The report was brought to the force's officers.
    Collected,
    /// An officer read it.
    Read,
    /// An officer answers in words.
    Replied,
}

/// One message to the person who sent a report. The members of its JSON, in order.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The force that tells it.
    pub force: String,
    /// The thread that comes from the person's words.
    pub thread: Thread,
    /// Counts the messages of the thread, from 1.
    pub number: u32,
    /// `h` of the report that it is about: 64 lower-case hexadecimal characters.
    pub report: String,
    /// What it tells.
    pub state: MessageState,
    /// The day (UTC).
    pub on: Date,
    /// In which language the words are; with [`MessageState::Replied`], and only then.
    #[serde(deserialize_with = "Option::deserialize")]
    pub language: Option<Language>,
    /// The words; with [`MessageState::Replied`], and only then.
    #[serde(deserialize_with = "Option::deserialize")]
    pub text: Option<String>,
}

impl Message {
    /// Signs the message with the force's key for answers, and fills it up.
    ///
    /// # Errors
    /// It breaks a rule of its own, is too long, or the key is another's.
    pub fn sign(&self, signer: &Signer) -> Result<PaddedMessage, MessageError> {
        self.check()?;
        let prefix = format!("hafan/{}/replies-", self.force);
        if !is_numbered(signer.name(), &prefix) {
            return Err(MessageError::Signer {
                found: signer.name().to_owned(),
            });
        }
        let note = Zeroizing::new(note::sign(&self.encode(), &[signer])?);
        let over = note.len().saturating_sub(MESSAGE_SIZE_BYTES);
        let mut padded = Zeroizing::new([0; MESSAGE_SIZE_BYTES]);
        let Some(place) = padded.get_mut(..note.len()) else {
            return Err(MessageError::TooLong { over });
        };
        place.copy_from_slice(&note);
        Ok(padded)
    }

    /// Opens what was sealed: a note that one of the force's keys for answers signed, for this force and thread.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn open(
        padded: &[u8],
        keys: &[Verifier],
        force: &str,
        thread: &Thread,
    ) -> Result<Self, MessageError> {
        let found = padded.len();
        if found != MESSAGE_SIZE_BYTES {
            return Err(MessageError::Size { found });
        }
        let end = padded.iter().position(|byte| *byte == 0).unwrap_or(found);
        let (note, rest) = padded.split_at(end);
        if rest.iter().any(|byte| *byte != 0) {
            return Err(MessageError::Padding);
        }
        for key in keys {
            let text = match note::open_within(note, MESSAGE_SIZE_BYTES, &[key]) {
                Ok(text) => text,
                Err(NoteError::Unsigned { .. }) => continue,
                Err(why) => return Err(why.into()),
            };
            if text.signature_count() != 1 {
                let found = text.signature_count();
                return Err(MessageError::Signatures { found });
            }
            let message = Self::parse(text.as_str())?;
            if message.force != force {
                return Err(MessageError::Force);
            }
            if message.thread != *thread {
                return Err(MessageError::Thread);
            }
            return Ok(message);
        }
        Err(MessageError::Unsigned)
    }

    /// Reads the two lines, which must have been verified before.
    ///
    /// # Errors
    /// See [`MessageError`].
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        let json = text.strip_prefix(FIRST_LINE);
        let json = json.ok_or(MessageError::FirstLine)?;
        let message: Self =
            serde_json::from_str(json).map_err(|e| MessageError::Json { column: e.column() })?;
        message.check()?;
        if *message.encode() == text {
            Ok(message)
        } else {
            Err(MessageError::Form)
        }
    }

    /// The two lines that are signed.
    ///
    /// # Panics
    /// Never: each message has a JSON form.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<String> {
        let size = FIRST_LINE.len() + check::json_size(self) + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(size));
        bytes.extend_from_slice(FIRST_LINE.as_bytes());
        let written = serde_json::to_writer(&mut *bytes, self);
        assert!(written.is_ok(), "a message always has a JSON form");
        bytes.push(b'\n');
        let text = String::from_utf8(std::mem::take(&mut *bytes));
        Zeroizing::new(text.expect("JSON is UTF-8"))
    }

    fn check(&self) -> Result<(), MessageError> {
        let value = |member| move |problem| MessageError::Value { member, problem };
        check::force(&self.force).map_err(value("force"))?;
        check::sha256(&self.report).map_err(value("report"))?;
        if self.number == 0 {
            return Err(MessageError::Number);
        }
        let is_answer = self.state == MessageState::Replied;
        if self.language.is_some() != is_answer || self.text.is_some() != is_answer {
            return Err(MessageError::Words);
        }
        self.text.as_deref().map_or(Ok(()), check_text)
    }
}

/// Whether a name is the prefix and a number from 1 to 65535, written in its one way: others no directory can name.
fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix).is_some_and(|text| {
        let number = text.parse::<u16>();
        number.is_ok_and(|number| number > 0 && number.to_string() == text)
    })
}

/// Checks the words of an answer by themselves: something to see, and no control character but line ends.
///
/// # Errors
/// [`MessageError::Blank`] or [`MessageError::Control`].
pub fn check_text(text: &str) -> Result<(), MessageError> {
    if text.trim().is_empty() {
        return Err(MessageError::Blank);
    }
    for (line, words) in (1..).zip(text.split('\n')) {
        if let Some(control) = words.chars().find(|c| c.is_control()) {
            let code = u32::from(control);
            return Err(MessageError::Control { line, code });
        }
    }
    Ok(())
}
