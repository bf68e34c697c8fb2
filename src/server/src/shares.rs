//! The room that what comes in may take, shared out before a byte of it is read: a force has a part that no other takes,
//! the gateway has one, and what is left is for whoever comes first.
//!
//! Knows forces and sizes, and nothing of who sends. What is counted of a day is bytes of a force, in memory only.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hafan_directory::Force;
use hafan_envelope::SUBMISSION_SIZE_BYTES_MAX;
use jiff::civil::Date;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Limits;
use crate::limits::{IN_MEMORY_SIZE_BYTES_MAX, SPILL_MEMORY_BYTES};
use crate::problem::Problem;

/// Which listener a submission came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `listen`: from the pages, through the proxy.
    Page,
    /// `gateway_listen`: from the gateway, for people without JavaScript.
    Gateway,
}

/// Whom room is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// Something that a force is sent.
    Force(&'a Force, Door),
    /// A draft: it gives way before reports do.
    Draft,
}

/// A part of the room.
#[derive(Debug)]
struct Pool {
    /// Bytes of memory.
    memory: Semaphore,
    memory_bytes: u32,
    /// Spilled submissions.
    files: Semaphore,
    files_max: u32,
}

impl Pool {
    fn new(memory_bytes: u32, files_max: u32) -> Self {
        let permits = |count: u32| Semaphore::new(usize::try_from(count).unwrap_or(usize::MAX));
        Self {
            memory: permits(memory_bytes),
            memory_bytes,
            files: permits(files_max),
            files_max,
        }
    }

    fn memory_taken(&self) -> u32 {
        self.memory_bytes.saturating_sub(left(&self.memory))
    }

    fn files_taken(&self) -> u32 {
        self.files_max.saturating_sub(left(&self.files))
    }
}

fn left(permits: &Semaphore) -> u32 {
    u32::try_from(permits.available_permits()).unwrap_or(u32::MAX)
}

/// What the parts are: half of the room in equal parts of the forces, and a quarter of it the gateway's where there is one.
#[derive(Debug)]
pub struct Shares {
    forces: BTreeMap<Force, Pool>,
    gateway: Pool,
    /// For whoever comes first.
    open: Pool,
    free_bytes_min: u64,
    today: Mutex<Day>,
}

/// Bytes that each force was sent and that became durable today, since the start.
#[derive(Debug, Default)]
struct Day {
    date: Date,
    bytes: BTreeMap<Force, u64>,
}

/// How much of something that a force may use is used, in percent.
pub type Percent = u64;

impl Shares {
    /// Shares out what the configuration allows. `has_gateway`: there is a listener for it.
    #[must_use]
    pub fn new(limits: &Limits, forces: impl Iterator<Item = Force>, has_gateway: bool) -> Self {
        let forces: Vec<Force> = forces.collect();
        let count = u32::try_from(forces.len()).unwrap_or(u32::MAX).max(1);
        let (memory, files) = (limits.in_flight_bytes_max, limits.spilled_max);
        let own = (memory / 2 / count, files / 2 / count);
        let gateway = if has_gateway {
            (memory / 4, files / 4)
        } else {
            (0, 0)
        };
        let open = (
            memory - own.0 * count - gateway.0,
            files - own.1 * count - gateway.1,
        );
        Self {
            forces: forces
                .into_iter()
                .map(|force| (force, Pool::new(own.0, own.1)))
                .collect(),
            gateway: Pool::new(gateway.0, gateway.1),
            open: Pool::new(open.0, open.1),
            free_bytes_min: limits.free_bytes_min,
            today: Mutex::new(Day::default()),
        }
    }

    /// Whether a part is kept for the gateway.
    #[must_use]
    pub fn has_gateway(&self) -> bool {
        self.gateway.memory_bytes > 0
    }

