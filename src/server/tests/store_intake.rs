//! Intake: the beat, the order, and a disk without room.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails its test"
)]

mod store_support;

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use hafan::store::{Accepted, Body, Store, StoreConfig, SubmitError};
use hafan_envelope::submission::Digest;
use store_support::{
    YEAR, blob, check_log, config, force, open, signer, submission, submit, submit_all,
};

fn made(beat: Duration) -> (tempfile::TempDir, StoreConfig) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &["btp"], 8);
    config.intake_batch = beat;
    Store::create(&config, &signer(), YEAR).unwrap();
    (dir, config)
}

/// Where in the value log a submission begins.
fn place(config: &StoreConfig, n: u64, size: usize) -> usize {
    let body = submission(n, size).1;
    let dir = config.store_dir.join("segments");
    let mut segments: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let all: Vec<u8> = segments
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    all.windows(48)
        .position(|window| window == &body[..48])
        .unwrap()
}

#[test]
fn large_and_small_of_one_beat_are_written_in_one_random_order_and_answered_together() {
    // More than a segment holds: several frames, which an early flush would have made in order of arrival.
    let sizes: Vec<usize> = (0..24)
        .map(|n| if n % 3 == 0 { 60_000 } else { 200 })
        .collect();
    let mut first_halves = BTreeSet::new();
    for _ in 0..6 {
        let (_dir, config) = made(Duration::from_secs(1));
        let store = open(&config).unwrap();
        let btp = force("btp");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut waiting: Vec<_> = (0..)
                .zip(&sizes)
                .map(|(n, size)| {
                    let (h, body) = submission(n, *size);
                    Box::pin(store.submit(&btp, h, Body::Memory(body)))
                })
                .collect();
            // All are handed in; the first answer comes when all of them are durable.
            for future in &mut waiting {
                std::future::poll_fn(|context| {
                    assert!(future.as_mut().poll(context).is_pending());
                    std::task::Poll::Ready(())
                })
                .await;
            }
            let first = waiting.remove(0);
            assert_eq!(first.await.unwrap(), Accepted::Created);
            let durable =
                |n: u64, size: usize| blob(&store, &btp, &submission(n, size).0).is_some();
            for (n, size) in (0..).zip(&sizes) {
                assert!(
                    durable(n, *size),
                    "submission {n} waits while the first was answered"
                );
            }
            for future in waiting {
                assert_eq!(future.await.unwrap(), Accepted::Created);
            }
        });
        for _ in 0..3 {
            store.close_epoch(&btp, YEAR, &signer()).unwrap();
        }
        assert_eq!(check_log(&store, &btp, YEAR, 8).len(), sizes.len());
        let mut order: Vec<(usize, u64)> = (0..)
            .zip(&sizes)
            .map(|(n, size)| (place(&config, n, *size), n))
            .collect();
        order.sort_unstable();
        first_halves.insert(
            order
                .iter()
                .take(12)
                .map(|(_, n)| *n)
                .collect::<BTreeSet<_>>(),
        );
    }
    assert!(
        first_halves.len() > 4,
        "who comes first is drawn over the whole beat, not over what had arrived: {first_halves:?}"
    );
}

#[test]
fn what_is_durable_is_answered_so_on_a_full_disk() {
    let (_dir, mut config) = made(Duration::ZERO);
    let btp = force("btp");
    let store = open(&config).unwrap();
    assert_eq!(submit(&store, &btp, 1, 200).unwrap(), Accepted::Created);
    store.shutdown();
    drop(store);
    config.free_bytes_min = u64::MAX;
    // One beat for all three.
    config.intake_batch = Duration::from_millis(200);
    let store = open(&config).unwrap();
    let bodies: Vec<(Digest, Vec<u8>)> = [1, 2, 2].map(|n| submission(n, 200)).into();
    let answers = submit_all(&store, &btp, bodies);
    assert!(matches!(answers[0], Ok(Accepted::Already)), "{answers:?}");
    for answer in &answers[1..] {
        assert!(matches!(answer, Err(SubmitError::StoreFull)), "{answers:?}");
    }
    assert!(store.holds(&btp, &submission(1, 200).0).unwrap());
    assert!(!store.holds(&btp, &submission(2, 200).0).unwrap());
    assert!(store.health().full);
    assert_eq!(submit(&store, &btp, 1, 200).unwrap(), Accepted::Already);
    assert!(blob(&store, &btp, &submission(2, 200).0).is_none());
}

#[test]
fn the_times_of_files_are_midnight_utc() {
    let (_dir, config) = made(Duration::ZERO);
    let btp = force("btp");
    let store = open(&config).unwrap();
    let segments = config.store_dir.join("segments");
    let look = |what: &str, paths: &[std::path::PathBuf]| {
        for path in paths {
            let metadata = std::fs::metadata(path).unwrap();
            let midnight = (metadata.mtime() % 86_400, metadata.mtime_nsec());
            assert_eq!(midnight, (0, 0), "{what}: {}", path.display());
        }
    };
    // The second makes another segment.
    for n in 0..2 {
        submit(&store, &btp, n, 90_000).unwrap();
        let first = segments.join("000000.log");
        look("after a batch", &[first]);
    }
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    let pin = config.pinned_dir.join("btp-2026.checkpoint");
    let second = segments.join("000001.log");
    look(
        "after an epoch",
        &[segments.clone(), second, pin, config.pinned_dir.clone()],
    );
    store.shutdown();
    drop(store);
    look("after a stop", &[config.store_dir.join("index/db")]);
    drop(open(&config).unwrap());
    look(
        "after a start",
        &[segments.join("000000.log"), segments.join("000001.log")],
    );
}
