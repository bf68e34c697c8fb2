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

    /// Opens a report, when it is written down who does and why.
    pub(super) fn open(&mut self, row: &Row, reason: Reason) -> Result<Sheet, Failure> {
        let held = of(&self.held, row)?;
        let opened = read::open(self.vault, &self.keys, held, &row.reference, reason)?;
        let blocks = read::blocks(&opened, held, &row.reference, self.language);
        Ok(Sheet::new(blocks))
    }

    pub(super) fn mark_read(&self, row: &Row) -> Result<(), Failure> {
        read::mark_read(self.vault, of(&self.held, row)?)
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