    /// Takes room for a body of this size; `free_bytes` says what the store's disk has left. Given back when dropped.
    ///
    /// # Errors
    /// [`Problem::Busy`] when all that the claim may use is taken; [`Problem::StoreFull`] when the disk holds not one more.
    pub(crate) fn take(
        &self,
        claim: Claim<'_>,
        size: u64,
        free_bytes: impl Fn() -> Result<u64, Problem>,
    ) -> Result<Room<'_>, Problem> {
        let spilled = size > IN_MEMORY_SIZE_BYTES_MAX;
        let memory = if spilled { SPILL_MEMORY_BYTES } else { size };
        let memory = u32::try_from(memory).map_err(|_| Problem::Busy)?;
        let mut why = Problem::Busy;
        for part in self.parts_of(claim) {
            let Ok(memory) = part.pool.memory.try_acquire_many(memory) else {
                continue;
            };
            let file = spilled.then(|| part.pool.files.try_acquire()).transpose();
            let Ok(file) = file else { continue };
            if spilled && let Err(problem) = self.check_disk(part.kept, &free_bytes) {
                why = problem;
                continue;
            }
            return Ok(Room {
                _memory: memory,
                _file: file,
            });
        }
        Err(why)
    }

    /// The parts that a claim may use, in the order in which they are tried. A page's own part comes first, so that the
    /// open one lasts; the gateway's own comes first, so that the forces' parts are the last that it takes from.
    fn parts_of(&self, claim: Claim<'_>) -> Vec<Part<'_>> {
        let own = |force| {
            self.forces.get(force).map(|pool| Part {
                pool,
                kept: Kept::ForNobody,
            })
        };
        let common = |pool| {
            Some(Part {
                pool,
                kept: Kept::ForForces,
            })
        };
        let parts = match claim {
            Claim::Force(force, Door::Page) => [own(force), common(&self.open), None],
            Claim::Force(force, Door::Gateway) => {
                [common(&self.gateway), common(&self.open), own(force)]
            }
            Claim::Draft => [common(&self.open), None, None],
        };
        parts.into_iter().flatten().collect()
    }

    /// Refuses one spilled submission more than the disk holds above its watermark, each counted at the largest size:
    /// the room that epochs are written in must not go to uploads that may never end.
    fn check_disk(
        &self,
        kept: Kept,
        free_bytes: impl Fn() -> Result<u64, Problem>,
    ) -> Result<(), Problem> {
        let pools = || self.forces.values().chain([&self.gateway, &self.open]);
        let taken: u64 = pools().map(|pool| u64::from(pool.files_taken())).sum();
        let kept: u64 = match kept {
            Kept::ForNobody => 0,
            Kept::ForForces => self
                .forces
                .values()
                .map(|pool| u64::from(left(&pool.files)))
                .sum(),
        };
        let wanted = (taken + kept)
            .saturating_mul(SUBMISSION_SIZE_BYTES_MAX)
            .saturating_add(self.free_bytes_min);
        if free_bytes()? >= wanted {
            return Ok(());
        }
        Err(if taken > 1 {
            Problem::Busy
        } else {
            Problem::StoreFull
        })
    }

    /// Refuses a force that was sent more today than the disk has left above its watermark: a flood to one force takes
    /// no more than half of the room that all have, however long its day is.
    ///
    /// # Errors
    /// [`Problem::Busy`]; there may be room again tomorrow, or when the operator adds some.
    pub(crate) fn check_day(
        &self,
        force: &Force,
        size: u64,
        free_bytes: u64,
        today: Date,
    ) -> Result<(), Problem> {
        let above = free_bytes.saturating_sub(self.free_bytes_min);
        if self.bytes_of(force, today).saturating_add(size) > above {
            return Err(Problem::Busy);
        }
        Ok(())
    }

    /// How much of what [`Self::check_day`] lets a force have is used.
    pub(crate) fn used_of_day(&self, force: &Force, free_bytes: u64, today: Date) -> Percent {
        let above = free_bytes.saturating_sub(self.free_bytes_min).max(1);
        self.bytes_of(force, today).saturating_mul(100) / above
    }

    /// Counts what a force was sent and what is durable now.
    pub(crate) fn count(&self, force: &Force, size: u64, today: Date) {
        let mut day = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        day.turn(today);
        let bytes = day.bytes.entry(force.clone()).or_default();
        *bytes = bytes.saturating_add(size);
    }

    fn bytes_of(&self, force: &Force, today: Date) -> u64 {
        let mut day = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        day.turn(today);
        day.bytes.get(force).copied().unwrap_or_default()
    }

    /// How much of the room that a page's submission to this force may use is taken: its own part is the first half, the
    /// open part the second. While something is left of its own part, what others take of the open one is nothing to it.
    #[must_use]
    pub fn used(&self, force: &Force) -> Percent {
        let Some(own) = self.forces.get(force) else {
            return 0;
        };
        let open = &self.open;
        let memory = used(
            (own.memory_taken(), own.memory_bytes),
            (open.memory_taken(), open.memory_bytes),
        );
        let files = used(
            (own.files_taken(), own.files_max),
            (open.files_taken(), open.files_max),
        );
        memory.max(files)
    }
}

/// Each is what is taken, of how much.
fn used(own: (u32, u32), open: (u32, u32)) -> Percent {
    let percent = |(taken, of): (u32, u32)| u64::from(taken) * 100 / u64::from(of).max(1);
    if own.1 == 0 {
        return percent(open);
    }
    let own = percent(own);
    if own < OWN_TAKEN_PERCENT {
        own / 2
    } else {
        50 + percent(open) / 2
    }
}

/// From here on a force's own part is taken: of its memory less is left than most submissions need.
const OWN_TAKEN_PERCENT: Percent = 90;

impl Day {
    fn turn(&mut self, today: Date) {
        if self.date != today {
            *self = Self {
                date: today,
                bytes: BTreeMap::new(),
            };
        }
    }
}

/// A part that may be taken from.
#[derive(Clone, Copy)]
struct Part<'a> {
    pool: &'a Pool,
    kept: Kept,
}

/// For whom the disk's room is kept while a part is taken from.
#[derive(Clone, Copy)]
enum Kept {
    ForNobody,
    /// The forces' own parts that are not yet taken.
    ForForces,
}

