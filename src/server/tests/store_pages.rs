//! Pages of answers: durable before they are answered for, a leaf each, found by leaf and by index, after every kind of stop.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails its test"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod store_support;

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use hafan::store::{Accepted, Damage, OpenError, ReadError, Store, StoreConfig, SubmitError};
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page, RECORD_SIZE_BYTES};
use hafan_tlog::EntryKind;
use store_support::{YEAR, checkpoint, config, entries, force, open, signer, submit};

const LEAVES: u16 = 8;

fn made() -> (tempfile::TempDir, StoreConfig) {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path(), &["btp", "merseyside"], LEAVES);
    config.segment_size_bytes = 1 << 20;
    Store::create(&config, &signer(), YEAR).unwrap();
    (dir, config)
}

/// Page number `n`: each record has the one header.
fn page(n: u8) -> Vec<u8> {
    page_that_ends(n, b"seen\n")
}

fn page_that_ends(n: u8, seen: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PAGE_SIZE_BYTES);
    for record in 0..64_u8 {
        let mut enc = [n; 1120];
        enc[1088] = record;
        let [enc, body, mac] = [&enc[..], &[2; 32], &[3; 32]].map(|bytes| BASE64.encode(bytes));
        let header = format!("age-encryption.org/v1\n-> mlkem768x25519 {enc}\n{body}\n--- {mac}\n");
        let end = (usize::from(record) + 1) * RECORD_SIZE_BYTES;
        bytes.extend([n, record]);
        bytes.extend(header.into_bytes());
        bytes.resize(end, n);
    }
    bytes.extend(seen);
    bytes.resize(PAGE_SIZE_BYTES, 0);
    bytes
}

fn put(store: &Store, name: &str, page: Vec<u8>) -> Result<Accepted, SubmitError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(store.submit_page(&force(name), page))
}

fn close(store: &Store) {
    store.close_epoch(&force("btp"), YEAR, &signer()).unwrap();
}

/// The leaves of pages in the log, each with its page as the store gives it; and that the index agrees with them.
fn published(store: &Store) -> Vec<(u64, Vec<u8>)> {
    let btp = force("btp");
    let mut index = Vec::new();
    let mut pages = Vec::new();
    for (leaf, entry) in (0..).zip(entries(store, &btp, YEAR)) {
        let found = store.reply_page(&btp, YEAR, leaf).unwrap();
        assert_eq!(
            found.is_some(),
            entry.kind == EntryKind::ReplyPage,
            "leaf {leaf}"
        );
        if let Some(bytes) = found {
            let page = Page::parse(&bytes).unwrap();
            assert_eq!((page.digest().0, page.index_digest().0), (entry.h, entry.t));
            index.extend(page.index_part());
            pages.push((leaf, bytes.to_vec()));
        }
    }
    assert_eq!(store.reply_index(&btp, YEAR, 0).unwrap().unwrap(), index);
    let size = checkpoint(store, &btp, YEAR).size();
    assert_eq!(store.reply_page(&btp, YEAR, size).unwrap(), None);
    assert_eq!(store.reply_index(&btp, YEAR, 1).unwrap(), None);
    assert_eq!(store.reply_index(&btp, YEAR, u64::MAX).unwrap(), None);
    pages
}

fn numbers(pages: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut numbers: Vec<u8> = pages.iter().map(|(_, page)| page[0]).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_page_becomes_a_leaf_and_the_same_page_no_second_one() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    assert_eq!(put(&store, "btp", page(1)).unwrap(), Accepted::Created);
    assert_eq!(put(&store, "btp", page(1)).unwrap(), Accepted::Already);
    assert_eq!(store.pages_waiting(&force("btp")), 1);
    assert_eq!(published(&store), []);
    close(&store);
    assert_eq!(store.pages_waiting(&force("btp")), 0);
    assert_eq!(put(&store, "btp", page(1)).unwrap(), Accepted::Already);
    close(&store);
    assert_eq!(numbers(&published(&store)), [1]);
    // The same bytes for another force are another page.
    assert_eq!(
        put(&store, "merseyside", page(1)).unwrap(),
        Accepted::Created
    );
}

#[test]
fn pages_take_at_most_half_of_an_epoch_and_drops_the_rest() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    let btp = force("btp");
    for n in 1..=5 {
        put(&store, "btp", page(n)).unwrap();
    }
    for n in 0..12 {
        submit(&store, &btp, n, 200).unwrap();
    }
    for (pages, waiting, backlog) in [(4, 1, 8), (5, 0, 1), (5, 0, 0)] {
        close(&store);
        assert_eq!(published(&store).len(), pages);
        assert_eq!(store.pages_waiting(&btp), waiting);
        assert_eq!(store.backlog(&btp), backlog);
    }
    assert_eq!(checkpoint(&store, &btp, YEAR).size(), 3 * u64::from(LEAVES));
    let drops = store.drops(&btp, YEAR, 0, 100).unwrap().unwrap().drops;
    assert_eq!(drops.len(), 12, "a page is no drop");
}

