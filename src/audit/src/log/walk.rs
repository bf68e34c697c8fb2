//! Reads every entry bundle and every tile of leaf hashes, several at once, and hashes the entries anew.
//!
//! It judges nothing that needs the rest of the log: which of two that differ is the changed one is `judge`'s to say.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use super::source::Log;
use crate::entry::{self, Entry, Row, TILE_WIDTH, tile_name};
use crate::failure::{Failure, Kind};
use crate::merkle::{HASH_SIZE_BYTES, TreeHash, leaf_hash, root_over};
use crate::report::Report;
use crate::workers;

/// Leaf hashes of one tile, from its entries or as the tile has them.
#[derive(Clone, Debug, Default)]
pub(super) struct Row256 {
    /// The root over them.
    pub(super) root: Option<TreeHash>,
    /// Roots over the first so many of them, for kept checkpoints that end in this tile.
    pub(super) marks: BTreeMap<u64, TreeHash>,
}

impl Row256 {
    fn of(hashes: &[TreeHash], marks: &[u64]) -> Self {
        let marks = marks.iter().filter_map(|width| {
            let first = hashes.get(..usize::try_from(*width).ok()?)?;
            Some((*width, root_over(first)))
        });
        Self {
            root: Some(root_over(hashes)),
            marks: marks.collect(),
        }
    }
}

/// What was found of one tile of leaves.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many leaves it has.
    pub(super) width: u64,
    /// As its entries hash.
    pub(super) entries: Row256,
    /// As its tile of hashes says.
    pub(super) tile: Row256,
    /// The first leaf of the tile at which the two differ.
    pub(super) differs_at: Option<u64>,
    /// Leaf hashes of the last tile, when it is not full.
    pub(super) tail: Vec<TreeHash>,
    /// What is wrong with it by itself.
    pub(super) report: Report,
}

/// What is to be walked.
pub(super) struct Walk<'a> {
    /// The log.
    pub(super) log: Log<'a>,
    /// Its size.
    pub(super) size: u64,
    /// The first tile to read.
    pub(super) first: u64,
    /// Sizes of kept checkpoints whose roots are wanted.
    pub(super) marks: &'a [u64],
}

impl Walk<'_> {
    /// Reads everything and shows each tile to `visit`, in order, until it has seen enough.
    ///
    /// # Errors
    /// The first that cannot be reached or read; what was shown before stands.
    pub(super) fn run(
        &self,
        mut visit: impl FnMut(Seen) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        let stop = AtomicBool::new(false);
        let tiles = self.first..self.size.div_ceil(TILE_WIDTH);
        let (sender, receiver) = mpsc::sync_channel::<(u64, Seen)>(256);
        std::thread::scope(|scope| {
            let stop = &stop;
            let reading = scope.spawn(move || {
                workers::each(tiles, self.log.source.readers(), stop, |number| {
                    let seen = self.look_at(number)?;
                    // The collector is there until every reader is done.
                    drop(sender.send((number, seen)));
                    Ok(())
                })
            });
            let mut waiting = BTreeMap::new();
            let mut wanted = self.first;
            let mut is_enough = false;
            for (number, seen) in receiver {
                waiting.insert(number, seen);
                while let Some(seen) = waiting.remove(&wanted) {
                    if !is_enough && visit(seen).is_break() {
                        is_enough = true;
                        stop.store(true, Ordering::Relaxed);
                    }
                    wanted += 1;
                }
            }
            reading.join().unwrap_or_else(|_| {
                let what = "a reader of the log ended early";
                let advice = "run the same command again";
                Err(Failure::new(Kind::Unreachable, what, advice))
            })
        })
    }

    fn look_at(&self, number: u64) -> Result<Seen, Failure> {
        let width = (self.size - number * TILE_WIDTH).min(TILE_WIDTH);
        let mut seen = Seen {
            width,
            ..Seen::default()
        };
        let first = number * TILE_WIDTH;
        let marks: Vec<u64> = self
            .marks
            .iter()
            .filter_map(|size| size.checked_sub(first))
            .filter(|inside| (1..width).contains(inside))
            .collect();
        let entries = self.entries(number, &mut seen)?;
        let hashes = self.hashes(number, &mut seen)?;
        if let (Some(entries), Some(hashes)) = (&entries, &hashes) {
            let differs = entries
                .iter()
                .zip(hashes)
                .position(|(ours, its)| ours != its);
            seen.differs_at = differs.and_then(|at| u64::try_from(at).ok());
        }
        if let Some(hashes) = &hashes {
            seen.tile = Row256::of(hashes, &marks);
        }
        if let Some(entries) = entries {
            // The same hashes have the same root.
            seen.entries = if hashes.as_ref() == Some(&entries) {
                seen.tile.clone()
            } else {
                Row256::of(&entries, &marks)
            };
            if width < TILE_WIDTH {
                seen.tail = entries;
            }
        }
        Ok(seen)
    }

    /// The hashes of the entries of a bundle.
    fn entries(&self, number: u64, seen: &mut Seen) -> Result<Option<Vec<TreeHash>>, Failure> {
        let name = tile_name(Row::Entries, number, seen.width);
        let Some((bundle, named)) = self.log.tile(Row::Entries, number, seen.width)? else {
            seen.report
                .found("missing-tile", name, "there is no such bundle of entries");
            return Ok(None);
        };
        let entries = match entry::entries(&bundle) {
            Ok(entries) => entries,
            Err(why) => {
                seen.report.found("altered-tile", name, why.to_string());
                return Ok(None);
            }
        };
        // What is beyond the width of its name was never signed: nothing may stand there.
        let wanted = usize::try_from(seen.width).unwrap_or(usize::MAX);
        let entries = match entries.get(..wanted) {
            Some(first) if u64::try_from(entries.len()) == Ok(named) => first,
            Some(_) | None => {
                let what = format!("it holds {} entries, want {named}", entries.len());
                seen.report.found("altered-tile", name, what);
                return Ok(None);
            }
        };
        let first = number * TILE_WIDTH;
        for (index, entry) in (first..).zip(entries) {
            if let Err(why) = Entry::parse(entry) {
                let place = format!("leaf {index}");
                seen.report.found("unknown-kind", place, why.to_string());
            }
        }
        Ok(Some(
            entries.iter().map(|entry| leaf_hash(*entry)).collect(),
        ))
    }

    /// The hashes as the tile has them.
    fn hashes(&self, number: u64, seen: &mut Seen) -> Result<Option<Vec<TreeHash>>, Failure> {
        let row = Row::Level(0);
        let name = tile_name(row, number, seen.width);
        let Some((tile, named)) = self.log.tile(row, number, seen.width)? else {
            seen.report
                .found("missing-tile", name, "there is no such tile");
            return Ok(None);
        };
        let hashes = tile_hashes(&tile, named, seen.width);
        if hashes.is_none() {
            let what = format!("it is {} bytes, want {named} hashes", tile.len());
            seen.report.found("altered-tile", name, what);
        }
        Ok(hashes)
    }
}

/// The first `width` hashes of a tile that has exactly `named`.
#[must_use]
pub(super) fn tile_hashes(tile: &[u8], named: u64, width: u64) -> Option<Vec<TreeHash>> {
    let (hashes, rest) = tile.as_chunks::<HASH_SIZE_BYTES>();
    let found = u64::try_from(hashes.len()).ok()?;
    if !rest.is_empty() || found != named {
        return None;
    }
    let wanted = hashes.get(..usize::try_from(width).ok()?)?;
    Some(wanted.iter().map(|hash| TreeHash(*hash)).collect())
}
