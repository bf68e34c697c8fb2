//! `contact`: officers open who a report is from, together or not at all.
//!
//! An officer asks, at least as many as the report says each give their share, sealed to the one who asked, and that one puts
//! them together in memory. Each act is in the access record before it is done. Must never write a share in the clear or a
//! word of a contact. Trusts no file: requests and approvals come on sticks, reports from strangers.

mod approve;
mod open;
mod request;
mod reseal;
mod shares;

pub(crate) use reseal::shares_left;
pub(crate) use shares::dir as shares_dir;

use std::path::Path;
use std::process::ExitCode;

use hafan_directory::Contents;
use hafan_open::quorum::{PAPER_SIZE_BYTES_MAX, Paper, PaperError, Signed};
use hafan_record::Hex32;
use hafan_report::{ContactSeal, SealedContact};
use jiff::civil::Date;
use jiff::{ToSpan as _, Unit};

use crate::cli::contact::Contact;
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::{Keyring, Opened, today};
use crate::keys::give_out;
use crate::reference::Reference;
use crate::vault::Held;

/// How many days a request can be used for.
const REQUEST_DAYS: i64 = 28;

pub(crate) fn run(verb: &Contact) -> Result<ExitCode, Failure> {
    match verb {
        Contact::Request(args) => request::run(args),
        Contact::Approve(args) => approve::run(args),
        Contact::Open(args) => open::run(args),
        Contact::Reseal(args) => reseal::run(args),
    }
}

/// A report's sealed contact, and what the report says of it.
struct Found {
    sealed: SealedContact,
    seal: ContactSeal,
    force: String,
}

impl Found {
    /// Opens the report in memory and keeps its sealed contact only.
    fn of(keys: &Keyring, held: &Held, reference: &Reference) -> Result<Self, Failure> {
        let opened = keys.open(held).map_err(|why| {
            Failure::new(
                Kind::No,
                format!("the report {reference} cannot be opened: {why}"),
                "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
            )
        })?;
        Self::within(opened).ok_or_else(|| {
            Failure::new(
                Kind::No,
                format!("the report {reference} has no sealed contact"),
                "the person did not leave one. There is nothing to open",
            )
        })
    }

    fn within(mut opened: Opened) -> Option<Self> {
        Some(Self {
            sealed: opened.contact.take()?,
            seal: opened.report.contact.take()?,
            force: std::mem::take(&mut opened.report.force),
        })
    }
}

/// Reads a request or an approval, which an officer of the newest directory must have signed.
fn read_paper(path: &Path, contents: &Contents) -> Result<Signed, Failure> {
    let size_max = u64::try_from(PAPER_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
    let note = files::read(path, size_max).map_err(|e| Failure::read(path, e))?;
    Paper::open(&note, &contents.force, &contents.officers).map_err(|why| {
        let advice = match &why {
            PaperError::Unsigned => {
                "ask for one by an officer who is in the newest directory; one who has left can no longer ask or approve"
            }
            PaperError::FirstLine => "give the files that contact request and contact approve wrote",
            PaperError::Force { .. } => "use the vault of the force that it is of",
            PaperError::Note(_)
            | PaperError::Signatures { .. }
            | PaperError::Json { .. }
            | PaperError::Form
            | PaperError::Officer { .. }
            | PaperError::Share { .. } => {
                "copy it again from where it was written; if it stays so, keep it and tell the auditors"
            }
        };
        let what = format!("{} was refused, and nothing was opened", path.display());
        Failure::new(Kind::No, what, advice).because(why)
    })
}

/// The report in the vault that a request is about.
fn held_of(held: &[Held], report: Hex32) -> Result<(&Held, Reference), Failure> {
    let found = held.iter().find(|held| Hex32::from(&held.h) == report);
    let references: Vec<Reference> = held.iter().map(Held::reference).collect();
    found
        .map(|held| (held, held.reference().among(references.iter())))
        .ok_or_else(|| {
            let what = "the report that is asked for is not in this vault";
            Failure::new(
                Kind::No,
                what,
                "import the bundle that it came in, then try again",
            )
        })
}

/// Refuses a request that is too old, or of a day that has not come.
fn check_date(asked_on: Date) -> Result<(), Failure> {
    let today = today();
    let age = today
        .since((Unit::Day, asked_on))
        .map_or(i64::MAX, |span| i64::from(span.get_days()));
    if (-1..=REQUEST_DAYS).contains(&age) {
        return Ok(());
    }
    let last = asked_on.saturating_add(REQUEST_DAYS.days());
    Err(Failure::new(
        Kind::Unsafe,
        format!(
            "the request is of {asked_on} and can be used until {last}; this machine says that today is {today}"
        ),
        "check this machine's date. If it is right, ask anew with contact request",
    ))
}

/// Writes what is handed on. It holds nothing in the clear, and is nobody else's business.
fn write(path: &Path, note: &[u8]) -> Result<(), Failure> {
    give_out(path, note, Access::Owner).map_err(|e| Failure::write(path, e))
}
