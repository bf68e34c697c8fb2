//! Logs that tests make, with the server's own library, so that each byte can be chosen.

use std::fs;
use std::path::{Path, PathBuf};

use hafan_directory::release::Release;
use hafan_tlog::tile::{self, TileKind};
use hafan_tlog::{
    Checkpoint, Entry, EntryKind, Frontier, Hash, Signer, TilePath, labelled_hash, leaf_hash, note,
    operator_origin,
};

pub(crate) const LOG_NAME: &str = "log.example/hafan";
pub(crate) const ORIGIN: &str = "log.example/hafan/btp/2026";

pub(crate) fn root() -> Signer {
    Signer::from_seed("hafan/btp/root", &[1; 32]).unwrap()
}

pub(crate) fn log_key(seed: u8) -> Signer {
    Signer::from_seed(LOG_NAME, &[seed; 32]).unwrap()
}

/// A log of `size` leaves, each of which is another.
#[derive(Clone)]
pub(crate) struct MadeLog {
    pub(crate) leaves: Vec<[u8; 66]>,
}

impl MadeLog {
    pub(crate) fn new(size: u32) -> Self {
        let leaf = |index: u32| {
            let label = index.to_be_bytes();
            let t = leaf_hash(&[&label[..], b"t"].concat()).0;
            Entry::drop_of(leaf_hash(&label).0, t).encode()
        };
        Self {
            leaves: (0..size).map(leaf).collect(),
        }
    }

    /// The same with another leaf at this index.
    pub(crate) fn with(mut self, index: usize, leaf: [u8; 66]) -> Self {
        self.leaves[index] = leaf;
        self
    }

    pub(crate) fn cut(mut self, size: usize) -> Self {
        self.leaves.truncate(size);
        self
    }

    pub(crate) fn vkey() -> String {
        Signer::from_seed(ORIGIN, &[7; 32])
            .unwrap()
            .verifier()
            .to_string()
    }

    fn hashes(&self) -> Vec<Hash> {
        self.leaves.iter().map(|leaf| leaf_hash(leaf)).collect()
    }

    /// The root over the leaves of one of its tiles.
    pub(crate) fn tile_root(&self, number: usize) -> [u8; 32] {
        let hashes = self.hashes()[number * 256..(number + 1) * 256].to_vec();
        Frontier::from_iter(hashes).root().0
    }

    /// The text of its checkpoint.
    pub(crate) fn head(&self) -> String {
        let tree = Frontier::from_iter(self.hashes());
        Checkpoint::of(ORIGIN, &tree).unwrap().encode()
    }

    /// Writes everything that a server publishes of it.
    pub(crate) fn write(&self, dir: &Path) {
        self.write_as(dir, ORIGIN, &log_key(7));
    }

    /// The same under another origin and key.
    pub(crate) fn write_as(&self, dir: &Path, origin: &str, key: &Signer) {
        let hashes = self.hashes();
        let size = u64::try_from(self.leaves.len()).unwrap();
        for path in tile::new_tiles(0, size) {
            let bytes = match path.kind() {
                TileKind::Entries => self.bundle(&path),
                TileKind::Hashes { .. } => tile::from_leaf_hashes(&path, &hashes).unwrap(),
            };
            write(&dir.join(path.to_string()), &bytes);
        }
        let tree = Frontier::from_iter(hashes);
        let head = Checkpoint::of(origin, &tree).unwrap();
        write(&dir.join("checkpoint"), &head.sign(key));
    }

    fn bundle(&self, path: &TilePath) -> Vec<u8> {
        let first = usize::try_from(path.first()).unwrap();
        let leaves = &self.leaves[first..first + usize::from(path.width())];
        leaves
            .iter()
            .flat_map(|leaf| [&[0, 66], &leaf[..]].concat())
            .collect()
    }
}

/// A text as a key under the log's origin signs it.
pub(crate) fn signed(text: &str, seed: &[u8; 32]) -> Vec<u8> {
    note::sign(text, &[&Signer::from_seed(ORIGIN, seed).unwrap()]).unwrap()
}

pub(crate) fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Changes the bytes of a file.
pub(crate) fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

pub(crate) fn flip(path: &Path, at: usize) {
    change(path, |bytes| bytes[at] ^= 1);
}

