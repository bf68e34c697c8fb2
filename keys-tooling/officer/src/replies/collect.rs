//! Telling people that their report was collected, and that it was read.
//!
//! A report says only inside whether there is a way back, so each is opened for that, in memory, when the access record
//! says so. Must never keep a word of one.

use hafan_record::{Event, Hex32};
use hafan_report::MessageState;

use super::key;
use super::ledger::Ledger;
use super::looked::Looked;
use super::outbox::Unsigned;
use super::way::Way;
use crate::access;
use crate::failure::Failure;
use crate::keyring::{Keyring, Opened};
use crate::vault::{Held, Vault};

/// Whether there are reports that were not looked at yet: told without any passphrase.
pub(crate) fn is_due(vault: &Vault) -> Result<bool, Failure> {
    let looked = Looked::open(vault)?;
    let held = vault.held()?;
    Ok(held.iter().any(|held| !looked.has(&Hex32::from(&held.h))))
}

/// Looks at every report that did not open before, queues for each that has a mailbox that it was collected, and gives how
/// many people are told so. The vault is locked and as it is on the disk.
///
/// One that does not open is passed over, and tried again with the next that come.
///
/// # Errors
/// The vault has no key that answers are signed with.
pub(crate) fn collect(vault: &Vault, keys: &Keyring) -> Result<u64, Failure> {
    let directory = vault.directory()?;
    let signer = key::must_sign(vault, keys, &directory)?;
    let mut looked = Looked::open(vault)?;
    let mut held = vault.held()?;
    held.retain(|held| !looked.is_opened(&Hex32::from(&held.h)));
    if held.is_empty() {
        return Ok(0);
    }
    let event = Event::Collected {
        reports: u64::try_from(held.len()).unwrap_or(u64::MAX),
        tree: vault.tree_sha256(),
    };
    let mut ledger = Ledger::open(vault, keys)?;
    access::note(vault, keys.signer(), event)?;
    let mut told: u64 = 0;
    let ways = keys.open_each(&held, |opened| opened.ok().map(|opened| Way::of(&opened)));
    for (held, way) in held.iter().zip(ways) {
        let report = Hex32::from(&held.h);
        looked.set(report, way.is_some());
        let Some(Ok(way)) = way else { continue };
        let unsigned = Unsigned {
            report,
            way: &way,
            state: MessageState::Collected,
            words: None,
        };
        if !ledger.is_told(&report, unsigned.state) {
            let signed = unsigned.sign(vault, keys, &ledger, &signer)?;
            signed.queue(vault, &mut ledger)?;
            told = told.saturating_add(1);
        }
    }
    // The ledger first: what was looked at and is not in it would never be told.
    ledger.save(vault, &directory)?;
    looked.save(vault)?;
    Ok(told)
}

/// Queues, once a report, that it was read. A vault without a key for answers tells nobody anything.
pub(crate) fn tell_read(
    vault: &Vault,
    keys: &Keyring,
    held: &Held,
    opened: &Opened,
) -> Result<(), Failure> {
    let Ok(way) = Way::of(opened) else {
        return Ok(());
    };
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    let Some(signer) = key::signer(vault, keys, &directory)? else {
        return Ok(());
    };
    let mut ledger = Ledger::open(vault, keys)?;
    let unsigned = Unsigned {
        report: Hex32::from(&held.h),
        way: &way,
        state: MessageState::Read,
        words: None,
    };
    if ledger.is_told(&unsigned.report, unsigned.state) {
        return Ok(());
    }
    let signed = unsigned.sign(vault, keys, &ledger, &signer)?;
    signed.queue(vault, &mut ledger)?;
    ledger.save(vault, &directory)
}
