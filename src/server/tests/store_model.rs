//! Random operations against a model of what the store promises.

mod store_support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;

use hafan::store::{Accepted, Body, Store};
use hafan_directory::Force;
use hafan_envelope::submission::Digest;
use hafan_tlog::tile::{TILE_WIDTH, TileKind};
use hafan_tlog::{Entry, TilePath};
use proptest::prelude::*;
use store_support::{
    YEAR, blob, check_log, config, entries, force, open, signer, submission, submit, submit_all,
};

const LEAVES: u16 = 7;

#[derive(Clone, Debug)]
enum Operation {
    /// Submissions handed in together: a number and a size each.
    Submit {
        force: usize,
        items: Vec<(u64, usize)>,
    },
    Epoch {
        force: usize,
    },
    NextYear,
    CleanRestart,
    Killed,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..2usize, prop::collection::vec((0..40u64, 48..3000usize), 1..12))
            .prop_map(|(force, items)| Operation::Submit { force, items }),
        4 => (0..2usize).prop_map(|force| Operation::Epoch { force }),
        1 => Just(Operation::NextYear),
        1 => Just(Operation::CleanRestart),
        1 => Just(Operation::Killed),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_kept_and_published_once(
        operations in prop::collection::vec(operation(), 1..40),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let config = config(dir.path(), &["btp", "merseyside"], LEAVES);
        Store::create(&config, &signer(), YEAR).unwrap();
        let forces: [Force; 2] = [force("btp"), force("merseyside")];
        let mut store = open(&config).unwrap();
        let mut year = YEAR;
        // The model: acknowledged bodies, and the number of epochs of each log.
        let mut kept: [BTreeMap<Digest, Vec<u8>>; 2] = Default::default();
        let mut epochs: BTreeMap<(usize, u16), u64> = BTreeMap::new();
        let mut published = [0usize; 2];
        for operation in operations {
            match operation {
                Operation::Submit { force, items } => {
                    let bodies: Vec<_> = items.iter().map(|(n, size)| submission(*n, *size)).collect();
                    let answers = submit_all(&store, &forces[force], bodies.clone());
                    let before: BTreeSet<Digest> = kept[force].keys().copied().collect();
                    let mut created = BTreeSet::new();
                    for ((h, body), answer) in bodies.into_iter().zip(answers) {
                        if answer.unwrap() == Accepted::Created {
                            prop_assert!(!before.contains(&h) && created.insert(h), "one of each is new");
                        }
                        kept[force].insert(h, body);
                    }
                    prop_assert_eq!(before.len() + created.len(), kept[force].len());
                }
                Operation::Epoch { force } => {
                    store.close_epoch(&forces[force], year, &signer()).unwrap();
                    *epochs.entry((force, year)).or_default() += 1;
                    let waiting = kept[force].len() - published[force];
                    published[force] += waiting.min(usize::from(LEAVES));
                }
                Operation::NextYear => year += 1,
                Operation::CleanRestart => {
                    store.shutdown();
                    drop(store);
                    store = open(&config).unwrap();
                }
                Operation::Killed => {
                    drop(store);
                    store = open(&config).unwrap();
                }
            }
        }
        for (at, name) in forces.iter().enumerate() {
            for (h, body) in &kept[at] {
                let found = blob(&store, name, h);
                prop_assert_eq!(found.as_ref(), Some(body));
            }
            let mut found = Vec::new();
            for year in YEAR..=year {
                let wanted = epochs.get(&(at, year)).map(|count| count * u64::from(LEAVES));
                let note = store.checkpoint(name, year);
                prop_assert_eq!(note.is_some(), wanted.is_some() || year == YEAR);
                if note.is_some() {
                    prop_assert_eq!(store_support::checkpoint(&store, name, year).size(), wanted.unwrap_or(0));
                    found.extend(check_log(&store, name, year, LEAVES));
                }
            }
            let unique: BTreeSet<Digest> = found.iter().copied().collect();
            prop_assert_eq!(unique.len(), found.len());
            prop_assert_eq!(found.len(), published[at]);
            prop_assert!(unique.iter().all(|h| kept[at].contains_key(h)));
        }
    }
}

#[test]
fn the_oldest_drops_come_first() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 3);
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    for n in 0..7 {
        submit(&store, &btp, n, 200).unwrap();
    }
    // Half of the epochs after a start that made the index anew: the order is that of the segments.
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    drop(store);
    let store = open(&config).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    let found = check_log(&store, &btp, YEAR, 3);
    let wanted =
        |range: std::ops::Range<u64>| range.map(|n| submission(n, 200).0).collect::<BTreeSet<_>>();
    assert_eq!(
        found[..3].iter().copied().collect::<BTreeSet<_>>(),
        wanted(0..3)
    );
    assert_eq!(
        found[3..6].iter().copied().collect::<BTreeSet<_>>(),
        wanted(3..6)
    );
    assert_eq!(found[6..], [submission(6, 200).0]);
}

