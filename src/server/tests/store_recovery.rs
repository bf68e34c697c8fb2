//! What a store does with what it finds at its start: torn tails, rot, missing files, pins, an index that is wrong.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails its test"
)]

#[path = "store_recovery/pins.rs"]
mod pins;
mod store_support;

use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hafan::store::{
    Accepted, CreateError, Damage, EpochError, OpenError, ReadError, Store, StoreConfig,
};
use store_support::{
    YEAR, blob, check_log, checkpoint, config, force, open, signer, submission, submit, submit_all,
};
use tempfile::TempDir;

fn segment(config: &StoreConfig, number: u32) -> PathBuf {
    config
        .store_dir
        .join("segments")
        .join(format!("{number:06}.log"))
}

/// Copies a folder with everything in it.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn made(forces: &[&str], leaves: u16) -> (TempDir, StoreConfig) {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), forces, leaves);
    Store::create(&config, &signer(), YEAR).unwrap();
    (dir, config)
}

/// Byte behind the last one of a segment that is not zero.
fn written(config: &StoreConfig, number: u32) -> usize {
    let bytes = fs::read(segment(config, number)).unwrap();
    bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1)
}

/// Where the next frame goes after what was written.
fn frame_end(config: &StoreConfig) -> usize {
    written(config, 0).next_multiple_of(8)
}

fn patch(config: &StoreConfig, number: u32, at: usize, bytes: &[u8]) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(segment(config, number))
        .unwrap();
    file.write_all_at(bytes, u64::try_from(at).unwrap())
        .unwrap();
}

#[test]
fn a_new_store_has_a_signed_empty_checkpoint_for_each_force_and_private_files() {
    let (_dir, config) = made(&["btp", "dyfed-powys"], 8);
    let store = open(&config).unwrap();
    for name in ["btp", "dyfed-powys"] {
        assert_eq!(checkpoint(&store, &force(name), YEAR).size(), 0);
        assert_eq!(store.latest_year(&force(name)), Some(YEAR));
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&config.store_dir), 0o700);
    assert_eq!(mode(&config.pinned_dir), 0o700);
    assert_eq!(mode(&segment(&config, 0)), 0o600);
    assert_eq!(mode(&config.pinned_dir.join("btp-2026.checkpoint")), 0o600);
}

#[test]
fn a_store_is_never_made_over_something() {
    let (_dir, config) = made(&["btp"], 8);
    assert!(matches!(
        Store::create(&config, &signer(), YEAR),
        Err(CreateError::NotEmpty { .. })
    ));
    fs::remove_dir_all(&config.store_dir).unwrap();
    assert!(matches!(
        Store::create(&config, &signer(), YEAR),
        Err(CreateError::Pinned { .. })
    ));
}

#[test]
fn no_store_is_made_by_a_clock_that_is_years_behind() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 8);
    for year in [0, 1970, 2025] {
        let found = Store::create(&config, &signer(), year).unwrap_err();
        let wanted = hafan::store::ConfigError::Year { found: year };
        assert!(matches!(found, CreateError::Config(found) if found == wanted));
        assert!(!config.store_dir.exists());
    }
    Store::create(&config, &signer(), 2026).unwrap();
}

#[test]
fn opening_never_makes_a_store() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 8);
    assert!(matches!(open(&config), Err(OpenError::NotAStore { .. })));
    fs::create_dir(&config.store_dir).unwrap();
    assert!(matches!(open(&config), Err(OpenError::NotAStore { .. })));
    assert_eq!(fs::read_dir(&config.store_dir).unwrap().count(), 0);
}

#[test]
fn two_servers_cannot_open_one_store() {
    let (_dir, config) = made(&["btp"], 8);
    let store = open(&config).unwrap();
    assert!(matches!(open(&config), Err(OpenError::Locked { .. })));
    drop(store);
    open(&config).unwrap();
}

#[test]
fn a_submission_is_there_after_every_kind_of_stop() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    assert_eq!(submit(&store, &btp, 1, 500).unwrap(), Accepted::Created);
    assert_eq!(submit(&store, &btp, 1, 500).unwrap(), Accepted::Already);
    store.shutdown();
    drop(store);
    let store = open(&config).unwrap();
    assert_eq!(submit(&store, &btp, 1, 500).unwrap(), Accepted::Already);
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    let store = open(&config).unwrap();
    let (h, body) = submission(1, 500);
    assert_eq!(blob(&store, &btp, &h), Some(body));
    assert_eq!(check_log(&store, &btp, YEAR, 4), [h]);
    assert_eq!(submit(&store, &btp, 1, 500).unwrap(), Accepted::Already);
}

