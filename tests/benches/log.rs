//! A million entries through the log's frontier, against one SHA-256 pass over the same bytes.

mod common;

use common::{Figure, timed};
use hafan_tests::reports::entries;
use hafan_tlog::{ENTRY_SIZE_BYTES, Entry, Frontier};
use sha2::{Digest as _, Sha256};

const LEAVES: u32 = 1_000_000;
const ROUNDS: usize = 5;

fn main() {
    let entries = entries(LEAVES);
    let bytes: Vec<[u8; ENTRY_SIZE_BYTES]> = entries.iter().map(Entry::encode).collect();
    let mut figure = Figure::new("log: frontier of a million leaves".to_owned(), "leaves/s");
    for _ in 0..ROUNDS {
        let (root, ours) = timed(|| {
            let tree: Frontier = entries.iter().map(Entry::leaf_hash).collect();
            tree.root()
        });
        let (digest, limit) = timed(|| Sha256::digest(bytes.as_flattened()));
        std::hint::black_box((root, digest));
        figure.round(f64::from(LEAVES), ours, limit);
    }
    figure.print();
}
