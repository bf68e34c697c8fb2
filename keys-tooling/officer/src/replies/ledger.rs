//! What was told to whom: one file, sealed to every officer.
//!
//! It holds every message with its number, and how far each has come. The words of an answer lie in it sealed once more, to
//! the intake key of the report's week: when that key is destroyed, they are gone too. It is replaced in one step, and what it
//! does not name was not told: a record in the outbox that it does not name is nobody's.
//!
//! Nobody signs it, and the officers' recipients are public: whoever can write to the vault can put another in its place. So
//! it is believed for numbers and for what was told already, and never for where words go (`way.rs`). Must never be written in
//! the clear.

use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hafan_directory::Directory;
use hafan_open::OpenError;
use hafan_record::Hex32;
use hafan_report::{Language, MessageState};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::looked::LOOKED;
use super::{FILE_SIZE_BYTES_MAX, REPLIES};
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::Keyring;
use crate::keys::{made, seal_to};
use crate::vault::{Vault, damaged};
use crate::weeks::Week;

const LEDGER: &str = "ledger.age";

/// How far a message has come.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Step {
    /// Its record lies in the outbox under this name.
    Queued(String),
    /// Its record is on a page that lies in the outbox.
    Staged,
    /// Its page was given out.
    Exported(Date),
}

/// One message.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Message {
    pub(crate) thread: String,
    /// Counts the messages of the thread, from 1.
    pub(crate) number: u32,
    /// The report that it is about.
    pub(crate) report: Hex32,
    pub(crate) state: MessageState,
    pub(crate) on: Date,
    /// N of the `officer-N` by whom it came to be.
    pub(crate) officer: u16,
    /// Of an answer.
    pub(crate) words: Option<Words>,
    pub(crate) step: Step,
}

/// The words of an answer.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    pub(crate) language: Language,
    /// The week to whose intake key they are sealed.
    week: String,
    /// They themselves, sealed, in base64.
    sealed: String,
}

/// The ledger, opened. Whoever changes it holds the vault's lock.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    version: u8,
    pub(crate) messages: Vec<Message>,
    /// Pages in the outbox, by `h`, that were made and are not given out.
    pub(crate) staged: Vec<Hex32>,
}

impl Ledger {
    /// Opens the vault's ledger; an empty one when nothing was told yet.
    ///
    /// # Errors
    /// It is lost: what comes after it on the disk is there. An empty one would give every number a second time.
    pub(crate) fn open(vault: &Vault, keys: &Keyring) -> Result<Self, Failure> {
        let path = path(vault);
        if !path.exists() {
            if vault.path(REPLIES).join(LOOKED).exists() {
                return Err(damaged(&path));
            }
            return Ok(Self {
                version: 1,
                messages: Vec::new(),
                staged: Vec::new(),
            });
        }
        let sealed =
            files::read(&path, FILE_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let json = keys.open_sealed(&sealed).map_err(|why| {
            if why != OpenError::OtherKey {
                return damaged(&path).because(why);
            }
            let officer = keys.number();
            let what = format!("what was answered is not sealed to officer-{officer}");
            let advice = "after --as give an officer whom the newest directory names";
            Failure::new(Kind::No, what, advice)
        })?;
        let ledger: Self = serde_json::from_slice(&json).map_err(|e| damaged(&path).because(e))?;
        if ledger.version == 1 {
            Ok(ledger)
        } else {
            Err(damaged(&path))
        }
    }

    /// Seals it to the officers of the directory and puts it in the place of the one before.
    pub(crate) fn save(&self, vault: &Vault, directory: &Directory) -> Result<(), Failure> {
        let json = serde_json::to_vec(self).map(Zeroizing::new);
        let json = json.map_err(|e| made("the ledger of answers").because(e))?;
        let sealed = seal_to(&json, &directory.contents().contact.recipients)?;
        let path = path(vault);
        let dir = vault.path(REPLIES);
        files::make_dir(&dir)
            .and_then(|()| files::replace(&path, &sealed, Access::Owner))
            .map_err(|e| Failure::write(&path, e))
    }

    /// Whether a state of a report was told.
    pub(crate) fn is_told(&self, report: &Hex32, state: MessageState) -> bool {
        let mut messages = self.messages.iter();
        messages.any(|message| message.report == *report && message.state == state)
    }

    /// The messages of a thread, in order.
    pub(crate) fn thread(&self, thread: &str) -> Vec<&Message> {
        let mut messages: Vec<&Message> = self.of(thread).collect();
        messages.sort_by_key(|message| message.number);
        messages
    }

    /// The number of the next message of a thread.
    pub(crate) fn next_number(&self, thread: &str) -> u32 {
        let last = self.of(thread).map(|message| message.number).max();
        last.unwrap_or(0).saturating_add(1)
    }

    fn of(&self, thread: &str) -> impl Iterator<Item = &Message> {
        let messages = self.messages.iter();
        messages.filter(move |message| message.thread == thread)
    }
}

impl Words {
    /// Seals the words of an answer to the intake key of the report's week.
    ///
    /// # Errors
    /// That key is not there any more, or not this officer's.
    pub(crate) fn seal(
        text: &str,
        language: Language,
        keys: &Keyring,
        week: Week,
    ) -> Result<Self, Failure> {
        let key = keys.week_key(week).map_err(|why| {
            let advice = "put the file back from the vault's newest copy";
            Failure::new(Kind::No, why, advice)
        })?;
        let key = key.ok_or_else(|| {
            let what = format!(
                "the intake key of {} is not in this vault, or not sealed to you, so that no copy of the answer could be kept",
                week.id()
            );
            Failure::new(Kind::No, what, "try another officer's key")
        })?;
        let sealed = hafan_seal::seal_bytes(text.as_bytes(), &[key.to_recipient()]);
        let sealed = sealed.map_err(|e| made("a sealed copy of the answer").because(e))?;
        Ok(Self {
            language,
            week: week.id(),
            sealed: BASE64_STANDARD.encode(sealed),
        })
    }

    /// Opens them, when the key of their week is still there.
    pub(crate) fn open(&self, keys: &Keyring) -> Result<Zeroizing<String>, String> {
        let gone = || "the intake key of its week is not in this vault, or was retired".to_owned();
        let week = Week::parse(&self.week).ok_or_else(gone)?;
        let key = keys.week_key(week)?.ok_or_else(gone)?;
        let sealed = BASE64_STANDARD.decode(&self.sealed);
        let sealed = sealed.map_err(|e| e.to_string())?;
        let words = hafan_open::open_bytes(&sealed, &[key]).map_err(|why| {
            if why == OpenError::OtherKey {
                return gone();
            }
            format!("it does not open: {why}")
        })?;
        let words = std::str::from_utf8(&words).map_err(|e| e.to_string())?;
        Ok(Zeroizing::new(words.to_owned()))
    }
}

fn path(vault: &Vault) -> PathBuf {
    vault.path(REPLIES).join(LEDGER)
}
