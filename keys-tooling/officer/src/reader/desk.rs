//! What the reader does with the vault: unlocks a key, lists the reports, opens one after the access record says so.
//!
//! Nothing is opened before [`crate::access::note`] has come back. What it gives to the screen is made visible already.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hafan_export::rows;
use hafan_export::sheet::{Place, sheet};
use hafan_export::words::urgency;
use hafan_record::{Event, Hex32, Reason};
use hafan_report::Language;
use secrecy::SecretString;

use super::sheet::Sheet;
use crate::access;
use crate::failure::{Failure, Kind};
use crate::keyring::{Keyring, Opened};
use crate::list;
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::state::State;
use crate::vault::{Held, Vault};

/// One report in the list.
pub(super) struct Entry {
    /// Where it stands among the vault's.
    pub(super) held: usize,
    pub(super) reference: String,
    pub(super) is_read: bool,
    /// What is known of it, or why it does not open.
    pub(super) about: Result<About, String>,
}

/// What the list says of a report.
pub(super) struct About {
    pub(super) week: String,
    pub(super) route: &'static str,
    pub(super) language: &'static str,
    /// Codes, most urgent first.
    pub(super) flags: Vec<String>,
}

/// The vault and an officer's keys, unlocked.
pub(super) struct Desk<'a> {
    vault: &'a Vault,
    keys: Keyring,
    held: Vec<Held>,
}

/// The passphrase that was typed on the reader's own screen.
pub(super) fn typed(officer: &str, passphrase: SecretString) -> Passphrases {
    Passphrases::File {
        path: PathBuf::from("what was typed"),
        by_name: BTreeMap::from([(officer.to_owned(), passphrase)]),
    }
}

impl<'a> Desk<'a> {
    /// Unlocks the officer's key.
    pub(super) fn unlock(
        vault: &'a Vault,
        officer: &str,
        passphrases: &Passphrases,
    ) -> Result<Self, Failure> {
        Ok(Self {
            vault,
            keys: Keyring::unlock(vault, officer, passphrases)?,
            held: vault.held()?,
        })
    }

    /// Writes down that the list is made, and makes it: most urgent first, then what does not open, then the newest.
    pub(super) fn list(&mut self) -> Result<Vec<Entry>, Failure> {
        let state = State::open(self.vault)?;
        if !self.held.is_empty() {
            let event = Event::Listed {
                reports: u64::try_from(self.held.len()).unwrap_or(u64::MAX),
                tree: self.vault.tree_sha256(),
            };
            access::note(self.vault, self.keys.signer(), event)?;
        }
        let references: Vec<Reference> = self.held.iter().map(Held::reference).collect();
        let mut entries = Vec::with_capacity(self.held.len());
        for (at, held) in self.held.iter().enumerate() {
            let opened = self.keys.open(held);
            let entry = Entry {
                held: at,
                reference: held.reference().among(references.iter()).to_string(),
                is_read: state.is_read(&held.h),
                about: opened.map(|opened| About::of(&opened)),
            };
            entries.push((
                entry.rank(),
                std::cmp::Reverse((held.year, held.index)),
                entry,
            ));
        }
        entries.sort_by_key(|(rank, newest, _)| (*rank, *newest));
        Ok(entries.into_iter().map(|(_, _, entry)| entry).collect())
    }

    /// Writes down who opens a report and why, and only then opens it.
    pub(super) fn open(&mut self, entry: &Entry, reason: Reason) -> Result<Sheet, Failure> {
        let held = self.held.get(entry.held).ok_or_else(|| {
            Failure::new(
                Kind::Unsafe,
                "the list has come apart",
                "leave, and start again",
            )
        })?;
        let event = Event::Opened {
            report: Hex32::from(&held.h),
            reason,
        };
        access::note(self.vault, self.keys.signer(), event)?;
        let opened = self.keys.open(held).map_err(|why| {
            Failure::new(
                Kind::No,
                format!("the report {} cannot be opened: {why}", entry.reference),
                "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
            )
        })?;
        let place = Place {
            reference: &entry.reference,
            week: &opened.week.id(),
            year: held.year,
            index: held.index,
        };
        let items = sheet(&opened.report, &place, Language::English);
        Ok(Sheet::new(rows::blocks(&items)))
    }

    /// Remembers for the list that a report was read.
    pub(super) fn mark_read(&self, entry: &Entry) -> Result<(), Failure> {
        let Some(held) = self.held.get(entry.held) else {
            return Ok(());
        };
        let _lock = self.vault.lock()?;
        State::open(self.vault)?.mark_read(&held.h)
    }
}

impl Entry {
    /// 0 stands first.
    fn rank(&self) -> usize {
        match &self.about {
            Ok(about) => about.flags.first().map_or(usize::MAX, |flag| urgency(flag)),
            Err(_) => usize::MAX.saturating_sub(1),
        }
    }
}

impl About {
    fn of(opened: &Opened) -> Self {
        let mut flags = opened.report.flags.clone();
        flags.sort_by_key(|flag| urgency(flag));
        Self {
            week: opened.week.id(),
            route: list::route(opened.report.route),
            language: list::language(opened.report.language),
            flags,
        }
    }
}
