//! `read`: one report, as asked and answered, on the terminal and nowhere else.

use std::process::ExitCode;

use hafan_export::rows::{self, Block};
use hafan_export::sheet::{Place, sheet};
use hafan_record::{Event, Hex32, Reason};
use hafan_report::Language;
use zeroize::Zeroizing;

use crate::access;
use crate::cli::Read;
use crate::failure::{Failure, Kind, print, say};
use crate::keyring::{Keyring, Opened};
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::replies::tell_read;
use crate::state::State;
use crate::vault::{Held, Vault};

/// Wider lines are hard to read.
const COLUMNS_MAX: usize = 100;

pub(crate) fn run(args: &Read) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let reason = args.why.reason()?;
    let held = vault.held()?;
    let (held, reference) = find(&held, &args.reference)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let opened = open(&vault, &keys, held, &reference.to_string(), reason)?;
    for note in remember(&vault, &keys, held, &opened, &reference.to_string()) {
        say(&format!("note: {note}"));
    }
    if args.json {
        let json = opened.report.encode();
        // Strict UTF-8 by construction; a terminal is not what this form is for.
        print(&Zeroizing::new(format!(
            "{}\n",
            String::from_utf8_lossy(&json)
        )))?;
    } else {
        let language = args.headings.language();
        let blocks = blocks(&opened, held, &reference.to_string(), None, language);
        print(&Zeroizing::new(rows::print(&blocks, columns())))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes down who opens a report and why, and only then opens it.
pub(crate) fn open(
    vault: &Vault,
    keys: &Keyring,
    held: &Held,
    reference: &str,
    reason: Reason,
) -> Result<Opened, Failure> {
    let event = Event::Opened {
        report: Hex32::from(&held.h),
        reason,
    };
    access::note(vault, keys.signer(), event)?;
    keys.open(held).map_err(|why| {
        Failure::new(
            Kind::No,
            format!("the report {reference} cannot be opened: {why}"),
            "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
        )
    })
}

/// Marks a report as read and has its writer told so. What of that could not be done is given in words: it keeps nobody from
/// reading.
pub(crate) fn remember(
    vault: &Vault,
    keys: &Keyring,
    held: &Held,
    opened: &Opened,
    reference: &str,
) -> Vec<String> {
    let marked = mark_read(vault, held)
        .map_err(|why| format!("the report {reference} stays marked as new: {why}"));
    let told = tell_read(vault, keys, held, opened).map_err(|why| {
        format!(
            "the person who sent {reference} is not told that it was read. Read it again to tell them: {why}"
        )
    });
    [marked, told].into_iter().filter_map(Result::err).collect()
}

/// Remembers for the list that a report was read.
pub(crate) fn mark_read(vault: &Vault, held: &Held) -> Result<(), Failure> {
    let _lock = vault.lock()?;
    State::open(vault)?.mark_read(&held.h)
}

/// All that is shown of a report, made visible: headings in `language`, and what was asked and answered in its own. `adds_to`
/// is the reference of what it adds to, where that is known.
pub(crate) fn blocks(
    opened: &Opened,
    held: &Held,
    reference: &str,
    adds_to: Option<&str>,
    language: Language,
) -> Vec<Block> {
    let place = Place {
        reference,
        week: &opened.week.id(),
        year: held.year,
        index: held.index,
        adds_to,
    };
    rows::blocks(&sheet(&opened.report, &place, language))
}

pub(crate) fn find<'a>(held: &'a [Held], typed: &str) -> Result<(&'a Held, Reference), Failure> {
    let references: Vec<Reference> = held.iter().map(Held::reference).collect();
    let found: Vec<&Held> = held
        .iter()
        .filter(|held| held.reference().matches(typed))
        .collect();
    match found.as_slice() {
        [one] => Ok((one, one.reference().among(references.iter()))),
        [] => Err(Failure::new(
            Kind::No,
            "no report in this vault has that reference",
            "hafan-keys list shows the references; four digits of one are enough when no other \
             begins with them",
        )),
        more => {
            let all: Vec<String> = more
                .iter()
                .map(|held| held.reference().among(references.iter()).to_string())
                .collect();
            Err(Failure::new(
                Kind::Usage,
                format!("{} reports begin with that: {}", all.len(), all.join(", ")),
                "give more of it",
            ))
        }
    }
}

pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(80, |size| usize::from(size.ws_col));
    if columns == 0 {
        80
    } else {
        columns.clamp(20, COLUMNS_MAX)
    }
}
