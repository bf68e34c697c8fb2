//! `import`: a bundle into the vault, wholly or not at all. Decrypts nothing and needs no passphrase.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;

use hafan_envelope::bundle::{BundleName, Head};
use hafan_open::bundle::{self, BundleError, Validity, VerifiedBundle};

use crate::cli::Import;
use crate::failure::{Failure, Kind, print};
use crate::files::{self, Access};
use crate::keyring::today;
use crate::reference::Reference;
use crate::vault::{BUNDLES, Brought, BroughtDrop, BroughtFinding, DROPS, TREE, Vault};

pub(crate) fn run(args: &Import) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.vault)?;
    let _lock = vault.lock()?;
    let file = File::open(&args.bundle).map_err(|e| Failure::read(&args.bundle, e))?;
    let validity = if args.accept_expired {
        Validity::AnyDay
    } else {
        Validity::On(today())
    };
    let from = BufReader::with_capacity(1 << 20, file);
    let mut bundle = match bundle::verify(from, vault.tree(), vault.root(), validity) {
        Ok(bundle) => bundle,
        Err(BundleError::AlreadyImported(name)) => return already(&vault, name, args),
        Err(why) => return Err(refused(&args.bundle, why)),
    };
    let name = bundle.name();
    let brought = write(&vault, &mut bundle, &args.bundle)?;
    report(name, &brought, Some(bundle.decoys()), args)
}

/// Writes the bundle's folder under a name that does not count, then gives it its name, then lets
/// `tree.json` name it. A cut before the last step leaves the vault as it was.
fn write<R: std::io::Read + std::io::Seek>(
    vault: &Vault,
    bundle: &mut VerifiedBundle<R>,
    source: &Path,
) -> Result<Brought, Failure> {
    let dir = vault.bundle_dir(bundle.name());
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
    let drops = bundle.drops().iter().map(|drop| BroughtDrop {
        index: drop.index,
        h: drop.h.to_string(),
        t: drop.t.to_string(),
    });
    let findings = bundle.findings().iter().map(|finding| BroughtFinding {
        index: finding.index,
        h: finding.h.to_string(),
        why: finding.kind.to_string(),
    });
    Brought {
        imported_on: today(),
        drops: drops.collect(),
        findings: findings.collect(),
    }
}

fn already(vault: &Vault, name: BundleName, args: &Import) -> Result<ExitCode, Failure> {
    let brought = vault.brought(name)?;
    if !args.json {
        print("This bundle is in the vault already. Nothing was changed.\n")?;
    }
    report(name, &brought, None, args)
}

fn report(
    name: BundleName,
    brought: &Brought,
    decoys: Option<u64>,
    args: &Import,
) -> Result<ExitCode, Failure> {
    let text = if args.json {
        as_json(name, brought, decoys)
    } else {
        as_text(name, brought, decoys)
    };
    print(&text)?;
    Ok(if brought.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn as_text(name: BundleName, brought: &Brought, decoys: Option<u64>) -> String {
    let mut text = format!(
        "Leaves {} to {} of {}: {} reports",
        name.first,
        name.last,
        name.year,
        brought.drops.len()
    );
    if let Some(decoys) = decoys {
        text.push_str(&format!(", {decoys} decoys"));
    }
    text.push_str(&format!(", {} not whole.\n", brought.findings.len()));
    if decoys.is_some() {
        text.push_str("Signatures, continuity, tree and every digest were checked.\n");
    }
    for finding in &brought.findings {
        let reference = finding.h.parse().map(|h| Reference::of(&h).to_string());
        text.push_str(&format!(
            "NOT WHOLE  leaf {}  {}  {}\n",
            finding.index,
            reference.unwrap_or_default(),
            finding.why
        ));
    }
    if !brought.findings.is_empty() {
        text.push_str(
            "These leaves stand for reports that this bundle does not hold whole. Tell the operator \
             and the auditors,\nand keep this bundle and the courier's medium as they are.\n",
        );
    }
    text
}

fn as_json(name: BundleName, brought: &Brought, decoys: Option<u64>) -> String {
    let findings: Vec<serde_json::Value> = brought
        .findings
        .iter()
        .map(|finding| serde_json::json!({"index": finding.index, "h": finding.h, "why": finding.why}))
        .collect();
    let json = serde_json::json!({
        "year": name.year,
        "first": name.first,
        "last": name.last,
        "new": decoys.is_some(),
        "reports": brought.drops.len(),
        "decoys": decoys,
        "findings": findings,
    });
    format!("{json}\n")
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
            "import the bundles between first: they are on the courier's medium",
        ),
        BundleError::Behind { .. } => (
            Kind::No,
            "take the next bundle: this one does not begin where the vault ends",
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
        | BundleError::Stray { .. }
        | BundleError::AlreadyImported(_) => (
            Kind::No,
            "copy the bundle from the courier's medium again; if it stays so, keep it and tell the \
             operator and the auditors",
        ),
        BundleError::Io(_) => (Kind::Unreadable, "check the medium, then try again"),
    };
    let what = format!("{} was refused, and nothing was taken in", path.display());
    Failure::new(kind, what, advice).because(why)
}
