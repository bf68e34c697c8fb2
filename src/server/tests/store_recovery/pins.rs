//! Pins, years and keys: what a store does when they and it do not agree.

use std::fs;

use hafan::store::{EpochError, OpenError, Store};

use super::store_support::{self, YEAR, check_log, checkpoint, force, open, signer, submit};
use super::{copy_dir, made};

#[test]
fn a_store_older_than_its_pin_is_refused() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let saved = config.store_dir.with_extension("saved");
    copy_dir(&config.store_dir, &saved);
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 200).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    fs::remove_dir_all(&config.store_dir).unwrap();
    copy_dir(&saved, &config.store_dir);
    let found = open(&config).unwrap_err();
    assert!(
        matches!(
            found,
            OpenError::PinAhead {
                found: 0,
                pinned: 4,
                year: YEAR,
                ..
            }
        ),
        "{found}"
    );
}

#[test]
fn a_durable_epoch_whose_pin_is_behind_is_rolled_forward() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    let store = open(&config).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    let behind = fs::read(&pin).unwrap();
    submit(&store, &btp, 1, 200).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    let newest = fs::read(&pin).unwrap();
    drop(store);
    fs::write(&pin, &behind).unwrap();
    let store = open(&config).unwrap();
    assert_eq!(fs::read(&pin).unwrap(), newest);
    assert_eq!(checkpoint(&store, &btp, YEAR).size(), 8);
    assert_eq!(check_log(&store, &btp, YEAR, 4).len(), 1);
}

#[test]
fn a_missing_pin_is_refused_unless_the_log_is_empty() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    fs::remove_file(&pin).unwrap();
    let store = open(&config).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    let kept = fs::read(&pin).unwrap();
    fs::remove_file(&pin).unwrap();
    let found = open(&config).unwrap_err();
    assert!(matches!(found, OpenError::PinMissing { .. }), "{found}");
    // Mended as the message says: any checkpoint that was published.
    fs::write(&pin, kept).unwrap();
    open(&config).unwrap();
}

#[test]
fn a_pin_that_is_forged_or_of_another_history_is_refused() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    let saved = config.store_dir.with_extension("saved");
    copy_dir(&config.store_dir, &saved);
    let empty = fs::read(&pin).unwrap();
    let store = open(&config).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    let good = fs::read(&pin).unwrap();
    for bit in 0..good.len() * 8 {
        let mut forged = good.clone();
        forged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&pin, &forged).unwrap();
        assert!(open(&config).is_err(), "bit {bit}");
    }
    // The same beginning, and another first epoch.
    fs::remove_dir_all(&config.store_dir).unwrap();
    copy_dir(&saved, &config.store_dir);
    fs::write(&pin, &empty).unwrap();
    let store = open(&config).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    fs::write(&pin, &good).unwrap();
    let found = open(&config).unwrap_err();
    assert!(
        matches!(found, OpenError::PinFork { pinned: 4, .. }),
        "{found}"
    );
}

#[test]
fn a_pin_of_a_log_that_the_store_does_not_have_is_refused() {
    let (_dir, config) = made(&["btp"], 4);
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    fs::copy(&pin, config.pinned_dir.join("btp-2027.checkpoint")).unwrap();
    let found = open(&config).unwrap_err();
    assert!(
        matches!(found, OpenError::PinAhead { year: 2027, .. }),
        "{found}"
    );
}

#[test]
fn an_epoch_is_not_built_on_a_pin_that_moved() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    let store = open(&config).unwrap();
    let empty = fs::read(&pin).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    let newest = fs::read(&pin).unwrap();
    fs::write(&pin, &empty).unwrap();
    let found = store.close_epoch(&btp, YEAR, &signer()).unwrap_err();
    assert!(matches!(found, EpochError::PinMoved { .. }), "{found}");
    assert!(!store.health().publishing);
    fs::write(&pin, &newest).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    assert!(store.health().publishing);
}

#[test]
fn the_year_never_goes_back_and_drops_wait_over_its_end() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    for n in 0..6 {
        submit(&store, &btp, n, 200).unwrap();
    }
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    store.close_epoch(&btp, YEAR + 1, &signer()).unwrap();
    let found = store.close_epoch(&btp, YEAR, &signer()).unwrap_err();
    assert!(
        matches!(
            found,
            EpochError::YearWentBack {
                found: YEAR,
                newest: 2027
            }
        ),
        "{found}"
    );
    drop(store);
    let store = open(&config).unwrap();
    assert_eq!(store.latest_year(&btp), Some(2027));
    assert_eq!(check_log(&store, &btp, YEAR, 4).len(), 4);
    assert_eq!(check_log(&store, &btp, YEAR + 1, 4).len(), 2);
}

#[test]
fn another_key_opens_nothing_and_signs_nothing() {
    let (_dir, config) = made(&["btp"], 4);
    let other = hafan_tlog::Signer::from_seed(store_support::LOG_NAME, &[8; 32]).unwrap();
    let found = Store::open(&config, &other.verifier(), &|_| {}).unwrap_err();
    assert!(
        matches!(
            found,
            OpenError::PinInvalid { .. } | OpenError::Epoch { .. }
        ),
        "{found}"
    );
    let store = open(&config).unwrap();
    let found = store.close_epoch(&force("btp"), YEAR, &other).unwrap_err();
    assert!(matches!(found, EpochError::Key), "{found}");
}