#[test]
fn a_torn_batch_is_cut_off_wherever_it_was_torn() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 300).unwrap();
    drop(store);
    let start = frame_end(&config);
    let store = open(&config).unwrap();
    submit(&store, &btp, 2, 700).unwrap();
    drop(store);
    let whole = fs::read(segment(&config, 0)).unwrap();
    let end = written(&config, 0);
    for cut in start..end {
        let mut torn = whole.clone();
        torn[cut..].fill(0);
        fs::write(segment(&config, 0), &torn).unwrap();
        let store = open(&config).unwrap_or_else(|error| panic!("cut at {cut}: {error}"));
        assert!(blob(&store, &btp, &submission(1, 300).0).is_some());
        assert_eq!(blob(&store, &btp, &submission(2, 700).0), None);
        drop(store);
        assert_eq!(
            written(&config, 0).next_multiple_of(8),
            start,
            "cut at {cut} is made zero"
        );
        // What was cut is kept, a file for each.
        let end = torn.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        let kept = fs::read_dir(&config.store_dir).unwrap().any(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            name.starts_with(&format!("torn-000000-{start}"))
                && fs::read(entry.path()).unwrap() == torn[start..end.max(start)]
        });
        assert!(kept || end <= start, "cut at {cut} is kept");
    }
}

#[test]
fn a_batch_that_lacks_any_of_its_sectors_is_torn() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let start = frame_end(&config);
    let store = open(&config).unwrap();
    submit(&store, &btp, 2, 5000).unwrap();
    drop(store);
    let whole = fs::read(segment(&config, 0)).unwrap();
    let end = written(&config, 0);
    for sector in (start / 512)..end.div_ceil(512) {
        let mut torn = whole.clone();
        // The header was synced before the rest.
        torn[(start + 20).max(sector * 512)..(sector + 1) * 512].fill(0);
        fs::write(segment(&config, 0), &torn).unwrap();
        let store = open(&config).unwrap_or_else(|error| panic!("sector {sector}: {error}"));
        assert_eq!(blob(&store, &btp, &submission(2, 5000).0), None);
        assert_eq!(submit(&store, &btp, 3, 400).unwrap(), Accepted::Created);
    }
}

#[test]
fn a_flipped_byte_anywhere_is_refused_and_named() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 300).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    submit(&store, &btp, 2, 200).unwrap();
    drop(store);
    let whole = fs::read(segment(&config, 0)).unwrap();
    // The last frame is a batch: nothing is behind it that would tell rot from a torn tail.
    for at in 0..written(&config, 0) {
        let mut rotten = whole.clone();
        rotten[at] ^= 0x40;
        fs::write(segment(&config, 0), &rotten).unwrap();
        match open(&config) {
            Err(OpenError::Damaged {
                segment: 0, byte, ..
            }) => {
                assert!(
                    usize::try_from(byte).unwrap() <= at,
                    "byte {byte} for a flip at {at}"
                );
            }
            Err(error) => panic!("flip at {at}: {error}"),
            Ok(_) => panic!("flip at {at} was not seen"),
        }
        assert_eq!(
            fs::read(segment(&config, 0)).unwrap(),
            rotten,
            "nothing is changed"
        );
    }
}

#[test]
fn a_lost_header_with_anything_behind_it_is_damage() {
    let (_dir, config) = made(&["btp"], 4);
    let start = frame_end(&config);
    let store = open(&config).unwrap();
    submit(&store, &force("btp"), 1, 2000).unwrap();
    let one = fs::read(segment(&config, 0)).unwrap();
    submit(&store, &force("btp"), 2, 2000).unwrap();
    drop(store);
    let two = fs::read(segment(&config, 0)).unwrap();
    for (name, whole) in [("one frame", one), ("two frames", two)] {
        let mut lost = whole;
        lost[start..start + 20].fill(0);
        fs::write(segment(&config, 0), &lost).unwrap();
        match open(&config) {
            Err(OpenError::Damaged {
                damage: Damage::Rotten,
                ..
            }) => {}
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(fs::read(segment(&config, 0)).unwrap(), lost, "{name}");
    }
}

#[test]
fn a_sender_cannot_make_a_torn_tail_look_like_damage() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let start = frame_end(&config);
    let store = open(&config).unwrap();
    // An envelope that holds whole frames at every alignment, one of them up to its last byte.
    let mut frame = fs::read(segment(&config, 0)).unwrap();
    frame.truncate(start);
    let (_, mut body) = submission(1, 1000);
    for shift in 0..8 {
        body.resize(body.len().next_multiple_of(8) + shift, 1);
        body.extend(&frame);
    }
    let h = hafan_envelope::submission::digest(body[..16].try_into().unwrap(), &body[48..]);
    submit_all(&store, &btp, vec![(h, body)])[0]
        .as_ref()
        .unwrap();
    drop(store);
    let whole = fs::read(segment(&config, 0)).unwrap();
    let end = written(&config, 0);
    for sector in (start / 512)..end.div_ceil(512) {
        let mut torn = whole.clone();
        torn[(start + 20).max(sector * 512)..(sector + 1) * 512].fill(0);
        fs::write(segment(&config, 0), &torn).unwrap();
        let store = open(&config).unwrap_or_else(|error| panic!("sector {sector}: {error}"));
        assert_eq!(blob(&store, &btp, &h), None);
    }
}

