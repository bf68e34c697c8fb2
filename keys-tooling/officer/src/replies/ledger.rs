//! What was told to whom: one file, sealed to every officer.
//!
//! It holds who can be answered, every message that was sent with its number, and how far each has come. The words of an
//! answer lie in it sealed once more, to the intake key of the report's week: when that key is destroyed, they are gone too.
//! It is replaced in one step, and what it does not name was not told: a record in the outbox that it does not name is
//! nobody's. Must never be written in the clear.

use std::collections::BTreeMap;
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

use super::REPLIES;
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::{Keyring, Opened};
use crate::keys::{made, seal_to};
use crate::vault::{Vault, damaged};
use crate::weeks::Week;

const LEDGER: &str = "ledger.age";

const SIZE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How the person who sent a report is answered.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Way {
    /// The week of the intake key that opened the report.
    pub(crate) week: String,
    /// The thread that comes from the person's words: of the report itself, or of what it adds to.
    pub(crate) thread: String,
    /// What answers are sealed to.
    pub(crate) mailbox: String,
}

/// How far a message has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    pub(crate) thread: String,
    /// Counts the messages of the thread, from 1.
    pub(crate) number: u32,
    /// The report that it is about.
    pub(crate) report: Hex32,
    pub(crate) state: MessageState,
    pub(crate) on: Date,
    /// N of the `officer-N` by whom it came to be.
    pub(crate) officer: u16,
    pub(crate) language: Option<Language>,
    /// The words, sealed to the intake key of the report's week, in base64.
    pub(crate) text: Option<String>,
    pub(crate) step: Step,
}

/// The ledger, opened. Whoever changes it holds the vault's lock.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ledger {
    version: u8,
    /// By `h`: the reports whose writers can be answered.
    ways: BTreeMap<Hex32, Way>,
    pub(crate) sent: Vec<Sent>,
    /// Pages in the outbox, by `h`, that were made and are not given out.
    pub(crate) staged: Vec<Hex32>,
}

impl Way {
    /// How the writer of an opened report is answered; `None` when the report was sent without words, or with something in
    /// the place of a mailbox that is none.
    pub(crate) fn of(opened: &Opened) -> Option<Self> {
        let report = &opened.report;
        let mailbox = report.mailbox.as_ref()?;
        mailbox.parse::<hafan_seal::Recipient>().ok()?;
        let thread = report.adds_to.as_ref().unwrap_or(&report.thread);
        Some(Self {
            week: opened.week.id(),
            thread: thread.to_string(),
            mailbox: mailbox.clone(),
        })
    }
}

impl Ledger {
    /// Opens the vault's ledger; an empty one when nothing was told yet.
    pub(crate) fn open(vault: &Vault, keys: &Keyring) -> Result<Self, Failure> {
        let path = path(vault);
        if !path.exists() {
            return Ok(Self {
                version: 1,
                ways: BTreeMap::new(),
                sent: Vec::new(),
                staged: Vec::new(),
            });
        }
        let sealed = files::read(&path, SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
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

    pub(crate) fn way(&self, report: &Hex32) -> Option<&Way> {
        self.ways.get(report)
    }

    pub(crate) fn add_way(&mut self, report: Hex32, way: Way) {
        self.ways.insert(report, way);
    }

    /// Whether a state of a report was told.
    pub(crate) fn is_told(&self, report: &Hex32, state: MessageState) -> bool {
        let mut sent = self.sent.iter();
        sent.any(|sent| sent.report == *report && sent.state == state)
    }

    /// The messages of a thread, in order.
    pub(crate) fn thread(&self, thread: &str) -> impl Iterator<Item = &Sent> {
        let mut sent: Vec<&Sent> = self.sent.iter().filter(|s| s.thread == thread).collect();
        sent.sort_by_key(|sent| sent.number);
        sent.into_iter()
    }

    /// The number of the next message of a thread.
    pub(crate) fn next_number(&self, thread: &str) -> u32 {
        let last = self.thread(thread).last().map_or(0, |sent| sent.number);
        last.saturating_add(1)
    }
}

impl Sent {
    /// The words of an answer; `None` when it has none, an error when the key of their week is gone.
    pub(crate) fn words(
        &self,
        keys: &Keyring,
        way: Option<&Way>,
    ) -> Option<Result<Zeroizing<String>, String>> {
        let sealed = self.text.as_ref()?;
        let week = way.map_or("", |way| &way.week);
        Some(open_words(sealed, keys, week))
    }
}

/// Seals the words of an answer to the intake key of the report's week.
///
/// # Errors
/// That key is not there any more, or not this officer's.
pub(crate) fn seal_words(text: &str, keys: &Keyring, week: &str) -> Result<String, Failure> {
    let key = Week::parse(week).map_or(Ok(None), |week| keys.week_key(week));
    let key = key.map_err(|why| {
        Failure::new(
            Kind::No,
            why,
            "put the file back from the vault's newest copy",
        )
    })?;
    let Some(key) = key else {
        return Err(Failure::new(
            Kind::No,
            format!(
                "the intake key of {week} is not in this vault, or not sealed to you, so that no copy of the answer could be kept"
            ),
            "a report whose week was retired can be answered no more; if it was not, try another officer's key",
        ));
    };
    let sealed = hafan_seal::seal_bytes(text.as_bytes(), &[key.to_recipient()]);
    let sealed = sealed.map_err(|e| made("a sealed copy of the answer").because(e))?;
    Ok(BASE64_STANDARD.encode(sealed))
}

fn open_words(sealed: &str, keys: &Keyring, week: &str) -> Result<Zeroizing<String>, String> {
    let gone = || "the intake key of its week is not in this vault, or was retired".to_owned();
    let key = Week::parse(week).map_or(Ok(None), |week| keys.week_key(week))?;
    let key = key.ok_or_else(gone)?;
    let sealed = BASE64_STANDARD.decode(sealed).map_err(|e| e.to_string())?;
    let words = hafan_open::open_bytes(&sealed, &[key]).map_err(|why| {
        if why == OpenError::OtherKey {
            return gone();
        }
        format!("it does not open: {why}")
    })?;
    let words = std::str::from_utf8(&words).map_err(|e| e.to_string())?;
    Ok(Zeroizing::new(words.to_owned()))
}

fn path(vault: &Vault) -> PathBuf {
    vault.path(REPLIES).join(LEDGER)
}
