//! The keys of one run: an officer's identity, unlocked once, and the intake keys it unwraps.
//!
//! All of them stay in memory only and are wiped when dropped. Must never write or print one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use hafan_directory::Recipient;
use hafan_envelope::submission::{SALT_SIZE_BYTES, Submission, TAG_SIZE_BYTES};
use hafan_open::{Identity, OpenError, UnlockError, Unlocked};
use hafan_report::{Attachment, Report, SealedContact, Unpacked};
use hafan_tlog::{Signer, Verifier};
use jiff::civil::Date;
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind, say};
use crate::files;
use crate::keys;
use crate::passphrase::Passphrases;
use crate::vault::{self, Held, Vault, damaged};
use crate::weeks::Week;

/// Below this many reports a thread costs more than it brings.
const REPORTS_A_THREAD: usize = 8;

/// An officer's keys.
pub(crate) struct Keyring {
    number: u16,
    officer: Identity,
    /// What the officer signs the access record with.
    signer: Signer,
    /// Every week whose key is in the vault.
    weeks: BTreeMap<Week, WeekKey>,
}

/// An intake key in the vault, unwrapped when it is first needed.
struct WeekKey {
    path: PathBuf,
    /// `None` is one that this officer cannot unwrap.
    identity: OnceLock<Result<Option<Identity>, String>>,
}

/// A report, opened.
pub(crate) struct Opened {
    pub(crate) week: Week,
    pub(crate) report: Report,
    /// Who the person is, still sealed.
    pub(crate) contact: Option<SealedContact>,
    pub(crate) files: Vec<Attachment>,
}

impl Keyring {
    /// Unlocks the key of `officer`, such as `officer-1`: asks for the passphrase once.
    pub(crate) fn unlock(
        vault: &Vault,
        officer: &str,
        passphrases: &Passphrases,
    ) -> Result<Self, Failure> {
        let path = vault.path(vault::OFFICERS).join(format!("{officer}.age"));
        if !is_officer(officer) || !path.is_file() {
            return Err(Failure::new(
                Kind::Usage,
                format!("this vault of {} has no key of that officer", vault.force()),
                format!("after --as give one of: {}", officers(vault).join(", ")),
            ));
        }
        let locked =
            files::read(&path, vault::SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let secret = unlock(&path, &locked, officer, passphrases)?;
        let text = std::str::from_utf8(&secret).map_err(|_| damaged(&path))?;
        let (identity, signer) = text.split_once('\n').ok_or_else(|| damaged(&path))?;
        let officer = Identity::from_str(identity).map_err(|_| damaged(&path))?;
        let signer = keys::parse_signer(signer).ok_or_else(|| damaged(&path))?;
        let number = officer_number(&signer.verifier()).ok_or_else(|| damaged(&path))?;
        Ok(Self {
            number,
            officer,
            signer,
            weeks: weeks(vault)?,
        })
    }

    /// What the officer signs the access record with.
    pub(crate) const fn signer(&self) -> &Signer {
        &self.signer
    }

    /// N of this `officer-N`.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// The public half of the officer's identity, as the directory writes it.
    pub(crate) fn recipient(&self) -> Result<Recipient, Failure> {
        let recipient = self.officer.to_recipient().to_string();
        recipient
            .parse()
            .map_err(|e| keys::made("a recipient").because(e))
    }

    /// Opens what is sealed to this officer.
    pub(crate) fn open_sealed(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        hafan_open::open_bytes(sealed, &[&self.officer])
    }

    /// Every intake key of the vault with its file, each unwrapped anew; `None` is one that this officer cannot unwrap.
    pub(crate) fn secrets(&self) -> Result<Vec<(Week, PathBuf, Option<Identity>)>, Failure> {
        let all = self.weeks.iter().map(|(week, WeekKey { path, .. })| {
            let identity = unwrap(path, &self.officer).map_err(|why| {
                let advice = "put the file back from the vault's newest copy, then try again";
                Failure::new(Kind::No, why, advice)
            })?;
            Ok((*week, path.clone(), identity))
        });
        all.collect()
    }

    /// Opens one report: in memory, with the intake key that it was sealed to.
    ///
    /// The envelope does not say which week's key that is: those nearest to the import come first.
    pub(crate) fn open(&self, held: &Held) -> Result<Opened, String> {
        let submission = held.read()?;
        let near = Week::of(held.imported_on);
        let mut weeks: Vec<Week> = self.weeks.keys().copied().collect();
        weeks.sort_by_key(|week| (week.distance(near), *week));
        let mut wrapped = 0;
        for week in weeks {
            let Some(identity) = self.week_key(week)? else {
                wrapped += 1;
                continue;
            };
            if let Some(unlocked) = unlock_submission(&submission, identity)? {
                return unpack(week, unlocked, submission);
            }
        }
        Err(match wrapped {
            0 => "the intake key of its week is not in this vault, or was retired".to_owned(),
            n => format!("no key opens it; {n} of the intake keys are not sealed to this officer"),
        })
    }

    /// Opens each report on as many threads as there are cores, gives what `look` makes of it, and lets go of it; in the
    /// order of `held`.
    pub(crate) fn open_each<T: Send>(
        &self,
        held: &[Held],
        look: impl Fn(Result<Opened, String>) -> T + Sync,
    ) -> Vec<T> {
        let next = AtomicUsize::new(0);
        let found = Mutex::new(BTreeMap::new());
        hafan_open::share(held.len().div_ceil(REPORTS_A_THREAD), || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(held) = held.get(at) else { return };
                let one = look(self.open(held));
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.insert(at, one);
            }
        });
        let found = found.into_inner();
        let found = found.unwrap_or_else(PoisonError::into_inner);
        found.into_values().collect()
    }

    /// Opens one report with the key of one week; `None` when it is of another.
    pub(crate) fn open_with(&self, held: &Held, week: Week) -> Result<Option<Opened>, String> {
        let submission = held.read()?;
        let Some(identity) = self.week_key(week)? else {
            return Ok(None);
        };
        match unlock_submission(&submission, identity)? {
            Some(unlocked) => unpack(week, unlocked, submission).map(Some),
            None => Ok(None),
        }
    }

    /// The intake key of a week; `None` when it is not sealed to this officer or not there.
    pub(crate) fn week_key(&self, week: Week) -> Result<Option<&Identity>, String> {
        let Some(key) = self.weeks.get(&week) else {
            return Ok(None);
        };
        let unwrapped = key
            .identity
            .get_or_init(|| unwrap(&key.path, &self.officer));
        match unwrapped {
            Ok(identity) => Ok(identity.as_ref()),
            Err(why) => Err(why.clone()),
        }
    }
}

