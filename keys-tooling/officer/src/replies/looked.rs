//! Which reports were looked at for a way back, and which pages of answers were made: two lists that say nothing secret.
//!
//! Every report is looked at, and a page stands in the public log: whoever has the disk learns nothing from either.

use std::collections::BTreeSet;
use std::path::Path;

use hafan_envelope::reply::Page;
use hafan_envelope::submission::{Digest, TagDigest};
use hafan_record::Hex32;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{FILE_SIZE_BYTES_MAX, REPLIES};
use crate::failure::Failure;
use crate::files::{self, Access};
use crate::vault::{Vault, damaged};

/// Written after the ledger, always.
pub(crate) const LOOKED: &str = "looked.json";
const PAGES: &str = "pages.json";

/// The reports that were looked at.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Looked {
    opened: BTreeSet<Hex32>,
    /// Those that did not open; they are tried again together with the next that come.
    unopened: BTreeSet<Hex32>,
}

/// The pages that this vault made.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagesMade {
    /// `h` and `t` of each.
    pages: BTreeSet<(Hex32, Hex32)>,
}

impl Looked {
    pub(crate) fn open(vault: &Vault) -> Result<Self, Failure> {
        open(vault, LOOKED)
    }

    pub(crate) fn save(&self, vault: &Vault) -> Result<(), Failure> {
        save(vault, LOOKED, self)
    }

    /// Whether it was opened or tried.
    pub(crate) fn has(&self, report: &Hex32) -> bool {
        self.is_opened(report) || self.unopened.contains(report)
    }

    pub(crate) fn is_opened(&self, report: &Hex32) -> bool {
        self.opened.contains(report)
    }

    pub(crate) fn set(&mut self, report: Hex32, is_opened: bool) {
        if is_opened {
            self.unopened.remove(&report);
            self.opened.insert(report);
        } else {
            self.unopened.insert(report);
        }
    }
}

impl PagesMade {
    pub(crate) fn open(vault: &Vault) -> Result<Self, Failure> {
        open(vault, PAGES)
    }

    pub(crate) fn save(&self, vault: &Vault) -> Result<(), Failure> {
        save(vault, PAGES, self)
    }

    /// Whether the vault made the page that a leaf stands for.
    pub(crate) fn has(&self, h: &Digest, t: &TagDigest) -> bool {
        self.pages.contains(&(Hex32(h.0), Hex32(t.0)))
    }

    pub(crate) fn add(&mut self, page: &Page<'_>) {
        let (h, t) = (page.digest(), page.index_digest());
        self.pages.insert((Hex32(h.0), Hex32(t.0)));
    }
}

fn open<T: Default + DeserializeOwned>(vault: &Vault, name: &str) -> Result<T, Failure> {
    let path = vault.path(REPLIES).join(name);
    if !path.exists() {
        return Ok(T::default());
    }
    let bytes = files::read(&path, FILE_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| damaged(&path).because(e))
}

fn save(vault: &Vault, name: &str, list: &impl Serialize) -> Result<(), Failure> {
    let dir = vault.path(REPLIES);
    let path = dir.join(name);
    let failed = |path: &Path, e| Failure::write(path, e);
    let json = serde_json::to_vec(list).map_err(|e| failed(&path, e.into()))?;
    files::make_dir(&dir)
        .and_then(|()| files::replace(&path, &json, Access::Owner))
        .map_err(|e| failed(&path, e))
}
