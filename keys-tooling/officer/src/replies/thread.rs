//! `thread`: a report, what was added to it, and what was told to its writer, on one sheet.
//!
//! The list is made first, and says so in the access record, since only an opened report tells what it adds to; then each
//! report of the thread is opened for the reason that was given.

use std::process::ExitCode;

use hafan_envelope::submission::Digest;
use hafan_export::rows;
use hafan_export::sheet::Item;
use hafan_export::thread::{Told, messages};
use hafan_export::words;
use hafan_report::{Language, MessageState};
use jiff::civil::Date;
use zeroize::Zeroizing;

use super::collect::tell_read;
use super::ledger::{Ledger, Step};
use crate::cli::replies::Thread;
use crate::failure::{Failure, Kind, print, say};
use crate::keyring::Keyring;
use crate::list::{self, Row};
use crate::passphrase::Passphrases;
use crate::read::{blocks, columns, find, mark_read, open};
use crate::reference::Reference;
use crate::vault::{Held, Vault};

pub(crate) fn run(args: &Thread) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let reason = args.why.reason()?;
    let held = vault.held()?;
    let (asked, reference) = find(&held, &args.reference)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let rows = list::rows(&vault, &keys, &held)?;
    let thread = thread_of(&rows, &held, &asked.h, &reference.to_string())?;
    let language = args.headings.language();
    let mut sheets = Zeroizing::new(String::new());
    let members = members(&rows, &thread);
    for row in &members {
        let Some(held) = held.get(row.held) else {
            continue;
        };
        let opened = open(&vault, &keys, held, &row.reference, reason.clone())?;
        let marked = mark_read(&vault, held).and_then(|()| tell_read(&vault, &keys, held, &opened));
        if let Err(why) = marked {
            say(&format!(
                "note: that {} was read is not remembered or not told: {why}",
                row.reference
            ));
        }
        let adds_to = row.adds_to.as_deref();
        let blocks = blocks(&opened, held, &row.reference, adds_to, language);
        sheets.push('\n');
        sheets.push_str(&rows::print(&blocks, columns()));
    }
    let told = told(&vault, &keys, &thread)?;
    let additions = members
        .iter()
        .filter(|row| row.thread().is_some_and(|(_, to)| to.is_some()));
    let counts = words::thread(additions.count(), told.len(), language);
    let head = rows::blocks(&[Item::Note(counts)]);
    print(&Zeroizing::new(format!(
        "{}{}{}",
        rows::print(&head, columns()),
        *sheets,
        *messages_text(&told, language),
    )))?;
    Ok(ExitCode::SUCCESS)
}

/// The thread that a report belongs to.
fn thread_of(rows: &[Row], held: &[Held], h: &Digest, reference: &str) -> Result<String, Failure> {
    let is_it = |row: &&Row| held.get(row.held).is_some_and(|held| held.h == *h);
    let row = rows.iter().find(is_it);
    match row.map(|row| &row.content) {
        Some(Ok(content)) => Ok(content.adds_to.as_ref().unwrap_or(&content.thread).clone()),
        Some(Err(why)) => Err(Failure::new(
            Kind::No,
            format!("the report {reference} cannot be opened: {why}"),
            "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
        )),
        None => Err(Failure::new(
            Kind::Unsafe,
            "the list has come apart",
            "run the same command again",
        )),
    }
}

/// The report, and then what was added to it, in the order of the log.
fn members<'a>(rows: &'a [Row], thread: &str) -> Vec<&'a Row> {
    let of_thread = |row: &&Row| row.thread().is_some_and(|(of, _)| of == thread);
    let mut members: Vec<&Row> = rows.iter().filter(of_thread).collect();
    members.sort_by_key(|row| {
        let is_addition = row.thread().is_some_and(|(_, adds_to)| adds_to.is_some());
        (is_addition, row.year, row.index)
    });
    members
}

/// One message, with its words.
struct Message {
    number: u32,
    state: MessageState,
    on: String,
    officer: String,
    reference: String,
    language: Option<Language>,
    words: Option<Result<Zeroizing<String>, String>>,
    exported_on: Option<String>,
}

fn told(vault: &Vault, keys: &Keyring, thread: &str) -> Result<Vec<Message>, Failure> {
    let ledger = Ledger::open(vault, keys)?;
    let day = |date: &Date| date.to_string();
    let messages = ledger.thread(thread).map(|sent| Message {
        number: sent.number,
        state: sent.state,
        on: day(&sent.on),
        officer: format!("officer-{}", sent.officer),
        reference: Reference::of(&Digest(sent.report.0)).to_string(),
        language: sent.language,
        words: sent.words(keys, ledger.way(&sent.report)),
        exported_on: match &sent.step {
            Step::Exported(on) => Some(day(on)),
            Step::Queued(_) | Step::Staged => None,
        },
    });
    Ok(messages.collect())
}

fn messages_text(told: &[Message], language: Language) -> Zeroizing<String> {
    let told: Vec<Told<'_>> = told
        .iter()
        .map(|message| Told {
            number: message.number,
            state: message.state,
            on: &message.on,
            officer: &message.officer,
            reference: &message.reference,
            language: message.language,
            words: message.words.as_ref().map(|words| match words {
                Ok(words) => Ok(words.as_str()),
                Err(why) => Err(why.as_str()),
            }),
            exported_on: message.exported_on.as_deref(),
        })
        .collect();
    let blocks = rows::blocks(&messages(&told, language));
    Zeroizing::new(rows::print(&blocks, columns()))
}
