//! A report as tables that record systems take: CSV, and JSON by people, objects, locations and events (POLE).
//!
//! In CSV no cell is a formula and each character is visible; JSON has every word as it came.

use hafan_report::{Answer, AnswerValue, Basis, FileEntry, Part, Report, Role, State};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::text::{LineFeeds, show};

/// What a cell may not begin with: spreadsheets compute what stands behind these, ASCII or full-width.
const FORMULA: [char; 11] = [
    '=', '+', '-', '@', '|', '%', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}', '\u{2212}',
];

/// Tells spreadsheets that the file is UTF-8.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

const HEADINGS: [&str; 11] = [
    "reference",
    "number",
    "part",
    "person",
    "role",
    "basis",
    "id",
    "question",
    "state",
    "choice",
    "answer",
];

/// A question or a part of one, and what was answered.
#[derive(Serialize)]
struct Told<'a> {
    /// Of the question, from 1.
    number: usize,
    /// Of the part, from 1; 0 is the question itself.
    part: usize,
    person: Option<u8>,
    id: &'a str,
    question: &'a str,
    state: State,
    choice: &'a AnswerValue,
    answer: &'a AnswerValue,
}

impl<'a> Told<'a> {
    /// The question itself, and then its parts.
    fn of(number: usize, answer: &'a Answer) -> impl Iterator<Item = Self> {
        let whole = Self {
            number,
            part: 0,
            person: answer.person,
            id: &answer.id,
            question: &answer.question,
            state: answer.state,
            choice: &answer.choice,
            answer: &answer.answer,
        };
        let part = move |(part, asked): (usize, &'a Part)| Self {
            number,
            part,
            person: asked.person.or(answer.person),
            id: &asked.id,
            question: &asked.question,
            state: answer.state,
            choice: &asked.choice,
            answer: &asked.answer,
        };
        std::iter::once(whole).chain((1..).zip(&answer.parts).map(part))
    }
}

fn told(report: &Report) -> impl Iterator<Item = Told<'_>> {
    let answers = (1..).zip(&report.answers);
    answers.flat_map(|(number, answer)| Told::of(number, answer))
}

/// CSV as of RFC 4180, UTF-8 with a byte order mark: a row of headings, and one for each question and each part.
///
/// # Errors
/// Only when memory cannot be written to.
pub fn csv(report: &Report, reference: &str) -> Result<Zeroizing<Vec<u8>>, csv::Error> {
    let bytes = Zeroizing::new(Vec::with_capacity(64 * 1024));
    let mut bytes = bytes;
    bytes.extend_from_slice(BYTE_ORDER_MARK);
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(&mut *bytes);
    writer.write_record(HEADINGS)?;
    for told in told(report) {
        let person = told.person.and_then(|number| {
            let index = usize::from(number).checked_sub(1)?;
            report.people.get(index)
        });
        let cells = [
            reference.to_owned(),
            told.number.to_string(),
            told.part.to_string(),
            told.person.map(|n| n.to_string()).unwrap_or_default(),
            person.map(|p| role(p.role)).unwrap_or_default().to_owned(),
            person
                .and_then(|p| p.basis.map(basis))
                .unwrap_or_default()
                .to_owned(),
            told.id.to_owned(),
            told.question.to_owned(),
            state(told.state).to_owned(),
            joined(told.choice),
            joined(told.answer),
        ];
        writer.write_record(cells.iter().map(|text| cell(text)))?;
    }
    writer.flush()?;
    drop(writer);
    Ok(bytes)
}

/// What was chosen, one thing a line.
fn joined(value: &AnswerValue) -> String {
    match value {
        AnswerValue::None => String::new(),
        AnswerValue::Text(text) => text.clone(),
        AnswerValue::Choices(choices) => choices.join("\n"),
    }
}

/// Text as a cell that no program computes: what could begin a formula has an apostrophe before it.
fn cell(text: &str) -> String {
    let mut shown = show(text, LineFeeds::Kept);
    let first = shown.trim_start().chars().next();
    if first.is_some_and(|first| FORMULA.contains(&first)) {
        shown.insert(0, '\'');
    }
    shown
}