pub(crate) fn swap(one: &Path, other: &Path) {
    let (first, second) = (fs::read(one).unwrap(), fs::read(other).unwrap());
    fs::write(one, second).unwrap();
    fs::write(other, first).unwrap();
}

/// The leaf that a directory or release has in the operator's log, of what it says itself.
pub(crate) fn published_leaf(note: &[u8]) -> [u8; 66] {
    let text = String::from_utf8_lossy(note);
    let json: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
    let (kind, of, label) = match json["manifest"].as_str() {
        Some(manifest) => (
            EntryKind::Release,
            hex::decode(manifest).unwrap(),
            "release",
        ),
        None => {
            let force = json["force"].as_str().unwrap();
            (EntryKind::Directory, force.as_bytes().to_vec(), "directory")
        }
    };
    let entry = Entry {
        kind,
        h: labelled_hash(&format!("hafan/{label}/v1"), note),
        t: labelled_hash(&format!("hafan/{label}-of/v1"), &of),
    };
    entry.encode()
}

/// Who releases the site.
pub(crate) fn releaser(name: &str) -> Signer {
    let seed = if name == "alys" { 41 } else { 42 };
    Signer::from_seed(&format!("hafan-release/{name}"), &[seed; 32]).unwrap()
}

/// A release, signed by `alys`.
pub(crate) fn release(sequence: u64) -> Vec<u8> {
    let day = jiff::civil::date(2026, 11, 26);
    let release = Release::new(sequence, day, &"0".repeat(40), [9; 32]).unwrap();
    release.sign(&[&releaser("alys")]).unwrap()
}

/// A mirror of what a server answers: a log of 2026, a directory, a beat, the operator's log.
pub(crate) struct Mirror {
    pub(crate) dir: tempfile::TempDir,
    /// What was published, in the order of the operator's log.
    notes: std::cell::RefCell<Vec<Vec<u8>>>,
}

impl Mirror {
    pub(crate) fn new(log: &MadeLog) -> Self {
        let mirror = Self {
            dir: tempfile::tempdir().unwrap(),
            notes: std::cell::RefCell::new(vec![release(1)]),
        };
        log.write(&mirror.log());
        mirror.put("log/btp/latest", b"2026\n");
        mirror.put("log/btp/beat", b"300 8\n");
        mirror.publish(7, "btp", &log_key(7), &root());
        mirror
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("log/btp/2026")
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        write(&self.dir.path().join(name), bytes);
    }

    pub(crate) fn publish(&self, sequence: u64, force: &str, log: &Signer, root: &Signer) {
        let note = Self::directory(sequence, force, log, root);
        self.put("v1/forces/btp/directory", &note);
        self.publish_notes(log, |notes| notes.push(note));
    }

    /// Writes the operator's log anew, as this key of the logs signs it.
    pub(crate) fn publish_notes(&self, log: &Signer, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
        let mut notes = self.notes.borrow_mut();
        change(&mut notes);
        let leaves = notes.iter().map(|note| published_leaf(note)).collect();
        let made = MadeLog { leaves };
        let dir = self.dir.path().join("log/operator");
        made.write_as(&dir, &operator_origin(LOG_NAME), log);
        for (leaf, note) in notes.iter().enumerate() {
            write(&dir.join(format!("notes/{leaf}")), note);
        }
    }

    /// A directory of one officer, one key for answers and one courier.
    pub(crate) fn directory(sequence: u64, force: &str, log: &Signer, root: &Signer) -> Vec<u8> {
        let log = log.verifier();
        let key = |role: &str, seed| {
            let name = format!("hafan/{force}/{role}");
            let key = Signer::from_seed(&name, &[seed; 32]).unwrap();
            key.verifier().to_string()
        };
        let (officer, courier) = (key("officer-1", 2), key("courier-1", 3));
        let replies = key("replies-1", 11);
        let text = format!(
            "hafan directory v1\n{{\"force\":\"{force}\",\"sequence\":{sequence},\"valid_from\":\"2026-11-23\",\
             \"valid_until\":\"2026-12-14\",\"log\":\"{log}\",\"intake\":[],\"contact\":{{\"threshold\":1,\
             \"recipients\":[\"age1pq1\"]}},\"officers\":[\"{officer}\"],\"replies\":[\"{replies}\"],\"couriers\":[\"{courier}\"],\
             \"police_suspect\":null}}\n"
        );
        note::sign(&text, &[root]).unwrap()
    }
}