/// The payload key of a submission's envelope; `None` when it is sealed to another key.
fn unlock_submission(submission: &[u8], identity: &Identity) -> Result<Option<Unlocked>, String> {
    let submission = Submission::parse(submission).map_err(|why| why.to_string())?;
    match hafan_open::unlock_envelope(submission.envelope.as_bytes(), identity) {
        Ok(unlocked) => Ok(Some(unlocked)),
        Err(OpenError::OtherKey) => Ok(None),
        Err(why) => Err(no_opening(why)),
    }
}

fn no_opening(why: OpenError) -> String {
    format!("it does not open: {why}")
}

fn unpack(week: Week, unlocked: Unlocked, submission: Vec<u8>) -> Result<Opened, String> {
    let padded = unlocked.open(submission, SALT_SIZE_BYTES.saturating_add(TAG_SIZE_BYTES));
    let padded = padded.map_err(no_opening)?;
    match padded.unpack() {
        Ok(Unpacked {
            report,
            contact,
            files,
        }) => Ok(Opened {
            week,
            report,
            contact,
            files,
        }),
        Err(why) => Err(format!("it opens, but what is in it is no report: {why}")),
    }
}

/// Unlocks a key file; a wrong passphrase is said as such.
pub(crate) fn unlock(
    path: &std::path::Path,
    locked: &[u8],
    name: &str,
    passphrases: &Passphrases,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let passphrase = passphrases.existing(name)?;
    hafan_open::unlock(locked, &passphrase).map_err(|why| match why {
        UnlockError::WrongPassphrase => Failure::new(
            Kind::No,
            format!("the key of {name} did not open: that is not its passphrase"),
            "Nothing was opened and nothing was changed. Try again: wrong tries are not counted and \
             lock nothing",
        ),
        UnlockError::Header(_)
        | UnlockError::NotPassphrase
        | UnlockError::Work { .. }
        | UnlockError::Damaged => damaged(path).because(why),
    })
}