const fn state(state: State) -> &'static str {
    match state {
        State::Answered => "answered",
        State::Skipped => "skipped",
        State::NotReached => "not-reached",
        State::Sealed => "sealed",
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Reported => "reported",
        Role::Victim => "victim",
        Role::Witness => "witness",
        Role::Other => "other",
    }
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Known => "known",
        Basis::Believed => "believed",
        Basis::Told => "told",
    }
}

/// The members of `pole.json`, in order.
#[derive(Serialize)]
struct Pole<'a> {
    version: u8,
    reference: &'a str,
    force: &'a str,
    language: hafan_report::Language,
    written_on: &'a hafan_report::Date,
    flags: &'a [String],
    wishes: &'a [String],
    people: Vec<PolePerson<'a>>,
    objects: Objects<'a>,
    locations: Vec<Told<'a>>,
    events: Vec<Told<'a>>,
    other: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct PolePerson<'a> {
    number: usize,
    role: Role,
    basis: Option<Basis>,
    told: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Objects<'a> {
    files: &'a [FileEntry],
    told: Vec<Told<'a>>,
}

/// What a question asks about, by its code. The codes are those of the site's question set `full-1`; one that is not known
/// here is neither a thing, a place nor an event.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Object,
    Location,
    Event,
    Other,
}

fn about(id: &str) -> About {
    match id {
        "p3-vehicle" => return About::Object,
        "p4" | "o1-what" => return About::Event,
        _ => {}
    }
    match id.split('-').next().unwrap_or_default() {
        "e1" | "e2" => About::Object,
        "a5" => About::Location,
        "a1" | "a2" | "a3" | "a4" | "a6" | "a7" | "a8" | "w1" | "w2" | "w3" | "b2" => About::Event,
        _ => About::Other,
    }
}

/// The report by people, objects, locations and events, each question once: JSON, UTF-8.
///
/// # Errors
/// Only when memory cannot be written to.
pub fn pole(report: &Report, reference: &str) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut pole = Pole {
        version: 1,
        reference,
        force: &report.force,
        language: report.language,
        written_on: &report.written_on,
        flags: &report.flags,
        wishes: &report.wishes,
        people: Vec::new(),
        objects: Objects {
            files: &report.files,
            told: Vec::new(),
        },
        locations: Vec::new(),
        events: Vec::new(),
        other: Vec::new(),
    };
    for (number, person) in (1..).zip(&report.people) {
        pole.people.push(PolePerson {
            number,
            role: person.role,
            basis: person.basis,
            told: Vec::new(),
        });
    }
    for told in told(report) {
        let person = told.person.map(usize::from);
        let person = person.and_then(|number| pole.people.get_mut(number.checked_sub(1)?));
        match (about(told.id), person) {
            (About::Object, _) => pole.objects.told.push(told),
            (_, Some(person)) => person.told.push(told),
            (About::Location, None) => pole.locations.push(told),
            (About::Event, None) => pole.events.push(told),
            (About::Other, None) => pole.other.push(told),
        }
    }
    let mut json = Zeroizing::new(Vec::with_capacity(64 * 1024));
    serde_json::to_writer_pretty(&mut *json, &pole)?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cell_that_could_be_a_formula_has_an_apostrophe() {
        let cases = [
            ("=1", "'=1"),
            (" =1", "' =1"),
            ("\n=1", "'\n=1"),
            ("+44", "'+44"),
            ("-", "'-"),
            ("@a", "'@a"),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("\t=1", "\\u{9}=1"),
            ("\r=1", "\\u{d}=1"),
            ("a=1", "a=1"),
            ("'=1", "'=1"),
            ("", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(cell(text), wanted);
        }
    }

    proptest! {
        #[test]
        fn no_cell_begins_a_formula(text in any::<String>(), sign in prop::sample::select(FORMULA.to_vec())) {
            for text in [text.clone(), format!("{sign}{text}"), format!(" \n{sign}{text}")] {
                let cell = cell(&text);
                prop_assert!(!cell.trim_start().starts_with(FORMULA), "{cell:?}");
                prop_assert!(!cell.chars().any(|c| c.is_control() && c != '\n'), "{cell:?}");
            }
        }
    }
}
