//! What the reader shows and what a key does: no terminal, no vault, so that tests can press every key.
//!
//! A key that needs the vault gives an [`Ask`]; nothing of a report is here before that was answered.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a key that is not named does nothing, whatever keys termion comes to know"
)]

use std::collections::BTreeMap;

use hafan_record::{Reason, ReasonCode, WORDS_CHARACTERS_MAX, Words};
use secrecy::SecretString;
use termion::event::Key;
use zeroize::Zeroizing;

use super::sheet::{Hit, Sheet};
use crate::list;

/// The most characters of a passphrase or a search.
const TYPED_CHARACTERS_MAX: usize = 1024;

/// What a key asks of the vault or the terminal.
pub(super) enum Ask {
    Unlock(SecretString),
    /// Open the report at this place of the list, for this reason.
    Open(usize, Reason),
    Lock,
    Leave,
}

/// Text that a person types.
pub(super) struct Typed(Zeroizing<String>);

/// Which part is looked at.
pub(super) enum View {
    Locked {
        typed: Typed,
        said: String,
    },
    List,
    /// Why the chosen report is opened: which of the list, and words once one is chosen.
    Reason {
        at: usize,
        words: Option<Typed>,
        said: String,
    },
    Reading,
    Search {
        typed: Typed,
    },
    Help,
    /// Something that has to be read before anything else is done.
    Told(String),
}

pub(super) struct App {
    pub(super) force: String,
    pub(super) officer: String,
    /// The reason that is offered first.
    pub(super) first_reason: ReasonCode,
    pub(super) view: View,
    pub(super) is_hidden: bool,
    pub(super) entries: Vec<list::Row>,
    pub(super) chosen: usize,
    /// The first entry that is shown.
    pub(super) list_top: usize,
    /// What was opened, by its place in the list.
    pub(super) sheets: BTreeMap<usize, Sheet>,
    pub(super) hits: Vec<(usize, Hit)>,
    pub(super) hit: Option<usize>,
    /// Rows of the list or the reading pane, as last drawn.
    pub(super) rows: usize,
    /// The first row that is shown of help or a message.
    pub(super) scroll: usize,
    /// One line on what came of the last key.
    pub(super) said: String,
}

impl Typed {
    pub(super) fn new() -> Self {
        // Room for all of it, so that growing leaves no copy.
        Self(Zeroizing::new(String::with_capacity(
            4 * TYPED_CHARACTERS_MAX,
        )))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn key(&mut self, key: Key, characters_max: usize) {
        match key {
            Key::Char(c) if !c.is_control() && self.0.chars().count() < characters_max => {
                self.0.push(c);
            }
            Key::Backspace | Key::Ctrl('h') => drop(self.0.pop()),
            Key::Ctrl('u') => self.0.clear(),
            _ => {}
        }
    }
}

impl View {
    pub(super) fn locked(said: &str) -> Self {
        Self::Locked {
            typed: Typed::new(),
            said: said.to_owned(),
        }
    }
}

impl App {
    pub(super) fn new(force: String, officer: String, first_reason: ReasonCode) -> Self {
        Self {
            force,
            officer,
            first_reason,
            view: View::locked(""),
            is_hidden: false,
            entries: Vec::new(),
            chosen: 0,
            list_top: 0,
            sheets: BTreeMap::new(),
            hits: Vec::new(),
            hit: None,
            rows: 1,
            scroll: 0,
            said: String::new(),
        }
    }

    /// Shows the list.
    pub(super) fn unlocked(&mut self, entries: Vec<list::Row>) {
        self.entries = entries;
        self.chosen = 0;
        self.list_top = 0;
        self.view = View::List;
    }

    /// Lets go of everything that was opened.
    pub(super) fn lock(&mut self, said: &str) {
        self.view = View::locked(said);
        self.is_hidden = false;
        self.sheets.clear();
        self.hits.clear();
        self.hit = None;
        self.entries.clear();
        self.said.clear();
    }

    /// Shows a report that was opened.
    pub(super) fn opened(&mut self, at: usize, sheet: Sheet) {
        if let Some(entry) = self.entries.get_mut(at) {
            entry.is_read = true;
        }
        self.sheets.insert(at, sheet);
        self.chosen = at;
        self.view = View::Reading;
        self.said.clear();
    }

    /// Says something that has to be read before anything else is done.
    pub(super) fn tell(&mut self, words: String) {
        self.scroll = 0;
        self.view = View::Told(words);
    }

