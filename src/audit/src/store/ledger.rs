//! Everything that the value log says, followed in order: what is held, and each log leaf by leaf.
//!
//! Each leaf is exactly one of: a submission that is held, a page that is held, a decoy that its seed opens, a
//! tombstone. docs/protocol.md sections 4 to 6.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use sha2::{Digest as _, Sha256};

use super::payload::{Epoch, Held, Payload};
use super::segments::Place;
use crate::checkpoint::{Checkpoint, decimal};
use crate::entry::{ENTRY_SIZE_BYTES, Entry, Kind, TILE_WIDTH, decoy};
use crate::envelope::Seen;
use crate::log::BeatChange;
use crate::merkle::{Tree, TreeHash, leaf_hash, root_over};
use crate::note::Vkey;
use crate::report::Report;

/// Something held, by its force and digest.
pub(super) type Name = (String, [u8; 32]);

/// Where something held lies, and which leaf it is.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) segment: u32,
    pub(super) offset: u64,
    pub(super) size: u64,
    pub(super) t: [u8; 32],
    pub(super) kind: Kind,
    /// Year and index.
    pub(super) leaf: Option<(u16, u64)>,
}

/// A log as its epochs make it.
#[derive(Default)]
pub(super) struct Log {
    pub(super) tree: Tree,
    pub(super) note: Vec<u8>,
    /// Root at each size that was signed.
    pub(super) heads: BTreeMap<u64, TreeHash>,
    /// Leaves and seed of each epoch, by its first leaf.
    pub(super) epochs: BTreeMap<u64, (u16, [u8; 32])>,
    /// SHA-256 of each full tile: by level (255 for entries) and number.
    pub(super) tiles: HashMap<(u8, u64), [u8; 32]>,
    /// Where its newest epoch with leaves stands.
    newest: String,
    bundle: Vec<u8>,
    row: Vec<TreeHash>,
    upper: Vec<Vec<TreeHash>>,
}

/// How many of what.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) submissions: u64,
    pub(super) pages: u64,
    pub(super) epochs: u64,
    pub(super) leaves: u64,
    pub(super) decoys: u64,
    pub(super) tombstones: u64,
}

/// The keys that what is kept was signed with.
pub(super) struct Keys {
    /// Of the logs, under the server's name.
    pub(super) log: Vkey,
    /// Of each force's answers, those that its directory names now.
    pub(super) replies: BTreeMap<String, Vec<Vkey>>,
}

/// What waits for an epoch: its digest, and how many epochs its force had when it came.
type Waiting = VecDeque<([u8; 32], u64)>;

