//! `directory issue`: the next version of the directory, with more weeks of intake keys.

use std::process::ExitCode;

use hafan_directory::{Contents, Directory, IntakeKey};

use crate::cli::Issue;
use crate::failure::{Failure, Kind, print};
use crate::files::{self, Access};
use crate::keyring::{today, unlock};
use crate::keys::{self, made};
use crate::passphrase::Passphrases;
use crate::vault::{DIRECTORY, INTAKE, SMALL_SIZE_BYTES_MAX, Vault, damaged};
use crate::weeks::Week;

pub(crate) fn run(args: &Issue) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.vault)?;
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    if args.out.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Kind::Unsafe,
            format!("{} is there already", args.out.display()),
            "give the path of a file that is not there yet",
        ));
    }
    let passphrases = Passphrases::from(args.passphrases.passphrase_file.as_deref())?;
    let locked =
        files::read(&args.root, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(&args.root, e))?;
    let secret = unlock(&args.root, &locked, "root", &passphrases)?;
    let line = std::str::from_utf8(&secret).map_err(|_| damaged(&args.root))?;
    let root = keys::parse_signer(line).ok_or_else(|| damaged(&args.root))?;
    if root.verifier() != *vault.root() {
        return Err(Failure::new(
            Kind::No,
            format!("{} is not the root key of this vault", args.root.display()),
            "give the root.age of the same ceremony as the vault",
        ));
    }
    let next = next_directory(args, &vault, directory.contents())?;
    let note = next
        .sign(&root)
        .map_err(|e| made("the directory").because(e))?;
    // The keys are in the vault already: now it names them, and only then is the directory given out.
    let path = vault.path(DIRECTORY);
    files::replace(&path, &note, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    files::replace(&args.out, &note, Access::Everyone).map_err(|e| Failure::write(&args.out, e))?;
    let contents = next.contents();
    print(&format!(
        "Directory {} of {}: {} weeks, valid until {}.\nGive {} to the operator of the server.\n",
        contents.sequence,
        contents.force,
        contents.intake.len(),
        contents.valid_until,
        args.out.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn next_directory(args: &Issue, vault: &Vault, before: &Contents) -> Result<Directory, Failure> {
    let this_week = Week::of(today());
    // Weeks that are over leave the directory; their keys stay in the vault.
    let mut intake: Vec<IntakeKey> = before
        .intake
        .iter()
        .filter(|key| key.until > this_week.from())
        .cloned()
        .collect();
    let mut week = before
        .intake
        .last()
        .map_or(this_week, |key| Week::of(key.until));
    if intake.is_empty() {
        week = this_week;
    }
    for _ in 0..args.add_weeks {
        let (key, sealed) = keys::new_intake(week, &before.contact.recipients)?;
        // A key that no directory names was made by a run that was interrupted: nobody sealed to it.
        let path = vault.path(INTAKE).join(format!("{}.age", key.id));
        files::replace(&path, &sealed, Access::Owner).map_err(|e| Failure::write(&path, e))?;
        intake.push(key);
        week = week.next();
    }
    let (Some(first), Some(last)) = (intake.first(), intake.last()) else {
        return Err(made("an intake key"));
    };
    let contents = Contents {
        sequence: before.sequence.saturating_add(1),
        valid_from: first.from,
        valid_until: last.until,
        intake: intake.clone(),
        ..before.clone()
    };
    Directory::new(contents).map_err(|e| made("the directory").because(e))
}