    /// What a key does.
    pub(super) fn key(&mut self, key: Key) -> Option<Ask> {
        if key == Key::Ctrl('c') {
            return Some(Ask::Leave);
        }
        if self.is_hidden {
            return self.key_anywhere(key);
        }
        match &mut self.view {
            View::Locked { .. } => self.key_locked(key),
            View::Reason { .. } => self.key_reason(key),
            View::Search { typed } => match key {
                Key::Esc => {
                    self.view = self.back();
                    None
                }
                Key::Char('\n') => {
                    let words = std::mem::replace(typed, Typed::new());
                    self.view = self.back();
                    self.search(words.as_str());
                    None
                }
                key => {
                    typed.key(key, TYPED_CHARACTERS_MAX);
                    None
                }
            },
            View::List => self.key_list(key),
            View::Reading => self.key_reading(key),
            View::Help | View::Told(_) => match key {
                Key::Char('h' | 'l' | 'q') => self.key_anywhere(key),
                Key::Up | Key::Char('k') => {
                    self.scroll = self.scroll.saturating_sub(1);
                    None
                }
                Key::Down | Key::Char('j') => {
                    self.scroll = self.scroll.saturating_add(1);
                    None
                }
                _ => {
                    self.view = self.back();
                    None
                }
            },
        }
    }

    /// Keys that do the same wherever nothing is typed.
    const fn key_anywhere(&mut self, key: Key) -> Option<Ask> {
        match key {
            Key::Char('h') => {
                self.is_hidden = !self.is_hidden;
                None
            }
            Key::Char('l') => Some(Ask::Lock),
            Key::Char('q') => Some(Ask::Leave),
            _ => None,
        }
    }

    /// Where help, a search or a message goes back to.
    fn back(&self) -> View {
        if self.sheets.contains_key(&self.chosen) {
            View::Reading
        } else {
            View::List
        }
    }

    fn key_locked(&mut self, key: Key) -> Option<Ask> {
        let View::Locked { typed, said } = &mut self.view else {
            return None;
        };
        match key {
            Key::Esc => return Some(Ask::Leave),
            Key::Char('\n') if typed.as_str().is_empty() => {
                "Type the passphrase, then press Enter.".clone_into(said);
            }
            Key::Char('\n') => {
                let secret = SecretString::from(typed.as_str());
                *typed = Typed::new();
                return Some(Ask::Unlock(secret));
            }
            key => typed.key(key, TYPED_CHARACTERS_MAX),
        }
        None
    }

    /// Keys that do the same in the list and in a report.
    fn key_common(&mut self, key: Key) -> Option<Ask> {
        match key {
            Key::Char('?') => {
                self.scroll = 0;
                self.view = View::Help;
            }
            Key::Char('/') if self.sheets.is_empty() => {
                "Open a report first: only opened reports are searched.".clone_into(&mut self.said);
            }
            Key::Char('/') => {
                self.view = View::Search {
                    typed: Typed::new(),
                }
            }
            Key::Char('n') => self.step(true),
            Key::Char('N') => self.step(false),
            key => return self.key_anywhere(key),
        }
        None
    }

    fn key_list(&mut self, key: Key) -> Option<Ask> {
        let last = self.entries.len().saturating_sub(1);
        match key {
            Key::Up | Key::Char('k') => self.chosen = self.chosen.saturating_sub(1),
            Key::Down | Key::Char('j') => self.chosen = self.chosen.saturating_add(1).min(last),
            Key::PageUp => self.chosen = self.chosen.saturating_sub(self.rows),
            Key::PageDown => self.chosen = self.chosen.saturating_add(self.rows).min(last),
            Key::Home => self.chosen = 0,
            Key::End => self.chosen = last,
            Key::Char('\n') => self.choose(),
            key => return self.key_common(key),
        }
        None
    }

    /// Shows the chosen report if it is open already, and else asks why it is to be opened.
    fn choose(&mut self) {
        self.said.clear();
        if self.sheets.contains_key(&self.chosen) {
            self.view = View::Reading;
        } else if let Some(entry) = self.entries.get(self.chosen) {
            self.view = match &entry.content {
                Ok(_) => View::Reason {
                    at: self.place_of_first_reason(),
                    words: None,
                    said: String::new(),
                },
                Err(why) => {
                    let words = format!("This report cannot be opened: {why}.");
                    return self.tell(words);
                }
            };
        }
    }

    fn place_of_first_reason(&self) -> usize {
        let place = ReasonCode::ALL
            .iter()
            .position(|code| *code == self.first_reason);
        place.unwrap_or(0)
    }