#[test]
fn what_waits_and_what_is_published_is_there_after_a_clean_stop_and_after_a_kill() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    put(&store, "btp", page(1)).unwrap();
    close(&store);
    put(&store, "btp", page(2)).unwrap();
    store.shutdown();
    drop(store);

    let store = open(&config).unwrap();
    assert_eq!(numbers(&published(&store)), [1]);
    assert_eq!(store.pages_waiting(&force("btp")), 1);
    assert_eq!(put(&store, "btp", page(2)).unwrap(), Accepted::Already);
    put(&store, "btp", page(3)).unwrap();
    // Without the mark of a clean stop the index is made from the segments.
    drop(store);

    let store = open(&config).unwrap();
    assert_eq!(store.pages_waiting(&force("btp")), 2);
    close(&store);
    assert_eq!(numbers(&published(&store)), [1, 2, 3]);
    store.shutdown();
    fs::remove_dir_all(config.store_dir.join("index")).unwrap();
    drop(store);
    assert_eq!(numbers(&published(&open(&config).unwrap())), [1, 2, 3]);
}

#[test]
fn what_is_no_page_is_refused_and_leaves_nothing() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    let mut broken = page(1);
    broken[2] = b'A';
    for bytes in [Vec::new(), page(1)[1..].to_vec(), broken] {
        let refused = put(&store, "btp", bytes);
        assert!(matches!(refused, Err(SubmitError::NoPage)), "{refused:?}");
    }
    let stranger = put(&store, "leicestershire", page(1));
    assert!(matches!(stranger, Err(SubmitError::NoSuchForce)));
    close(&store);
    assert_eq!(published(&store), []);
}

#[test]
fn a_rotten_page_is_named_and_hides_no_other() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    put(&store, "btp", page(7)).unwrap();
    put(&store, "btp", page(8)).unwrap();
    close(&store);
    let pages = published(&store);
    let segment = config.store_dir.join("segments/000000.log");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes
        .windows(64)
        .position(|window| window == [7; 64])
        .unwrap();
    bytes[at] = 9;
    fs::write(&segment, &bytes).unwrap();
    for (leaf, page) in pages {
        let found = store.reply_page(&force("btp"), YEAR, leaf);
        match page[0] {
            7 => assert!(matches!(found, Err(ReadError::Rotten { .. }))),
            _ => assert_eq!(found.unwrap().unwrap(), page),
        }
    }
    drop(store);
    let refused = open(&config).err().unwrap();
    assert!(matches!(refused, OpenError::Damaged { .. }), "{refused}");
}

/// What a page ends with, as long as a cosigned checkpoint, and what is given of it.
fn seen_of(size: usize) -> Vec<u8> {
    let mut seen = vec![b'a'; size];
    seen[size - 1] = b'\n';
    seen
}

#[test]
fn a_page_comes_back_whole_however_much_of_it_is_zeros() {
    let (_dir, config) = made();
    let store = open(&config).unwrap();
    let pages: Vec<Vec<u8>> = [(1, 1), (2, 347), (3, 1023), (4, 1024)]
        .map(|(n, size)| page_that_ends(n, &seen_of(size)))
        .to_vec();
    for page in &pages {
        put(&store, "btp", page.clone()).unwrap();
    }
    close(&store);
    let found = published(&store);
    assert!(
        pages
            .iter()
            .all(|page| found.iter().any(|(_, given)| given == page))
    );
    drop(store);
    assert_eq!(published(&open(&config).unwrap()), found);
}

#[test]
fn rot_in_a_page_that_is_last_is_never_taken_for_a_torn_tail() {
    // Where the page's frame begins among the sectors, and where in it the bit flips.
    for place in 0..64 {
        let (_dir, config) = made();
        let store = open(&config).unwrap();
        submit(&store, &force("btp"), 1, 200 + 8 * place).unwrap();
        put(&store, "btp", page_that_ends(1, &seen_of(347))).unwrap();
        drop(store);
        let segment = config.store_dir.join("segments/000000.log");
        let mut bytes = fs::read(&segment).unwrap();
        let page = bytes
            .windows(5)
            .position(|window| window == b"hfn1\x03")
            .unwrap();
        bytes[page + 4_100 * place] ^= 0x40;
        fs::write(&segment, &bytes).unwrap();
        match open(&config) {
            Err(OpenError::Damaged {
                damage: Damage::Rotten,
                ..
            }) => {}
            Err(error) => panic!("place {place}: {error}"),
            Ok(_) => panic!("place {place} was not seen"),
        }
        assert!(fs::read(&segment).unwrap() == bytes, "nothing is changed");
    }
}
