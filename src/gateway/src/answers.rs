//! From what was given to the report: answers with their questions as they were shown, people, flags and wishes. As
//! `web/src/answers.ts` makes it, member for member: `tests/tests/gateway` compares the two.

use std::collections::BTreeMap;

use hafan_report::{
    Answer, AnswerValue, Basis, Date, FileEntry, Language, Part, Person, Promise, Report, Role,
    Route, SealedTo, State, Thread, VERSION,
};

use crate::dates;
use crate::questions::{
    Field, FieldKind, ForceWords, Given, Page, PageKind, QuestionSet, Value, is_given,
};

/// What a report holds besides what was answered.
pub struct Circumstances {
    /// The language of the page.
    pub language: Language,
    /// The day (UTC): the gateway does not know that of the device.
    pub written_on: Date,
    /// Random: later additions would name the report by it.
    pub thread: Thread,
    /// The intake key that it is going to be sealed to.
    pub key: SealedTo,
    /// The files, as they are going to be packed.
    pub files: Vec<FileEntry>,
}

/// Makes the report that `force` reads. `None` when the questions do not name that force.
#[must_use]
pub fn report(
    set: &QuestionSet,
    given: &Given,
    force: &str,
    circumstances: Circumstances,
) -> Option<Report> {
    let force = set.force(force)?;
    let Circumstances {
        language,
        written_on,
        thread,
        key,
        files,
    } = circumstances;
    let telling = Telling {
        set,
        given,
        language,
        route: set.route(given),
    };
    let pages: Vec<&Page> = set
        .asked(given)
        .filter(|page| page.kind == PageKind::Question)
        .collect();
    let mut people = People::default();
    let answers = pages
        .iter()
        .map(|page| telling.answer(page, &pages, &mut people))
        .collect();
    let chosen = || pages.iter().flat_map(|page| page.chosen(given));
    Some(Report {
        version: VERSION,
        question_set: set.set.clone(),
        language,
        route: telling.route,
        force: force.id.clone(),
        key,
        promise: promise(force, language),
        written_on,
        answers,
        people: people.list,
        flags: each(chosen().filter_map(|option| option.flag.as_ref())),
        wishes: each(chosen().filter_map(|option| option.wish.as_ref())),
        contact: None,
        files,
        mailbox: None,
        thread,
        adds_to: None,
    })
}

fn promise(force: &ForceWords, language: Language) -> Promise {
    Promise {
        id: force.promise.id.clone(),
        text: force.promise.in_language(language).to_owned(),
    }
}

/// Each code once, in the order that they first come.
fn each<'a>(codes: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::new();
    for code in codes {
        if !once.contains(code) {
            once.push(code.clone());
        }
    }
    once
}

/// The people whom answers speak of, numbered as they first appear.
#[derive(Default)]
struct People {
    list: Vec<Person>,
    numbers: BTreeMap<String, u8>,
}

impl People {
    fn number(&mut self, key: String, role: Role, basis: Option<Basis>) -> Option<u8> {
        if let Some(number) = self.numbers.get(&key) {
            return Some(*number);
        }
        self.list.push(Person { role, basis });
        let number = u8::try_from(self.list.len()).ok()?;
        self.numbers.insert(key, number);
        Some(number)
    }
}

/// Everything that an answer's words depend on.
struct Telling<'a> {
    set: &'a QuestionSet,
    given: &'a Given,
    language: Language,
    route: Route,
}

/// The words of an answer, and the codes of what was chosen.
struct Said {
    answer: AnswerValue,
    choice: AnswerValue,
}