    fn key_reason(&mut self, key: Key) -> Option<Ask> {
        let chosen = self.chosen;
        let View::Reason { at, words, said } = &mut self.view else {
            return None;
        };
        let last = ReasonCode::ALL.len().saturating_sub(1);
        let Some(typed) = words else {
            match key {
                Key::Esc => self.view = View::List,
                Key::Up | Key::Char('k') => *at = at.saturating_sub(1),
                Key::Down | Key::Char('j') => *at = at.saturating_add(1).min(last),
                Key::Char(c @ '1'..='9') => {
                    let number = c.to_digit(10).and_then(|n| usize::try_from(n).ok());
                    *at = number.unwrap_or(1).saturating_sub(1).min(last);
                }
                Key::Char('\n') => *words = Some(Typed::new()),
                key => return self.key_anywhere(key),
            }
            return None;
        };
        match key {
            Key::Esc => {
                *words = None;
                said.clear();
            }
            Key::Char('\n') => match reason(*at, typed.as_str()) {
                Ok(reason) => return Some(Ask::Open(chosen, reason)),
                Err(why) => *said = why,
            },
            key => {
                typed.key(key, WORDS_CHARACTERS_MAX);
                said.clear();
            }
        }
        None
    }

    fn key_reading(&mut self, key: Key) -> Option<Ask> {
        let page = self.rows.saturating_sub(1).max(1);
        let rows = self.rows;
        let Some(sheet) = self.sheets.get_mut(&self.chosen) else {
            self.view = View::List;
            return None;
        };
        let last = sheet.rows().len().saturating_sub(rows);
        match key {
            Key::Up | Key::Char('k') => sheet.top = sheet.top.saturating_sub(1),
            Key::Down | Key::Char('j' | '\n') => sheet.top = sheet.top.saturating_add(1).min(last),
            Key::PageUp | Key::Char('b') => sheet.top = sheet.top.saturating_sub(page),
            Key::PageDown | Key::Char(' ') => sheet.top = sheet.top.saturating_add(page).min(last),
            Key::Home | Key::Char('g') => sheet.top = 0,
            Key::End | Key::Char('G') => sheet.top = last,
            Key::Esc | Key::Left => {
                self.view = View::List;
                self.said.clear();
            }
            key => return self.key_common(key),
        }
        None
    }

    /// Looks for `words` in every opened report, and goes to the first place at or behind where the reader is.
    fn search(&mut self, words: &str) {
        self.hit = None;
        self.hits.clear();
        for (at, sheet) in &self.sheets {
            self.hits
                .extend(sheet.find(words).into_iter().map(|hit| (*at, hit)));
        }
        let here = self.sheets.get(&self.chosen).map_or(0, |sheet| sheet.top);
        let behind = self.hits.iter().position(|(at, hit)| {
            let row = self
                .sheets
                .get(at)
                .map(|s| s.row_of(hit.block, hit.range.start));
            *at > self.chosen || (*at == self.chosen && row >= Some(here))
        });
        if self.hits.is_empty() {
            "Not found in the reports that are open.".clone_into(&mut self.said);
        } else {
            self.go(behind.unwrap_or(0));
        }
    }

    fn step(&mut self, onward: bool) {
        let (count, Some(hit)) = (self.hits.len(), self.hit) else {
            "Nothing to go on to: press / and type what to look for.".clone_into(&mut self.said);
            return;
        };
        let last = count.saturating_sub(1);
        self.go(match onward {
            true if hit >= last => 0,
            true => hit.saturating_add(1),
            false => hit.checked_sub(1).unwrap_or(last),
        });
    }

    fn go(&mut self, to: usize) {
        let Some((at, hit)) = self.hits.get(to) else {
            return;
        };
        self.hit = Some(to);
        self.chosen = *at;
        if let Some(sheet) = self.sheets.get_mut(at) {
            let row = sheet.row_of(hit.block, hit.range.start);
            if row < sheet.top || row >= sheet.top.saturating_add(self.rows) {
                sheet.top = row.saturating_sub(self.rows / 3);
            }
        }
        self.view = View::Reading;
        let number = to.saturating_add(1);
        self.said = format!("Found: {number} of {}. n: next, N: back", self.hits.len());
    }
}

/// The reason that was chosen, with the words that were typed.
fn reason(at: usize, typed: &str) -> Result<Reason, String> {
    let code = ReasonCode::ALL.get(at).copied();
    let code = code.ok_or_else(|| "Choose a reason.".to_owned())?;
    let words: Option<Words> = match typed.trim() {
        "" => None,
        typed => Some(typed.parse().map_err(said)?),
    };
    Reason::new(code, words).map_err(said)
}

fn said(why: hafan_record::ReasonError) -> String {
    format!("That cannot be recorded: {why}.")
}
