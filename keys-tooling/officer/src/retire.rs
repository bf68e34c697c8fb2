//! `retire`: the key of a week is destroyed, and with it every report of that week for ever.
//!
//! What is going to be unreadable is shown first, and what nobody ever opened; then it is asked, recorded and done. A run that
//! was interrupted while destroying is finished by the next. Must never destroy anything of another week.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hafan_record::{Event, Hex32};
use secrecy::{ExposeSecret as _, SecretString};

use crate::access;
use crate::cli::keys::Retire;
use crate::contact::shares_dir;
use crate::destroy;
use crate::failure::{Failure, Kind, counted, print, say};
use crate::files::{self, Access};
use crate::keyring::{Keyring, is_retired, retired_path, today};
use crate::keys::made;
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::state::State;
use crate::tty::{must_type, show, tell};
use crate::vault::{Held, INTAKE, SMALL_SIZE_BYTES_MAX, Vault};
use crate::weeks::Week;
use hafan_export::text;

/// The key that is going to be destroyed.
struct Key {
    secret: SecretString,
    /// SHA-256 of its recipient's text.
    recipient: Hex32,
}

/// The reports of a week.
#[derive(Default)]
struct Reports {
    read: u64,
    /// Never opened: reference and flags.
    unread: Vec<(Reference, String)>,
    /// Opened with the week's key, and are no report or damaged.
    wrong: u64,
    /// Folders of shares of their sealed contacts that were passed on.
    shares: Vec<PathBuf>,
}

pub(crate) fn run(args: &Retire) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let _lock = vault.lock()?;
    let week = parse(&args.week, &vault)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let key = match keys.week_key(week) {
        Ok(Some(identity)) => Key {
            secret: identity.expose(),
            recipient: Hex32::sha256(identity.to_recipient().to_string().as_bytes()),
        },
        // The record has it already: what an interruption left is taken away.
        Err(_) if retired_path(&vault, &week.id()).exists() => {
            return finish(&vault, week, &named_after(&vault, week)?, &[]);
        }
        Ok(None) => {
            return Err(Failure::new(
                Kind::No,
                format!(
                    "{} cannot open the key of {}, so what becomes unreadable cannot be told",
                    args.who.officer, args.week
                ),
                "after --as give an officer who can",
            ));
        }
        Err(why) => {
            return Err(Failure::new(
                Kind::No,
                why,
                "put the file back from the vault's newest copy, then try again",
            ));
        }
    };
    let reports = reports(&vault, &keys, week)?;
    foretell(&vault, week, &reports)?;
    if !args.yes {
        must_type(
            &format!(
                "This cannot be undone. Type {} to destroy its key:",
                args.week
            ),
            &args.week,
            "nothing was destroyed",
            "give --yes",
        )?;
    }
    access::note(&vault, keys.signer(), event(week, &key, &reports)?)?;
    write_marker(&vault, week)?;
    let mut files = named_after(&vault, week)?;
    files.extend(copies(&vault, &key, &keys, &files)?);
    finish(&vault, week, &files, &reports.shares)
}

/// Takes the files away, and says what that is worth.
fn finish(
    vault: &Vault,
    week: Week,
    files: &[PathBuf],
    shares: &[PathBuf],
) -> Result<ExitCode, Failure> {
    for path in files {
        destroy(path)?;
    }
    for dir in shares {
        for path in walk(dir)? {
            destroy(&path)?;
        }
        files::remove_dir_if_there(dir).map_err(|e| Failure::write(dir, e))?;
    }
    files::sync_dir(&vault.path(INTAKE)).map_err(|e| Failure::write(&vault.path(INTAKE), e))?;
    let count = u64::try_from(files.len()).unwrap_or(u64::MAX);
    show(&format!(
        "The key of {} is destroyed: {} of the vault. Nothing in the vault opens that week.\n",
        week.id(),
        counted(count, "file"),
    ))?;
    tell(&format!("\n{}", destroy::LIMITS));
    Ok(ExitCode::SUCCESS)
}

fn parse(typed: &str, vault: &Vault) -> Result<Week, Failure> {
    let week = Week::parse(typed).ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "that is not a week",
            "give a week such as 2026-W48",
        )
    })?;
    let has_key = vault.path(INTAKE).join(format!("{typed}.age")).exists();
    if has_key {
        return Ok(week);
    }
    if is_retired(vault, typed) {
        let what = format!("{typed} was retired before: its key is not in the vault");
        return Err(Failure::new(Kind::No, what, "there is nothing to do"));
    }
    Err(Failure::new(
        Kind::Usage,
        format!("the vault has no key of {typed}"),
        "hafan-keys list shows the weeks of the reports",
    ))
}

