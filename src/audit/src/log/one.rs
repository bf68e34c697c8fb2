//! One log, of a year or the operator's: its head, its tree, what was kept of it, and its growth.

use std::fs::File;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Reading;
use super::judge::{self, Judged};
use super::source::{Log, Name};
use super::state::{self, Kept, KeptLog, StateFile};
use super::walk::{Seen, Walk};
use crate::checkpoint::Checkpoint;
use crate::entry::TILE_WIDTH;
use crate::failure::{Failure, Kind};
use crate::merkle::TreeHash;
use crate::note::Vkey;
use crate::progress;
use crate::report::Report;

/// How often what was read is kept, so that an interrupted run goes on there.
const KEEP_EVERY: Duration = Duration::from_secs(5);

/// The most faulty tiles that are read: a signed size can promise more of them than there is time or memory for.
const FAULTY_MAX: usize = 1_000;

/// What was made of the tiles of a log.
struct Followed {
    judged: Judged,
    seen: Vec<Seen>,
    /// Tiles above the leaves that were read.
    upper: u64,
}

/// The audit of one log.
pub(super) struct Audit<'a> {
    pub(super) log: Log<'a>,
    /// Under the log's origin.
    pub(super) key: Vkey,
    /// Seconds of an epoch (0: not known) and its leaves.
    pub(super) beat: Option<(u64, u64)>,
    pub(super) reading: Reading,
    pub(super) now: u64,
}

