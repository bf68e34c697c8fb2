//! The shares of sealed contacts: those in the reports, and those in the vault that were passed on to a successor.
//!
//! ```text
//! contact-shares/{h}/03-officer-6.age    share 3 of the report {h}, sealed to officer-6
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
    for (number, digest) in (1..).zip(&found.seal.shares) {
        let path = dir(vault, held).join(name(number, keys.number()));
        if !path.exists() {
            continue;
        }
        let size_max = u64::try_from(SHARE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
        let sealed =
            files::read(&path, size_max).map_err(|e| format!("{}: {e}", path.display()))?;
        match open(keys, &sealed, digest) {
            Ok(Some(share)) => return Ok(Some(Own { share, number })),
            Ok(None) => wrong = Some(format!("{}: it is sealed to another key", path.display())),
            Err(why) => wrong = Some(format!("{}: {why}", path.display())),
        }
    }
    wrong.map_or(Ok(None), Err)
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
    officer: u16,
    sealed: &[u8],
) -> Result<(), Failure> {
    let dir = dir(vault, held);
    for folder in [vault.path(CONTACT_SHARES), dir.clone()] {
        if !folder.is_dir() {
            files::create_dir(&folder)
                .and_then(|()| files::sync_dir(files::parent(&folder)))
                .map_err(|e| Failure::write(&folder, e))?;
        }
    }
    let path = dir.join(name(number, officer));
    files::replace(&path, sealed, Access::Owner).map_err(|e| Failure::write(&path, e))
}

/// The officers to whom shares of a report were passed on, by number.
pub(crate) fn successors(vault: &Vault, held: &Held) -> Vec<u16> {
    let Ok(entries) = fs::read_dir(dir(vault, held)) else {
        return Vec::new();
    };
    let number = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        let (_, officer) = name
            .to_str()?
            .strip_suffix(".age")?
            .split_once("-officer-")?;
        officer.parse().ok()
    };
    entries.filter_map(number).collect()
}

fn name(number: u8, officer: u16) -> String {
    format!("{number:02}-officer-{officer}.age")
}