/// A body's share of what all may hold together; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    _memory: SemaphorePermit<'a>,
    _file: Option<SemaphorePermit<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const SMALL: u64 = 67_243;
    const LARGE: u64 = 2 * MIB;

    fn force(name: &str) -> Force {
        name.parse().unwrap()
    }

    fn shares(has_gateway: bool) -> Shares {
        let limits = Limits {
            in_flight_bytes_max: 8 << 20,
            spilled_max: 8,
            free_bytes_min: 100,
            ..Limits::default()
        };
        Shares::new(&limits, ["btp", "kent"].map(force).into_iter(), has_gateway)
    }

    fn plenty() -> Result<u64, Problem> {
        Ok(u64::MAX)
    }

    /// As many as are let in.
    fn fill<'a>(shares: &'a Shares, claim: Claim<'_>, size: u64) -> Vec<Room<'a>> {
        std::iter::from_fn(|| shares.take(claim, size, plenty).ok()).collect()
    }

    #[test]
    fn a_flood_to_one_force_leaves_the_other_its_part() {
        let shares = shares(false);
        let (btp, kent) = (force("btp"), force("kent"));
        for (size, left_to_the_other) in [(SMALL, 31), (LARGE, 2)] {
            let flood = fill(&shares, Claim::Force(&btp, Door::Page), size);
            assert!(!flood.is_empty());
            let others = fill(&shares, Claim::Force(&kent, Door::Page), size);
            assert_eq!(others.len(), left_to_the_other);
        }
    }

    #[test]
    fn drafts_never_take_a_force_its_part() {
        let shares = shares(false);
        let _drafts = fill(&shares, Claim::Draft, SMALL);
        let kent = force("kent");
        assert_eq!(
            fill(&shares, Claim::Force(&kent, Door::Page), SMALL).len(),
            31
        );
    }

    #[test]
    fn a_flood_through_the_pages_leaves_the_gateway_its_part() {
        let shares = shares(true);
        let (btp, kent) = (force("btp"), force("kent"));
        let _one = fill(&shares, Claim::Force(&btp, Door::Page), SMALL);
        let _other = fill(&shares, Claim::Force(&kent, Door::Page), SMALL);
        assert_eq!(
            fill(&shares, Claim::Force(&btp, Door::Gateway), SMALL).len(),
            31
        );
    }

    #[test]
    fn a_flood_through_the_gateway_leaves_the_other_forces_their_parts() {
        let shares = shares(true);
        let (btp, kent) = (force("btp"), force("kent"));
        let _flood = fill(&shares, Claim::Force(&btp, Door::Gateway), SMALL);
        for door in [Door::Page, Door::Gateway] {
            assert_eq!(fill(&shares, Claim::Force(&kent, door), SMALL).len(), 31);
        }
    }

    #[test]
    fn room_on_the_disk_is_kept_for_the_parts_of_others() {
        let shares = shares(false);
        let (btp, kent) = (force("btp"), force("kent"));
        // Room for three: two of its own, and none of the open part while the other's two are not taken.
        let three = || Ok(3 * SUBMISSION_SIZE_BYTES_MAX + 100);
        let take = |force| shares.take(Claim::Force(force, Door::Page), LARGE, three);
        let _own = [take(&btp).unwrap(), take(&btp).unwrap()];
        assert_eq!(take(&btp).unwrap_err(), Problem::Busy);
        assert!(take(&kent).is_ok());
    }

    #[test]
    fn a_disk_without_room_for_one_is_full_and_not_busy() {
        let shares = shares(false);
        let btp = force("btp");
        let none = || Ok(SUBMISSION_SIZE_BYTES_MAX + 99);
        let found = shares.take(Claim::Force(&btp, Door::Page), LARGE, none);
        assert_eq!(found.unwrap_err(), Problem::StoreFull);
    }

    #[test]
    fn a_days_flood_to_one_force_ends_at_half_of_the_disk() {
        let shares = shares(false);
        let (btp, kent) = (force("btp"), force("kent"));
        let day = Date::constant(2026, 11, 26);
        let mut free = 1_000 + 100;
        let mut taken = 0;
        while shares.check_day(&btp, 10, free, day).is_ok() {
            shares.count(&btp, 10, day);
            free -= 10;
            taken += 10;
        }
        assert_eq!(taken, 500);
        assert!(shares.check_day(&kent, 10, free, day).is_ok());
        assert!(
            shares
                .check_day(&btp, 10, free, day.tomorrow().unwrap())
                .is_ok()
        );
    }

    #[test]
    fn what_is_used_is_told_in_percent_of_what_the_force_may_use() {
        let shares = shares(false);
        let (btp, kent) = (force("btp"), force("kent"));
        assert_eq!(shares.used(&btp), 0);
        let flood = fill(&shares, Claim::Force(&btp, Door::Page), SMALL);
        assert!(shares.used(&btp) >= 95, "{}", shares.used(&btp));
        assert_eq!(shares.used(&kent), 0);
        drop(flood);
        assert_eq!(shares.used(&btp), 0);
    }
}
