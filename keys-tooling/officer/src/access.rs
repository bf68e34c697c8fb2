//! The vault's access record: what an officer does is written down before it is done.
//!
//! Every verb that opens, gives out or destroys something calls [`note`] first, and does nothing when that fails.
//! Must never hold a word of a report.

use hafan_record::{Appended, Context, Event, Place, Record, RecordError};
use hafan_tlog::Signer;

use crate::failure::{Failure, Kind};
use crate::keyring::today;
use crate::vault::Vault;

/// The folder of the record in the vault.
pub(crate) const ACCESS: &str = "access";
/// The copy of its newest head beside that folder.
pub(crate) const ACCESS_HEAD: &str = "access.head";

/// The program and its version, as entries name it.
pub(crate) const TOOL: &str = concat!("hafan-keys ", env!("CARGO_PKG_VERSION"));

/// Where the record of a vault lies.
pub(crate) fn place(vault: &Vault) -> Place {
    Place {
        dir: vault.path(ACCESS),
        pin: vault.path(ACCESS_HEAD),
    }
}

/// Writes an entry to the record, signed by the officer: it is on the disk when this returns.
///
/// # Errors
/// When it is not certain that it is on the disk. What was to be done must then not be done.
pub(crate) fn note(vault: &Vault, signer: &Signer, event: Event) -> Result<Appended, Failure> {
    let (directory, bytes) = vault.directory_note()?;
    let context = Context {
        directory: &directory,
        note: &bytes,
        today: today(),
        tool: TOOL,
    };
    let mut record = Record::open(place(vault), vault.force(), vault.root()).map_err(failed)?;
    record.append(signer, &context, event).map_err(failed)
}

/// Nothing is opened: each reason says what to do about it.
fn failed(why: RecordError) -> Failure {
    let what = "the access record cannot be written, so nothing was opened or changed";
    let (kind, advice) = match &why {
        RecordError::Locked => (
            Kind::Unreadable,
            "wait until the other hafan-keys has finished, then run the same command again",
        ),
        RecordError::Io { .. } | RecordError::Material(_) => (
            Kind::Unreadable,
            "check that the disk has room, that it is not read-only and that you may write to the vault; \
             then run the same command again",
        ),
        RecordError::Owner { .. } => (
            Kind::Unsafe,
            "use the account of this machine that the vault belongs to",
        ),
        RecordError::NotAnOfficer { .. } => (
            Kind::Unsafe,
            "use the key of an officer whom the newest directory names",
        ),
        RecordError::Full => (
            Kind::Unsafe,
            "export the record (hafan-keys record export), give it to the auditors, and ask them how to go on",
        ),
        RecordError::Gone
        | RecordError::Head(_)
        | RecordError::Directory { .. }
        | RecordError::Entries
        | RecordError::SetBack { .. }
        | RecordError::Beyond { .. }
        | RecordError::OtherDirectory { .. } => (
            Kind::Unsafe,
            "change nothing in the vault. Run hafan-keys record verify, which names what is wrong, and tell \
             the auditors today",
        ),
        RecordError::Entry(_) | RecordError::Sign(_) => {
            (Kind::Unsafe, "this is a fault of the program: report it")
        }
    };
    Failure::new(kind, what, advice).because(why)
}
