//! The key that answers are signed with: made, sealed to every officer, and used.
//!
//! Only the newest is kept; what an older one signed is verified with the directory. Must never write it in the clear.

use std::path::PathBuf;

use hafan_directory::{Contents, Directory, Force, REPLY_KEYS_MAX, Recipient};
use hafan_open::OpenError;
use hafan_tlog::{Signer, Verifier};

use super::REPLIES;
use crate::destroy;
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::Keyring;
use crate::keys::{self, seal_to};
use crate::vault::{SMALL_SIZE_BYTES_MAX, Vault, damaged};

/// What is said where there is no such key.
pub(crate) const NO_KEY: &str = "this vault has no key that answers are signed with";

/// How one is made.
pub(crate) const MAKE_KEY: &str =
    "have the holder of the root key make one: hafan-keys directory issue --new-reply-key";

/// A new key `hafan/{force}/replies-N`, and its secret sealed to the officers.
pub(crate) fn new(
    force: &Force,
    number: u16,
    officers: &[Recipient],
) -> Result<(Verifier, Vec<u8>), Failure> {
    let (signer, line) = keys::new_signer(&format!("hafan/{force}/replies-{number}"))?;
    Ok((signer.verifier(), seal_to(line.as_bytes(), officers)?))
}

/// Makes the next key, puts it into the vault, and names it first; gives its name.
///
/// The newest directory does not name it yet. A file that is there all the same was made by a run that was interrupted.
pub(crate) fn add(vault: &Vault, contents: &mut Contents) -> Result<String, Failure> {
    let newest = contents.replies.iter().filter_map(keys::number).max();
    let next = newest.unwrap_or(0).checked_add(1).ok_or_else(|| {
        let what = "there are 65,535 keys that answers are signed with already";
        Failure::new(Kind::Unsafe, what, "hold a new ceremony")
    })?;
    let (verifier, sealed) = new(vault.force(), next, &contents.contact.recipients)?;
    let dir = vault.path(REPLIES);
    files::make_dir(&dir).map_err(|e| Failure::write(&dir, e))?;
    let path = path(vault, &verifier);
    files::replace(&path, &sealed, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    contents.replies.insert(0, verifier);
    contents.replies.truncate(REPLY_KEYS_MAX);
    Ok(format!("replies-{next}"))
}

/// Destroys the secrets of the keys that the vault's directory names behind the newest: they sign nothing more, and are still
/// believed.
pub(crate) fn destroy_older(vault: &Vault, now: &Contents) -> Result<(), Failure> {
    for key in now.replies.iter().skip(1) {
        let path = path(vault, key);
        if path.exists() {
            destroy::file(&path).map_err(|e| {
                let what = format!("cannot destroy the key for answers before, {}", path.display());
                let advice = "the directory is signed and in the vault, and names the newest key. Check that you may write to the vault: \
                              the next hafan-keys directory issue destroys the one before";
                Failure::new(Kind::Unreadable, what, advice).because(e)
            })?;
        }
    }
    Ok(())
}

/// The file of a key, `replies/replies-N.age`.
pub(crate) fn path(vault: &Vault, key: &Verifier) -> PathBuf {
    let name = key.name().rsplit('/').next().unwrap_or_default();
    vault.path(REPLIES).join(format!("{name}.age"))
}

/// The key that answers are signed with now, unsealed; `None` when the directory names none.
pub(crate) fn signer(
    vault: &Vault,
    keys: &Keyring,
    directory: &Directory,
) -> Result<Option<Signer>, Failure> {
    let Some(key) = directory.reply_key() else {
        return Ok(None);
    };
    let path = path(vault, key);
    let sealed = files::read(&path, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
    let line = keys.open_sealed(&sealed).map_err(|why| {
        if why != OpenError::OtherKey {
            return damaged(&path).because(why);
        }
        let officer = keys.number();
        let what = format!("the key for answers is not sealed to officer-{officer}");
        let advice = "after --as give an officer who was there when it was made";
        Failure::new(Kind::No, what, advice)
    })?;
    let line = std::str::from_utf8(&line).map_err(|_| damaged(&path))?;
    let signer = keys::parse_signer(line).ok_or_else(|| damaged(&path))?;
    if signer.verifier() == *key {
        Ok(Some(signer))
    } else {
        Err(damaged(&path))
    }
}

/// The key that answers are signed with now.
///
/// # Errors
/// There is none: it says how one is made.
pub(crate) fn must_sign(
    vault: &Vault,
    keys: &Keyring,
    directory: &Directory,
) -> Result<Signer, Failure> {
    signer(vault, keys, directory)?.ok_or_else(|| Failure::new(Kind::Usage, NO_KEY, MAKE_KEY))
}