impl Telling<'_> {
    fn answer(&self, page: &Page, pages: &[&Page], people: &mut People) -> Answer {
        let bare = |said: Said, state, person, parts| Answer {
            id: page.base.clone(),
            question: self.set.title(page, self.route, self.language).to_owned(),
            answer: said.answer,
            choice: said.choice,
            state,
            person,
            parts,
        };
        if !page.is_answered(self.given) {
            // The whole form is one page: whatever stands on it was reached.
            return if page.shown {
                let parts = self.parts(page, |_| None);
                bare(nothing(), State::Skipped, None, parts)
            } else {
                bare(nothing(), State::NotReached, None, Vec::new())
            };
        }
        let person = if page.repeats {
            None
        } else {
            self.person(page, pages, people)
        };
        let main = page
            .shown_fields(self.given)
            .find(|field| field.base == page.base);
        let said = main.map_or_else(nothing, |field| self.said(field));
        let parts = self.parts(page, |field| {
            let role = page.role.filter(|_| page.repeats)?;
            let row = field
                .row
                .filter(|row| self.row_is_given(page, Some(*row)))?;
            people.number(format!("{} row {row}", page.id), role, None)
        });
        bare(said, State::Answered, person, parts)
    }

    fn parts(&self, page: &Page, mut person: impl FnMut(&Field) -> Option<u8>) -> Vec<Part> {
        page.shown_fields(self.given)
            .filter(|field| field.base != page.base && !field.sealed)
            .filter(|field| {
                field.row.is_none_or(|row| row == 1) || self.row_is_given(page, field.row)
            })
            .map(|field| {
                let said = self.said(field);
                Part {
                    id: field.base.clone(),
                    question: self
                        .set
                        .label(page, field, self.route, self.language)
                        .to_owned(),
                    answer: said.answer,
                    choice: said.choice,
                    person: person(field),
                }
            })
            .collect()
    }

    fn row_is_given(&self, page: &Page, row: Option<u8>) -> bool {
        page.fields
            .iter()
            .any(|field| field.row == row && is_given(field, self.given))
    }

    /// Whom a page is about: all pages of one turn of a loop are about the same.
    fn person(&self, page: &Page, pages: &[&Page], people: &mut People) -> Option<u8> {
        let role = page.role?;
        let Some(turn) = &page.turn else {
            return people.number(page.id.clone(), role, self.basis(&[page]));
        };
        let about: Vec<&Page> = pages
            .iter()
            .filter(|other| other.turn.as_ref() == Some(turn) && other.copy == page.copy)
            .copied()
            .collect();
        let copy = page.copy.unwrap_or(1);
        people.number(format!("{turn} {copy}"), role, self.basis(&about))
    }

    fn basis(&self, pages: &[&Page]) -> Option<Basis> {
        let fields = pages.iter().flat_map(|page| page.shown_fields(self.given));
        fields
            .filter(|field| field.basis)
            .find_map(|field| match self.given.get(&field.id) {
                Some(Value::Text(code)) => match code.as_str() {
                    "known" => Some(Basis::Known),
                    "believed" => Some(Basis::Believed),
                    "told" => Some(Basis::Told),
                    _ => None,
                },
                Some(Value::Many(_)) | None => None,
            })
    }

    fn said(&self, field: &Field) -> Said {
        let Some(value) = self
            .given
            .get(&field.id)
            .filter(|_| is_given(field, self.given))
        else {
            return nothing();
        };
        let words = |code: &str| {
            self.set
                .option_words(field, code, self.route, self.language)
                .to_owned()
        };
        match (field.kind, value) {
            (FieldKind::Text | FieldKind::Textarea, Value::Text(text)) => Said {
                answer: AnswerValue::Text(String::clone(text)),
                choice: AnswerValue::None,
            },
            (FieldKind::Date, Value::Text(text)) => Said {
                answer: AnswerValue::Text(dates::in_words(text, |number| {
                    self.set.month(number, self.language)
                })),
                choice: AnswerValue::None,
            },
            (FieldKind::Radios | FieldKind::Forces, Value::Text(code)) => Said {
                answer: AnswerValue::Text(words(code)),
                choice: AnswerValue::Text(String::clone(code)),
            },
            (FieldKind::Checkboxes, Value::Many(codes)) => Said {
                answer: AnswerValue::Choices(codes.iter().map(|code| words(code)).collect()),
                choice: AnswerValue::Choices(
                    codes.iter().map(|code| String::clone(code)).collect(),
                ),
            },
            (FieldKind::Files, Value::Many(names)) => Said {
                answer: AnswerValue::Choices(
                    names.iter().map(|name| String::clone(name)).collect(),
                ),
                choice: AnswerValue::None,
            },
            // `form` gives each kind of field its kind of value.
            (FieldKind::Checkboxes | FieldKind::Files, Value::Text(_))
            | (
                FieldKind::Text
                | FieldKind::Textarea
                | FieldKind::Date
                | FieldKind::Radios
                | FieldKind::Forces,
                Value::Many(_),
            ) => nothing(),
        }
    }
}

const fn nothing() -> Said {
    Said {
        answer: AnswerValue::None,
        choice: AnswerValue::None,
    }
}
