//! `reply`: an answer in words to the person who sent a report.
//!
//! Shows what is going to be sent, writes down that it is, and only then lays it into the outbox. Must never keep the words in
//! the clear.

use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;

use hafan_export::{text, words};
use hafan_record::{AnswerLanguage, Event, Hex32};
use hafan_report::{Language, MessageState, check_text};
use zeroize::Zeroizing;

use super::collect::collect;
use super::key;
use super::ledger::Ledger;
use super::looked::Looked;
use super::outbox::{Unsigned, refused};
use super::way::{NoWay, Way};
use crate::access;
use crate::cli::replies::Reply;
use crate::failure::{COLUMNS, Failure, Kind, say};
use crate::files;
use crate::keyring::Keyring;
use crate::passphrase::Passphrases;
use crate::read::find;
use crate::tty::{must_type, show};
use crate::vault::{Held, Vault};

/// No answer that fits is as long.
const TEXT_SIZE_BYTES_MAX: u64 = 64 * 1024;

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
    let way = way(&vault, &keys, held, &reference)?;
    let mut ledger = Ledger::open(&vault, &keys)?;
    let language = args.language.language();
    let unsigned = Unsigned {
        report: Hex32::from(&held.h),
        way: &way,
        state: MessageState::Replied,
        words: Some((language, &text)),
    };
    let signed = unsigned.sign(&vault, &keys, &ledger, &signer)?;
    let number = signed.number();
    say(&preview(&reference, language, number, &text));
    if !args.yes {
        must_type(
            "Send this? Then type yes:",
            "yes",
            "no answer was recorded and nothing is sent",
            "give --yes",
        )?;
    }
    let event = Event::Replied {
        report: unsigned.report,
        language: match language {
            Language::English => AnswerLanguage::English,
            Language::Welsh => AnswerLanguage::Welsh,
        },
        text: Hex32::sha256(text.as_bytes()),
    };
    access::note(&vault, keys.signer(), event)?;
    signed.queue(&vault, &mut ledger)?;
    ledger.save(&vault, &directory)?;
    show(&format!(
        "Message {number} about {reference} is in the outbox. It goes out with the next export: hafan-keys replies export."
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// How the person is answered, as the report itself says; that it is opened for this is written down first. One that was not
/// looked at yet, or did not open then, is looked at as an import does it.
fn way(vault: &Vault, keys: &Keyring, held: &Held, reference: &str) -> Result<Way, Failure> {
    if Looked::open(vault)?.is_opened(&Hex32::from(&held.h)) {
        let event = Event::Collected {
            reports: 1,
            tree: vault.tree_sha256(),
        };
        access::note(vault, keys.signer(), event)?;
    } else {
        collect(vault, keys)?;
    }
    let opened = keys.open(held).map_err(|why| {
        Failure::new(
            Kind::No,
            format!(
                "the report {reference} does not open, so nobody can tell how its writer is answered: {why}"
            ),
            "no answer was recorded. If the week was retired, a report of it can be answered no more; if not, try another \
             officer's key",
        )
    })?;
    Way::of(&opened).map_err(|why| match why {
        NoWay::NoWords => Failure::new(
            Kind::No,
            format!(
                "the person who sent {reference} cannot be reached this way: it was sent without words"
            ),
            "no answer was recorded. They chose not to be reached, or did not take the words; the report says which other \
             way there is, if any",
        ),
        NoWay::NoMailbox => Failure::new(
            Kind::No,
            format!(
                "the person who sent {reference} cannot be reached this way: what the report has in the place of a mailbox is none"
            ),
            "no answer was recorded. No browser of ours sends that: keep the report, and tell the operator and the auditors",
        ),
    })
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
    let language = words::language(language, Language::English);
    let head =
        format!("To the person who sent {reference}, as message {number} to them, in {language}:");
    // Made visible once: twice would show the escapes themselves as typed.
    let words = text::block(text, 4, COLUMNS);
    format!(
        "{}\n{words}\nThey read it when they come back with their words. Nobody sees whom it is for.",
        text::paragraph(&head, 0, COLUMNS)
    )
}
