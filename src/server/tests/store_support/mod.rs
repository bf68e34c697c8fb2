//! What the tests of the store share: stores in a folder, submissions, and an independent look at a whole log.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails here fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use hafan::store::{Accepted, Body, OpenError, Store, StoreConfig, SubmitError};
use hafan_directory::Force;
use hafan_envelope::submission::{Digest, digest};
use hafan_tlog::tile::{self, TILE_WIDTH, TileKind};
use hafan_tlog::{
    Checkpoint, Entry, EntryKind, Frontier, Hash, Signer, TilePath, decoy, log_origin,
};

pub(crate) const LOG_NAME: &str = "test.example/hafan";
pub(crate) const YEAR: u16 = 2026;

pub(crate) fn force(name: &str) -> Force {
    name.parse().unwrap()
}

pub(crate) fn signer() -> Signer {
    Signer::from_seed(LOG_NAME, &[7; 32]).unwrap()
}

/// Submission number `n`, `size` bytes long; its bytes hold no run of zeros.
pub(crate) fn submission(n: u64, size: usize) -> (Digest, Vec<u8>) {
    let mut state = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        // xorshift64: fast, and never zero.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_be_bytes());
    }
    bytes.truncate(size);
    let salt = bytes[..16].try_into().unwrap();
    (digest(salt, &bytes[48..]), bytes)
}

pub(crate) fn config(dir: &Path, forces: &[&str], leaves_per_epoch: u16) -> StoreConfig {
    StoreConfig {
        store_dir: dir.join("store"),
        pinned_dir: dir.join("pinned"),
        intake_batch: Duration::ZERO,
        free_bytes_min: 0,
        segment_size_bytes: 128 * 1024,
        leaves_per_epoch,
        log_name: LOG_NAME.to_owned(),
        forces: forces.iter().map(|name| force(name)).collect(),
    }
}

pub(crate) fn open(config: &StoreConfig) -> Result<Store, OpenError> {
    Store::open(config, &signer().verifier(), &|_| {})
}

/// Hands submissions in at once, and waits for all of the answers.
pub(crate) fn submit_all(
    store: &Store,
    force: &Force,
    bodies: Vec<(Digest, Vec<u8>)>,
) -> Vec<Result<Accepted, SubmitError>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut waiting = Vec::new();
        for (h, body) in bodies {
            waiting.push(store.submit(force, h, Body::Memory(body)));
        }
        let mut answers = Vec::new();
        for answer in join_all(waiting).await {
            answers.push(answer);
        }
        answers
    })
}

/// Polls futures together, so that they share a batch.
async fn join_all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|context| {
        let mut ready = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(context) {
                    std::task::Poll::Ready(done) => *output = Some(done),
                    std::task::Poll::Pending => ready = false,
                }
            }
        }
        if ready {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    futures
        .into_iter()
        .map(|(_, output)| output.unwrap())
        .collect()
}

pub(crate) fn submit(
    store: &Store,
    force: &Force,
    n: u64,
    size: usize,
) -> Result<Accepted, SubmitError> {
    submit_all(store, force, vec![submission(n, size)])
        .pop()
        .unwrap()
}

/// The whole bytes of a stored submission.
pub(crate) fn blob(store: &Store, force: &Force, h: &Digest) -> Option<Vec<u8>> {
    let blob = store.blob(force, h).unwrap()?;
    let mut bytes = vec![0; usize::try_from(blob.size_bytes()).unwrap()];
    blob.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

pub(crate) fn checkpoint(store: &Store, force: &Force, year: u16) -> Checkpoint {
    let origin = log_origin(LOG_NAME, force.as_str(), year);
    let verifier = signer().verifier().renamed(&origin).unwrap();
    Checkpoint::open(&store.checkpoint(force, year).unwrap(), &verifier).unwrap()
}

/// Every entry of a log, by its entry bundles.
pub(crate) fn entries(store: &Store, force: &Force, year: u16) -> Vec<Entry> {
    let size = checkpoint(store, force, year).size();
    let width = u64::from(TILE_WIDTH);
    let mut entries = Vec::new();
    for number in 0..size.div_ceil(width) {
        let held = u16::try_from((size - number * width).min(width)).unwrap();
        let path = TilePath::new(TileKind::Entries, number, held).unwrap();
        let bundle = store.tile(force, year, &path).unwrap().unwrap();
        entries.extend(tile::decode_entries(&bundle).unwrap());
    }
    entries
}

/// Looks at a whole log as a courier and an auditor would: root, tiles, epochs, decoys, drops and their submissions.
///
/// Gives the digests of its drops in order.
pub(crate) fn check_log(
    store: &Store,
    force: &Force,
    year: u16,
    leaves_per_epoch: u16,
) -> Vec<Digest> {
    let checkpoint = checkpoint(store, force, year);
    let entries = entries(store, force, year);
    let leaves: Vec<Hash> = entries.iter().map(Entry::leaf_hash).collect();
    let tree: Frontier = leaves.iter().copied().collect();
    assert_eq!(
        (tree.size(), tree.root()),
        (checkpoint.size(), checkpoint.root())
    );
    for path in tile::new_tiles(0, tree.size()) {
        let bytes = store.tile(force, year, &path).unwrap().unwrap();
        let wanted = tile::from_leaf_hashes(&path, &leaves);
        assert_eq!(wanted.unwrap_or_else(|| bytes.to_vec()), bytes, "{path}");
    }
    let mut drops = Vec::new();
    let mut after = 0;
    let mut epoch_ends = BTreeSet::from([0]);
    while after < tree.size() {
        let page = store.drops(force, year, after, 100).unwrap().unwrap();
        assert!(page.next > after && page.next <= tree.size());
        let mut decoys = BTreeMap::new();
        for epoch in &page.epochs {
            assert_eq!(epoch.leaves, leaves_per_epoch, "an epoch has K leaves");
            assert_eq!(epoch.first % u64::from(leaves_per_epoch), 0);
            epoch_ends.insert(epoch.first + u64::from(epoch.leaves));
            for position in 0..epoch.leaves {
                decoys.insert(
                    epoch.first + u64::from(position),
                    decoy(&epoch.seed, position),
                );
            }
        }
        let listed: BTreeMap<u64, Digest> =
            page.drops.iter().map(|drop| (drop.index, drop.h)).collect();
        for at in after..page.next {
            let entry = entries[usize::try_from(at).unwrap()];
            assert_eq!(entry.kind, EntryKind::Drop);
            match listed.get(&at) {
                None => assert_eq!(
                    entry, decoys[&at],
                    "leaf {at} is no drop, so it is the decoy"
                ),
                Some(h) => {
                    assert_eq!(entry.h, h.0);
                    let size = page
                        .drops
                        .iter()
                        .find(|drop| drop.index == at)
                        .unwrap()
                        .size_bytes;
                    assert_eq!(store.blob(force, h).unwrap().unwrap().size_bytes(), size);
                    drops.push(*h);
                }
            }
        }
        after = page.next;
    }
    assert!(
        epoch_ends.contains(&tree.size()),
        "a log ends with an epoch"
    );
    let unique: BTreeSet<_> = drops.iter().collect();
    assert_eq!(unique.len(), drops.len(), "no submission is in two leaves");
    drops
}
