//! Which reports were read: `state.json` in the vault.
//!
//! A convenience for the officers' list, not a record: that comes with the access record. Holds only
//! digests that are public in the log.

use std::collections::BTreeSet;
use std::path::PathBuf;

use hafan_envelope::submission::Digest;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::files::{self, Access};
use crate::vault::{Vault, damaged};

const SIZE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// The reports that were read.
pub(crate) struct State {
    path: PathBuf,
    read: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateJson {
    version: u8,
    read: BTreeSet<String>,
}

impl State {
    pub(crate) fn open(vault: &Vault) -> Result<Self, Failure> {
        let path = vault.path("state.json");
        if !path.exists() {
            return Ok(Self {
                path,
                read: BTreeSet::new(),
            });
        }
        let bytes = files::read(&path, SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let json: StateJson =
            serde_json::from_slice(&bytes).map_err(|e| damaged(&path).because(e))?;
        Ok(Self {
            path,
            read: json.read,
        })
    }

    pub(crate) fn is_read(&self, h: &Digest) -> bool {
        self.read.contains(&h.to_string())
    }

    /// Remembers that a report was read.
    pub(crate) fn mark_read(&mut self, h: &Digest) -> Result<(), Failure> {
        if !self.read.insert(h.to_string()) {
            return Ok(());
        }
        let failed = |e| Failure::write(&self.path, e);
        let json = StateJson {
            version: 1,
            read: self.read.clone(),
        };
        let bytes = serde_json::to_vec(&json).map_err(|e| failed(e.into()))?;
        files::replace(&self.path, &bytes, Access::Owner).map_err(failed)
    }
}
