//! What the tests of power cuts, kills and disk faults share: the writer's process, and a look at everything that a
//! store holds, by the store and by the bytes of its segments as docs/protocol.md section 6 has them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what fails in a helper fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use hafan::store::{OpenError, Store, StoreConfig};
use hafan_directory::Force;
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use hafan_envelope::submission::{Digest, digest};
use hafan_tlog::{Checkpoint, Entry, Frontier, Seed, Signer, decoy, log_origin};
use xtask::binaries::{cargo, target_dir};
use xtask::process::{guarded, run};

/// The same as in `src/server/examples/store_writer.rs`.
pub(crate) const LOG_NAME: &str = "test.example/hafan";
pub(crate) const YEAR: u16 = 2026;
pub(crate) const LEAVES: u16 = 8;

/// How long anything may take on the slowest machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// Force and digest of each submission that was acknowledged, and of each page of answers, which has `page-` before it.
pub(crate) type Acked = BTreeSet<(String, String)>;

pub(crate) fn signer() -> Signer {
    Signer::from_seed(LOG_NAME, &[7; 32]).unwrap()
}

pub(crate) fn config(dir: &Path) -> StoreConfig {
    StoreConfig {
        store_dir: dir.join("store"),
        pinned_dir: dir.join("pinned"),
        intake_batch: Duration::from_millis(5),
        free_bytes_min: 1 << 20,
        segment_size_bytes: 4 << 20,
        leaves_per_epoch: LEAVES,
        log_name: LOG_NAME.to_owned(),
        forces: ["btp", "merseyside"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
    }
}

/// The writer, built once.
pub(crate) fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let mut build = cargo();
            build.args(["build", "--locked", "--quiet", "--package=hafan"]);
            run(
                "cargo build (writer of the store)",
                build.arg("--example=store_writer"),
            )
            .unwrap();
            target_dir().unwrap().join("debug/examples/store_writer")
        })
        .clone()
}

/// Asks until it is so.
pub(crate) fn wait_for(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(
            start.elapsed() < LIMIT,
            "waited {} s: {what}",
            LIMIT.as_secs()
        );
        thread::sleep(Duration::from_millis(1));
    }
}

/// A running writer. Its lines go to a file, so that each one that it wrote is seen. Killed when dropped.
pub(crate) struct Writer {
    pub(crate) child: Child,
    said: PathBuf,
    pub(crate) complained: PathBuf,
}

impl Writer {
    /// Starts it on the store in `dir`; its lines go to `notes`, which stays outside of what is cut. `number` is
    /// another one each time.
    pub(crate) fn start(dir: &Path, notes: &Path, class: usize, number: u32) -> Self {
        Self::start_as(&mut guarded(program()), dir, notes, class, number)
    }

    /// The same by a command that the program is the last word of so far.
    pub(crate) fn start_as(
        command: &mut Command,
        dir: &Path,
        notes: &Path,
        class: usize,
        number: u32,
    ) -> Self {
        let said = notes.join(format!("{number}.said"));
        let complained = notes.join(format!("{number}.complained"));
        let child = command
            .arg(dir)
            .args(["--class", &class.to_string(), "--seed", &number.to_string()])
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(&complained).unwrap())
            .spawn()
            .unwrap();
        Self {
            child,
            said,
            complained,
        }
    }

    fn whole_lines(&self) -> Vec<String> {
        let mut text = fs::read_to_string(&self.said).unwrap();
        text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
        text.lines().map(str::to_owned).collect()
    }

    /// What it acknowledged so far.
    pub(crate) fn acked(&self) -> Acked {
        let lines = self.whole_lines();
        let pairs = lines.iter().filter_map(|line| line.split_once(' '));
        pairs
            .map(|(force, h)| (force.to_owned(), h.to_owned()))
            .collect()
    }

    /// Waits until it has written so many lines: the first one says that the store is open.
    pub(crate) fn wait_lines(&mut self, count: usize) {
        if let Some(ended) = self.wait_lines_or_end(count) {
            let complaint = fs::read_to_string(&self.complained).unwrap();
            panic!("the writer ended, {ended:?}: {complaint}");
        }
    }

    /// Waits until it has written so many lines or ended by itself, and says how.
    pub(crate) fn wait_lines_or_end(&mut self, count: usize) -> Option<ExitStatus> {
        let mut ended = None;
        wait_for("the writer's next lines", || {
            ended = self.child.try_wait().unwrap();
            ended.is_some() || self.whole_lines().len() >= count
        });
        ended
    }

    /// Kills it; gives what it had acknowledged.
    pub(crate) fn kill(mut self) -> Acked {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.acked()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // When it has ended there is nothing to kill.
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// What a store held.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Acknowledged submissions that are not there, or not whole.
    pub(crate) lost: usize,
    pub(crate) epochs: usize,
}