#[test]
fn a_segment_that_was_cut_short_is_damage() {
    let (_dir, config) = made(&["btp"], 4);
    let store = open(&config).unwrap();
    submit(&store, &force("btp"), 1, 2000).unwrap();
    drop(store);
    let end = u64::try_from(written(&config, 0)).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(segment(&config, 0))
        .unwrap()
        .set_len(end - 9)
        .unwrap();
    let found = open(&config).unwrap_err();
    assert!(
        matches!(
            found,
            OpenError::Damaged {
                damage: Damage::Cut,
                ..
            }
        ),
        "{found}"
    );
}

#[test]
fn a_missing_segment_is_refused_and_named() {
    let (_dir, config) = made(&["btp"], 4);
    let store = open(&config).unwrap();
    for n in 0..5 {
        submit(&store, &force("btp"), n, 60_000).unwrap();
    }
    drop(store);
    assert!(segment(&config, 2).exists());
    fs::rename(segment(&config, 1), config.store_dir.join("aside")).unwrap();
    let found = open(&config).unwrap_err();
    assert!(
        matches!(
            found,
            OpenError::SegmentMissing {
                wanted: 1,
                found: 2
            }
        ),
        "{found}"
    );
    fs::rename(config.store_dir.join("aside"), segment(&config, 1)).unwrap();
    open(&config).unwrap();
}

#[test]
fn a_torn_frame_that_is_not_in_the_last_segment_is_damage() {
    let (_dir, config) = made(&["btp"], 4);
    let store = open(&config).unwrap();
    for n in 0..3 {
        submit(&store, &force("btp"), n, 60_000).unwrap();
    }
    drop(store);
    let end = written(&config, 0);
    patch(&config, 0, end - 1000, &[0; 1000]);
    let found = open(&config).unwrap_err();
    assert!(
        matches!(
            found,
            OpenError::Damaged {
                segment: 0,
                damage: Damage::NotLast,
                ..
            }
        ),
        "{found}"
    );
}

#[test]
fn a_segment_whose_making_was_interrupted_is_finished() {
    let (_dir, config) = made(&["btp"], 4);
    fs::write(segment(&config, 1), b"").unwrap();
    let store = open(&config).unwrap();
    submit(&store, &force("btp"), 1, 60_000).unwrap();
    drop(store);
    let store = open(&config).unwrap();
    assert!(blob(&store, &force("btp"), &submission(1, 60_000).0).is_some());
}

#[test]
fn every_kind_of_wrong_index_is_made_anew() {
    let (_dir, config) = made(&["btp"], 64);
    let btp = force("btp");
    let store = open(&config).unwrap();
    for epoch in 0..6 {
        let bodies = (0..10).map(|n| submission(epoch * 10 + n, 200)).collect();
        submit_all(&store, &btp, bodies);
        store.close_epoch(&btp, YEAR, &signer()).unwrap();
    }
    submit(&store, &btp, 1000, 200).unwrap();
    store.shutdown();
    drop(store);
    let saved = config.store_dir.with_extension("saved");
    copy_dir(&config.store_dir, &saved);
    let index = config.store_dir.join("index");
    let db = index.join("db");
    let size = fs::metadata(&db).unwrap().len();
    let damages: [(&str, &dyn Fn()); 7] = [
        ("unclean", &|| {
            fs::remove_file(config.store_dir.join("clean")).unwrap();
        }),
        ("deleted", &|| fs::remove_dir_all(&index).unwrap()),
        ("a file in its place", &|| {
            fs::remove_dir_all(&index).unwrap();
            fs::write(&index, b"").unwrap();
        }),
        ("emptied", &|| fs::write(&db, b"").unwrap()),
        ("overwritten", &|| {
            fs::write(&db, vec![0xa5; usize::try_from(size).unwrap()]).unwrap();
        }),
        ("halved", &|| {
            fs::OpenOptions::new()
                .write(true)
                .open(&db)
                .unwrap()
                .set_len(size / 2)
                .unwrap();
        }),
        ("settings lost", &|| {
            fs::write(index.join("conf"), b"?").unwrap();
        }),
    ];
    for (name, damage) in damages {
        fs::remove_dir_all(&config.store_dir).unwrap();
        copy_dir(&saved, &config.store_dir);
        damage();
        let store = open(&config).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(check_log(&store, &btp, YEAR, 64).len(), 60, "{name}");
        assert!(
            blob(&store, &btp, &submission(1000, 200).0).is_some(),
            "{name}"
        );
        store.close_epoch(&btp, YEAR, &signer()).unwrap();
        assert_eq!(check_log(&store, &btp, YEAR, 64).len(), 61, "{name}");
        drop(store);
        fs::write(
            config.pinned_dir.join("btp-2026.checkpoint"),
            pin_of(&saved, &config),
        )
        .unwrap();
    }
}

