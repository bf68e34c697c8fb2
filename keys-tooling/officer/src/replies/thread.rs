//! `thread`: a report, what was added to it, and what was told to its writer, on one sheet.
//!
//! The list is made first, and says so in the access record, since only an opened report tells what it adds to; then each
//! report of the thread is opened for the reason that was given.

use std::process::ExitCode;

use hafan_envelope::submission::Digest;
use hafan_export::rows;
use hafan_export::sheet::Item;
use hafan_export::thread::{Message, messages};
use hafan_export::words;
use zeroize::Zeroizing;

use super::ledger::{Ledger, Step};
use crate::cli::replies::Thread;
use crate::failure::{Failure, Kind, print, say};
use crate::keyring::Keyring;
use crate::list::{self, Row};
use crate::passphrase::Passphrases;
use crate::read::{blocks, columns, find, open, remember};
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
        for note in remember(&vault, &keys, held, &opened, &row.reference) {
            say(&format!("note: {note}"));
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
    let blocks = rows::blocks(&messages(&told, language));
    let told_text = Zeroizing::new(rows::print(&blocks, columns()));
    print(&Zeroizing::new(format!(
        "{}{}{}",
        rows::print(&head, columns()),
        *sheets,
        *told_text,
    )))?;
    Ok(ExitCode::SUCCESS)
}

/// The thread that a report belongs to.
fn thread_of(rows: &[Row], held: &[Held], h: &Digest, reference: &str) -> Result<String, Failure> {
    let is_it = |row: &&Row| held.get(row.held).is_some_and(|held| held.h == *h);
    let row = rows.iter().find(is_it);
    if let Some((thread, _)) = row.and_then(Row::thread) {
        return Ok(thread.to_owned());
    }
    Err(match row.and_then(|row| row.content.as_ref().err()) {
        Some(why) => Failure::new(
            Kind::No,
            format!("the report {reference} cannot be opened: {why}"),
            "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
        ),
        None => Failure::new(
            Kind::Unsafe,
            "the list has come apart",
            "run the same command again",
        ),
    })
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

/// What was told to the writer of a thread, in order.
fn told(vault: &Vault, keys: &Keyring, thread: &str) -> Result<Vec<Message>, Failure> {
    let ledger = Ledger::open(vault, keys)?;
    let messages = ledger.thread(thread).into_iter().map(|message| Message {
        number: message.number,
        state: message.state,
        on: message.on.to_string(),
        officer: format!("officer-{}", message.officer),
        reference: Reference::of(&Digest(message.report.0)).to_string(),
        language: message.words.as_ref().map(|words| words.language),
        words: message.words.as_ref().map(|words| words.open(keys)),
        exported_on: match &message.step {
            Step::Exported(on) => Some(on.to_string()),
            Step::Queued(_) | Step::Staged => None,
        },
    });
    Ok(messages.collect())
}
