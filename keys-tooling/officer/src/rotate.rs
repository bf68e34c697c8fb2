//! Intake keys in the vault: new weeks, and all of them wrapped anew when an officer comes or goes.
//!
//! Each file is replaced in one step and the old one written over. An interruption leaves some wrapped as before and some
//! anew, each of them whole: the same command again finishes it. Must never write a key in the clear.

use hafan_directory::{IntakeKey, Recipient};
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use crate::destroy;
use crate::failure::{Failure, Kind, say};
use crate::files::{self, Access};
use crate::keyring::Keyring;
use crate::keys::{self, seal_to};
use crate::replies;
use crate::vault::{INTAKE, Vault};
use crate::weeks::Week;

/// Makes the intake key of a week, wrapped to these officers, and puts it into the vault.
///
/// The newest directory must not name one for it. A key that is there all the same was made by a run that was interrupted:
/// nobody sealed to it.
pub(crate) fn add_week(
    vault: &Vault,
    week: Week,
    officers: &[Recipient],
) -> Result<IntakeKey, Failure> {
    let path = vault.path(INTAKE).join(format!("{}.age", week.id()));
    let (key, sealed) = keys::new_intake(week, officers)?;
    files::replace(&path, &sealed, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    Ok(key)
}

/// Checks that this officer can open every intake key, the key for answers and what was answered: only then is anything begun that wraps them anew.
pub(crate) fn must_open_all(vault: &Vault, keys: &Keyring) -> Result<(), Failure> {
    let locked: Vec<String> = keys
        .secrets()?
        .into_iter()
        .filter_map(|(week, _, identity)| identity.is_none().then(|| week.id()))
        .collect();
    if locked.is_empty() {
        return replies::must_open_all(vault, keys);
    }
    Err(Failure::new(
        Kind::No,
        format!(
            "officer-{} cannot open the intake keys of {}, so they cannot be wrapped anew",
            keys.number(),
            locked.join(", ")
        ),
        "after --as give an officer who has been there since those weeks were added",
    ))
}

/// Wraps every intake key of the vault, the key for answers and what was answered to exactly these officers.
pub(crate) fn rewrap(vault: &Vault, keys: &Keyring, officers: &[Recipient]) -> Result<(), Failure> {
    let secrets = keys.secrets()?;
    let mut count: u64 = 0;
    for (_, path, identity) in &secrets {
        let Some(identity) = identity else { continue };
        let secret = Zeroizing::new(format!("{}\n", identity.expose().expose_secret()));
        let sealed = seal_to(secret.as_bytes(), officers)?;
        destroy::replaced(path, &sealed).map_err(|e| {
            let what = format!("cannot wrap {} anew", path.display());
            let advice = "no key is lost: each is whole, wrapped as before or anew. Make room on the disk, then run the same \
                          command again";
            Failure::new(Kind::Unreadable, what, advice).because(e)
        })?;
        count = count.saturating_add(1);
    }
    say(&format!(
        "  wrapped anew: {}",
        crate::failure::counted(count, "intake key")
    ));
    replies::rewrap(vault, keys, officers)
}
