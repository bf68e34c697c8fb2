//! Durable submissions of 64 KiB through the store, against one preallocated file that is written and synced in batches
//! of the same number and size: what the disk can do when nothing but durability is asked of it.

mod common;

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use common::{Figure, timed};
use hafan::store::{Accepted, Body, Store, StoreConfig};
use hafan_directory::Force;
use hafan_tests::reports::{Prepared, shaped};
use hafan_tlog::Signer;

const LOG_NAME: &str = "bench.invalid/hafan";
const ROUNDS: u64 = 5;
/// The shortest beat that the configuration allows: long enough that all submitters share a frame and its syncs.
const BEAT: Duration = Duration::from_millis(1);
/// How many batches of as many submissions as there are submitters make a round.
const BATCHES: usize = 24;

fn main() -> Result<()> {
    // On the disk that cargo builds on, since a temporary folder may be memory.
    let scratch = tempfile::tempdir_in(xtask::binaries::target_dir()?)?;
    let force: Force = "btp".parse()?;
    let signer = Signer::from_seed(LOG_NAME, &[7; 32])?;
    let config = StoreConfig {
        store_dir: scratch.path().join("store"),
        pinned_dir: scratch.path().join("pinned"),
        intake_batch: BEAT,
        free_bytes_min: 0,
        segment_size_bytes: 64 << 20,
        leaves_per_epoch: 8,
        log_name: LOG_NAME.to_owned(),
        forces: vec![force.clone()],
    };
    Store::create(&config, &signer, 2026)?;
    let store = Arc::new(Store::open(&config, &signer.verifier(), &|_| {})?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()?;
    let mut number = 0;
    for submitters in [1, 8, 32] {
        let name = format!("intake: 64 KiB, {submitters} submitters, against fdatasync");
        let mut figure = Figure::new(name, "submissions/s");
        for _ in 0..ROUNDS {
            let count = submitters * BATCHES;
            let work: Vec<Prepared> = (0..count)
                .map(|_| {
                    number += 1;
                    shaped(number, 0)
                })
                .collect();
            let (written, limit) = timed(|| plain(scratch.path(), &work, submitters));
            let limit = limit.saturating_sub(written?);
            let (submitted, ours) =
                timed(|| runtime.block_on(submit(&store, &force, work, submitters)));
            submitted?;
            figure.round(f64::from(u32::try_from(count)?), ours, limit);
        }
        figure.print();
    }
    store.shutdown();
    Ok(())
}

/// Writes the submissions one after the other into a file of their size, synced once a batch. Returns how long the
/// preparation of the file took, which is not part of the limit.
fn plain(dir: &Path, work: &[Prepared], batch: usize) -> Result<Duration> {
    let path = dir.join("plain");
    let (file, preparation) = timed(|| {
        let size = work.iter().map(|one| one.submission.len()).sum();
        let file = File::create(&path)?;
        // Written, not only reserved: a reserved block has to be marked as written at the first sync.
        file.write_all_at(&vec![1; size], 0)?;
        file.sync_all()?;
        anyhow::Ok(file)
    });
    let file = file?;
    let mut offset = 0;
    for batch in work.chunks(batch) {
        for one in batch {
            file.write_all_at(&one.submission, offset)?;
            offset += u64::try_from(one.submission.len())?;
        }
        file.sync_data()?;
    }
    Ok(preparation)
}

/// Hands everything in, from as many tasks as there are submitters, each waiting until its last one is durable.
async fn submit(
    store: &Arc<Store>,
    force: &Force,
    work: Vec<Prepared>,
    submitters: usize,
) -> Result<()> {
    let count = work.len();
    let work = Arc::new(Mutex::new(work));
    let created = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..submitters {
        let (store, force) = (Arc::clone(store), force.clone());
        let (work, created) = (Arc::clone(&work), Arc::clone(&created));
        tasks.push(tokio::spawn(async move {
            loop {
                let next = work.lock().ok().and_then(|mut work| work.pop());
                let Some(one) = next else { break };
                let body = Body::Memory(one.submission);
                if store.submit(&force, one.h, body).await? == Accepted::Created {
                    created.fetch_add(1, Ordering::Relaxed);
                }
            }
            anyhow::Ok(())
        }));
    }
    for task in tasks {
        task.await.context("a submitter ended early")??;
    }
    let created = created.load(Ordering::Relaxed);
    ensure!(
        created == count,
        "{created} of {count} submissions were stored"
    );
    Ok(())
}
