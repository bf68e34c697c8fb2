//! What the reader does with the vault: unlocks a key, lists the reports, opens one after the access record says so.
//!
//! What it gives to the screen is made visible already.

use hafan_record::Reason;
use hafan_report::Language;

use super::sheet::Sheet;
use crate::failure::{Failure, Kind};
use crate::keyring::Keyring;
use crate::list::{self, Row};
use crate::passphrase::Passphrases;
use crate::read;
use crate::vault::{Held, Vault};

/// The vault and an officer's keys, unlocked.
pub(super) struct Desk<'a> {
    vault: &'a Vault,
    keys: Keyring,
    held: Vec<Held>,
    /// Of headings.
    language: Language,
}

/// A report that was opened, and what of remembering it could not be done, in words.
pub(super) struct Read {
    pub(super) sheet: Sheet,
    pub(super) notes: Vec<String>,
}

impl<'a> Desk<'a> {
    /// Unlocks the officer's key.
    pub(super) fn unlock(
        vault: &'a Vault,
        officer: &str,
        passphrases: &Passphrases,
        language: Language,
    ) -> Result<Self, Failure> {
        Ok(Self {
            vault,
            keys: Keyring::unlock(vault, officer, passphrases)?,
            held: vault.held()?,
            language,
        })
    }

    pub(super) fn list(&mut self) -> Result<Vec<Row>, Failure> {
        list::rows(self.vault, &self.keys, &self.held)
    }

    /// Opens a report, when it is written down who does and why, marks it as read, and has the person told so.
    pub(super) fn open(&mut self, row: &Row, reason: Reason) -> Result<Read, Failure> {
        let held = of(&self.held, row)?;
        let opened = read::open(self.vault, &self.keys, held, &row.reference, reason)?;
        let adds_to = row.adds_to.as_deref();
        let blocks = read::blocks(&opened, held, &row.reference, adds_to, self.language);
        let notes = read::remember(self.vault, &self.keys, held, &opened, &row.reference);
        let sheet = Sheet::new(blocks);
        Ok(Read { sheet, notes })
    }
}

fn of<'a>(held: &'a [Held], row: &Row) -> Result<&'a Held, Failure> {
    held.get(row.held).ok_or_else(|| {
        Failure::new(
            Kind::Unsafe,
            "the list has come apart",
            "leave, and start again",
        )
    })
}