#[test]
fn tiles_are_given_at_every_width_that_exists_and_at_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 300);
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    for size in [300u64, 600] {
        store.close_epoch(&btp, YEAR, &signer()).unwrap();
        let leaves: Vec<_> = entries(&store, &btp, YEAR)
            .iter()
            .map(Entry::leaf_hash)
            .collect();
        for kind in [
            TileKind::Entries,
            TileKind::Hashes { level: 0 },
            TileKind::Hashes { level: 1 },
        ] {
            for number in 0..4 {
                let full = TilePath::new(kind, number, TILE_WIDTH).unwrap();
                for width in 1..=TILE_WIDTH {
                    let path = TilePath::new(kind, number, width).unwrap();
                    let found = store.tile(&btp, YEAR, &path).unwrap();
                    assert_eq!(found.is_some(), path.is_within(size), "{path}");
                    if let (Some(found), TileKind::Hashes { .. }) = (&found, kind) {
                        let wanted = hafan_tlog::tile::from_leaf_hashes(&path, &leaves).unwrap();
                        assert_eq!(wanted, found.to_vec(), "{path} of {full}");
                    }
                }
            }
        }
    }
    assert!(
        store
            .tile(
                &btp,
                YEAR + 1,
                &TilePath::new(TileKind::Entries, 0, 1).unwrap()
            )
            .unwrap()
            .is_none()
    );
}

#[test]
fn a_log_of_more_than_65_536_leaves_keeps_its_third_level() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &["btp"], 9_000);
    config.segment_size_bytes = 1024 * 1024;
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    for _ in 0..8 {
        store.close_epoch(&btp, YEAR, &signer()).unwrap();
    }
    drop(store);
    let store = open(&config).unwrap();
    assert_eq!(store_support::checkpoint(&store, &btp, YEAR).size(), 72_000);
    assert_eq!(check_log(&store, &btp, YEAR, 9_000), []);
}

#[test]
fn a_spilled_submission_is_the_same_as_one_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &["btp"], 4);
    config.segment_size_bytes = 4 * 1024 * 1024;
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    let (h, body) = submission(1, 2_500_001);
    let mut file = store.spill_file().unwrap();
    file.write_all(&body).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let size = u64::try_from(body.len()).unwrap();
    let answer = runtime.block_on(store.submit(&btp, h, Body::Spilled(file, size)));
    assert_eq!(answer.unwrap(), Accepted::Created);
    assert_eq!(blob(&store, &btp, &h), Some(body.clone()));
    // One that is shorter than it was said to be.
    let short = store.spill_file().unwrap();
    assert!(
        runtime
            .block_on(store.submit(&btp, h, Body::Spilled(short, size)))
            .is_err()
    );
    drop(store);
    let store = open(&config).unwrap();
    assert_eq!(blob(&store, &btp, &h), Some(body));
}

#[test]
fn too_short_too_long_and_unknown_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 4);
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    // A frame takes 24 bytes, the count 2, the lengths 5 and the name 3.
    let most = 128 * 1024 - 24 - 2 - 5 - 3;
    let (h, body) = submission(1, 48);
    assert!(submit_all(&store, &btp, vec![(h, body[..47].to_vec())])[0].is_err());
    assert_eq!(submit(&store, &btp, 2, most).unwrap(), Accepted::Created);
    assert!(submit(&store, &btp, 3, most + 1).is_err());
    assert!(submit(&store, &force("merseyside"), 4, 100).is_err());
    assert_eq!(
        blob(&store, &btp, &submission(2, most).0),
        Some(submission(2, most).1)
    );
    assert_eq!(blob(&store, &btp, &h), None);
}

#[test]
fn a_force_that_is_added_later_gets_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &["btp"], 4);
    Store::create(&config, &signer(), YEAR).unwrap();
    config.forces.push(force("merseyside"));
    let store = open(&config).unwrap();
    assert_eq!(store.latest_year(&force("merseyside")), None);
    store
        .begin_log(&force("merseyside"), YEAR, &signer())
        .unwrap();
    store
        .begin_log(&force("merseyside"), YEAR, &signer())
        .unwrap();
    assert_eq!(
        store_support::checkpoint(&store, &force("merseyside"), YEAR).size(),
        0
    );
    submit(&store, &force("merseyside"), 1, 100).unwrap();
    drop(store);
    let store = open(&config).unwrap();
    store
        .close_epoch(&force("merseyside"), YEAR, &signer())
        .unwrap();
    assert_eq!(check_log(&store, &force("merseyside"), YEAR, 4).len(), 1);
}
