//! Messages on their way: signed, sealed to the mailbox, and laid into the outbox as records that nobody here can open.
//!
//! A record is on the disk before the ledger names it, and counts only then. So an interruption leaves a record that is
//! nobody's, and no number is given twice.

use std::path::PathBuf;

use hafan_envelope::reply::RECORD_SIZE_BYTES;
use hafan_record::Hex32;
use hafan_report::{Language, MessageError, MessageState};
use hafan_seal::reply::{Record, seal_record};
use hafan_tlog::Signer;
use rand::RngCore as _;
use rand::rngs::OsRng;

use super::REPLIES;
use super::ledger::{Ledger, Message, Step, Words};
use super::way::Way;
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::{Keyring, today};
use crate::keys::made;
use crate::vault::{Vault, damaged};

const OUTBOX: &str = "outbox";

/// What is going to be told.
pub(crate) struct Unsigned<'a> {
    pub(crate) report: Hex32,
    pub(crate) way: &'a Way,
    pub(crate) state: MessageState,
    pub(crate) words: Option<(Language, &'a str)>,
}

/// A message that has its number and its signature, sealed, and is nowhere yet.
pub(crate) struct Signed {
    record: Record,
    /// Its record's name in the outbox.
    name: String,
    message: Message,
}

impl Unsigned<'_> {
    /// Gives the message the next number of its thread, signs it and seals it: nothing is written.
    ///
    /// # Errors
    /// An answer that is too long, or with characters that have no place in one.
    pub(crate) fn sign(
        &self,
        vault: &Vault,
        keys: &Keyring,
        ledger: &Ledger,
        signer: &Signer,
    ) -> Result<Signed, Failure> {
        let number = ledger.next_number(&self.way.thread);
        let today = today();
        let fault = || made("a message");
        let message = hafan_report::Message {
            force: vault.force().to_string(),
            thread: self.way.thread.parse().map_err(|e| fault().because(e))?,
            number,
            report: self.report.to_string(),
            state: self.state,
            on: today.to_string().parse().map_err(|e| fault().because(e))?,
            language: self.words.map(|(language, _)| language),
            text: self.words.map(|(_, text)| text.to_owned()),
        };
        let message = message.sign(signer).map_err(refused)?;
        let record = seal_record(&message, &self.way.mailbox);
        let words = match self.words {
            Some((language, text)) => Some(Words::seal(text, language, keys, self.way.week)?),
            None => None,
        };
        let mut name = [0; 16];
        OsRng
            .try_fill_bytes(&mut name)
            .map_err(|e| made("the name of a sealed message").because(e))?;
        let name = hex::encode(name);
        Ok(Signed {
            record: record.map_err(|e| made("a sealed message").because(e))?,
            message: Message {
                thread: self.way.thread.clone(),
                number,
                report: self.report,
                state: self.state,
                on: today,
                officer: keys.number(),
                words,
                step: Step::Queued(name.clone()),
            },
            name,
        })
    }
}

impl Signed {
    /// Counts the messages of the thread, from 1.
    pub(crate) const fn number(&self) -> u32 {
        self.message.number
    }

    /// Lays the record into the outbox and writes the message into the ledger, which then has to be saved.
    pub(crate) fn queue(self, vault: &Vault, ledger: &mut Ledger) -> Result<(), Failure> {
        let dir = dir(vault);
        let path = record_path(vault, &self.name);
        files::make_dir(&vault.path(REPLIES))
            .and_then(|()| files::make_dir(&dir))
            .and_then(|()| files::replace(&path, &self.record, Access::Owner))
            .map_err(|e| Failure::write(&dir, e))?;
        ledger.messages.push(self.message);
        Ok(())
    }
}

/// What is wrong with the words of an answer, and what to do.
pub(crate) fn refused(why: MessageError) -> Failure {
    let advice = if let MessageError::TooLong { over } = &why {
        format!(
            "shorten it by {over} bytes (a plain letter is one byte; an accented letter, a line end or a straight \" is two; a \
             curly quotation mark or a dash is three), or send what is left as a second answer"
        )
    } else if let MessageError::Control { .. } = &why {
        "take that character out: only line ends are sent, no tabs, and no line ends of another system".to_owned()
    } else if let MessageError::Blank = &why {
        "write what the person is to read".to_owned()
    } else {
        return made("a message").because(why);
    };
    Failure::new(
        Kind::Usage,
        "the answer cannot be sent, and no answer was recorded",
        advice,
    )
    .because(why)
}

/// Takes a queued record up again.
pub(crate) fn record(vault: &Vault, name: &str) -> Result<Record, Failure> {
    let path = record_path(vault, name);
    let size = u64::try_from(RECORD_SIZE_BYTES).unwrap_or(u64::MAX);
    let bytes = files::read(&path, size).map_err(|e| Failure::read(&path, e))?;
    let record = bytes.as_slice().try_into();
    record.map_err(|_| damaged(&path))
}

/// Where a queued record lies, under a name that says nothing.
fn record_path(vault: &Vault, name: &str) -> PathBuf {
    dir(vault).join(format!("{name}.record"))
}

/// Where a staged page lies.
pub(crate) fn page_path(vault: &Vault, h: &Hex32) -> PathBuf {
    dir(vault).join(format!("{h}.page"))
}

/// Lays a page into the outbox.
pub(crate) fn put_page(vault: &Vault, h: &Hex32, page: &[u8]) -> Result<(), Failure> {
    let dir = dir(vault);
    let path = page_path(vault, h);
    files::make_dir(&vault.path(REPLIES))
        .and_then(|()| files::make_dir(&dir))
        .and_then(|()| files::replace(&path, page, Access::Owner))
        .map_err(|e| Failure::write(&path, e))
}

/// Takes away what the ledger does not name: what an interruption left, and what was given out.
pub(crate) fn clear(vault: &Vault, ledger: &Ledger) -> Result<(), Failure> {
    let dir = dir(vault);
    if !dir.exists() {
        return Ok(());
    }
    let messages = ledger.messages.iter();
    let queued = messages.filter_map(|message| match &message.step {
        Step::Queued(name) => Some(format!("{name}.record")),
        Step::Staged | Step::Exported(_) => None,
    });
    let staged = ledger.staged.iter().map(|h| format!("{h}.page"));
    let named: std::collections::BTreeSet<String> = queued.chain(staged).collect();
    let failed = |e| Failure::write(&dir, e);
    for entry in std::fs::read_dir(&dir).map_err(|e| Failure::read(&dir, e))? {
        let entry = entry.map_err(|e| Failure::read(&dir, e))?;
        if !entry
            .file_name()
            .to_str()
            .is_some_and(|name| named.contains(name))
        {
            files::remove_if_there(&entry.path()).map_err(failed)?;
        }
    }
    files::sync_dir(&dir).map_err(failed)
}

fn dir(vault: &Vault) -> PathBuf {
    vault.path(REPLIES).join(OUTBOX)
}
