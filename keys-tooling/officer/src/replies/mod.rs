//! Answers to people who have words: what was told to them, and the pages on which it goes out.
//!
//! ```text
//! replies/replies-1.age    the key that answers are signed with, sealed to every officer
//! replies/ledger.age       what was told, sealed to every officer
//! replies/outbox/          records and pages that were not given out yet: ciphertext
//! replies/looked.json      which reports were looked at for a way back
//! replies/pages.json       which pages were made, as the log has them
//! ```
//!
//! Must never write a word of an answer in the clear, or a page that tells whom it is for.

mod collect;
mod export;
pub(crate) mod key;
mod ledger;
mod looked;
mod outbox;
mod reply;
mod seen;
mod thread;
mod way;

use std::process::ExitCode;

use hafan_directory::Recipient;

pub(crate) use collect::{collect, is_due, tell_read};
pub(crate) use looked::PagesMade;
pub(crate) use reply::run as reply;
pub(crate) use thread::run as thread;

use crate::cli::replies::Replies;
use crate::failure::{Failure, Kind, say};
use crate::keyring::Keyring;
use crate::keys::seal_to;
use crate::vault::Vault;
use crate::{destroy, files};

/// The folder in the vault.
pub(crate) const REPLIES: &str = "replies";

/// The most of any file here but keys.
const FILE_SIZE_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(crate) fn run(verb: &Replies) -> Result<ExitCode, Failure> {
    match verb {
        Replies::Export(args) => export::run(args),
    }
}

/// Everything here that is sealed to the officers.
fn sealed(vault: &Vault) -> Result<Vec<std::path::PathBuf>, Failure> {
    let dir = vault.path(REPLIES);
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let failed = |e| Failure::read(&dir, e);
    let mut sealed = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        // What an interruption left of one ends in .partial.
        if path.extension().is_some_and(|e| e == "age") {
            sealed.push(path);
        }
    }
    sealed.sort();
    Ok(sealed)
}

/// Checks that this officer can open all of it: only then is anything begun that wraps it anew.
pub(crate) fn must_open_all(vault: &Vault, keys: &Keyring) -> Result<(), Failure> {
    for path in sealed(vault)? {
        let bytes = files::read(&path, FILE_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        keys.open_sealed(&bytes).map_err(|why| {
            let what = format!(
                "officer-{} cannot open {}, so it cannot be wrapped anew",
                keys.number(),
                path.display()
            );
            let advice = "after --as give an officer who has been there since it was made";
            Failure::new(Kind::No, what, advice).because(why)
        })?;
    }
    Ok(())
}

/// Wraps all of it to exactly these officers.
pub(crate) fn rewrap(vault: &Vault, keys: &Keyring, officers: &[Recipient]) -> Result<(), Failure> {
    let all = sealed(vault)?;
    for path in &all {
        let failed = |e| Failure::read(path, e);
        let bytes = files::read(path, FILE_SIZE_BYTES_MAX).map_err(failed)?;
        let secret = keys
            .open_sealed(&bytes)
            .map_err(|why| crate::vault::damaged(path).because(why))?;
        destroy::replaced(path, &seal_to(&secret, officers)?).map_err(|e| {
            let what = format!("cannot wrap {} anew", path.display());
            let advice = "nothing is lost: each file is whole, wrapped as before or anew. Make room on the disk, then run the \
                          same command again";
            Failure::new(Kind::Unreadable, what, advice).because(e)
        })?;
    }
    if !all.is_empty() {
        say("  wrapped anew: the key for answers and what was answered");
    }
    Ok(())
}
