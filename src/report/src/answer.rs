//! One question and what was answered, and what makes the two agree.

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::check::{self, ValueError};

/// How many parts a question may have.
pub const PARTS_MAX: usize = 64;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A code without the grammar of one.
    #[error(transparent)]
    Code(#[from] ValueError),
    /// It was answered, and nothing is there.
    #[error("it was answered and says nothing")]
    Empty,
    /// It was skipped, not reached or sealed, and something is there.
    #[error("it was skipped, not reached or sealed, and says something")]
    Says,
    /// What was chosen and the codes of it differ in kind or number.
    #[error("its choice does not fit its answer")]
    Choice,
    /// A choice of nothing, which is written as null.
    #[error("it is an empty list, null wanted")]
    NoChoice,
    /// A person that the report does not have.
    #[error("it speaks of person {found}, the report has {people}")]
    Person {
        /// The number, from 1.
        found: u8,
        /// How many people there are.
        people: usize,
    },
    /// More parts than allowed.
    #[error("it has {found} parts, at most {PARTS_MAX} wanted")]
    Parts {
        /// How many there are.
        found: usize,
    },
}

/// What became of a question.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Zeroize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Something was answered, in the question or a part of it.
    Answered,
    /// It was shown, and the person chose to say nothing.
    Skipped,
    /// The person sent the report without having been asked.
    NotReached,
    /// What was answered is in the sealed contact.
    Sealed,
}

/// What was answered, or the codes of what was chosen.
#[derive(Zeroize, ZeroizeOnDrop)]
pub enum AnswerValue {
    /// Nothing.
    None,
    /// Own words, or the one thing that was chosen.
    Text(String),
    /// What was ticked.
    Choices(Vec<String>),
}

/// One question and its answer.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Which question: a code.
    pub id: String,
    /// The question as it was shown.
    pub question: String,
    /// As it was shown; [`AnswerValue::None`] when nothing was answered here.
    pub answer: AnswerValue,
    /// The code of what was chosen, or a list of as many codes as the answer has; nothing for own words.
    pub choice: AnswerValue,
    /// What became of the question.
    pub state: State,
    /// Whom it is about: a number into the report's people, from 1.
    #[serde(deserialize_with = "Option::deserialize")]
    pub person: Option<u8>,
    /// What more was asked with it, in the order that it was shown.
    pub parts: Vec<Part>,
}

/// What was asked together with a question.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Which part: a code.
    pub id: String,
    /// Its label as it was shown.
    pub question: String,
    /// [`AnswerValue::None`] when it was left empty.
    pub answer: AnswerValue,
    /// As of [`Answer`].
    pub choice: AnswerValue,
    /// Whom it is about, if not the one that its question is about.
    #[serde(deserialize_with = "Option::deserialize")]
    pub person: Option<u8>,
}

impl AnswerValue {
    /// Whether there is nothing.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

impl Answer {
    /// Checks the answer by itself, in a report with so many people.
    pub(crate) fn check(&self, people: usize) -> Result<(), AnswerError> {
        check::code(&self.id)?;
        check_value(&self.answer, &self.choice)?;
        check_person(self.person, people)?;
        if self.parts.len() > PARTS_MAX {
            let found = self.parts.len();
            return Err(AnswerError::Parts { found });
        }
        for part in &self.parts {
            check::code(&part.id)?;
            check_value(&part.answer, &part.choice)?;
            check_person(part.person, people)?;
        }
        let says = !self.answer.is_none() || self.parts.iter().any(|part| !part.answer.is_none());
        match self.state {
            State::Answered if !says => Err(AnswerError::Empty),
            State::Skipped if says => Err(AnswerError::Says),
            State::NotReached | State::Sealed if says || !self.parts.is_empty() => {
                Err(AnswerError::Says)
            }
            State::Answered | State::Skipped | State::NotReached | State::Sealed => Ok(()),
        }
    }
}

fn check_value(answer: &AnswerValue, choice: &AnswerValue) -> Result<(), AnswerError> {
    match (answer, choice) {
        (AnswerValue::Choices(chosen), _) if chosen.is_empty() => Err(AnswerError::NoChoice),
        (_, AnswerValue::None) => Ok(()),
        (AnswerValue::Text(_), AnswerValue::Text(code)) => Ok(check::code(code)?),
        (AnswerValue::Choices(chosen), AnswerValue::Choices(codes))
            if chosen.len() == codes.len() =>
        {
            codes.iter().try_for_each(|code| Ok(check::code(code)?))
        }
        _ => Err(AnswerError::Choice),
    }
}

fn check_person(person: Option<u8>, people: usize) -> Result<(), AnswerError> {
    match person {
        Some(found) if found == 0 || usize::from(found) > people => {
            Err(AnswerError::Person { found, people })
        }
        Some(_) | None => Ok(()),
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
