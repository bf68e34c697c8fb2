//! `hafan-audit store`: what stands in the value log, the pins and the drafts, where every checksum is right.

use std::fs;

use hafan_tlog::Signer;
use jiff::ToSpan as _;

use crate::made::{change, flip, log_key, write};
use crate::made_store::{
    MadeEpoch, MadeStore, leaf, page, page_leaf, page_that_says, sent, tombstone,
};
use crate::{Said, audit, text};

fn looked(store: &MadeStore) -> Said {
    audit(&["store", "--config", text(&store.path("config.toml"))])
}

/// Two submissions, a page, epochs of decoys, a tombstone, and a submission that waits.
fn sound(store: &mut MadeStore) {
    let (one, two) = (sent(1).submission, sent(2).submission);
    store.begin();
    store.intake(&[one.clone(), two.clone()]);
    store.epoch(&MadeEpoch::of(1, &[leaf(&one), leaf(&two)]));
    let (page, page_leaf) = page(1);
    store.page(&page);
    store.epoch(&MadeEpoch::of(2, &[page_leaf, tombstone()]));
    // Over a full tile.
    for seed in 3..40 {
        store.epoch(&MadeEpoch::of(seed, &[]));
    }
    store.intake(&[sent(3).submission]);
}

/// A submission whose ciphertext was changed before its digest was taken.
fn changed(number: u64, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut submission = sent(number).submission;
    change(&mut submission);
    submission
}

/// An intake of one submission and the epoch that it goes into.
fn one(store: &mut MadeStore, submission: &[u8]) {
    store.begin();
    store.intake(&[submission.to_vec()]);
    store.epoch(&MadeEpoch::of(1, &[leaf(submission)]));
}

type Fault = (&'static str, fn(&mut MadeStore), &'static str);

