//! The log verifies with code that is not ours, unmodified: Go's `x/mod/sumdb` and `tlog-scales`.

#[path = "../oracles/mod.rs"]
#[expect(
    dead_code,
    reason = "logs, records and words are verified here, packages elsewhere"
)]
mod oracles;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use hafan_tlog::proof;
use hafan_tlog::tile::{self, TileKind, TileReader};
use hafan_tlog::{Checkpoint, Entry, Frontier, Hash, Signer, TilePath, leaf_hash};

/// Around the edges of a tile, and over two levels of tiles.
const SIZES: [usize; 7] = [0, 1, 2, 255, 256, 257, 65_793];

const ORIGIN: &str = "log.example/hafan/btp/2026";

#[test]
fn logs_of_every_size_verify_and_are_consistent() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(65_793);
    let mut older = Vec::new();
    for size in SIZES {
        let log_dir = folder.path().join(size.to_string());
        log.write(&log_dir, 0, size);
        let proofs_path = log.write_proofs(&log_dir, size);
        let verdicts = oracles::verify_log(&log.vkey(), &log_dir, &older, proofs_path.as_deref());
        assert_eq!(
            verdicts
                .go
                .map(|line| line.contains(&format!(" {size} leaves"))),
            Ok(true)
        );
        assert_eq!(
            verdicts
                .python
                .map(|line| line.contains(&format!(" {size} leaves"))),
            Ok(true)
        );
        older.push(log_dir.join("checkpoint"));
    }
}

#[test]
fn access_records_verify_and_each_that_was_tampered_with_does_not() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/record");
    for vector in fs::read_dir(vectors).unwrap() {
        let path = vector.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let verdict = oracles::verify_record(&path);
        match name {
            "whole" => assert!(verdict.unwrap().contains("16 entries, each signed")),
            // Empty, torn and pending are for whoever appends next; those set back need a head from elsewhere.
            "empty" | "torn" | "pending" | "set-back" => {}
            _ => assert!(verdict.is_err(), "{name}"),
        }
    }
}

#[test]
fn a_log_that_grows_in_place_verifies_at_each_step() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(70_000);
    for (old, new) in [
        (0, 8),
        (8, 250),
        (250, 260),
        (260, 512),
        (512, 65_530),
        (65_530, 70_000),
    ] {
        log.write(folder.path(), old, new);
        let verdicts = oracles::verify_log(&log.vkey(), folder.path(), &[], None);
        assert_eq!(verdicts.go.err(), None);
        assert_eq!(verdicts.python.err(), None);
    }
}

#[test]
fn a_byte_changed_in_any_file_is_refused_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(257);
    let files = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/1",
        "tile/1/000.p/1",
    ];
    let bundles = ["tile/entries/000", "tile/entries/001.p/1"];
    for file in files.into_iter().chain(bundles) {
        log.write(folder.path(), 0, 257);
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        let verdicts = oracles::verify_log(&log.vkey(), folder.path(), &[], None);
        assert!(verdicts.go.is_err(), "Go accepts a changed {file}");
        assert!(verdicts.python.is_err(), "Python accepts a changed {file}");
    }
}

#[test]
fn a_rewritten_log_is_refused_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(300);
    let mut rewritten = Log::new(300);
    rewritten.entries[100] = Entry::drop_of([0xff; 32], [0xff; 32]);
    let (log_dir, rewritten_dir) = (folder.path().join("log"), folder.path().join("rewritten"));
    log.write(&log_dir, 0, 257);
    rewritten.write(&rewritten_dir, 0, 300);
    let older = [log_dir.join("checkpoint")];
    let verdicts = oracles::verify_log(&log.vkey(), &rewritten_dir, &older, None);
    assert!(verdicts.go.is_err(), "Go accepts a rewritten log");
    assert!(verdicts.python.is_err(), "Python accepts a rewritten log");
}

#[test]
fn another_key_or_origin_is_refused_by_both() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::new(2);
    log.write(folder.path(), 0, 2);
    let other_key = Signer::from_seed(ORIGIN, &[8; 32]).unwrap().verifier();
    let other_origin = log
        .signer
        .verifier()
        .renamed("log.example/hafan/btp/2027")
        .unwrap();
    for verifier in [other_key, other_origin] {
        let verdicts = oracles::verify_log(&verifier.to_string(), folder.path(), &[], None);
        assert!(verdicts.go.is_err(), "Go accepts {verifier}");
        assert!(verdicts.python.is_err(), "Python accepts {verifier}");
    }
}

/// A log in memory, each entry different from the others.
struct Log {
    signer: Signer,
    entries: Vec<Entry>,
}

