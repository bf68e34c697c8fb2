//! Puts the tiles together to a tree, compares it with the signed head, and says which tile is the changed one.
//!
//! Entries, tiles of leaf hashes and tiles of the level above are three witnesses of the same leaves. The tree that has
//! the signed root is the true one; where none has, the log is not the one that was signed.

use super::source::Log;
use super::walk::{Seen, tile_hashes};
use crate::checkpoint::Checkpoint;
use crate::entry::{Row, TILE_WIDTH, tile_name};
use crate::failure::Failure;
use crate::merkle::{Tree, TreeHash, root_over};
use crate::report::Report;

/// A log's tree by its tiles of leaves.
pub(super) struct Judged {
    /// The root of each tile, the true one where that is known.
    pub(super) tiles: Vec<TreeHash>,
    /// Whether they have the signed root.
    pub(super) is_signed: bool,
}

/// Judges the tiles that were seen behind those of `before`, which were verified in another run.
pub(super) fn tree(
    before: &[TreeHash],
    seen: &[Seen],
    head: &Checkpoint,
    report: &mut Report,
) -> Judged {
    let all = |pick: fn(&Seen) -> Option<TreeHash>| -> Option<Vec<TreeHash>> {
        let found: Option<Vec<TreeHash>> = seen.iter().map(pick).collect();
        Some([before, &found?].concat())
    };
    let from_entries = all(|seen| seen.entries.root.or(seen.tile.root));
    let from_tiles = all(|seen| seen.tile.root.or(seen.entries.root));
    let signed = |tiles: &Option<Vec<TreeHash>>| {
        tiles
            .as_ref()
            .is_some_and(|tiles| root_over(tiles) == head.root)
    };
    let (tiles, blame) = if signed(&from_entries) {
        (from_entries, Blame::Tiles)
    } else if signed(&from_tiles) {
        (from_tiles, Blame::Entries)
    } else {
        (from_entries.or(from_tiles), Blame::Unknown)
    };
    let tiles = tiles.unwrap_or_default();
    let is_signed = root_over(&tiles) == head.root;
    let number = u64::try_from(before.len()).unwrap_or(u64::MAX);
    let mut changed = false;
    for (number, seen) in (number..).zip(seen) {
        changed |= name_changed(number, seen, &blame, &tiles, report);
    }
    if !is_signed {
        let found = root_over(&tiles);
        let why = if !before.is_empty() {
            "what was read now does not go on from what was seen before: a fork"
        } else if changed || !report.is_clean() {
            "with what was found above, no tree of it has that root"
        } else {
            "entries and tiles agree with each other, and what was signed is another tree: a fork"
        };
        let what = format!(
            "the signed root of {} leaves is {}, that of the entries is {found}: {why}",
            head.size, head.root
        );
        report.found("fork", "checkpoint", what);
    }
    Judged { tiles, is_signed }
}

enum Blame {
    Entries,
    Tiles,
    Unknown,
}

/// Names the changed one of a bundle and a tile that differ.
fn name_changed(
    number: u64,
    seen: &Seen,
    blame: &Blame,
    truth: &[TreeHash],
    report: &mut Report,
) -> bool {
    let Some(at) = seen.differs_at else {
        return false;
    };
    let (row, found) = match blame {
        Blame::Entries => (Row::Entries, seen.entries.root),
        Blame::Tiles | Blame::Unknown => (Row::Level(0), seen.tile.root),
    };
    let name = tile_name(row, number, seen.width);
    let leaf = number * TILE_WIDTH + at;
    let swapped = truth.iter().position(|root| Some(*root) == found);
    let what = match (swapped.and_then(|at| u64::try_from(at).ok()), blame) {
        (Some(other), Blame::Entries | Blame::Tiles) => {
            let other = tile_name(row, other, TILE_WIDTH);
            format!("it holds what belongs to {other}, from leaf {leaf} on")
        }
        (_, Blame::Entries) => format!("leaf {leaf} is not the entry that was signed"),
        (_, Blame::Tiles) => format!("the hash of leaf {leaf} is not that of its entry"),
        (_, Blame::Unknown) => format!(
            "leaf {leaf} of the entries has another hash than the tile says, and neither has the signed root"
        ),
    };
    report.found("altered-tile", name, what);
    true
}

/// Fetches every tile above the leaves' and compares it with what it must be.
///
/// # Errors
/// One cannot be reached or read.
pub(super) fn upper_tiles(
    log: &Log<'_>,
    tiles: &[TreeHash],
    size: u64,
    first: u64,
    report: &mut Report,
) -> Result<u64, Failure> {
    let mut read = 0;
    let mut below = tiles.to_vec();
    let mut full = size / TILE_WIDTH;
    let mut first = first;
    for level in 1..=8 {
        below.truncate(usize::try_from(full).unwrap_or(usize::MAX));
        if below.is_empty() {
            break;
        }
        first /= TILE_WIDTH;
        let chunks = below.chunks(256).enumerate();
        for (number, wanted) in chunks.skip(usize::try_from(first).unwrap_or(usize::MAX)) {
            let number = u64::try_from(number).unwrap_or(u64::MAX);
            let width = u64::try_from(wanted.len()).unwrap_or(u64::MAX);
            let row = Row::Level(level);
            let name = tile_name(row, number, width);
            read += 1;
            let Some((tile, named)) = log.tile(row, number, width)? else {
                report.found("missing-tile", name, "there is no such tile");
                continue;
            };
            match tile_hashes(&tile, named, width) {
                None => {
                    let what = format!("it is {} bytes, want {named} hashes", tile.len());
                    report.found("altered-tile", name, what);
                }
                Some(found) => {
                    if let Some(at) = found.iter().zip(wanted).position(|(a, b)| a != b) {
                        let what = format!("hash {at} is not that of the tile below it");
                        report.found("altered-tile", name, what);
                    }
                }
            }
        }
        below = below.chunks(256).map(root_over).collect();
        full /= TILE_WIDTH;
    }
    Ok(read)
}

/// The roots that the log had at earlier sizes, in order; nothing for one of which a tile that it needs was not seen.
#[must_use]
pub(super) fn roots_at(
    sizes: impl Iterator<Item = u64>,
    tiles: &[TreeHash],
    before: u64,
    seen: &[Seen],
) -> Vec<Option<TreeHash>> {
    // Sizes grow: each tile is hashed once for all of them.
    let mut tree = Tree::default();
    sizes
        .map(|size| root_at(&mut tree, size, tiles, before, seen))
        .collect()
}

/// The root at one size; `full` is the tree over some of the full tiles before, and gets the others.
fn root_at(
    full: &mut Tree,
    size: u64,
    tiles: &[TreeHash],
    before: u64,
    seen: &[Seen],
) -> Option<TreeHash> {
    let number = size / TILE_WIDTH;
    if number < full.size() {
        *full = Tree::default();
    }
    let all = tiles.get(..usize::try_from(number).ok()?)?;
    for tile in all.get(usize::try_from(full.size()).ok()?..)? {
        full.push(*tile);
    }
    let inside = size % TILE_WIDTH;
    if inside == 0 {
        return Some(full.root());
    }
    let seen = seen.get(usize::try_from(number.checked_sub(before)?).ok()?)?;
    let truth = tiles.get(all.len()).copied();
    let row = if seen.entries.root == truth {
        &seen.entries
    } else {
        &seen.tile
    };
    let part = if inside == seen.width {
        row.root
    } else {
        row.marks.get(&inside).copied()
    };
    let mut whole = full.clone();
    whole.push(part?);
    Some(whole.root())
}