const FAULTS: &[Fault] = &[
    (
        "plaintext in a value",
        |store| {
            let words = "Roedd hi'n dywyll, and nobody else was there. ".repeat(30);
            let submission = changed(1, |bytes| {
                bytes[40_000..40_000 + words.len()].copy_from_slice(words.as_bytes());
            });
            one(store, &submission);
        },
        "plaintext segments/000000.log byte",
    ),
    (
        "salt and tag are text",
        |store| {
            let words = b"203.0.113.7 Mozilla/5.0 12:31:07 2026-11-26 Leeds";
            one(
                store,
                &changed(1, |bytes| bytes[..48].copy_from_slice(&words[..48])),
            );
        },
        "plaintext segments/000000.log byte",
    ),
    (
        "ciphertext that is not even",
        |store| {
            one(
                store,
                &changed(1, |bytes| {
                    for byte in &mut bytes[2000..] {
                        *byte &= 0xf7;
                    }
                }),
            );
        },
        "not-noise value log",
    ),
    (
        "a header with another word",
        |store| one(store, &changed(1, |bytes| bytes[48 + 10] ^= 1)),
        "not-an-envelope segments/000000.log byte",
    ),
    (
        "a header with a loose bit",
        |store| one(store, &changed(1, |bytes| bytes[48 + 1533] = b'_')),
        "not-an-envelope segments/000000.log byte",
    ),
    (
        "an envelope that is a byte longer",
        |store| one(store, &changed(1, |bytes| bytes.push(0))),
        "not-an-envelope segments/000000.log byte",
    ),
    (
        "an envelope that is a chunk shorter",
        |store| one(store, &changed(1, |bytes| bytes.truncate(60_000))),
        "not-an-envelope segments/000000.log byte",
    ),
    (
        "a flipped byte of ciphertext",
        |store| {
            store.begin();
            store.intake(&[changed(1, |bytes| bytes[30_000] ^= 1)]);
            store.epoch(&MadeEpoch::of(1, &[leaf(&sent(1).submission)]));
        },
        "unexplained-leaf btp/2026 leaf 0",
    ),
    (
        "a flipped byte of a tag",
        |store| {
            store.begin();
            store.intake(&[changed(1, |bytes| bytes[20] ^= 1)]);
            store.epoch(&MadeEpoch::of(1, &[leaf(&sent(1).submission)]));
        },
        "wrong-tag btp/2026 leaf 0",
    ),
    (
        "a submission was taken away",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[leaf(&sent(1).submission)]));
        },
        "unexplained-leaf btp/2026 leaf 0",
    ),
    (
        "a submission is held twice",
        |store| {
            store.begin();
            store.intake(&[sent(1).submission, sent(1).submission]);
        },
        "held-twice segments/000000.log byte",
    ),
    (
        "a submission is two leaves",
        |store| {
            one(store, &sent(1).submission);
            store.epoch(&MadeEpoch::of(2, &[leaf(&sent(1).submission)]));
        },
        "leaf-twice btp/2026 leaf 8",
    ),
    (
        "a submission was left waiting",
        |store| {
            store.begin();
            store.intake(&[sent(1).submission, sent(2).submission]);
            store.epoch(&MadeEpoch::of(1, &[leaf(&sent(2).submission)]));
        },
        "passed-over segments/000000.log byte",
    ),
    (
        "a submission for nobody",
        |store| {
            store.begin();
            store.intake_of("surrey", &[sent(1).submission]);
        },
        "unknown-force segments/000000.log byte",
    ),
    (
        "an address in the place of a force",
        |store| {
            store.begin();
            store.intake_of("203.0.113.7", &[sent(1).submission]);
        },
        "broken-frame segments/000000.log byte",
    ),
    (
        "a batch of nothing",
        |store| {
            store.begin();
            store.intake(&[]);
        },
        "broken-frame segments/000000.log byte",
    ),
    (
        "words behind a batch",
        |store| {
            store.begin();
            store.frame(1, b"\x00\x00from 203.0.113.7");
        },
        "broken-frame segments/000000.log byte",
    ),
    (
        "a frame of another kind",
        |store| {
            store.begin();
            store.frame(4, b"she said");
        },
        "rotten segments/000000.log byte",
    ),
    (
        "a byte of a page",
        |store| {
            let (mut bytes, leaf) = page(1);
            bytes[200_000] ^= 1;
            store.begin();
            store.page(&bytes);
            store.epoch(&MadeEpoch::of(1, &[leaf]));
        },
        "unexplained-leaf btp/2026 leaf 0",
    ),
    (
        "a record of a page with another header",
        |store| {
            store.begin();
            let (mut bytes, _) = page(1);
            bytes[4096 * 3 + 10] ^= 1;
            store.page(&bytes);
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "plaintext in an answer",
        |store| {
            let (mut bytes, _) = page(1);
            bytes[2000..3500].fill(b'e');
            store.begin();
            store.page(&bytes);
            store.epoch(&MadeEpoch::of(1, &[page_leaf(&bytes)]));
        },
        "plaintext segments/000000.log byte",
    ),
    (
        "words where a page says what the officers saw",
        |store| {
            store.begin();
            store.page(&page_that_says(b"she said\n"));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "a page that is cut",
        |store| {
            store.begin();
            store.page(&page(1).0[..200_000]);
        },
        "broken-frame segments/000000.log byte",
    ),
    (
        "more pages than half of an epoch",
        |store| {
            let pages: Vec<_> = (1..6).map(page).collect();
            store.begin();
            for (page, _) in &pages {
                store.page(page);
            }
            let leaves: Vec<_> = pages.iter().map(|(_, leaf)| *leaf).collect();
            store.epoch(&MadeEpoch::of(1, &leaves));
        },
        "irregular-epoch segments/000000.log byte",
    ),
    (
        "a leaf that is nothing",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[leaf(&sent(9).submission)]));
        },
        "unexplained-leaf btp/2026 leaf 0",
    ),
    (
        "a leaf of no kind",
        |store| {
            let mut leaf = tombstone();
            leaf[1] = 7;
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[leaf]));
        },
        "unknown-kind btp/2026 leaf 0",
    ),
    (
        "a leaf that only the operator's log has",
        |store| {
            let mut leaf = tombstone();
            leaf[1] = 4;
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[leaf]));
        },
        "unexplained-leaf btp/2026 leaf 0",
    ),
    (
        "an epoch of seven leaves",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch {
                count: 7,
                ..MadeEpoch::of(1, &[])
            });
        },
        "irregular-epoch segments/000000.log byte",
    ),
    (
        "a seed that was used before",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[]));
            store.epoch(&MadeEpoch::of(1, &[]));
        },
        "seed-twice segments/000000.log byte",
    ),
    (
        "an epoch that begins elsewhere",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch {
                first: Some(8),
                ..MadeEpoch::of(1, &[])
            });
        },
        "bad-epoch segments/000000.log byte",
    ),
    (
        "a log that begins with leaves",
        |store| store.epoch(&MadeEpoch::of(1, &[])),
        "bad-epoch segments/000000.log byte 0",
    ),
    (
        "a year that went back",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch {
                count: 0,
                year: 2025,
                ..MadeEpoch::of(1, &[])
            });
        },
        "bad-epoch segments/000000.log byte",
    ),
    (
        "a checkpoint by another key",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch {
                key: 8,
                ..MadeEpoch::of(1, &[])
            });
        },
        "bad-checkpoint segments/000000.log byte",
    ),
    (
        "a forged checkpoint",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch {
                note: |mut note| {
                    let at = note.len() - 20;
                    note[at] = if note[at] == b'A' { b'B' } else { b'A' };
                    note
                },
                ..MadeEpoch::of(1, &[])
            });
        },
        "bad-checkpoint segments/000000.log byte",
    ),
    (
        "a checkpoint of other leaves",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[]));
            store.leaves[3][9] ^= 1;
            store.epoch(&MadeEpoch::of(2, &[]));
        },
        "wrong-root segments/000000.log byte",
    ),
];