/// Opens what the week's key opens, in memory.
fn reports(vault: &Vault, keys: &Keyring, week: Week) -> Result<Reports, Failure> {
    let held = vault.held()?;
    let state = State::open(vault)?;
    let references: Vec<Reference> = held.iter().map(Held::reference).collect();
    say(&format!(
        "Looking which of {} are of {} …",
        counted(u64::try_from(held.len()).unwrap_or(u64::MAX), "report"),
        week.id()
    ));
    let mut reports = Reports::default();
    for held in &held {
        let flags = match keys.open_with(held, week) {
            Ok(None) => continue,
            Ok(Some(opened)) => opened.report.flags.join(", "),
            Err(_) => {
                reports.wrong = reports.wrong.saturating_add(1);
                "damaged, or no report".to_owned()
            }
        };
        let shares = shares_dir(vault, held);
        if shares.exists() {
            reports.shares.push(shares);
        }
        if state.is_read(&held.h) {
            reports.read = reports.read.saturating_add(1);
        } else {
            let reference = held.reference().among(references.iter());
            reports.unread.push((reference, flags));
        }
    }
    Ok(reports)
}

fn foretell(vault: &Vault, week: Week, reports: &Reports) -> Result<(), Failure> {
    let unread = u64::try_from(reports.unread.len()).unwrap_or(u64::MAX);
    let all = reports.read.saturating_add(unread);
    let mut shown = format!(
        "Week {}: {} in the vault, unreadable from then on.\n  {:>5}  read at least once\n  {unread:>5}  never opened\n",
        week.id(),
        counted(all, "report"),
        reports.read,
    );
    if reports.wrong > 0 {
        shown.push_str(&format!(
            "  {:>5}  of these damaged, or no report\n",
            reports.wrong
        ));
    }
    if unread > 0 {
        shown.push_str("\nNEVER OPENED by anyone:\n");
        for (reference, flags) in &reports.unread {
            let flags = text::line_cut(flags, 60);
            shown.push_str(&format!(
                "  {reference}  {}\n",
                if flags.is_empty() { "-" } else { &flags }
            ));
        }
    }
    if is_published(vault, week)? {
        shown.push_str(&text::block(
            &format!(
                "\nWARNING: the newest directory still names this week, until {}. Until another directory is served, reports are \
                 still sealed to its key, and NOBODY will ever read them. Have hafan-keys directory issue sign one right \
                 afterwards (it gives the week a new key), and the operator serve it.",
                week.until()
            ),
            0,
            80,
        ));
    }
    print(&format!("{shown}\n"))
}

/// Whether reports may still be sealed to the week's key.
fn is_published(vault: &Vault, week: Week) -> Result<bool, Failure> {
    let directory = vault.directory()?;
    let key = directory
        .contents()
        .intake
        .iter()
        .find(|key| key.id == week.id());
    Ok(key.is_some_and(|key| key.until > today()))
}

fn event(week: Week, key: &Key, reports: &Reports) -> Result<Event, Failure> {
    let unread = u64::try_from(reports.unread.len()).unwrap_or(u64::MAX);
    Ok(Event::Retired {
        week: week.id().parse().map_err(|e| made("a week").because(e))?,
        recipient: key.recipient,
        reports: reports.read.saturating_add(unread),
        unread,
    })
}

/// Says that the key is not missing but gone: written before it is, so that an interruption is known for what it is.
fn write_marker(vault: &Vault, week: Week) -> Result<(), Failure> {
    let marker = retired_path(vault, &week.id());
    let said = format!("{}\n", today());
    files::replace(&marker, said.as_bytes(), Access::Owner).map_err(|e| Failure::write(&marker, e))
}

/// The week's key file and whatever stands beside it under its name: what an interruption left, or a copy by hand.
fn named_after(vault: &Vault, week: Week) -> Result<Vec<PathBuf>, Failure> {
    let marker = retired_path(vault, &week.id());
    let mut files = walk(&vault.path(INTAKE))?;
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.contains(&week.id()) && *path != marker
    });
    Ok(files)
}

/// Every other file of the vault that this officer opens to the same key.
fn copies(
    vault: &Vault,
    key: &Key,
    keys: &Keyring,
    known: &[PathBuf],
) -> Result<Vec<PathBuf>, Failure> {
    let mut files = walk(&vault.path(""))?;
    files.retain(|path| {
        let opened = files::read(path, SMALL_SIZE_BYTES_MAX).map(|bytes| keys.open_sealed(&bytes));
        let Ok(Ok(opened)) = opened else {
            return false;
        };
        opened.trim_ascii_end() == key.secret.expose_secret().as_bytes() && !known.contains(path)
    });
    Ok(files)
}

/// Every file below a folder; links are not followed.
fn walk(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e| Failure::read(dir, e);
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            files.extend(walk(&entry.path())?);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

fn destroy(path: &Path) -> Result<(), Failure> {
    destroy::file(path).map_err(|e| {
        let what = format!("cannot destroy {}", path.display());
        let advice = "the access record says already that the week is retired. Run the same command again until it says that the \
                      key is destroyed";
        Failure::new(Kind::Unreadable, what, advice).because(e)
    })
}
