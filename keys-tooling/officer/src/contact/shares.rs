//! The shares of sealed contacts: those in the reports, and those in the vault that were passed on to a successor.
//!
//! ```text
//! contact-shares/{h}/03-officer-2-to-officer-6.age    share 3 of the report {h}, sealed to officer-6 by officer-2
//! ```

use std::fs;
use std::path::PathBuf;

use hafan_open::OpenError;
use hafan_open::contact::check_share;
use hafan_open::shamir::Share;
use hafan_report::SHARE_SIZE_BYTES_MAX;

use super::Found;
use crate::failure::Failure;
use crate::files::{self, Access};
use crate::keyring::Keyring;
use crate::vault::{Held, Vault};

/// The folder in the vault.
pub(crate) const CONTACT_SHARES: &str = "contact-shares";

/// A share that an officer could open.
pub(super) struct Own {
    pub(super) share: Share,
    /// Which, counted from 1.
    pub(super) number: u8,
}

/// A share that lies in the vault for a successor.
pub(super) struct PassedOn {
    number: u8,
    pub(super) from: u16,
    to: u16,
    path: PathBuf,
}

/// Where the shares of a report lie that were passed on.
pub(crate) fn dir(vault: &Vault, held: &Held) -> PathBuf {
    vault.path(CONTACT_SHARES).join(held.h.to_string())
}

/// The share of this officer: one sealed to them by the reporter, or passed on to them.
///
/// `None` when there is none. A share that opens and is not the one that the report names is said to be so.
pub(super) fn own(
    vault: &Vault,
    held: &Held,
    found: &Found,
    keys: &Keyring,
) -> Result<Option<Own>, String> {
    let mut wrong = None;
    for ((sealed, digest), number) in found.sealed.shares.iter().zip(&found.seal.shares).zip(1..) {
        match open(keys, sealed, digest) {
            Ok(None) => {}
            Ok(Some(share)) => return Ok(Some(Own { share, number })),
            Err(why) => wrong = Some(format!("share {number} in the report: {why}")),
        }
    }
    for passed in passed_on(vault, held)
        .into_iter()
        .filter(|p| p.to == keys.number())
    {
        let Some(digest) = digest(found, passed.number) else {
            continue;
        };
        let size_max = u64::try_from(SHARE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
        let path = passed.path.display();
        let sealed = files::read(&passed.path, size_max).map_err(|e| format!("{path}: {e}"))?;
        match open(keys, &sealed, digest) {
            Ok(Some(share)) => {
                return Ok(Some(Own {
                    share,
                    number: passed.number,
                }));
            }
            Ok(None) => wrong = Some(format!("{path}: it is sealed to another key")),
            Err(why) => wrong = Some(format!("{path}: {why}")),
        }
    }
    wrong.map_or(Ok(None), Err)
}

/// The digest that the report names for a share, counted from 1.
pub(super) fn digest(found: &Found, number: u8) -> Option<&String> {
    let at = usize::from(number).checked_sub(1)?;
    found.seal.shares.get(at)
}

/// Opens one share; `None` when it is not sealed to this officer.
fn open(keys: &Keyring, sealed: &[u8], digest: &str) -> Result<Option<Share>, String> {
    match keys.open_sealed(sealed) {
        Ok(bytes) => check_share(bytes, digest)
            .map(Some)
            .map_err(|e| e.to_string()),
        Err(OpenError::OtherKey) => Ok(None),
        // Damaged by whoever sealed it, and for whom cannot be told: it is nobody's.
        Err(_) => Ok(None),
    }
}

/// Puts a share that was passed on into the vault.
pub(super) fn keep(
    vault: &Vault,
    held: &Held,
    number: u8,
    (from, to): (u16, u16),
    sealed: &[u8],
) -> Result<(), Failure> {
    let dir = dir(vault, held);
    for folder in [vault.path(CONTACT_SHARES), dir.clone()] {
        files::make_dir(&folder).map_err(|e| Failure::write(&folder, e))?;
    }
    let path = dir.join(format!("{number:02}-officer-{from}-to-officer-{to}.age"));
    files::replace(&path, sealed, Access::Owner).map_err(|e| Failure::write(&path, e))
}

/// The shares of a report that were passed on.
pub(super) fn passed_on(vault: &Vault, held: &Held) -> Vec<PassedOn> {
    let Ok(entries) = fs::read_dir(dir(vault, held)) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| PassedOn::of(entry.ok()?.path()))
        .collect()
}

impl PassedOn {
    fn of(path: PathBuf) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(".age")?;
        let (number, officers) = name.split_once("-officer-")?;
        let (from, to) = officers.split_once("-to-officer-")?;
        Some(Self {
            number: number.parse().ok()?,
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            path,
        })
    }
}