/// The pin that belongs to a saved store: the checkpoint of its last epoch.
fn pin_of(saved: &Path, config: &StoreConfig) -> Vec<u8> {
    let bytes = fs::read(saved.join("segments/000000.log")).unwrap();
    let later = fs::read(saved.join("segments/000001.log")).unwrap_or_default();
    let all = [bytes, later].concat();
    let origin = format!("{}/btp/2026\n", config.log_name);
    let at = all
        .windows(origin.len())
        .rposition(|window| window == origin.as_bytes())
        .unwrap();
    let text = String::from_utf8_lossy(&all[at..at + 400]).into_owned();
    let lines: Vec<&str> = text.split_inclusive('\n').take(5).collect();
    lines.concat().into_bytes()
}

#[test]
fn an_index_of_another_moment_is_made_anew() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 200).unwrap();
    store.shutdown();
    drop(store);
    let saved = config.store_dir.with_extension("saved");
    copy_dir(&config.store_dir.join("index"), &saved);
    let store = open(&config).unwrap();
    submit(&store, &btp, 2, 200).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    store.shutdown();
    drop(store);
    fs::remove_dir_all(config.store_dir.join("index")).unwrap();
    copy_dir(&saved, &config.store_dir.join("index"));
    let store = open(&config).unwrap();
    assert_eq!(check_log(&store, &btp, YEAR, 4).len(), 2);
}

#[test]
fn a_clean_index_that_lacks_a_submission_is_made_anew() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 200).unwrap();
    store.shutdown();
    drop(store);
    let saved = config.store_dir.with_extension("saved");
    copy_dir(&config.store_dir.join("index"), &saved);
    let store = open(&config).unwrap();
    submit(&store, &btp, 2, 200).unwrap();
    store.shutdown();
    drop(store);
    // The same logs, and one submission less.
    fs::remove_dir_all(config.store_dir.join("index")).unwrap();
    copy_dir(&saved, &config.store_dir.join("index"));
    let store = open(&config).unwrap();
    assert_eq!(submit(&store, &btp, 2, 200).unwrap(), Accepted::Already);
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    assert_eq!(check_log(&store, &btp, YEAR, 4).len(), 2);
}

#[test]
fn a_rotten_submission_is_named_and_others_are_read() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    submit(&store, &btp, 1, 4000).unwrap();
    let end = frame_end(&config);
    submit(&store, &btp, 2, 4000).unwrap();
    // In the first submission: salt, τ, envelope.
    let body = submission(1, 4000).1;
    let bytes = fs::read(segment(&config, 0)).unwrap();
    let start = bytes
        .windows(32)
        .position(|window| window == &body[..32])
        .unwrap();
    for at in [0, 15, 16, 47, 48, 3999] {
        patch(&config, 0, start + at, &[bytes[start + at] ^ 1]);
        match store.blob(&btp, &submission(1, 4000).0) {
            Err(ReadError::Rotten { segment: 0, byte }) => {
                assert_eq!(byte, u64::try_from(start).unwrap());
            }
            other => panic!("{at}: {other:?}"),
        }
        patch(&config, 0, start + at, &[bytes[start + at]]);
    }
    assert!(end > start);
    assert!(blob(&store, &btp, &submission(2, 4000).0).is_some());
    assert!(blob(&store, &btp, &submission(1, 4000).0).is_some());
}

#[test]
fn a_stopped_store_refuses_and_answers_everybody() {
    let (_dir, config) = made(&["btp"], 4);
    let btp = force("btp");
    let store = open(&config).unwrap();
    store.shutdown();
    store.shutdown();
    assert!(submit(&store, &btp, 1, 200).is_err());
    assert!(matches!(
        store.close_epoch(&btp, YEAR, &signer()),
        Err(EpochError::ShuttingDown)
    ));
    assert!(matches!(
        store.blob(&btp, &submission(1, 200).0),
        Err(ReadError::ShuttingDown)
    ));
    assert!(!store.health().writable);
    drop(store);
    assert!(config.store_dir.join("clean").exists());
    drop(open(&config).unwrap());
    assert!(
        !config.store_dir.join("clean").exists(),
        "the mark does not outlive an unclean stop"
    );
}
