//! `import`: bundles into the vault, each wholly or not at all; and people told that their report was collected. Shows no
//! report.

mod outcome;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hafan_envelope::SUBMISSION_SIZE_BYTES_MAX;
use hafan_envelope::bundle::{BundleName, Head};
use hafan_envelope::submission::{Digest, TagDigest};
use hafan_open::bundle::{
    self, BundleError, FindingKind, Validity, VerifiedBundle, VerifiedDrop, check_submission,
};
use hafan_record::{Event, Hex32};

use crate::access;
use crate::cli::{Import, Who};
use crate::failure::{Failure, Kind, print, say};
use crate::files::{self, Access};
use crate::keyring::{Keyring, today};
use crate::passphrase::Passphrases;
use crate::replies::{self, PagesMade};
use crate::vault::{BUNDLES, Brought, BroughtDrop, BroughtFinding, DROPS, TREE, Vault};

use self::outcome::{Collected, Outcome};

pub(crate) fn run(args: &Import) -> Result<ExitCode, Failure> {
    let mut officer = Officer {
        who: &args.who,
        passphrases: Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?,
        keys: None,
    };
    let (mut is_whole, mut told) = (true, Ok(()));
    for bundle in in_order(&args.bundles) {
        // Reports are taken in all the same: why somebody is not told is said at the end.
        match import(args, &mut officer, bundle) {
            Ok((is_one_whole, is_told)) => {
                is_whole &= is_one_whole;
                told = told.and(is_told);
            }
            Err(refused) => {
                if let Err(why) = told {
                    say(&why.to_string());
                }
                return Err(refused);
            }
        }
    }
    told?;
    Ok(if is_whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// Who takes the bundles in. Asked for the passphrase when one is right and has something new, or when there are reports that
/// were not looked at yet, and not before.
struct Officer<'a> {
    who: &'a Who,
    passphrases: Passphrases,
    keys: Option<Keyring>,
}

impl Officer<'_> {
    fn keys(&mut self, vault: &Vault) -> Result<&Keyring, Failure> {
        let keys = match self.keys.take() {
            Some(keys) => keys,
            None => Keyring::unlock(vault, &self.who.officer, &self.passphrases)?,
        };
        Ok(self.keys.insert(keys))
    }
}

/// Bundles named as the courier names them go by year and first leaf, so that `bundle-*.tar` is right however the shell
/// sorts it; others go as they were given.
fn in_order(bundles: &[PathBuf]) -> Vec<&PathBuf> {
    let name = |path: &&PathBuf| -> Option<BundleName> { path.file_name()?.to_str()?.parse().ok() };
    let mut ordered: Vec<&PathBuf> = bundles.iter().collect();
    if ordered.iter().all(|path| name(path).is_some()) {
        ordered.sort_by_key(name);
    }
    ordered
}

/// Takes one bundle in; says whether all of it is whole, and whether people could be told that their report was collected.
fn import(
    args: &Import,
    officer: &mut Officer<'_>,
    path: &Path,
) -> Result<(bool, Result<(), Failure>), Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let _lock = vault.lock()?;
    let file = File::open(path).map_err(|e| Failure::read(path, e))?;
    let validity = if args.accept_expired {
        Validity::AnyDay
    } else {
        Validity::On(today())
    };
    let from = BufReader::with_capacity(1 << 20, file);
    let history = |name| vault.entries(name);
    let pages = PagesMade::open(&vault)?;
    let is_own_page = |h: &Digest, t: &TagDigest| pages.has(h, t);
    let (tree, root) = (vault.tree(), vault.root());
    let mut bundle = bundle::verify(from, tree, root, validity, is_own_page, history)
        .map_err(|why| refused(path, why))?;
    let lacking = lacking(&vault, &bundle)?;
    if bundle.taken().is_some() || !lacking.is_empty() {
        let signer = officer.keys(&vault)?.signer();
        access::note(&vault, signer, imported(&bundle))?;
    }
    let mut outcome = Outcome {
        name: bundle.name(),
        is_new: bundle.taken().is_some(),
        filled: fill(&vault, &lacking, &mut bundle, path)?,
        reports: 0,
        pages: 0,
        findings: Vec::new(),
        collected: Collected::Told(0),
    };
    if let Some(taken) = bundle.taken() {
        let brought = write(&vault, taken, &mut bundle, path)?;
        outcome.add(brought);
    }
    for name in vault.bundles() {
        if name.year == outcome.name.year {
            outcome.add(vault.brought(name)?);
        }
    }
    outcome.findings.sort_by_key(|finding| finding.index);
    // What was taken in stays so, whatever comes of this.
    let collected = collect(args, officer, outcome.filled);
    if let Ok(collected) = &collected {
        outcome.collected = *collected;
    }
    print(&if args.json {
        outcome.as_json()
    } else {
        outcome.as_text()
    })?;
    Ok((outcome.findings.is_empty(), collected.map(drop)))
}

