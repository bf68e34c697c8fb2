//! Telling people that their report was collected, and that it was read.
//!
//! A report says only inside whether there is a way back, so each is opened once for that, in memory, when the access record
//! says so. Must never keep a word of one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use hafan_record::{Event, Hex32};
use hafan_report::MessageState;

use super::key;
use super::ledger::{Ledger, Way};
use super::looked::Looked;
use super::outbox::Draft;
use crate::access;
use crate::failure::Failure;
use crate::keyring::{Keyring, Opened};
use crate::vault::{Held, Vault};

/// Below this many reports a thread costs more than it brings.
const REPORTS_A_THREAD: usize = 8;

/// What was found when reports were looked at.
#[derive(Clone, Copy)]
pub(crate) enum Collected {
    /// Nothing: the vault has no key that answers are signed with.
    NoKey,
    /// So many people are told that their report was collected.
    Told(u64),
}

/// Whether there are reports that were not looked at yet, and a key to answer with: told without any passphrase.
pub(crate) fn is_due(vault: &Vault) -> Result<bool, Failure> {
    if vault.directory()?.reply_key().is_none() {
        return Ok(false);
    }
    let looked = Looked::open(vault)?;
    let held = vault.held()?;
    Ok(held.iter().any(|held| !looked.has(&Hex32::from(&held.h))))
}

/// Looks at every report that was not looked at yet, and queues for each that has a mailbox that it was collected. The vault
/// is locked and as it is on the disk.
///
/// One that does not open is passed over, and tried again with the next that come.
pub(crate) fn collect(vault: &Vault, keys: &Keyring) -> Result<Collected, Failure> {
    let directory = vault.directory()?;
    let Some(signer) = key::signer(vault, keys, &directory)? else {
        return Ok(Collected::NoKey);
    };
    let mut looked = Looked::open(vault)?;
    let mut held = vault.held()?;
    if held.iter().all(|held| looked.has(&Hex32::from(&held.h))) {
        return Ok(Collected::Told(0));
    }
    held.retain(|held| !looked.is_opened(&Hex32::from(&held.h)));
    let event = Event::Collected {
        reports: u64::try_from(held.len()).unwrap_or(u64::MAX),
        tree: vault.tree_sha256(),
    };
    access::note(vault, keys.signer(), event)?;
    let mut ledger = Ledger::open(vault, keys)?;
    let mut told: u64 = 0;
    for (report, way) in look(keys, &held) {
        looked.set(report, way.is_some());
        let Some(Some(way)) = way else { continue };
        ledger.add_way(report, way.clone());
        let draft = Draft {
            report,
            way: &way,
            state: MessageState::Collected,
            words: None,
        };
        if !ledger.is_told(&report, draft.state) {
            let signed = draft.sign(vault, &ledger, &signer)?;
            draft.queue(&signed, vault, keys, &mut ledger)?;
            told = told.saturating_add(1);
        }
    }
    // The ledger first: what was looked at and is not in it would never be told.
    ledger.save(vault, &directory)?;
    looked.save(vault)?;
    Ok(Collected::Told(told))
}

/// Opens each report on as many threads as there are cores, and lets go of it; in the order of `held`. `None` did not open.
fn look(keys: &Keyring, held: &[Held]) -> Vec<(Hex32, Option<Option<Way>>)> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::new());
    hafan_open::share(held.len().div_ceil(REPORTS_A_THREAD), || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(held) = held.get(at) else { return };
            let way = keys.open(held).ok().map(|opened| Way::of(&opened));
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((at, Hex32::from(&held.h), way));
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(at, _, _)| *at);
    found
        .into_iter()
        .map(|(_, report, way)| (report, way))
        .collect()
}

/// Queues, once a report, that it was read. A vault without a key for answers tells nobody anything.
pub(crate) fn tell_read(
    vault: &Vault,
    keys: &Keyring,
    held: &Held,
    opened: &Opened,
) -> Result<(), Failure> {
    let Some(way) = Way::of(opened) else {
        return Ok(());
    };
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    let Some(signer) = key::signer(vault, keys, &directory)? else {
        return Ok(());
    };
    let mut ledger = Ledger::open(vault, keys)?;
    let draft = Draft {
        report: Hex32::from(&held.h),
        way: &way,
        state: MessageState::Read,
        words: None,
    };
    if ledger.is_told(&draft.report, draft.state) {
        return Ok(());
    }
    let signed = draft.sign(vault, &ledger, &signer)?;
    draft.queue(&signed, vault, keys, &mut ledger)?;
    ledger.add_way(draft.report, way.clone());
    ledger.save(vault, &directory)
}
