//! How far the couriers of each force have come, told by their own requests: a courier asks for what lies behind its last
//! bundle, so its first question says what it has.
//!
//! Only positions in public logs are kept, in memory, one a force and year. They are of leaves, which come at a fixed beat
//! whether or not somebody reported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hafan_directory::Force;

/// Lists that were not asked for to their end, at most: a courier has one under way.
const UNDER_WAY_MAX: usize = 256;

/// Where the couriers are.
#[derive(Debug, Default)]
pub struct Collected(Mutex<BTreeMap<(Force, u16), Position>>);

#[derive(Debug, Default)]
struct Position {
    /// Leaves that a courier had in a bundle when it began to ask.
    leaves: u64,
    /// Where lists go on that were answered in part.
    under_way: BTreeSet<u64>,
}

impl Collected {
    /// Notes that a courier asked for what is behind leaf `after` of a log of `size` leaves, and was told to go on at
    /// `next`.
    pub(crate) fn asked(&self, force: &Force, year: u16, after: u64, next: u64, size: u64) {
        let mut positions = self.lock();
        let position = positions.entry((force.clone(), year)).or_default();
        if !position.under_way.remove(&after) {
            position.leaves = position.leaves.max(after);
        }
        if next < size {
            if position.under_way.len() >= UNDER_WAY_MAX {
                position.under_way.clear();
            }
            position.under_way.insert(next);
        }
    }

    /// Leaves of a log that a courier is known to have; none after a start until one asks.
    pub(crate) fn leaves(&self, force: &Force, year: u16) -> u64 {
        let positions = self.lock();
        positions
            .get(&(force.clone(), year))
            .map_or(0, |position| position.leaves)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Force, u16), Position>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole days of epochs that the leaves from `collected` to `size` were made in.
pub(crate) fn days(size: u64, collected: u64, leaves_per_epoch: u16, epoch_s: u32) -> u64 {
    let epochs = size.saturating_sub(collected) / u64::from(leaves_per_epoch).max(1);
    epochs.saturating_mul(epoch_s.into()) / 86_400
}

#[cfg(test)]
mod tests {
    use super::*;

    fn btp() -> Force {
        "btp".parse().unwrap()
    }

    #[test]
    fn a_courier_has_what_it_asks_to_go_on_from_and_not_what_it_is_being_told() {
        let collected = Collected::default();
        assert_eq!(collected.leaves(&btp(), 2026), 0);
        // A long list, and a courier that is lost before its bundle is written, and comes again.
        for _ in 0..2 {
            collected.asked(&btp(), 2026, 0, 1024, 2048);
            collected.asked(&btp(), 2026, 1024, 2048, 2048);
            assert_eq!(collected.leaves(&btp(), 2026), 0);
        }
        // It wrote its bundle, and now asks for what came since.
        collected.asked(&btp(), 2026, 2048, 2056, 2056);
        assert_eq!(collected.leaves(&btp(), 2026), 2048);
        // Another one that begins anew does not undo that.
        collected.asked(&btp(), 2026, 0, 1024, 2056);
        assert_eq!(collected.leaves(&btp(), 2026), 2048);
        assert_eq!(collected.leaves(&btp(), 2027), 0);
        assert_eq!(collected.leaves(&"merseyside".parse().unwrap(), 2026), 0);
    }

    #[test]
    fn lists_that_nobody_finishes_take_no_more_memory() {
        let collected = Collected::default();
        for next in 1..2_000 {
            collected.asked(&btp(), 2026, 0, next, 10_000);
        }
        assert!(collected.lock()[&(btp(), 2026)].under_way.len() <= UNDER_WAY_MAX);
        assert_eq!(collected.leaves(&btp(), 2026), 0);
    }

    #[test]
    fn days_are_whole_and_count_epochs() {
        // 288 epochs of 300 s and 8 leaves are a day.
        assert_eq!(days(2_304, 0, 8, 300), 1);
        assert_eq!(days(2_303, 0, 8, 300), 0);
        assert_eq!(days(23_040, 2_304, 8, 300), 9);
        assert_eq!(days(8, 16, 8, 300), 0);
    }
}
