//! What was told to somebody who has words, as items of a sheet.
//!
//! The words of an answer are an officer's, and are made visible like a stranger's all the same.

use hafan_report::{Language, MessageState};
use zeroize::Zeroizing;

use crate::sheet::Item;
use crate::words;

/// One message.
pub struct Message {
    /// Its number in the thread, from 1.
    pub number: u32,
    /// What it tells.
    pub state: MessageState,
    /// The day, such as `2026-11-26`.
    pub on: String,
    /// By whom, such as `officer-1`.
    pub officer: String,
    /// What officers call the report that it is about.
    pub reference: String,
    /// In which language the words are.
    pub language: Option<Language>,
    /// The words, or why they are not there.
    pub words: Option<Result<Zeroizing<String>, String>>,
    /// The day on which it was given out; `None` while it lies in the outbox.
    pub exported_on: Option<String>,
}

/// The messages in order; headings and marks are in `language`.
#[must_use]
pub fn messages(told: &[Message], language: Language) -> Vec<Item<'_>> {
    let heading = words::TOLD_TO_THEM.of(language);
    let mut items = vec![Item::Heading(format!("{heading}: {}", told.len()))];
    for message in told {
        let out = message.exported_on.as_ref().map_or_else(
            || words::IN_OUTBOX.of(language).to_owned(),
            |day| format!("{} {day}", words::GIVEN_OUT.of(language)),
        );
        let state = words::message_state(message.state, language);
        let written = message.language.map(|of| words::language(of, language));
        let state = written.map_or_else(|| state.to_owned(), |in_| format!("{state} ({in_})"));
        items.push(Item::Fact(
            format!("{}. {}", message.number, message.on),
            format!("{state}; {}; {}; {out}", message.reference, message.officer),
        ));
        match &message.words {
            Some(Ok(text)) => items.push(Item::Quote(text)),
            Some(Err(why)) => items.push(Item::Mark(format!(
                "{}: {why}",
                words::NO_WORDS.of(language)
            ))),
            None => {}
        }
    }
    items
}
