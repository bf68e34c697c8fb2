//! A report as one list of items, from which the terminal and the reader each make their own.
//!
//! Decides what is shown and in which order, and leaves nothing out. Each item says whether its words are ours or a
//! stranger's; a stranger's are as they came, and whoever shows them makes them visible ([`crate::text::show`]).

use hafan_report::{Answer, AnswerValue, Language, Part, Report, State};

use crate::words;

/// One thing to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// What the sheet is, at its top. Ours.
    Title(String),
    /// What must not be overlooked. Ours.
    Alert(String),
    /// A heading of ours.
    Heading(String),
    /// A name of ours and what there is, from a closed grammar.
    Fact(String, String),
    /// A remark of ours.
    Note(String),
    /// Words that are no answer, and not ours: the promise as it was shown, or what an officer told somebody.
    Quote(&'a str),
    /// A question with its number, as it was asked.
    Question(usize, &'a str),
    /// What more was asked with a question.
    Part(&'a str),
    /// An answer in own words, or the one that was chosen.
    Said(&'a str),
    /// One of those that were ticked.
    Ticked(&'a str),
    /// What became of a question that has no answer. Ours.
    Mark(String),
    /// A file: its number, its name as the sender gave it, what else is said of it.
    File(usize, &'a str, String),
}

impl Item<'_> {
    /// Whether what is answered from here on stands further in, as it does below a part of a question; `None` where that stays
    /// as it is.
    pub(crate) const fn insets(&self) -> Option<bool> {
        match self {
            Self::Question(..) => Some(false),
            Self::Part(_) => Some(true),
            Self::Title(_)
            | Self::Alert(_)
            | Self::Heading(_)
            | Self::Fact(..)
            | Self::Note(_)
            | Self::Quote(_)
            | Self::Said(_)
            | Self::Ticked(_)
            | Self::Mark(_)
            | Self::File(..) => None,
        }
    }
}

/// Where a report stands, which the report itself does not say.
pub struct Place<'a> {
    /// What officers call it, such as `3f2a-91bc-77d0`.
    pub reference: &'a str,
    /// The week of the intake key that opened it.
    pub week: &'a str,
    /// The year of the log.
    pub year: u16,
    /// Its leaf in that log.
    pub index: u64,
    /// What officers call the report that it adds to, where that is known.
    pub adds_to: Option<&'a str>,
}

/// Everything that a report says, in order. Headings and marks are in `language`; what was asked and answered stays in
/// the language of the report.
#[must_use]
pub fn sheet<'a>(report: &'a Report, place: &Place<'_>, language: Language) -> Vec<Item<'a>> {
    let title = words::REPORT.of(language);
    let mut items = vec![Item::Title(format!("{title} {}", place.reference))];
    push_urgent(&mut items, report, language);
    push_about(&mut items, report, place, language);
    items.push(Item::Heading(words::TOLD.of(language).to_owned()));
    items.push(Item::Note(words::TOLD_NOTE.of(language).to_owned()));
    let mut told = Told {
        items,
        report,
        language,
        about: None,
    };
    for (number, answer) in (1..).zip(&report.answers) {
        told.answer(number, answer);
    }
    let mut items = told.items;
    push_files(&mut items, report, language);
    items.push(Item::Note(words::END.of(language).to_owned()));
    items
}

/// The flags, most urgent first, and the wishes.
fn push_urgent(items: &mut Vec<Item<'_>>, report: &Report, language: Language) {
    let mut flags: Vec<&str> = report.flags.iter().map(String::as_str).collect();
    flags.sort_by_key(|flag| words::urgency(flag));
    if !flags.is_empty() {
        items.push(Item::Heading(words::FLAGS.of(language).to_owned()));
    }
    for flag in flags {
        let meaning = words::flag(flag, language);
        items.push(Item::Alert(match meaning {
            Some(meaning) => format!("{flag}: {meaning}"),
            None => flag.to_owned(),
        }));
    }
    items.push(Item::Heading(words::WISHES.of(language).to_owned()));
    if report.wishes.is_empty() {
        let mark = words::NO_WISHES.of(language);
        items.push(Item::Mark(mark.to_owned()));
    }
    for wish in &report.wishes {
        let meaning = words::wish(wish, language).unwrap_or_default();
        items.push(Item::Fact(wish.clone(), meaning.to_owned()));
    }
}

fn push_about<'a>(
    items: &mut Vec<Item<'a>>,
    report: &'a Report,
    place: &Place<'_>,
    language: Language,
) {
    items.push(Item::Heading(words::ABOUT.of(language).to_owned()));
    let mut fact = |name: words::Phrase, value: String| {
        items.push(Item::Fact(name.of(language).to_owned(), value));
    };
    fact(words::FORCE, report.force.clone());
    fact(
        words::ROUTE,
        words::route(report.route, language).to_owned(),
    );
    let written = words::language(report.language, language);
    fact(words::LANGUAGE, written.to_owned());
    let device = words::BY_DEVICE.of(language);
    fact(
        words::WRITTEN_ON,
        format!("{} ({device})", report.written_on),
    );
    fact(words::CONTACT, contact(report, language));
    if let Some(thread) = &report.adds_to {
        let (report, earlier) = (words::REPORT.of(language), words::EARLIER.of(language));
        let known = place
            .adds_to
            .map(|reference| format!("{report} {reference}"));
        fact(
            words::ADDS_TO,
            known.unwrap_or_else(|| format!("{earlier} {thread}")),
        );
    }
    let way = if report.mailbox.is_some() {
        words::WAY_BACK
    } else {
        words::NO_WAY_BACK
    };
    fact(words::ANSWERS, way.of(language).to_owned());
    fact(words::QUESTIONS, report.question_set.clone());
    fact(
        words::KEY,
        format!("{} ({})", place.week, report.key.fingerprint),
    );
    fact(words::LOG, words::leaf(place.year, place.index, language));
    let promise = words::PROMISE.of(language);
    items.push(Item::Heading(promise.to_owned()));
    items.push(Item::Quote(&report.promise.id));
    items.push(Item::Quote(&report.promise.text));
}

fn contact(report: &Report, language: Language) -> String {
    match &report.contact {
        Some(seal) => words::sealed(seal.threshold, seal.shares.len(), language),
        None => words::NONE.of(language).to_owned(),
    }
}

/// What is told, question by question, under the person whom it is about.
struct Told<'a> {
    items: Vec<Item<'a>>,
    report: &'a Report,
    language: Language,
    /// Whom the last heading named.
    about: Option<u8>,
}

impl<'a> Told<'a> {
    fn answer(&mut self, number: usize, answer: &'a Answer) {
        self.person(answer.person);
        self.items.push(Item::Question(number, &answer.question));
        match answer.state {
            State::Answered => {
                // What has parts may have nothing of its own to answer.
                if !answer.answer.is_none() || answer.parts.is_empty() {
                    self.value(&answer.answer);
                }
            }
            State::Skipped => self.mark(words::SKIPPED.of(self.language).to_owned()),
            State::NotReached => self.mark(words::NOT_REACHED.of(self.language).to_owned()),
            State::Sealed => {
                let mark = match &self.report.contact {
                    Some(_) => contact(self.report, self.language),
                    None => words::SEALED.of(self.language).to_owned(),
                };
                self.mark(mark);
            }
        }
        if answer.state == State::Answered {
            for part in &answer.parts {
                self.part(part, answer.person);
            }
        }
    }

    fn part(&mut self, part: &'a Part, of_answer: Option<u8>) {
        self.person(part.person.or(of_answer));
        self.items.push(Item::Part(&part.question));
        self.value(&part.answer);
    }

    fn value(&mut self, value: &'a AnswerValue) {
        match value {
            AnswerValue::None => self.mark(words::EMPTY.of(self.language).to_owned()),
            AnswerValue::Text(text) if text.is_empty() => {
                self.mark(words::EMPTY.of(self.language).to_owned());
            }
            AnswerValue::Text(text) => self.items.push(Item::Said(text)),
            AnswerValue::Choices(choices) => {
                self.items.extend(choices.iter().map(|c| Item::Ticked(c)));
            }
        }
    }

    fn mark(&mut self, mark: String) {
        self.items.push(Item::Mark(mark));
    }

    /// A heading where what is told turns to somebody else.
    fn person(&mut self, number: Option<u8>) {
        if number == self.about {
            return;
        }
        self.about = number;
        let heading = match number {
            None => words::WHOLE.of(self.language).to_owned(),
            Some(number) => {
                let index = usize::from(number).saturating_sub(1);
                let person = self.report.people.get(index);
                let heading = words::person(number, self.language);
                match person {
                    Some(person) => format!(
                        "{heading}: {} ({})",
                        words::role(person.role, self.language),
                        words::basis(person.basis, self.language)
                    ),
                    None => heading,
                }
            }
        };
        self.items.push(Item::Heading(heading));
    }
}

fn push_files<'a>(items: &mut Vec<Item<'a>>, report: &'a Report, language: Language) {
    let files = words::FILES.of(language);
    if report.files.is_empty() {
        let none = words::NONE.of(language);
        items.push(Item::Heading(format!("{files}: {none}")));
        return;
    }
    items.push(Item::Heading(format!("{files}: {}", report.files.len())));
    items.push(Item::Note(words::FILES_NOTE.of(language).to_owned()));
    for (number, file) in (1..).zip(&report.files) {
        let about = format!(
            "{}, {} {}, {}",
            file.media_type,
            file.size,
            words::BYTES.of(language),
            words::metadata(file.metadata, language)
        );
        items.push(Item::File(number, &file.name, about));
    }
}