impl Log {
    fn new(size: u32) -> Self {
        let signer = Signer::from_seed(ORIGIN, &[7; 32]).expect("origin is a key name");
        let entry = |index: u32| {
            let label = index.to_be_bytes();
            Entry::drop_of(
                leaf_hash(&label).0,
                leaf_hash(&[&label[..], b"t"].concat()).0,
            )
        };
        Self {
            signer,
            entries: (0..size).map(entry).collect(),
        }
    }

    fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    fn leaves(&self, size: usize) -> Vec<Hash> {
        self.entries
            .iter()
            .take(size)
            .map(Entry::leaf_hash)
            .collect()
    }

    /// Writes what a server publishes when the log grows from `old` to `new` leaves.
    fn write(&self, log_dir: &Path, old: usize, new: usize) {
        let leaves = self.leaves(new);
        for path in tile::new_tiles(size_of(old), size_of(new)) {
            let bytes = match path.kind() {
                TileKind::Entries => self.entry_bundle(&path),
                TileKind::Hashes { .. } => {
                    tile::from_leaf_hashes(&path, &leaves).expect("tile is within the log")
                }
            };
            write_file(&log_dir.join(path.to_string()), &bytes);
        }
        let tree = Frontier::from_iter(leaves);
        let checkpoint = Checkpoint::of(ORIGIN, &tree).expect("origin is a key name");
        write_file(&log_dir.join("checkpoint"), &checkpoint.sign(&self.signer));
    }

    fn entry_bundle(&self, path: &TilePath) -> Vec<u8> {
        let first = usize::try_from(path.first()).expect("log is in memory");
        let width = usize::from(path.width());
        let entries: Vec<Entry> = self
            .entries
            .iter()
            .skip(first)
            .take(width)
            .copied()
            .collect();
        assert_eq!(entries.len(), width);
        tile::encode_entries(&entries)
    }

    /// Writes proofs made by our code out of the tiles on disk, when the log has any.
    fn write_proofs(&self, log_dir: &Path, size: usize) -> Option<PathBuf> {
        let leaves = self.leaves(size);
        let new = size_of(size);
        let reader = TileReader::new(new, |path: &TilePath| {
            fs::read(log_dir.join(path.to_string())).ok()
        });
        let root = Frontier::from_iter(leaves.iter().copied()).root();
        let mut proofs = String::new();
        for (index, leaf) in leaves
            .iter()
            .enumerate()
            .filter(|(index, _)| is_edge(*index, size))
        {
            let index = size_of(index);
            let path = proof::inclusion(&reader, index, new).expect("tiles are whole");
            write_proof(
                &mut proofs,
                &format!("inclusion {index} {new} {leaf} {root}"),
                &path,
            );
        }
        for old in (1..=size).filter(|old| is_edge(*old, size)) {
            let old_root = Frontier::from_iter(leaves.iter().take(old).copied()).root();
            let path = proof::consistency(&reader, size_of(old), new).expect("tiles are whole");
            write_proof(
                &mut proofs,
                &format!("consistency {old} {new} {old_root} {root}"),
                &path,
            );
        }
        if proofs.is_empty() {
            return None;
        }
        let proofs_path = log_dir.join("proofs");
        write_file(&proofs_path, proofs.as_bytes());
        Some(proofs_path)
    }
}

/// Whether a proof for this index or size says something that the next one does not.
fn is_edge(index: usize, size: usize) -> bool {
    index.abs_diff(256) < 3
        || index.abs_diff(65_536) < 3
        || index < 5
        || index + 5 > size
        || index.is_multiple_of(9_973)
}

#[test]
fn the_words_vectors_are_what_other_code_derives() {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/words");
    let folder = tempfile::tempdir().unwrap();
    let mut names = Vec::new();
    for vector in fs::read_dir(vectors).unwrap() {
        let path = vector.unwrap().path();
        names.push(path.file_name().unwrap().to_owned());
        oracles::derive_words(&path).unwrap();
        let changed = folder.path().join("changed.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&changed, text.replacen("abdomen", "abdominal", 1)).unwrap();
        assert!(oracles::derive_words(&changed).is_err());
    }
    names.sort();
    assert_eq!(names, ["derived.json", "draft.json"]);
}

fn write_proof(proofs: &mut String, head: &str, path: &[Hash]) {
    proofs.push_str(head);
    for hash in path {
        write!(proofs, " {hash}").expect("a string can be written");
    }
    proofs.push('\n');
}

fn write_file(path: &Path, bytes: &[u8]) {
    let parent = path.parent().expect("file is in a folder");
    fs::create_dir_all(parent).expect("temporary folder can be written");
    fs::write(path, bytes).expect("temporary folder can be written");
}

fn size_of(size: usize) -> u64 {
    u64::try_from(size).expect("64 bits hold every size")
}