/// What the value log says.
pub(super) struct Ledger<'a> {
    pub(super) keys: &'a Keys,
    leaves_per_epoch: u16,
    beat: BeatChange,
    pub(super) forces: &'a BTreeMap<String, Vkey>,
    pub(super) held: HashMap<Name, Known>,
    pub(super) logs: BTreeMap<(String, u16), Log>,
    pub(super) counts: Counts,
    /// What waits, by force and kind, the oldest first.
    waiting: HashMap<(String, Kind), Waiting>,
    /// How many epochs with leaves each force had.
    epochs: HashMap<String, u64>,
    seeds: HashSet<[u8; 32]>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        keys: &'a Keys,
        leaves_per_epoch: u16,
        beat: BeatChange,
        forces: &'a BTreeMap<String, Vkey>,
    ) -> Self {
        Self {
            keys,
            leaves_per_epoch,
            beat,
            forces,
            held: HashMap::new(),
            logs: BTreeMap::new(),
            counts: Counts::default(),
            waiting: HashMap::new(),
            epochs: HashMap::new(),
            seeds: HashSet::new(),
        }
    }

    /// Follows a frame.
    pub(super) fn follow(&mut self, place: Place, payload: Payload, report: &mut Report) {
        match payload {
            Payload::Intake(batch) => {
                for held in batch {
                    self.counts.submissions += 1;
                    self.hold(place, held, Kind::Drop, report);
                }
            }
            Payload::Page(held) => {
                self.counts.pages += 1;
                self.hold(place, held, Kind::Page, report);
            }
            Payload::Epoch(epoch) => self.epoch(place, &epoch, report),
        }
    }

    /// How many submissions are in no epoch yet.
    pub(super) fn pending(&self) -> usize {
        self.held
            .values()
            .filter(|known| known.leaf.is_none())
            .count()
    }

    fn hold(&mut self, place: Place, held: Held, kind: Kind, report: &mut Report) {
        // Its payload begins behind the frame's header.
        let offset = place.byte + 20 + held.offset;
        let shown = place.shown(20 + held.offset);
        if !self.forces.contains_key(&held.force) {
            let what = format!("it is for {}, which is not configured", held.force);
            report.found("unknown-force", &shown, what);
        }
        for (name, what) in &held.faults {
            report.found(name, &shown, what);
        }
        let Some((h, t)) = held.digests else { return };
        let known = Known {
            segment: place.segment,
            offset,
            size: held.size,
            t,
            kind,
            leaf: None,
        };
        let name = (held.force, h);
        if let Some(before) = self.held.get(&name) {
            let what = format!(
                "it is held already, in segment {:06} at byte {}",
                before.segment, before.offset
            );
            report.found("held-twice", &shown, what);
            return;
        }
        if let Some(seen) = &held.seen {
            self.seen(&name.0, seen, &shown, report);
        }
        let came = self.epochs.get(&name.0).copied().unwrap_or(0);
        let waiting = self.waiting.entry((name.0.clone(), kind)).or_default();
        waiting.push_back((h, came));
        self.held.insert(name, known);
    }

    fn epoch(&mut self, place: Place, epoch: &Epoch, report: &mut Report) {
        self.counts.epochs += 1;
        let shown = place.shown(0);
        let name = (epoch.force.clone(), epoch.year);
        let is_new = !self.logs.contains_key(&name);
        if !self.forces.contains_key(&epoch.force) {
            report.found(
                "unknown-force",
                &shown,
                "an epoch of a force that is not configured",
            );
        }
        let newest = self.logs.keys().filter(|(force, _)| *force == epoch.force);
        if newest.map(|(_, year)| *year).max() > Some(epoch.year) {
            report.found(
                "bad-epoch",
                &shown,
                "its year is before the newest of its force",
            );
        }
        if is_new != epoch.leaves.is_empty() {
            report.found(
                "bad-epoch",
                &shown,
                "a log begins with an epoch without leaves, and only it",
            );
        }
        let leaves = u16::try_from(epoch.leaves.len()).unwrap_or(u16::MAX);
        if !self.seeds.insert(epoch.seed) {
            report.found("seed-twice", &shown, "its seed was that of another epoch");
        }
        let mut log = self.logs.remove(&name).unwrap_or_default();
        let first = log.tree.size();
        if let Some((_, (before, _))) = log.epochs.last_key_value()
            && *before != leaves
        {
            let what = format!("it has {leaves} leaves, and the epoch before it {before}");
            self.irregular(&shown, &what, report);
        }
        if epoch.first != first {
            let what = format!("it begins at leaf {}, and the log has {first}", epoch.first);
            report.found("bad-epoch", &shown, what);
        }
        self.leaves(epoch, first, &shown, report);
        for leaf in &epoch.leaves {
            log.push(leaf);
        }
        if leaves > 0 {
            log.epochs.insert(first, (leaves, epoch.seed));
            log.newest.clone_from(&shown);
        }
        self.head(epoch, &mut log, &shown, report);
        self.logs.insert(name, log);
    }

    /// An epoch of another size than it should have: a finding, unless that was announced.
    fn irregular(&self, shown: &str, what: &str, report: &mut Report) {
        match self.beat {
            BeatChange::Accepted => report.notice(format!("{shown}: {what}")),
            BeatChange::Found => {
                let what = format!("{what}: if that was announced, give --accept-beat");
                report.found("irregular-epoch", shown, what);
            }
        }
    }

    /// The most leaves that the next epoch has.
    #[must_use]
    pub(super) fn leaves_max(&self) -> u64 {
        self.leaves_per_epoch.into()
    }

    /// Judges what only the end of the value log shows.
    pub(super) fn end(&self, report: &mut Report) {
        for force in self.forces.keys() {
            // Each start gives every force a log, and so does the making of a store.
            let mut logs = self.logs.iter().filter(|((of, _), _)| of == force);
            let Some((_, log)) = logs.next_back() else {
                let what = "every force that is configured has a log, and the value log has none of it: it was wiped or set back";
                report.found("missing-log", force, what);
                continue;
            };
            if let Some((_, (leaves, _))) = log.epochs.last_key_value()
                && *leaves != self.leaves_per_epoch
            {
                let what = format!(
                    "it has {leaves} leaves, and the configuration says {}",
                    self.leaves_per_epoch
                );
                self.irregular(&log.newest, &what, report);
            }
        }
    }

    /// What the officers saw when they made a page: a head that the log had, signed by it and by them.
    fn seen(&self, force: &str, seen: &Seen, shown: &str, report: &mut Report) {
        let mut wrong = |what: &str| report.found("not-a-page", shown, what);
        let year = seen.origin.rsplit('/').next().and_then(decimal);
        let year = year.and_then(|year| u16::try_from(year).ok()).unwrap_or(0);
        let origin = format!("{}/{force}/{year}", self.keys.log.name());
        if seen.origin != origin {
            wrong("what stands behind its records is of another log");
            return;
        }
        if !seen.is_signed_by(&self.keys.log.renamed(&origin)) {
            wrong("the log has not signed the checkpoint behind its records");
        }
        let log = self.logs.get(&(force.to_owned(), year));
        if log.and_then(|log| log.heads.get(&seen.head.size)) != Some(&seen.head.root) {
            wrong("the checkpoint behind its records is one that the log never had");
        }
        let number = seen
            .cosigner
            .strip_prefix(&format!("hafan/{force}/replies-"));
        let number = number.and_then(decimal);
        if !number.is_some_and(|number| (1..=65_535).contains(&number)) {
            wrong("the cosignature behind its records is by no key for answers");
        }
        // A key that the directory names no longer may have cosigned long ago.
        let mut keys = self.keys.replies.get(force).into_iter().flatten();
        let key = keys.find(|key| key.name() == seen.cosigner);
        if key.is_some_and(|key| !seen.is_cosigned_by(key)) {
            wrong("the cosignature behind its records is not by the key that the directory names");
        }
        if !seen.is_of_a_day() {
            wrong("the cosignature behind its records has a time that is finer than a day");
        }
    }

    fn leaves(&mut self, epoch: &Epoch, first: u64, shown: &str, report: &mut Report) {
        let mut taken = HashSet::new();
        let decoys_before = self.counts.decoys;
        let mut pages = 0;
        for ((position, index), leaf) in (0..=u16::MAX).zip(first..).zip(&epoch.leaves) {
            self.counts.leaves += 1;
            let place = format!("{}/{} leaf {index}", epoch.force, epoch.year);
            if *leaf == decoy(&epoch.seed, position) {
                self.counts.decoys += 1;
                continue;
            }
            let entry = match Entry::parse(leaf) {
                Ok(entry) => entry,
                Err(why) => {
                    report.found("unknown-kind", &place, format!("{why}; at {shown}"));
                    continue;
                }
            };
            match entry.kind {
                Kind::Tombstone => self.counts.tombstones += 1,
                Kind::Drop | Kind::Page => {
                    pages += usize::from(entry.kind == Kind::Page);
                    if self.explain(epoch, &entry, index, &place, report) {
                        taken.insert((entry.kind, entry.h));
                    }
                }
                Kind::Access | Kind::Directory | Kind::Release => {
                    let what = format!("a leaf that no force's log has, at {shown}");
                    report.found("unexplained-leaf", &place, what);
                }
            }
        }
        let pages_max = epoch.leaves.len().div_ceil(2);
        if pages > pages_max {
            let what = format!("{pages} of its leaves are pages, more than half");
            report.found("irregular-epoch", shown, what);
        }
        if epoch.leaves.is_empty() {
            return;
        }
        *self.epochs.entry(epoch.force.clone()).or_default() += 1;
        let has_room = self.counts.decoys > decoys_before;
        for (kind, has_room) in [
            (Kind::Drop, has_room),
            // Pages go first, at most half of an epoch.
            (Kind::Page, pages < pages_max),
        ] {
            let of = taken.iter().filter(|(of, _)| *of == kind);
            let mut taken = of.map(|(_, h)| *h).collect();
            self.in_order(epoch, kind, &mut taken, shown, report);
            if has_room {
                self.in_time(epoch, kind, shown, report);
            }
        }
    }

    /// Whether a leaf stands for something that is held and is no other leaf.
    fn explain(
        &mut self,
        epoch: &Epoch,
        entry: &Entry,
        index: u64,
        place: &str,
        report: &mut Report,
    ) -> bool {
        let name = (epoch.force.clone(), entry.h);
        let Some(known) = self
            .held
            .get_mut(&name)
            .filter(|known| known.kind == entry.kind)
        else {
            let what = "it is no decoy of its epoch, and nothing is held for it: something was taken away or is damaged";
            report.found("unexplained-leaf", place, what);
            return false;
        };
        if known.t != entry.t {
            report.found(
                "wrong-tag",
                place,
                "its t is not that of what is held for it",
            );
        }
        if let Some((year, other)) = known.leaf {
            let what = format!("what it stands for is leaf {other} of {year} already");
            report.found("leaf-twice", place, what);
            return false;
        }
        known.leaf = Some((epoch.year, index));
        true
    }

    /// The oldest go first: none is passed over for one that came after it.
    fn in_order(
        &mut self,
        epoch: &Epoch,
        kind: Kind,
        taken: &mut HashSet<[u8; 32]>,
        shown: &str,
        report: &mut Report,
    ) {
        let Some(waiting) = self.waiting.get_mut(&(epoch.force.clone(), kind)) else {
            return;
        };
        while waiting
            .front()
            .is_some_and(|(oldest, _)| taken.remove(oldest))
        {
            waiting.pop_front();
        }
        if !taken.is_empty() {
            let what = "something was left waiting while what came after it became a leaf";
            report.found("passed-over", shown, what);
            waiting.retain(|(h, _)| !taken.contains(h));
        }
    }

    /// Nothing waits while an epoch has room for it, but what came while the epoch was being made.
    fn in_time(&mut self, epoch: &Epoch, kind: Kind, shown: &str, report: &mut Report) {
        let now = self.epochs.get(&epoch.force).copied().unwrap_or(0);
        let waiting = self.waiting.get_mut(&(epoch.force.clone(), kind));
        let Some((_, came)) = waiting.and_then(VecDeque::front_mut) else {
            return;
        };
        if now.saturating_sub(*came) >= 2 {
            let what = "something was left waiting for two epochs, though this one had room for it";
            report.found("passed-over", shown, what);
            // It is told once.
            *came = u64::MAX;
        }
    }

    fn head(&self, epoch: &Epoch, log: &mut Log, shown: &str, report: &mut Report) {
        let root = log.tree.root();
        log.heads.insert(log.tree.size(), root);
        log.note.clone_from(&epoch.note);
        let origin = format!("{}/{}/{}", self.keys.log.name(), epoch.force, epoch.year);
        match Checkpoint::open(&epoch.note, &self.keys.log.renamed(&origin)) {
            Err(why) => report.found("bad-checkpoint", shown, why.to_string()),
            Ok(head) if (head.size, head.root) != (log.tree.size(), root) => {
                let what = format!(
                    "it is of {} leaves with root {}, and the leaves here are {} with root {root}",
                    head.size,
                    head.root,
                    log.tree.size()
                );
                report.found("wrong-root", shown, what);
            }
            Ok(_) => {}
        }
    }
}

impl Log {
    fn push(&mut self, leaf: &[u8; ENTRY_SIZE_BYTES]) {
        let hash = leaf_hash(leaf);
        self.tree.push(hash);
        self.bundle.extend_from_slice(&[0, 66]);
        self.bundle.extend_from_slice(leaf);
        self.row.push(hash);
        if self.row.len() < 256 {
            return;
        }
        let number = self.tree.size() / TILE_WIDTH - 1;
        self.tiles
            .insert((u8::MAX, number), Sha256::digest(&self.bundle).into());
        self.bundle.clear();
        let mut row = std::mem::take(&mut self.row);
        let mut number = number;
        for level in 0..=u8::MAX {
            self.tiles.insert((level, number), digest(&row));
            let root = root_over(&row);
            if self.upper.len() <= usize::from(level) {
                self.upper.push(Vec::new());
            }
            let Some(above) = self.upper.get_mut(usize::from(level)) else {
                break;
            };
            above.push(root);
            if above.len() < 256 {
                break;
            }
            row = std::mem::take(above);
            number /= TILE_WIDTH;
        }
    }
}

fn digest(row: &[TreeHash]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for one in row {
        hash.update(one.0);
    }
    hash.finalize().into()
}
