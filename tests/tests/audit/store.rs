//! `hafan-audit store`: what stands in the value log, where every checksum is right.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use hafan_tlog::{Frontier, leaf_hash};

use crate::made_store::{
    MadeEpoch, MadeStore, leaf, page, page_leaf, page_seen, page_that_says, sent, tombstone,
};
use crate::{Said, audit, text};

pub(crate) fn looked(store: &MadeStore) -> Said {
    audit(&["store", "--config", text(&store.path("config.toml"))])
}

/// Two submissions, a page, epochs of decoys, a tombstone, and a submission that waits.
pub(crate) fn sound(store: &mut MadeStore) {
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
pub(crate) fn changed(number: u64, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut submission = sent(number).submission;
    change(&mut submission);
    submission
}

/// A page whose cosignature says that it was made at noon.
fn at_noon(mut page: Vec<u8>) -> Vec<u8> {
    let end = page.iter().rposition(|byte| *byte == b'\n').unwrap();
    let begin = page[..end].iter().rposition(|byte| *byte == b' ').unwrap() + 1;
    let mut bytes = BASE64_STANDARD.decode(&page[begin..end]).unwrap();
    bytes[4..12].copy_from_slice(&(1_795_651_200u64 + 43_200).to_be_bytes());
    page[begin..end].copy_from_slice(BASE64_STANDARD.encode(bytes).as_bytes());
    page
}

/// An intake of one submission and the epoch that it goes into.
fn one(store: &mut MadeStore, submission: &[u8]) {
    store.begin();
    store.intake(&[submission.to_vec()]);
    store.epoch(&MadeEpoch::of(1, &[leaf(submission)]));
}

const REPLIES: (&str, u8) = ("hafan/btp/replies-1", 11);

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
        "a page that ends with a checkpoint that the log never had",
        |store| {
            store.begin();
            let tree: Frontier = [leaf_hash(b"another")].into_iter().collect();
            store.page(&page_seen(1, &tree, 7, REPLIES));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "a page that ends with a checkpoint that the log has not signed",
        |store| {
            store.begin();
            store.page(&page_seen(1, &Frontier::new(), 8, REPLIES));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "a page that was cosigned by who is no key for answers",
        |store| {
            store.begin();
            let caller = "caller.from.Leeds.12:31";
            store.page(&page_seen(1, &Frontier::new(), 7, (caller, 11)));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "a page that says the second at which it was cosigned",
        |store| {
            store.begin();
            store.page(&at_noon(page(1).0));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "a page that was cosigned by another key than the directory names",
        |store| {
            store.begin();
            let other = ("hafan/btp/replies-1", 12);
            store.page(&page_seen(1, &Frontier::new(), 7, other));
        },
        "not-a-page segments/000000.log byte",
    ),
    (
        "plaintext at the very end of an answer",
        |store| {
            let (mut bytes, _) = page(1);
            bytes[4096 - 419..4096].fill(b'e');
            store.begin();
            store.page(&bytes);
            store.epoch(&MadeEpoch::of(1, &[page_leaf(&bytes)]));
        },
        "plaintext segments/000000.log byte",
    ),
    (
        "plaintext in the place of an encapsulated key",
        |store| {
            let words = BASE64_STANDARD_NO_PAD.encode("she said ".repeat(125).split_at(1120).0);
            let submission = changed(1, |bytes| {
                bytes[48 + 40..48 + 40 + 1494].copy_from_slice(words.as_bytes());
            });
            one(store, &submission);
        },
        "plaintext segments/000000.log byte",
    ),
    (
        "a submission that never becomes a leaf",
        |store| {
            store.begin();
            store.intake(&[sent(1).submission]);
            store.epoch(&MadeEpoch::of(1, &[]));
            store.epoch(&MadeEpoch::of(2, &[]));
        },
        "passed-over segments/000000.log byte",
    ),
    (
        "a page that never becomes a leaf",
        |store| {
            store.begin();
            store.page(&page(1).0);
            store.epoch(&MadeEpoch::of(1, &[]));
            store.epoch(&MadeEpoch::of(2, &[]));
        },
        "passed-over segments/000000.log byte",
    ),
    (
        "a page was left waiting",
        |store| {
            store.begin();
            let (first, second) = (page(1), page(2));
            store.page(&first.0);
            store.page(&second.0);
            store.epoch(&MadeEpoch::of(1, &[second.1]));
        },
        "passed-over segments/000000.log byte",
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
        "an epoch of another size between others",
        |store| {
            store.begin();
            store.epoch(&MadeEpoch::of(1, &[]));
            store.epoch(&MadeEpoch {
                count: 7,
                ..MadeEpoch::of(2, &[])
            });
            store.epoch(&MadeEpoch::of(3, &[]));
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
