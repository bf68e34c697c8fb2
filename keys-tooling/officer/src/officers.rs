//! `officers add` and `officers remove`: who can open reports, and who no longer can.
//!
//! Nothing is begun unless all of it can be done, and an interruption loses no key: the same command again finishes.

use std::process::ExitCode;

use hafan_directory::Contents;
use hafan_record::{Event, Hex32};
use hafan_report::SHARES_MAX;
use hafan_tlog::Verifier;

use crate::access;
use crate::cli::keys::{Add, Officers, Remove};
use crate::contact::shares_left;
use crate::destroy;
use crate::failure::{Failure, Kind, counted, say};
use crate::files::{self, Access};
use crate::issue::{must_be_able, publish, summary, unlock_root};
use crate::keyring::{Keyring, numbers, officer_number, parse_officer};
use crate::keys;
use crate::passphrase::{CHARACTERS_MIN, Passphrases};
use crate::rotate::{must_open_all, rewrap};
use crate::tty::{must_type, show, tell};
use crate::vault::{OFFICERS, Vault};
use crate::words::Fingerprint;

pub(crate) fn run(verb: &Officers) -> Result<ExitCode, Failure> {
    match verb {
        Officers::Add(args) => add(args),
        Officers::Remove(args) => remove(args),
    }
}

