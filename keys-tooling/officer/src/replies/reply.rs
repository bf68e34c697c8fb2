//! `reply`: an answer in words to the person who sent a report.
//!
//! Shows what is going to be sent, writes down that it is, and only then lays it into the outbox. Must never keep the words in
//! the clear.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use hafan_envelope::submission::Digest;
use hafan_export::text;
use hafan_record::{AnswerLanguage, Event, Hex32};
use hafan_report::{Language, MessageState, check_text};
use zeroize::Zeroizing;

use super::collect::collect;
use super::key;
use super::ledger::{Ledger, Way};
use super::looked::Looked;
use super::outbox::{Draft, refused};
use crate::access;
use crate::cli::replies::Reply;
use crate::failure::{Failure, Kind, say};
use crate::files;
use crate::keyring::Keyring;
use crate::passphrase::Passphrases;
use crate::read::find;
use crate::tty::{must_type, show};
use crate::vault::Vault;

/// No answer that fits is as long.
const TEXT_SIZE_BYTES_MAX: u64 = 64 * 1024;

/// What the narrowest usual terminal shows.
const COLUMNS: usize = 80;

pub(crate) fn run(args: &Reply) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let _lock = vault.lock()?;
    let text = read_text(&args.text_file)?;
    check_text(&text).map_err(refused)?;
    let held = vault.held()?;
    let (held, reference) = find(&held, &args.reference)?;
    let reference = reference.to_string();
    let directory = vault.directory()?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let signer = key::must_sign(&vault, &keys, &directory)?;
    let (mut ledger, way) = way(&vault, &keys, &held.h, &reference)?;
    let language = args.language.language();
    let draft = Draft {
        report: Hex32::from(&held.h),
        way: &way,
        state: MessageState::Replied,
        words: Some((language, &text)),
    };
    let signed = draft.sign(&vault, &ledger, &signer)?;
    say(&preview(&reference, language, signed.number, &text));
    if passphrases.are_typed() {
        must_type(
            "Send this? Then type yes:",
            "yes",
            "nothing was recorded and nothing is sent",
            "give --passphrase-file",
        )?;
    }
    let event = Event::Replied {
        report: draft.report,
        language: match language {
            Language::English => AnswerLanguage::English,
            Language::Welsh => AnswerLanguage::Welsh,
        },
        text: Hex32::sha256(text.as_bytes()),
    };
    access::note(&vault, keys.signer(), event)?;
    draft.queue(&signed, &vault, &keys, &mut ledger)?;
    ledger.save(&vault, &directory)?;
    show(&format!(
        "Message {} about {reference} is in the outbox. It goes out with the next export: hafan-keys replies export.",
        signed.number
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How the person is answered, from the ledger: reports that were not looked at yet are looked at first.
fn way(
    vault: &Vault,
    keys: &Keyring,
    h: &Digest,
    reference: &str,
) -> Result<(Ledger, Way), Failure> {
    let report = Hex32::from(h);
    if !Looked::open(vault)?.is_opened(&report) {
        collect(vault, keys)?;
    }
    if !Looked::open(vault)?.is_opened(&report) {
        return Err(Failure::new(
            Kind::No,
            format!(
                "the report {reference} does not open, so nobody can tell how its writer is answered"
            ),
            "hafan-keys list says why it does not open",
        ));
    }
    let ledger = Ledger::open(vault, keys)?;
    match ledger.way(&report).cloned() {
        Some(way) => Ok((ledger, way)),
        None => Err(Failure::new(
            Kind::No,
            format!(
                "the person who sent {reference} cannot be reached this way: it was sent without words"
            ),
            "nothing was recorded. They chose not to be reached, or did not take the words; the report says which other way \
             there is, if any",
        )),
    }
}

/// The words, without the line ends behind them that editors put there.
fn read_text(from: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |e| Failure::read(from, e);
    let bytes = if from == Path::new("-") {
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = TEXT_SIZE_BYTES_MAX.saturating_add(1);
        let read = io::stdin().lock().take(limit).read_to_end(&mut bytes);
        read.map_err(failed)?;
        bytes
    } else {
        files::read(from, TEXT_SIZE_BYTES_MAX).map_err(failed)?
    };
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let what = format!("{} is not UTF-8", from.display());
        Failure::new(Kind::Usage, what, "save the text as UTF-8, then try again").because(e)
    })?;
    Ok(Zeroizing::new(text.trim_end_matches('\n').to_owned()))
}

/// What is going to be sent, with every character visible.
fn preview(reference: &str, language: Language, number: u32, text: &str) -> String {
    let language = match language {
        Language::English => "English",
        Language::Welsh => "Welsh",
    };
    let head =
        format!("To the person who sent {reference}, as message {number} to them, in {language}:");
    // Made visible once: twice would show the escapes themselves as typed.
    let words = text::block(text, 4, COLUMNS);
    format!(
        "{}\n{words}\nThey read it when they come back with their words. Nobody sees whom it is for.",
        text::paragraph(&head, 0, COLUMNS)
    )
}