/// Looks at what is new, or was `filled` in, for a way back. The vault is locked, and no longer as it was opened.
fn collect(args: &Import, officer: &mut Officer<'_>, filled: u64) -> Result<Collected, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    if vault.directory()?.reply_key().is_none() {
        return Ok(Collected::NoKey);
    }
    if filled == 0 && !replies::is_due(&vault)? {
        return Ok(Collected::Told(0));
    }
    replies::collect(&vault, officer.keys(&vault)?).map(Collected::Told)
}

/// What the record says of a bundle.
fn imported<R>(bundle: &VerifiedBundle<R>) -> Event {
    let BundleName { year, first, last } = bundle.name();
    Event::Imported {
        year,
        first,
        last,
        checkpoint: Hex32::sha256(&bundle.head().checkpoint),
    }
}

/// Those submissions of the bundle that leaves of earlier bundles lack: withheld then, or damaged since. Each with
/// the bundle that brought its leaf.
fn lacking<R>(
    vault: &Vault,
    bundle: &VerifiedBundle<R>,
) -> Result<Vec<(BundleName, VerifiedDrop)>, Failure> {
    let mut lacking = Vec::new();
    for name in vault.bundles() {
        if name.year != bundle.name().year {
            continue;
        }
        let (dir, brought) = (vault.bundle_dir(name), vault.brought(name)?);
        for drop in bundle.again() {
            let is_found = brought.findings.iter().any(|f| f.index == drop.index);
            if (name.first..name.last).contains(&drop.index)
                && (is_found || !is_whole(&dir.join(drop.h.to_string()), drop))
            {
                lacking.push((name, *drop));
            }
        }
    }
    Ok(lacking)
}

/// Puts what was lacking into its place. Each file is there before `drops.json` says so; returns how many there were.
fn fill<R: std::io::Read + std::io::Seek>(
    vault: &Vault,
    lacking: &[(BundleName, VerifiedDrop)],
    bundle: &mut VerifiedBundle<R>,
    source: &Path,
) -> Result<u64, Failure> {
    for (name, drop) in lacking {
        let dir = vault.bundle_dir(*name);
        let failed = |e| Failure::write(&dir, e);
        let bytes = bundle
            .read_drop(drop)
            .map_err(|e| Failure::read(source, e))?;
        files::replace(&dir.join(drop.h.to_string()), &bytes, Access::Owner).map_err(failed)?;
        let mut brought = vault.brought(*name)?;
        if let Some(at) = brought.findings.iter().position(|f| f.index == drop.index) {
            brought.findings.remove(at);
            brought.drops.push(brought_drop(drop));
            brought.drops.sort_by_key(|drop| drop.index);
            let json = serde_json::to_vec(&brought).map_err(|e| failed(e.into()))?;
            files::replace(&dir.join(DROPS), &json, Access::Owner).map_err(failed)?;
        }
    }
    Ok(u64::try_from(lacking.len()).unwrap_or(u64::MAX))
}

fn is_whole(path: &Path, drop: &VerifiedDrop) -> bool {
    files::read(path, SUBMISSION_SIZE_BYTES_MAX)
        .is_ok_and(|bytes| check_submission(&bytes, &drop.h, &drop.t).is_ok())
}

