//! Stores that tests write frame by frame, so that each byte can be chosen and every checksum still be right.

use std::fs;
use std::path::{Path, PathBuf};

use hafan_envelope::reply::Page;
use hafan_envelope::submission::tag_digest;
use hafan_tests::reports::{Prepared, shaped, shaped_page};
use hafan_tlog::{
    Checkpoint, Entry, Frontier, Seed, Signer, cosign, decoy, leaf_hash, operator_origin,
};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::made::{
    LOG_NAME, Mirror, ORIGIN, log_key, published_leaf, release, releaser, root, write,
};

pub(crate) const YEAR: u16 = 2026;
const SEGMENT_SIZE_BYTES: u64 = 64 << 20;

/// One epoch, as it is to be written.
pub(crate) struct MadeEpoch {
    /// The first of its leaves; decoys stand behind them.
    pub(crate) leaves: Vec<[u8; 66]>,
    pub(crate) count: u16,
    pub(crate) seed: u8,
    pub(crate) first: Option<u64>,
    pub(crate) year: u16,
    pub(crate) force: &'static str,
    pub(crate) key: u8,
    /// What becomes of the note.
    pub(crate) note: fn(Vec<u8>) -> Vec<u8>,
}

impl MadeEpoch {
    pub(crate) fn of(seed: u8, leaves: &[[u8; 66]]) -> Self {
        Self {
            leaves: leaves.to_vec(),
            count: 8,
            seed,
            first: None,
            year: YEAR,
            force: "btp",
            key: 7,
            note: |note| note,
        }
    }
}

/// A store in the making.
pub(crate) struct MadeStore {
    pub(crate) dir: TempDir,
    frames: Vec<u8>,
    pub(crate) leaves: Vec<[u8; 66]>,
    note: Vec<u8>,
}

/// A submission that is nothing but shaped like one.
pub(crate) fn sent(number: u64) -> Prepared {
    shaped(number, 0)
}

/// The leaf of a submission.
pub(crate) fn leaf(submission: &[u8]) -> [u8; 66] {
    let h =
        hafan_envelope::submission::digest(submission[..16].try_into().unwrap(), &submission[48..]);
    let t = tag_digest(submission[16..48].try_into().unwrap());
    Entry::drop_of(h.0, t).encode()
}

/// A page that is nothing but shaped like one, but for the checkpoint that it ends with; and its leaf.
pub(crate) fn page(number: u64) -> (Vec<u8>, [u8; 66]) {
    let page = page_seen(number, &Frontier::new(), 7, ("hafan/btp/replies-1", 11));
    let leaf = page_leaf(&page);
    (page, leaf)
}

/// A page whose checkpoint is of this tree, signed with this key of the log, and cosigned by this name and key.
pub(crate) fn page_seen(
    number: u64,
    tree: &Frontier,
    key: u8,
    (cosigner, seed): (&str, u8),
) -> Vec<u8> {
    let log = Signer::from_seed(ORIGIN, &[key; 32]).unwrap();
    let note = Checkpoint::of(ORIGIN, tree).unwrap().sign(&log);
    let officers = Signer::from_seed(cosigner, &[seed; 32]).unwrap();
    let seen = cosign(&note, &log.verifier(), &officers, 1_795_651_200).unwrap();
    shaped_page(number, &seen)
}

/// A page that ends with words instead of a checkpoint.
pub(crate) fn page_that_says(words: &[u8]) -> Vec<u8> {
    shaped_page(1, words)
}

pub(crate) fn tombstone() -> [u8; 66] {
    let mut leaf = [6; 66];
    leaf[0] = 1;
    leaf
}

pub(crate) fn page_leaf(page: &[u8]) -> [u8; 66] {
    let page = Page::parse(page).unwrap();
    let mut leaf = [0; 66];
    leaf[..2].copy_from_slice(&[1, 5]);
    leaf[2..34].copy_from_slice(&page.digest().0);
    leaf[34..].copy_from_slice(&page.index_digest().0);
    leaf
}