/// The identity in an intake key file; `None` when it is not sealed to this officer.
fn unwrap(path: &std::path::Path, officer: &Identity) -> Result<Option<Identity>, String> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let sealed = files::read(path, vault::SMALL_SIZE_BYTES_MAX)
        .map_err(|e| format!("the intake key {name} cannot be read: {e}"))?;
    let secret = match hafan_open::open_bytes(&sealed, &[officer]) {
        Ok(secret) => secret,
        Err(OpenError::OtherKey) => return Ok(None),
        Err(why) => return Err(format!("the intake key {name} is damaged: {why}")),
    };
    let identity = std::str::from_utf8(&secret)
        .ok()
        .and_then(|text| text.trim_end().parse().ok());
    identity
        .map(Some)
        .ok_or_else(|| format!("the intake key {name} is damaged"))
}

fn weeks(vault: &Vault) -> Result<BTreeMap<Week, WeekKey>, Failure> {
    let dir = vault.path(vault::INTAKE);
    let mut weeks = BTreeMap::new();
    for entry in fs::read_dir(&dir).map_err(|e| Failure::read(&dir, e))? {
        let path = entry.map_err(|e| Failure::read(&dir, e))?.path();
        let id = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|n| n.strip_suffix(".age"));
        if let Some(week) = id.and_then(Week::parse) {
            let identity = OnceLock::new();
            weeks.insert(week, WeekKey { path, identity });
        }
    }
    if weeks.is_empty() {
        say("note: this vault has no intake key at all; nothing in it can be opened");
    }
    Ok(weeks)
}

/// The weeks for which reports may have been sealed, and whose intake key is not in the vault: those
/// that the directory of the vault or of any bundle in it names.
pub(crate) fn missing_weeks(vault: &Vault) -> Result<Vec<String>, Failure> {
    let mut missing = BTreeSet::new();
    for directory in vault.directories()? {
        for key in &directory.contents().intake {
            let path = vault.path(vault::INTAKE).join(format!("{}.age", key.id));
            if !path.is_file() && !is_retired(vault, &key.id) {
                missing.insert(key.id.clone());
            }
        }
    }
    Ok(missing.into_iter().collect())
}

/// What says that the key of a week was destroyed, and does not lack.
pub(crate) fn retired_path(vault: &Vault, week: &str) -> PathBuf {
    vault.path(vault::INTAKE).join(format!("{week}.retired"))
}

/// Whether the key of a week was destroyed and no other was made for it.
pub(crate) fn is_retired(vault: &Vault, week: &str) -> bool {
    let key = vault.path(vault::INTAKE).join(format!("{week}.age"));
    retired_path(vault, week).exists() && !key.exists()
}

/// The officers whose keys are in the vault.
fn officers(vault: &Vault) -> Vec<String> {
    let mut numbers: Vec<u16> = numbers(vault).collect();
    numbers.sort_unstable();
    let names = numbers.iter().map(|number| format!("officer-{number}"));
    names
        .filter(|name| {
            vault
                .path(vault::OFFICERS)
                .join(format!("{name}.age"))
                .is_file()
        })
        .collect()
}

/// Every number that the vault's folder of officers has a public file of: of those who left too.
pub(crate) fn numbers(vault: &Vault) -> impl Iterator<Item = u16> {
    let entries = fs::read_dir(vault.path(vault::OFFICERS));
    entries.into_iter().flatten().filter_map(|entry| {
        let name = entry.ok()?.file_name();
        parse_officer(name.to_str()?.strip_suffix(".pub")?)
    })
}

fn is_officer(name: &str) -> bool {
    parse_officer(name).is_some()
}

/// N of `officer-N`, from 1 and without leading zeros.
pub(crate) fn parse_officer(name: &str) -> Option<u16> {
    let number: u16 = name.strip_prefix("officer-")?.parse().ok()?;
    (number > 0 && name == format!("officer-{number}")).then_some(number)
}

/// N of the key name `hafan/{force}/officer-N`.
pub(crate) fn officer_number(officer: &Verifier) -> Option<u16> {
    parse_officer(officer.name().rsplit('/').next()?)
}

/// Today, in UTC: what weeks and directories go by.
pub(crate) fn today() -> Date {
    jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
}