/// Writes the bundle's folder under a name that does not count, then gives it its name, then lets
/// `tree.json` name it. A cut before the last step leaves the vault as it was.
fn write<R: std::io::Read + std::io::Seek>(
    vault: &Vault,
    taken: BundleName,
    bundle: &mut VerifiedBundle<R>,
    source: &Path,
) -> Result<Brought, Failure> {
    let dir = vault.bundle_dir(taken);
    let partial = files::beside(&dir, ".partial");
    let failed = |e| Failure::write(&dir, e);
    // What an interrupted import left: no bundle that counts has this name.
    files::remove_dir_if_there(&partial).map_err(failed)?;
    files::remove_dir_if_there(&dir).map_err(failed)?;
    files::create_dir(&partial).map_err(failed)?;
    write_head(&partial, bundle.head()).map_err(failed)?;
    for drop in bundle.drops().to_vec() {
        let bytes = bundle
            .read_drop(&drop)
            .map_err(|e| Failure::read(source, e))?;
        files::write_new(&partial.join(drop.h.to_string()), &bytes, Access::Owner)
            .map_err(failed)?;
    }
    let brought = brought(bundle);
    let json = serde_json::to_vec(&brought).map_err(|e| failed(e.into()))?;
    files::write_new(&partial.join(DROPS), &json, Access::Owner).map_err(failed)?;
    files::sync_dir(&partial).map_err(failed)?;
    std::fs::rename(&partial, &dir).map_err(failed)?;
    files::sync_dir(&vault.path(BUNDLES)).map_err(failed)?;
    let tree = bundle.tree().encode().map_err(|e| failed(e.into()))?;
    let path = vault.path(TREE);
    files::replace(&path, &tree, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    Ok(brought)
}

fn write_head(dir: &Path, head: &Head) -> std::io::Result<()> {
    for (name, bytes) in [
        ("directory", &head.directory),
        ("previous-checkpoint", &head.previous_checkpoint),
        ("checkpoint", &head.checkpoint),
        ("entries", &head.entries),
        ("epochs.json", &head.epochs),
    ] {
        files::write_new(&dir.join(name), bytes, Access::Owner)?;
    }
    Ok(())
}

fn brought<R>(bundle: &VerifiedBundle<R>) -> Brought {
    let drops = bundle.drops().iter().map(brought_drop);
    let findings = bundle.findings().iter().map(|finding| BroughtFinding {
        index: finding.index,
        h: finding.h.to_string(),
        why: finding.kind.to_string(),
        is_page: finding.kind == FindingKind::Page,
    });
    Brought {
        imported_on: today(),
        drops: drops.collect(),
        findings: findings.collect(),
        pages: bundle.pages().to_vec(),
    }
}

fn brought_drop(drop: &VerifiedDrop) -> BroughtDrop {
    BroughtDrop {
        index: drop.index,
        h: drop.h.to_string(),
        t: drop.t.to_string(),
    }
}

/// Each refusal says what to do; a bundle that may be right and is only out of turn is told apart from
/// one that cannot be right.
fn refused(path: &Path, why: BundleError) -> Failure {
    let (kind, advice) = match &why {
        BundleError::Date(_) => (
            Kind::Unsafe,
            "check this machine's date first. If it is right, issue the next directory (hafan-keys \
             directory issue); this bundle alone may then be taken in with --accept-expired",
        ),
        BundleError::Skipped { .. } => (
            Kind::No,
            "import the bundles between first, in order: they are on the courier's medium",
        ),
        BundleError::History(_) | BundleError::HistoryDamaged { .. } => (
            Kind::Unreadable,
            "put the vault back from its newest copy, then import the bundles since then",
        ),
        BundleError::OtherForce { .. } | BundleError::Directory(_) => (
            Kind::No,
            "check that this is the vault of the force that the bundle is of; if it is, keep the \
             bundle and tell the operator and the auditors",
        ),
        BundleError::DirectoryOlder { .. } => (
            Kind::No,
            "the operator serves an old directory: tell the operator, and pull again",
        ),
        BundleError::Forked { .. } | BundleError::Root { .. } => (
            Kind::No,
            "the history was changed. Import nothing more, keep the bundle and the vault as they \
             are, and tell the auditors",
        ),
        BundleError::Read(_)
        | BundleError::Origin { .. }
        | BundleError::Checkpoint { .. }
        | BundleError::EntryCount { .. }
        | BundleError::Entry { .. }
        | BundleError::Epochs
        | BundleError::Stray { .. } => (
            Kind::No,
            "copy the bundle from the courier's medium again; if it stays so, keep it and tell the \
             operator and the auditors",
        ),
        BundleError::Io(_) => (Kind::Unreadable, "check the medium, then try again"),
    };
    let what = format!("{} was refused, and nothing was taken in", path.display());
    Failure::new(kind, what, advice).because(why)
}