/// Opens the store in `dir` and looks at everything: each acknowledged submission, every epoch, every checkpoint, both
/// pins. Then lets it go on for an epoch, and stops it cleanly.
///
/// Panics when anything but an acknowledged submission is wrong; nothing acknowledged and no store made is right too.
pub(crate) fn check(dir: &Path, acked: &Acked) -> Found {
    let config = config(dir);
    let store = match Store::open(&config, &signer().verifier(), &|_| {}) {
        Ok(store) => store,
        Err(OpenError::NotAStore { .. }) if acked.is_empty() => return Found::default(),
        Err(error) => panic!("the store does not open: {error:?}"),
    };
    let mut lost = 0;
    let (pages, drops): (Vec<_>, Vec<_>) = acked.iter().partition(|(_, h)| h.starts_with(PAGE));
    let whole = |force: &str, h: &str| {
        let blob = store.blob(&force.parse().unwrap(), &h.parse().unwrap());
        let Some(blob) = blob.unwrap() else {
            return false;
        };
        let mut bytes = vec![0; usize::try_from(blob.size_bytes()).unwrap()];
        blob.read_at(0, &mut bytes).unwrap();
        digest(bytes[..16].try_into().unwrap(), &bytes[48..]).to_string() == h
    };
    lost += drops.iter().filter(|(force, h)| !whole(force, h)).count();
    for force in store.forces() {
        store.close_epoch(force, YEAR, &signer()).unwrap();
    }
    store.shutdown();
    drop(store);
    let (epochs, stored) = check_segments(&config);
    let is_stored = |force: &str, page: &str| {
        let h: Digest = page[PAGE.len()..].parse().unwrap();
        stored.contains(&(force.parse().unwrap(), h.0))
    };
    lost += pages
        .iter()
        .filter(|(force, page)| !is_stored(force, page))
        .count();
    Found { lost, epochs }
}

/// Before the digest of a page that was acknowledged.
const PAGE: &str = "page-";

/// Force and digest of each submission and page.
type Stored = BTreeSet<(Force, [u8; 32])>;

/// Reads the segments without the store's code; gives the number of epochs, and what is stored.
fn check_segments(config: &StoreConfig) -> (usize, Stored) {
    let mut stored = Stored::new();
    let mut logs: BTreeMap<Force, Log> = BTreeMap::new();
    let mut epochs = 0;
    for path in hafan_tests::segments(&config.store_dir).unwrap() {
        let segment = fs::read(&path).unwrap();
        let mut rest = segment.as_slice();
        while rest.starts_with(b"hfn1") {
            let size =
                usize::try_from(u64::from_be_bytes(rest[8..16].try_into().unwrap())).unwrap();
            let mut payload = &rest[20..20 + size];
            match rest[4] {
                1 => read_batch(&mut payload, &mut stored),
                2 => {
                    let force = take_force(&mut payload);
                    epochs += logs
                        .entry(force.clone())
                        .or_default()
                        .grow(&force, payload, &stored);
                }
                3 => {
                    let force = take_force(&mut payload);
                    assert_ne!(payload.last(), Some(&0), "a page with the zeros behind it");
                    let mut page = payload.to_vec();
                    page.resize(PAGE_SIZE_BYTES, 0);
                    stored.insert((force, Page::parse(&page).unwrap().digest().0));
                }
                kind => panic!("a frame of kind {kind} in {}", path.display()),
            }
            rest = &rest[(20 + size + 4).next_multiple_of(8)..];
        }
        assert!(
            rest.iter().all(|byte| *byte == 0),
            "rest of {}",
            path.display()
        );
    }
    for force in &config.forces {
        let pin = config.pinned_dir.join(format!("{force}-{YEAR}.checkpoint"));
        assert_eq!(
            fs::read(pin).unwrap(),
            logs[force].note,
            "the pin of {force}"
        );
    }
    (epochs, stored)
}

/// A log as its epochs make it.
#[derive(Default)]
struct Log {
    tree: Frontier,
    note: Vec<u8>,
    drops: BTreeSet<[u8; 32]>,
}

impl Log {
    /// Follows an epoch: K leaves after the ones before, each the decoy of its seed or a stored submission that is in
    /// no other leaf, under a signed checkpoint of just that tree.
    fn grow(&mut self, force: &Force, mut epoch: &[u8], stored: &Stored) -> usize {
        let year = u16::from_be_bytes(*take(&mut epoch));
        let first = u64::from_be_bytes(*take(&mut epoch));
        let count = u16::from_be_bytes(*take(&mut epoch));
        let seed = Seed::from_bytes(take(&mut epoch));
        let wanted = if self.note.is_empty() { 0 } else { LEAVES };
        assert_eq!(
            (year, first, count),
            (YEAR, self.tree.size(), wanted),
            "{force}"
        );
        for position in 0..count {
            let entry = Entry::parse(take::<66>(&mut epoch)).unwrap();
            if entry != decoy(&seed, position) {
                assert!(
                    stored.contains(&(force.clone(), entry.h)),
                    "a leaf without its submission"
                );
                assert!(self.drops.insert(entry.h), "a submission in two leaves");
            }
            self.tree.push(entry.leaf_hash());
        }
        let length = u32::from_be_bytes(*take(&mut epoch));
        assert_eq!(epoch.len(), usize::try_from(length).unwrap());
        let origin = log_origin(LOG_NAME, force.as_str(), year);
        let verifier = signer().verifier().renamed(&origin).unwrap();
        let checkpoint = Checkpoint::open(epoch, &verifier).unwrap();
        let tree = (self.tree.size(), self.tree.root());
        assert_eq!((checkpoint.size(), checkpoint.root()), tree, "{force}");
        self.note = epoch.to_vec();
        usize::from(count > 0)
    }
}

fn read_batch(payload: &mut &[u8], stored: &mut Stored) {
    let count = u16::from_be_bytes(*take(payload));
    for _ in 0..count {
        let force = take_force(payload);
        let size = usize::try_from(u32::from_be_bytes(*take(payload))).unwrap();
        let (body, rest) = payload.split_at(size);
        *payload = rest;
        stored.insert((force, digest(body[..16].try_into().unwrap(), &body[48..]).0));
    }
    assert!(payload.is_empty(), "a batch holds more than it says");
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> &'a [u8; N] {
    let (taken, rest) = bytes.split_first_chunk().unwrap();
    *bytes = rest;
    taken
}

fn take_force(bytes: &mut &[u8]) -> Force {
    let [length] = *take(bytes);
    let (name, rest) = bytes.split_at(length.into());
    *bytes = rest;
    str::from_utf8(name).unwrap().parse().unwrap()
}