impl Audit<'_> {
    /// Looks at everything, and keeps the head when nothing was found. Gives the head, when the tree has its root.
    ///
    /// # Errors
    /// Something cannot be reached or read. What was found before is in the report all the same.
    pub(super) fn run(
        &self,
        kept: &mut Kept,
        state: Option<&mut StateFile>,
        report: &mut Report,
    ) -> Result<Option<Checkpoint>, Failure> {
        let before = kept.of(self.log.name);
        let Some((note, head)) = self.head(&before, report)? else {
            return Ok(None);
        };
        let path = state.as_ref().map(|state| state.path().to_owned());
        let mut found = Report::default();
        let is_back = self.compare_sizes(&before, &head, &mut found);
        if !is_back {
            self.growth(&before, &head, &mut found);
        }
        // How far a run came that has found something already is not kept.
        let state = state.filter(|_| found.is_clean() && report.is_clean());
        let progress = state.map(|state| (state, kept.log.as_str()));
        let followed = self.follow(&before, &head, progress, &mut found);
        let is_clean = found.is_clean();
        for finding in &mut found.findings {
            finding.place = self.place(&finding.place);
        }
        report.absorb(found);
        if !is_clean && let Some(path) = path {
            keep_evidence(&path, self.log.name, &note, &head, report)?;
        }
        let Followed {
            judged,
            seen,
            upper,
        } = followed?;
        report.looked_at("log", self.key.name());
        report.looked_at(
            "checkpoint",
            format!("{} leaves, root {}", head.size, head.root),
        );
        let read: u64 = seen.iter().map(|seen| seen.width).sum();
        report.looked_at("leaves read", read.to_string());
        report.looked_at("tiles above the leaves", upper.to_string());
        if is_clean && judged.is_signed {
            self.keep(kept, &note, &head, &judged.tiles, &seen);
        }
        Ok(judged.is_signed.then_some(head))
    }

    /// Reads the tiles, and judges the tree by the head and by what was kept.
    fn follow(
        &self,
        before: &KeptLog,
        head: &Checkpoint,
        progress: Option<(&mut StateFile, &str)>,
        found: &mut Report,
    ) -> Result<Followed, Failure> {
        let (prefix, seen) = self.read(progress, before, head, found)?;
        let first = u64::try_from(prefix.len()).unwrap_or(u64::MAX);
        let judged = judge::tree(&prefix, &seen, head, found);
        self.consistency(before, head, (&judged.tiles, first, &seen), found);
        let from = match self.reading {
            Reading::All => 0,
            Reading::NewOnly => first,
        };
        let upper = judge::upper_tiles(&self.log, &judged.tiles, head.size, from, found)?;
        Ok(Followed {
            judged,
            seen,
            upper,
        })
    }

    /// The signed checkpoint; nothing when there is none that could be followed.
    fn head(
        &self,
        before: &KeptLog,
        report: &mut Report,
    ) -> Result<Option<(Vec<u8>, Checkpoint)>, Failure> {
        let Some(note) = self.log.get("checkpoint")? else {
            let is_new = before.checkpoints.is_empty();
            if is_new && self.log.name != Name::Operator {
                let what = format!("there is no log of {}", self.log.name.of());
                let advice = "check the force and the year";
                return Err(Failure::new(Kind::Unreachable, what, advice));
            }
            let what = if is_new {
                "there is no log of directories and releases, which every server has"
            } else {
                "it was there before, and is gone"
            };
            report.found("missing-log", self.place(""), what);
            return Ok(None);
        };
        match Checkpoint::open(&note, &self.key) {
            Ok(head) => Ok(Some((note, head))),
            Err(why) => {
                report.found("bad-checkpoint", self.place("checkpoint"), why.to_string());
                Ok(None)
            }
        }
    }

    fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.log.name.path())
    }

    /// Whether the log is shorter than it was.
    fn compare_sizes(&self, before: &KeptLog, head: &Checkpoint, report: &mut Report) -> bool {
        let Some((newest, _)) = before.newest() else {
            return false;
        };
        if head.size < newest.size {
            let what = format!(
                "it has {} leaves, and a signed checkpoint of {} was seen before",
                head.size, newest.size
            );
            report.found("rolled-back", "checkpoint", what);
        }
        head.size < newest.size
    }

    /// Exactly K leaves an epoch, and no more epochs than there was time for.
    fn growth(&self, before: &KeptLog, head: &Checkpoint, report: &mut Report) {
        let Some((seconds, leaves)) = self.beat else {
            return;
        };
        if before.beat_since == u64::MAX {
            // The beat was changed somewhere since the last look: what grew since then is of both.
            return;
        }
        let since = before.beat_since;
        let grown = head.size.saturating_sub(since);
        if !grown.is_multiple_of(leaves) {
            let what = format!(
                "the log grew by {grown} leaves from {since} to {}, and an epoch has exactly {leaves}",
                head.size
            );
            report.found("irregular-epoch", "checkpoint", what);
        }
        let Some((newest, at)) = before.newest().filter(|_| seconds > 0) else {
            return;
        };
        let epochs = head.size.saturating_sub(newest.size) / leaves;
        // One may have been closed right after the last look, one right before this one.
        let possible = self.now.saturating_sub(at) / seconds + 2;
        if epochs > possible {
            let what = format!(
                "{epochs} epochs since the last look, and the beat of {seconds} s has time for {possible}"
            );
            report.found("irregular-epoch", "checkpoint", what);
        }
    }

    /// Reads the tiles of leaves: roots of those that need not be read, and what was seen of the others.
    fn read(
        &self,
        mut progress: Option<(&mut StateFile, &str)>,
        before: &KeptLog,
        head: &Checkpoint,
        report: &mut Report,
    ) -> Result<(Vec<TreeHash>, Vec<Seen>), Failure> {
        let prefix = self.known(before, head);
        let first = u64::try_from(prefix.len()).unwrap_or(u64::MAX);
        let mut marks: Vec<u64> = before.all().iter().map(|head| head.size).collect();
        marks.dedup();
        let walk = Walk {
            log: self.log,
            size: head.size,
            first,
            marks: &marks,
        };
        let bar = progress::bar(
            format!("tiles of {}", self.log.name.of()),
            head.size.div_ceil(TILE_WIDTH),
        );
        bar.set_position(first);
        let mut seen: Vec<Seen> = Vec::new();
        let mut whole = prefix.clone();
        let mut is_whole = true;
        let mut faulty = 0;
        let mut last_kept = Instant::now();
        let mut unkept = Ok(());
        let walked = walk.run(|mut tile| {
            bar.inc(1);
            let is_sound = tile.report.is_clean() && tile.differs_at.is_none();
            is_whole &= is_sound;
            faulty += usize::from(!is_sound);
            report.absorb(std::mem::take(&mut tile.report));
            if let Some(root) = tile.entries.root
                && is_whole
                && tile.width == TILE_WIDTH
            {
                whole.push(root);
            }
            seen.push(tile);
            if let Some((state, log)) = &mut progress
                && last_kept.elapsed() > KEEP_EVERY
            {
                last_kept = Instant::now();
                unkept = state.keep_progress(self.log.name, log, &whole);
            }
            if faulty > FAULTY_MAX || unkept.is_err() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        bar.finish_and_clear();
        walked?;
        unkept?;
        if faulty > FAULTY_MAX {
            let what = format!(
                "{faulty} tiles of the log of {} are faulty",
                self.log.name.of()
            );
            let advice = "see the findings; what is behind them was not read";
            return Err(Failure::new(Kind::Unreachable, what, advice));
        }
        Ok((prefix, seen))
    }

    /// Roots of tiles that an interrupted run read, or that are under the kept checkpoint when only news are read.
    fn known(&self, before: &KeptLog, head: &Checkpoint) -> Vec<TreeHash> {
        let full = usize::try_from(head.size / TILE_WIDTH).unwrap_or(usize::MAX);
        let mut known = match self.reading {
            Reading::All => state::hashes(&before.progress).unwrap_or_default(),
            Reading::NewOnly => before.tree().map(|(tiles, _)| tiles).unwrap_or_default(),
        };
        known.truncate(full);
        if let Some((newest, _)) = before.newest() {
            // The tile that the kept checkpoint ends in is read, to compare with it.
            known.truncate(usize::try_from(newest.size / TILE_WIDTH).unwrap_or(usize::MAX));
        }
        known
    }

    /// Every kept checkpoint must be of the beginning of this log.
    fn consistency(
        &self,
        before: &KeptLog,
        head: &Checkpoint,
        (tiles, first, seen): (&[TreeHash], u64, &[Seen]),
        report: &mut Report,
    ) {
        let full = usize::try_from(head.size / TILE_WIDTH).unwrap_or(usize::MAX);
        let differs = first_difference(before, tiles, full);
        let olds = before.all();
        let sizes = olds.iter().map(|old| old.size);
        let roots = judge::roots_at(sizes, tiles, first, seen);
        for (old, root) in olds.iter().zip(roots).rev() {
            // What lies before the tiles that were read is under the newest checkpoint that was kept, tile by tile.
            let is_before = root.is_none() && old.size / TILE_WIDTH < first && differs.is_none();
            if old.size > head.size || is_before || root == Some(old.root) {
                continue;
            }
            let place = match differs {
                Some(first) => format!(
                    "it first differs among leaves {first} to {}",
                    first + TILE_WIDTH - 1
                ),
                None => "it differs in the last leaves of then".to_owned(),
            };
            let what = format!(
                "a signed checkpoint of {} leaves was seen with root {}, and this log has {} there: {place}",
                old.size,
                old.root,
                root.map_or_else(|| "none".to_owned(), |root| root.to_string()),
            );
            report.found("fork", "checkpoint", what);
            return;
        }
    }

    fn keep(
        &self,
        kept: &mut Kept,
        note: &[u8],
        head: &Checkpoint,
        tiles: &[TreeHash],
        seen: &[Seen],
    ) {
        let full = usize::try_from(head.size / TILE_WIDTH).unwrap_or(usize::MAX);
        let tail: &[TreeHash] = match seen.last() {
            Some(last) if last.width < TILE_WIDTH => &last.tail,
            Some(_) | None => &[],
        };
        let (full, _) = tiles.split_at(full.min(tiles.len()));
        let year = kept.of_mut(self.log.name);
        if year.beat_since == u64::MAX {
            year.beat_since = head.size;
        }
        year.keep(note, self.now, full, tail);
    }
}

/// The first leaf of the first full tile that is not as it was kept.
fn first_difference(before: &KeptLog, tiles: &[TreeHash], full: usize) -> Option<u64> {
    let (kept, _) = before.tree()?;
    let pairs = kept.iter().zip(tiles).take(full);
    let at = pairs.into_iter().position(|(kept, now)| kept != now)?;
    Some(u64::try_from(at).ok()? * TILE_WIDTH)
}

/// Two signed heads that cannot both be true are a proof: the new one is kept beside the state, which has the old. Each
/// head has a file of its own, and none is written over.
fn keep_evidence(
    state: &Path,
    name: Name<'_>,
    note: &[u8],
    head: &Checkpoint,
    report: &mut Report,
) -> Result<(), Failure> {
    let root = hex::encode(head.root.0.first_chunk::<8>().unwrap_or(&[0; 8]));
    let of = match name {
        Name::Year { year, .. } => year.to_string(),
        Name::Operator => name.path(),
    };
    let mut path = state.as_os_str().to_owned();
    path.push(format!(".found-{of}-{}-{root}.checkpoint", head.size));
    let path = PathBuf::from(path);
    let written = File::create_new(&path).and_then(|mut file| {
        file.write_all(note)?;
        file.sync_all()?;
        state::sync_folder_of(&path)
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Failure::write(&path, error)),
        Ok(()) => {}
    }
    let what = format!(
        "the checkpoint that was found is kept as {}, and the state is left as it was: both are signed",
        path.display()
    );
    report.notice(what);
    Ok(())
}
