//! What each page ends with: the newest checkpoint that this vault verified, cosigned with the key for answers.
//!
//! It continues everything that was imported before, so whoever is shown another log, or an old one, can tell.
//! Source: docs/protocol.md section 14.

use hafan_directory::Directory;
use hafan_tlog::{Signer, cosign};
use jiff::Timestamp;

use crate::failure::{Failure, Kind};
use crate::vault::{TREE, Vault, damaged};

/// The newest log's checkpoint, cosigned at the beginning of the day (UTC) that `now` is in.
///
/// # Errors
/// Nothing was imported yet.
pub(crate) fn seen(
    vault: &Vault,
    directory: &Directory,
    signer: &Signer,
    now: Timestamp,
) -> Result<Vec<u8>, Failure> {
    let newest = vault.tree().logs().last();
    let (year, log) = newest.ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "nothing was imported into this vault yet, and each page says what of the log was verified here",
            "have the courier pull, and import what it brings; then run the same command again",
        )
    })?;
    let tree = || damaged(&vault.path(TREE));
    let now_s = u64::try_from(now.as_second()).map_err(|e| tree().because(e))?;
    let verifier = directory
        .log_verifier(year)
        .map_err(|e| tree().because(e))?;
    cosign(log.checkpoint(), &verifier, signer, now_s).map_err(|e| tree().because(e))
}