#[test]
fn each_fault_of_a_value_log_is_named() {
    for (what, build, wanted) in FAULTS {
        let mut store = MadeStore::new();
        build(&mut store);
        store.write();
        let said = looked(&store);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn a_store_of_everything_that_there_is_holds() {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    let said = looked(&store);
    said.holds();
    for wanted in [
        "submissions: 3\n",
        "pages of answers: 1\n",
        "leaves: 312, of them 308 decoys and 1 tombstones\n",
        "waiting for an epoch: 1\n",
        "there is no index",
    ] {
        assert!(said.text.contains(wanted), "{wanted}: {}", said.text);
    }
}

type Change = (&'static str, fn(&MadeStore), &'static str);

const CHANGES: &[Change] = &[
    (
        "the store was set back",
        |store| {
            let mut earlier = MadeStore::new();
            earlier.begin();
            earlier.epoch(&MadeEpoch::of(1, &[]));
            earlier.write();
            fs::copy(
                earlier.path("store/segments/000000.log"),
                store.path("store/segments/000000.log"),
            )
            .unwrap();
        },
        "rolled-back pinned/btp-2026.checkpoint: 312 leaves",
    ),
    (
        "the pin is of another tree",
        |store| {
            let mut other = MadeStore::new();
            other.begin();
            other.epoch(&MadeEpoch::of(77, &[]));
            other.write();
            let pin = "pinned/btp-2026.checkpoint";
            fs::copy(other.path(pin), store.path(pin)).unwrap();
        },
        "fork pinned/btp-2026.checkpoint",
    ),
    (
        "a byte of a pin",
        |store| flip(&store.path("pinned/btp-2026.checkpoint"), 30),
        "bad-checkpoint pinned/btp-2026.checkpoint",
    ),
    (
        "the pin is gone",
        |store| fs::remove_file(store.path("pinned/btp-2026.checkpoint")).unwrap(),
        "missing-pin pinned/btp-2026.checkpoint",
    ),
    (
        "a stray pin",
        |store| write(&store.path("pinned/notes"), b"from Leeds"),
        "stray-file pinned/notes",
    ),
    (
        "a directory that the root has not signed",
        |store| flip(&store.path("directories/btp.directory"), 60),
        "bad-directory directories/btp.directory",
    ),
    (
        "a draft that is overdue",
        |store| draft(store, -30, &sent(5).submission[48..]),
        "overdue-draft drafts/",
    ),
    (
        "a draft of tomorrow",
        |store| draft(store, 1, &sent(5).submission[48..]),
        "overdue-draft drafts/",
    ),
    (
        "a draft with its key",
        |store| draft(store, 0, &sent(5).submission[16..]),
        "not-a-draft drafts/",
    ),
    (
        "a draft with another header",
        |store| draft(store, 0, &changed(5, |bytes| bytes[60] ^= 1)[48..]),
        "not-a-draft drafts/",
    ),
    (
        "plaintext in a draft",
        |store| {
            draft(
                store,
                0,
                &changed(5, |bytes| bytes[9000..10_000].fill(b'a'))[48..],
            );
        },
        "plaintext drafts/",
    ),
    (
        "an envelope that is too large for a draft",
        |store| {
            draft(
                store,
                0,
                &hafan_tests::reports::shaped(5, 1).submission[48..],
            );
        },
        "not-a-draft drafts/",
    ),
    (
        "a stray file among the drafts",
        |store| write(&store.path("drafts/index.txt"), b"203.0.113.7"),
        "stray-file drafts/index.txt",
    ),
];

fn draft(store: &MadeStore, days: i32, bytes: &[u8]) {
    let today = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date();
    let day = today.checked_add(days.days()).unwrap();
    write(
        &store.path(&format!("drafts/{day}/{}", "ab".repeat(32))),
        bytes,
    );
}

#[test]
fn each_fault_beside_a_value_log_is_named() {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    draft(&store, -29, &sent(5).submission[48..]);
    store.settle();
    looked(&store).holds();
    for (what, change, wanted) in CHANGES {
        let mut store = MadeStore::new();
        sound(&mut store);
        store.write();
        change(&store);
        store.settle();
        let said = looked(&store);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn an_interrupted_write_is_told_and_is_no_finding() {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    // A header, and a part of the payload behind it.
    let mut more = MadeStore::new();
    more.intake(&[sent(8).submission]);
    more.write();
    let torn = fs::read(more.path("store/segments/000000.log")).unwrap();
    let segment = store.path("store/segments/000000.log");
    let end = fs::read(&segment)
        .unwrap()
        .iter()
        .rposition(|byte| *byte != 0)
        .unwrap()
        + 1;
    let end = end.next_multiple_of(8);
    for (size, is_torn) in [(12, true), (40_000, true), (67_260, true)] {
        change(&segment, |bytes| {
            bytes[end..end + size].copy_from_slice(&torn[..size]);
        });
        store.settle();
        let said = looked(&store);
        assert_eq!(said.code == Some(0), is_torn, "{size}: {}", said.text);
        assert!(
            said.text.contains("was interrupted"),
            "{size}: {}",
            said.text
        );
    }
    // All of it is there, and one byte is another: nothing that a write leaves.
    change(&segment, |bytes| {
        bytes[end..end + 67_280].copy_from_slice(&torn[..67_280]);
        bytes[end + 9000] ^= 1;
    });
    store.settle();
    looked(&store).finds("rotten segments/000000.log byte");
}

#[test]
fn what_cannot_be_read_is_never_said_to_hold() {
    audit(&["store", "/nowhere", "--config", "/nowhere.toml"]).fails(3, "cannot read");
    audit(&["store"]).fails(2, "--config");
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    let config = store.path("config.toml");
    let lock = fs::File::open(store.path("store/lock")).unwrap();
    lock.lock().unwrap();
    looked(&store).fails(3, "is open in a server");
    drop(lock);
    audit(&["store", "/nowhere", "--config", text(&config)]).fails(3, "cannot read /nowhere");
    fs::remove_file(store.path("directories/btp.directory")).unwrap();
    looked(&store).fails(3, "no directory names the key");
    let key = log_key(7).verifier().to_string();
    audit(&["store", "--config", text(&config), "--log-key", &key]).holds();
    let other = Signer::from_seed("log.example/hafan", &[8; 32]).unwrap();
    let other = other.verifier().to_string();
    audit(&["store", "--config", text(&config), "--log-key", &other]).finds("bad-checkpoint");
    fs::remove_dir_all(store.path("pinned")).unwrap();
    audit(&["store", "--config", text(&config), "--log-key", &key]).fails(3, "cannot read");
    write(&config, b"listen = 3\n");
    looked(&store).fails(2, "not a configuration");
}