fn add(args: &Add) -> Result<ExitCode, Failure> {
    let signing = &args.signing;
    let vault = Vault::open(&signing.who.vault)?;
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    let before = directory.contents();
    must_be_able(signing, &vault, before)?;
    let mut contents = before.clone();
    if contents.officers.len() >= SHARES_MAX {
        let what = format!(
            "there are {SHARES_MAX} officers already, the most that a sealed contact has shares for"
        );
        return Err(Failure::new(Kind::Usage, what, "remove an officer first"));
    }
    contents.contact.threshold = quorum(
        args.quorum,
        before,
        contents.officers.len().saturating_add(1),
    )?;
    let passphrases = Passphrases::from(signing.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &signing.who.officer, &passphrases)?;
    must_open_all(&vault, &keys)?;
    let root = unlock_root(&vault, &signing.root, &passphrases)?;
    let number = next_number(&vault, before);
    if passphrases.are_typed() {
        tell(&format!(
            "\nofficer-{number}, who is new, to the keyboard, please. Your passphrase opens your key: you type it whenever you \
             read reports. It has at least {CHARACTERS_MIN} characters: four or more words that have nothing to do with each \
             other. You type it twice and it is not shown. Nobody else looks."
        ));
    }
    let officer = keys::new_officer(vault.force(), number, &passphrases)?;
    access::note(&vault, keys.signer(), added(number, &officer.verifier))?;
    for (path, bytes) in officer.files(&vault.path(OFFICERS)) {
        files::replace(&path, bytes, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    }
    say(&format!("  made: the key of officer-{number}"));
    contents.contact.recipients.push(officer.recipient.clone());
    contents.officers.push(officer.verifier.clone());
    rewrap(&vault, &keys, &contents.contact.recipients)?;
    let next = publish(&vault, &root, &keys, contents, &signing.out)?;
    show(&format!(
        "officer-{number} can open every report whose key is in the vault. Write this into the book of the ceremony:\n  \
         to open: {}\n  to sign: {}\n{}",
        Fingerprint::of(officer.recipient.as_str()).words(),
        Fingerprint::of(&officer.verifier.to_string()).words(),
        summary(next.contents(), &signing.out),
    ))?;
    tell(&format!(
        "Sealed contacts of reports written before this directory is served have no share for officer-{number}, unless one is \
         passed on (contact reseal)."
    ));
    Ok(ExitCode::SUCCESS)
}

fn remove(args: &Remove) -> Result<ExitCode, Failure> {
    let signing = &args.signing;
    let vault = Vault::open(&signing.who.vault)?;
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    let before = directory.contents();
    must_be_able(signing, &vault, before)?;
    let (contents, leaver) = without(args, before)?;
    let passphrases = Passphrases::from(signing.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &signing.who.officer, &passphrases)?;
    must_open_all(&vault, &keys)?;
    let root = unlock_root(&vault, &signing.root, &passphrases)?;
    tell(&consequences(args, &vault, &keys)?);
    if !args.yes {
        must_type(
            &format!("Type {} to go on:", args.leaver),
            &args.leaver,
            "nothing was changed",
            "give --yes",
        )?;
    }
    let (number, vkey) = removed(&leaver)?;
    access::note(
        &vault,
        keys.signer(),
        Event::OfficerRemoved { number, vkey },
    )?;
    rewrap(&vault, &keys, &contents.contact.recipients)?;
    let locked = vault.path(OFFICERS).join(format!("{}.age", args.leaver));
    if locked.exists() {
        destroy::file(&locked).map_err(|e| Failure::write(&locked, e))?;
    }
    let next = publish(&vault, &root, &keys, contents, &signing.out)?;
    show(&format!(
        "{} is no longer an officer: no intake key in the vault is wrapped to them.\n{}",
        args.leaver,
        summary(next.contents(), &signing.out)
    ))?;
    tell(&format!("\n{}", destroy::LIMITS));
    Ok(ExitCode::SUCCESS)
}

/// The directory without one officer, and the key of that one.
fn without(args: &Remove, before: &Contents) -> Result<(Contents, Verifier), Failure> {
    if args.leaver == args.signing.who.officer {
        return Err(Failure::new(
            Kind::Usage,
            "an officer cannot take themselves out",
            "after --as give an officer who stays",
        ));
    }
    let at = before.officers.iter().position(|officer| {
        parse_officer(&args.leaver).is_some()
            && officer_number(officer) == parse_officer(&args.leaver)
    });
    let at = at.ok_or_else(|| {
        let officers = before.officers.iter().filter_map(officer_number);
        let names: Vec<String> = officers.map(|number| format!("officer-{number}")).collect();
        let what = "the newest directory has no such officer";
        Failure::new(
            Kind::Usage,
            what,
            format!("give one of: {}", names.join(", ")),
        )
    })?;
    let mut contents = before.clone();
    let leaver = contents.officers.remove(at);
    contents.contact.recipients.remove(at);
    contents.contact.threshold = quorum(args.quorum, before, contents.officers.len())?;
    Ok((contents, leaver))
}

/// The quorum that was asked for or the one before, if it is possible among so many.
fn quorum(asked: Option<u8>, before: &Contents, officers: usize) -> Result<u16, Failure> {
    let quorum = asked.map_or(before.contact.threshold, u16::from);
    if usize::from(quorum) <= officers {
        return Ok(quorum);
    }
    Err(Failure::new(
        Kind::Usage,
        format!("a quorum of {quorum} of {officers} officers"),
        "add another officer first, or give a smaller --quorum",
    ))
}

/// A number that nobody had before; the one of a run that was interrupted is taken up again.
fn next_number(vault: &Vault, before: &Contents) -> u16 {
    let named: Vec<u16> = before.officers.iter().filter_map(officer_number).collect();
    let newest = numbers(vault)
        .chain(named.iter().copied())
        .max()
        .unwrap_or(0);
    let is_left_over = !named.contains(&newest)
        && vault
            .path(OFFICERS)
            .join(format!("officer-{newest}.age"))
            .exists();
    if is_left_over {
        newest
    } else {
        newest.saturating_add(1)
    }
}

fn added(number: u16, verifier: &Verifier) -> Event {
    let vkey = Hex32::sha256(verifier.to_string().as_bytes());
    Event::OfficerAdded { number, vkey }
}

fn removed(verifier: &Verifier) -> Result<(u16, Hex32), Failure> {
    let number = officer_number(verifier).ok_or_else(|| keys::made("an officer's number"))?;
    Ok((number, Hex32::sha256(verifier.to_string().as_bytes())))
}

/// Plainly: what the one who leaves can no longer do, what they still could, and what goes with them.
fn consequences(args: &Remove, vault: &Vault, keys: &Keyring) -> Result<String, Failure> {
    let officer = &args.leaver;
    let number = parse_officer(officer).unwrap_or(0);
    let left = shares_left(vault, keys, number)?;
    let mut words = format!(
        "\n{officer} leaves. Every intake key is wrapped anew without {officer}, and their key in the vault is destroyed.\n\
         What this cannot take back: what {officer} read, and any copy that {officer} made of the vault or of intake keys and \
         opens with a copy of their own key. If that is likely, retire the weeks concerned, and make a new key for answers (directory \
         issue --new-reply-key).\n"
    );
    if left.contacts > 0 {
        words.push_str(&format!(
            "Sealed contacts: {} with one. {officer} has passed on the shares of {}. With the other {}, the share of {officer}, if \
             there is one, is lost: one officer fewer can approve. Only {officer} can pass it on, and only now: stop here, and \
             use contact reseal.\n",
            counted(left.contacts, "report"),
            left.passed_on,
            left.contacts.saturating_sub(left.passed_on),
        ));
    }
    if left.unreadable > 0 {
        words.push_str(&format!(
            "{} could not be opened and are not counted.\n",
            counted(left.unreadable, "report")
        ));
    }
    Ok(words)
}
