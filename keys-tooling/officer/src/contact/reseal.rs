//! `contact reseal`: the shares of an officer who leaves are sealed to a successor.
//!
//! Both are present: the one opens their shares, and the other's key shows which reports they have a share of already. One
//! officer never gets two shares of one report.

use std::process::ExitCode;

use hafan_record::{Event, Hex32};

use super::{Found, shares};
use crate::access;
use crate::cli::contact::Reseal;
use crate::failure::{Failure, Kind, counted, say};
use crate::keyring::Keyring;
use crate::keys::seal_to;
use crate::passphrase::Passphrases;
use crate::tty::{show, tell};
use crate::vault::{Held, Vault};

/// How the reports stand afterwards.
#[derive(Default)]
struct Outcome {
    passed_on: u64,
    /// The successor has a share of the report already.
    kept_apart: u64,
    /// Of these the officer who leaves has no share.
    none: u64,
    unreadable: u64,
}

pub(crate) fn run(args: &Reseal) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.vault)?;
    let _lock = vault.lock()?;
    if args.from == args.to {
        return Err(Failure::new(
            Kind::Usage,
            "one officer cannot pass shares on to themselves",
            "after --to give another officer than after --from",
        ));
    }
    let held = vault.held()?;
    let passphrases = Passphrases::from(args.passphrases.passphrase_file.as_deref())?;
    let from = Keyring::unlock(&vault, &args.from, &passphrases)?;
    let to = Keyring::unlock(&vault, &args.to, &passphrases)?;
    let mut outcome = Outcome::default();
    for held in &held {
        pass_on(&vault, held, &from, &to, &mut outcome)?;
    }
    report(args, &outcome)?;
    Ok(if outcome.unreadable == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn pass_on(
    vault: &Vault,
    held: &Held,
    from: &Keyring,
    to: &Keyring,
    outcome: &mut Outcome,
) -> Result<(), Failure> {
    let count = |of: &mut u64| *of = of.saturating_add(1);
    let opened = match from.open(held) {
        Ok(opened) => opened,
        Err(why) => {
            say(&format!("NOT OPENED  {}: {why}", held.reference()));
            count(&mut outcome.unreadable);
            return Ok(());
        }
    };
    let Some(found) = Found::within(opened) else {
        return Ok(());
    };
    let own = match shares::own(vault, held, &found, from) {
        Ok(Some(own)) => own,
        Ok(None) => {
            count(&mut outcome.none);
            return Ok(());
        }
        Err(why) => {
            say(&format!("NOT PASSED ON  {}: {why}", held.reference()));
            count(&mut outcome.unreadable);
            return Ok(());
        }
    };
    // A share of the successor's that is not right is a share all the same.
    if !matches!(shares::own(vault, held, &found, to), Ok(None)) {
        count(&mut outcome.kept_apart);
        return Ok(());
    }
    let sealed = seal_to(own.share.as_bytes(), &[to.recipient()?])?;
    let event = Event::ShareResealed {
        report: Hex32::from(&held.h),
        from: from.number(),
        to: to.number(),
    };
    access::note(vault, from.signer(), event)?;
    shares::keep(
        vault,
        held,
        own.number,
        (from.number(), to.number()),
        &sealed,
    )?;
    count(&mut outcome.passed_on);
    Ok(())
}

/// How the sealed contacts of the vault stand to one officer who leaves.
#[derive(Default)]
pub(crate) struct SharesLeft {
    /// Reports with a sealed contact.
    pub(crate) contacts: u64,
    /// Those of them whose share this officer passed on.
    pub(crate) passed_on: u64,
    /// Reports that did not open.
    pub(crate) unreadable: u64,
}

/// Counts them: opens each report in memory.
pub(crate) fn shares_left(
    vault: &Vault,
    keys: &Keyring,
    leaver: u16,
) -> Result<SharesLeft, Failure> {
    let mut left = SharesLeft::default();
    for held in &vault.held()? {
        let count = |of: &mut u64| *of = of.saturating_add(1);
        let Ok(opened) = keys.open(held) else {
            count(&mut left.unreadable);
            continue;
        };
        if opened.contact.is_some() {
            count(&mut left.contacts);
            let passed_on = shares::passed_on(vault, held);
            if passed_on.iter().any(|share| share.from == leaver) {
                count(&mut left.passed_on);
            }
        }
    }
    Ok(left)
}

fn report(args: &Reseal, outcome: &Outcome) -> Result<(), Failure> {
    let Reseal { from, to, .. } = args;
    show(&format!(
        "Passed on from {from} to {to}: the shares of {}. Each is in the access record.\n",
        counted(outcome.passed_on, "report")
    ))?;
    for (count, what) in [
        (
            outcome.kept_apart,
            format!(
                "{to} has a share already, and the one of {from} was not passed on: one officer never has two"
            ),
        ),
        (outcome.none, format!("{from} has no share")),
        (
            outcome.unreadable,
            "they could not be opened, as said above".to_owned(),
        ),
    ] {
        if count > 0 {
            tell(&format!("{}: {what}.", counted(count, "report")));
        }
    }
    tell(&format!(
        "What {from} copied before, this cannot take back: with a copy of the vault and enough other officers, {from} could still \
         give these shares."
    ));
    Ok(())
}
