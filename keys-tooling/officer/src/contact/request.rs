//! `contact request`: asks for the sealed contact of a report.

use std::process::ExitCode;

use hafan_open::quorum::{Paper, Request as Asked};
use hafan_record::{Event, Hex32};

use super::{Found, REQUEST_DAYS, write};
use crate::access;
use crate::cli::contact::Request;
use crate::failure::Failure;
use crate::keyring::{Keyring, today};
use crate::keys::{made, must_be_free};
use crate::passphrase::Passphrases;
use crate::read::find;
use crate::tty::show;
use crate::vault::Vault;

pub(crate) fn run(args: &Request) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let reason = args.why.reason()?;
    must_be_free(&args.out)?;
    let held = vault.held()?;
    let (held, reference) = find(&held, &args.reference)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let found = Found::of(&keys, held, &reference)?;
    let report = Hex32::from(&held.h);
    let event = Event::ContactRequested {
        report,
        reason: reason.clone(),
    };
    let entry = access::note(&vault, keys.signer(), event)?.number;
    let asked = Paper::Request(Asked {
        force: vault.force().clone(),
        report,
        officer: keys.number(),
        entry,
        asked_on: today(),
        reason,
    });
    let note = asked
        .sign(keys.signer())
        .map_err(|e| made("the request").because(e))?;
    write(&args.out, &note)?;
    show(&format!(
        "Asked for the sealed contact of report {reference}; entry {entry} of the access record says so.\n\
         Give {} to the other officers. {} of {} have to approve it (you may be one of them), within {REQUEST_DAYS} days:\n\
         \n    hafan-keys contact approve {} --reason … --vault … --as … --out …\n",
        args.out.display(),
        found.seal.threshold,
        found.seal.shares.len(),
        args.out.display(),
    ))?;
    Ok(ExitCode::SUCCESS)
}
