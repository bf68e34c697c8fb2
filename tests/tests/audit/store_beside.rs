//! `hafan-audit store`: what lies beside the value log, what an interrupted write left, and what cannot be read.

use std::fs;

use hafan_tlog::Signer;
use jiff::ToSpan as _;

use crate::made::{change, flip, log_key, write};
use crate::made_store::{MadeEpoch, MadeStore, page, sent};
use crate::store::{changed, looked, sound};
use crate::{audit, text};

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
        "the store was wiped as a whole",
        |store| {
            fs::remove_file(store.path("store/segments/000000.log")).unwrap();
            fs::remove_file(store.path("pinned/btp-2026.checkpoint")).unwrap();
        },
        "missing-log btp",
    ),
    (
        "words in the place of a pin that is being written",
        |store| {
            let words = b"log.example/hafan/btp/2026\ncaller from Leeds\n";
            write(&store.path("pinned/btp-2026.checkpoint.next"), words);
        },
        "bad-checkpoint pinned/btp-2026.checkpoint.next",
    ),
    (
        "a pin that is being written far beyond the log",
        |store| {
            let mut later = MadeStore::new();
            sound(&mut later);
            later.epoch(&MadeEpoch::of(50, &[]));
            later.epoch(&MadeEpoch::of(51, &[]));
            later.write();
            let next = store.path("pinned/btp-2026.checkpoint.next");
            fs::copy(later.path("pinned/btp-2026.checkpoint"), next).unwrap();
        },
        "rolled-back pinned/btp-2026.checkpoint.next",
    ),
    (
        "a pin of a year that is written otherwise",
        |store| write(&store.path("pinned/btp-+026.checkpoint"), b""),
        "stray-file pinned/btp-+026.checkpoint",
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
    // So are a pin that was being written, and a torn tail that was being kept.
    let pin = fs::read(store.path("pinned/btp-2026.checkpoint")).unwrap();
    for size in [0, 10, 30, 80, 150, pin.len() - 1] {
        write(&store.path("pinned/btp-2026.checkpoint.next"), &pin[..size]);
        store.settle();
        looked(&store).holds();
    }
    for size in [12, 40_000, 67_260] {
        change(&segment, |bytes| {
            bytes[end..end + size].copy_from_slice(&torn[..size]);
        });
        write(&store.path("store/torn.next"), &torn[..size / 2]);
        store.settle();
        let said = looked(&store);
        assert_eq!(said.code, Some(0), "{size}: {}", said.text);
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

/// A frame as an interrupted write leaves it: this much of it, and without these sectors.
fn torn_of(build: impl FnOnce(&mut MadeStore), size: usize, without: &[usize]) -> Vec<u8> {
    let mut store = MadeStore::new();
    build(&mut store);
    store.write();
    let mut bytes = fs::read(store.path("store/segments/000000.log")).unwrap();
    bytes.truncate(size);
    for sector in without {
        bytes[sector * 512..(sector + 1) * 512].fill(0);
    }
    bytes
}

/// A store whose last frame, which begins a sector as in [`torn_of`], is torn so, and which has such a tail kept besides.
fn with_torn(torn: &[u8]) -> MadeStore {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    write(&store.path("store/torn-000000-0"), torn);
    store.settle();
    store
}

#[test]
fn what_an_interrupted_write_left_is_looked_at_to_its_last_byte() {
    let batch = |store: &mut MadeStore| store.intake(&[sent(8).submission, sent(9).submission]);
    let answers = |store: &mut MadeStore| store.page(&page(4).0);
    let epoch = |store: &mut MadeStore| store.epoch(&MadeEpoch::of(1, &[]));
    for torn in [
        torn_of(batch, 10_000, &[]),
        torn_of(batch, 100_000, &[]),
        torn_of(batch, 134_000, &[2, 3, 140]),
        // The length of the second is left out.
        torn_of(batch, 134_000, &[131]),
        torn_of(batch, 134_000, &[131, 132]),
        torn_of(answers, 150_000, &[]),
        torn_of(answers, 200_000, &[0, 8, 9, 100].map(|sector| sector + 1)),
        torn_of(epoch, 500, &[]),
        torn_of(epoch, 800, &[]),
    ] {
        looked(&with_torn(&torn)).holds();
    }
    let words = b"she said that it was dark and nobody was there ".repeat(100);
    for (mut torn, at) in [
        (torn_of(batch, 134_000, &[]), 60_000),
        (torn_of(batch, 134_000, &[]), 100),
        (torn_of(batch, 134_000, &[131]), 80_000),
        (torn_of(answers, 150_000, &[]), 90_000),
        (torn_of(epoch, 500, &[]), 120),
    ] {
        let end = torn.len().min(at + words.len());
        torn[at..end].copy_from_slice(&words[..end - at]);
        looked(&with_torn(&torn)).finds("plaintext torn-000000-0");
    }
    // Where it lies: a header that promises much, and words behind it.
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    let head = torn_of(batch, 20, &[]);
    let segment = store.path("store/segments/000000.log");
    let bytes = fs::read(&segment).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
    let end = end.next_multiple_of(8);
    let all = [head, words].concat();
    change(&segment, |bytes| {
        bytes[end..end + all.len()].copy_from_slice(&all);
    });
    store.settle();
    looked(&store).finds("plaintext segments/000000.log byte");
}

#[test]
fn a_beat_that_was_announced_is_taken_and_each_change_is_told_once() {
    let mut store = MadeStore::new();
    store.begin();
    for (seed, count) in [(1, 8), (2, 8), (3, 4), (4, 4)] {
        store.epoch(&MadeEpoch {
            count,
            ..MadeEpoch::of(seed, &[])
        });
    }
    store.write();
    let config = store.path("config.toml");
    let text_of = fs::read_to_string(&config).unwrap();
    write(
        &config,
        text_of.replace("epoch = 8", "epoch = 4").as_bytes(),
    );
    let said = looked(&store);
    said.finds("irregular-epoch segments/000000.log byte");
    assert!(
        said.text.contains("DOES NOT HOLD: 1 finding\n"),
        "{}",
        said.text
    );
    audit(&["store", "--config", text(&config), "--accept-beat"]).holds();
}

#[test]
fn drafts_that_cannot_be_looked_at_are_never_said_to_hold() {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    let said = looked(&store);
    said.holds();
    assert!(said.text.contains("there are no drafts"), "{}", said.text);
    std::os::unix::fs::symlink("/nowhere", store.path("drafts")).unwrap();
    looked(&store).fails(3, "cannot read");
    let config = fs::read_to_string(store.path("config.toml")).unwrap();
    let without = config.replace("drafts_dir = \"drafts\"\n", "");
    write(&store.path("config.toml"), without.as_bytes());
    looked(&store).fails(2, "not a configuration");
}

#[test]
fn what_cannot_be_read_is_never_said_to_hold() {
    audit(&["store", "--config", "/nowhere.toml"]).fails(3, "cannot read");
    audit(&["store", "/nowhere", "--config", "/nowhere.toml"]).fails(2, "--pinned");
    audit(&["store"]).fails(2, "--config");
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    let config = store.path("config.toml");
    let lock = fs::File::open(store.path("store/lock")).unwrap();
    lock.lock().unwrap();
    looked(&store).fails(3, "is open in a server");
    drop(lock);
    let (dir, pins) = (store.path("store"), store.path("pinned"));
    let copy = |dir, pins| {
        let folders = ["store", dir, "--pinned", pins, "--drafts", "/nowhere"];
        audit(&[&folders[..], &["--config", text(&config)]].concat())
    };
    copy(text(&dir), text(&pins)).holds();
    copy("/nowhere", text(&pins)).fails(3, "cannot read /nowhere");
    copy(text(&dir), "/nowhere").fails(3, "cannot read /nowhere");
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