impl MadeStore {
    /// Nothing but a configuration, a directory and empty folders.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = root().verifier();
        let releaser = releaser("alys").verifier();
        let config = format!(
            "log_name = \"{LOG_NAME}\"\nstore_dir = \"store\"\npinned_dir = \"pinned\"\n\
             directories_dir = \"directories\"\ndrafts_dir = \"drafts\"\nleaves_per_epoch = 8\n\
             release_path = \"release\"\nrelease_keys = [\"{releaser}\"]\n\
             [forces.btp]\nroot = \"{root}\"\n"
        );
        write(&dir.path().join("config.toml"), config.as_bytes());
        let note = Mirror::directory(7, "btp", &log_key(7), &self::root());
        write(&dir.path().join("directories/btp.directory"), &note);
        Self {
            dir,
            frames: Vec::new(),
            leaves: Vec::new(),
            note: Vec::new(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn frame(&mut self, kind: u8, payload: &[u8]) {
        let mut head = [b"hfn1".as_slice(), &[kind, 0, 0, 0]].concat();
        head.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        head.extend(crc32c::crc32c(&head).to_be_bytes());
        self.frames.extend(head);
        self.frames.extend(payload);
        self.frames.extend(crc32c::crc32c(payload).to_be_bytes());
        self.frames.resize(self.frames.len().next_multiple_of(8), 0);
    }

    /// A batch of submissions for `btp`.
    pub(crate) fn intake(&mut self, submissions: &[Vec<u8>]) {
        self.intake_of("btp", submissions);
    }

    pub(crate) fn intake_of(&mut self, force: &str, submissions: &[Vec<u8>]) {
        let mut payload = u16::try_from(submissions.len())
            .unwrap()
            .to_be_bytes()
            .to_vec();
        for submission in submissions {
            payload.push(u8::try_from(force.len()).unwrap());
            payload.extend(force.as_bytes());
            payload.extend(u32::try_from(submission.len()).unwrap().to_be_bytes());
            payload.extend(submission);
        }
        self.frame(1, &payload);
    }

    /// A page of answers for `btp`, without the zeros that it ends with.
    pub(crate) fn page(&mut self, page: &[u8]) {
        let end = page.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        self.frame(3, &[b"\x03btp", &page[..end]].concat());
    }

    /// The epoch that begins a log.
    pub(crate) fn begin(&mut self) {
        self.epoch(&MadeEpoch {
            count: 0,
            ..MadeEpoch::of(0, &[])
        });
    }

    pub(crate) fn epoch(&mut self, epoch: &MadeEpoch) {
        let first = u64::try_from(self.leaves.len()).unwrap();
        let mut leaves = epoch.leaves.clone();
        for position in u16::try_from(leaves.len()).unwrap()..epoch.count {
            leaves.push(decoy(&Seed::from_bytes(&[epoch.seed; 32]), position).encode());
        }
        self.leaves.extend(&leaves);
        let tree: Frontier = self.leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let origin = format!("{LOG_NAME}/{}/{}", epoch.force, epoch.year);
        let key = Signer::from_seed(&origin, &[epoch.key; 32]).unwrap();
        let note = Checkpoint::of(&origin, &tree).unwrap().sign(&key);
        let note = (epoch.note)(note);
        let mut payload = vec![u8::try_from(epoch.force.len()).unwrap()];
        payload.extend(epoch.force.as_bytes());
        payload.extend(epoch.year.to_be_bytes());
        payload.extend(epoch.first.unwrap_or(first).to_be_bytes());
        payload.extend(epoch.count.to_be_bytes());
        payload.extend([epoch.seed; 32]);
        payload.extend(leaves.concat());
        payload.extend(u32::try_from(note.len()).unwrap().to_be_bytes());
        payload.extend(&note);
        self.frame(2, &payload);
        self.note = note;
    }

    /// Writes it, with the pin of its last epoch, as a server leaves it that was killed.
    pub(crate) fn write(&self) {
        write(&self.path("store/format"), b"hafan store 1\n");
        write(&self.path("store/lock"), b"");
        write(&self.path("store/segments/000000.log"), &self.frames);
        let segment = fs::OpenOptions::new()
            .write(true)
            .open(self.path("store/segments/000000.log"));
        segment.unwrap().set_len(SEGMENT_SIZE_BYTES).unwrap();
        write(&self.path("pinned/btp-2026.checkpoint"), &self.note);
        let directory = fs::read(self.path("directories/btp.directory")).unwrap();
        self.publish(&[release(1), directory]);
        self.settle();
    }

    /// Writes the operator's log of these notes.
    pub(crate) fn publish(&self, notes: &[Vec<u8>]) {
        let hashes = notes.iter().map(|note| leaf_hash(&published_leaf(note)));
        let tree = Frontier::from_iter(hashes);
        let head = Checkpoint::of(&operator_origin(LOG_NAME), &tree).unwrap();
        let head = head.sign(&log_key(7));
        for (leaf, note) in notes.iter().enumerate() {
            write(&self.path(&format!("store/operator/{leaf:08}.note")), note);
        }
        write(&self.path("store/operator/checkpoint"), &head);
        write(&self.path("pinned/operator.checkpoint"), &head);
    }

    /// Sets permissions and times as the server does.
    pub(crate) fn settle(&self) {
        for dir in ["store", "store/segments", "pinned", "drafts"] {
            if self.path(dir).exists() {
                settle(&self.path(dir));
            }
        }
    }
}

/// Sets permissions and times under a folder, and of itself, as the server does.
pub(crate) fn settle(dir: &Path) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            settle(&path);
        } else if !path.is_symlink() {
            private(&path, 0o600);
            midnight(&path);
        }
    }
    private(dir, 0o700);
    midnight(dir);
}

pub(crate) fn private(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Sets the times of a file to the last midnight.
pub(crate) fn midnight(path: &Path) {
    let now = Timestamp::now().as_second();
    set_time(path, now - now % 86_400);
}

pub(crate) fn set_time(path: &Path, seconds: i64) {
    let time = rustix::fs::Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::futimens(fs::File::open(path).unwrap(), &times).unwrap();
}
