//! Closes an epoch of every force at a fixed beat.
//!
//! The beat is monotonic: no change of the clock makes it faster or slower, and no arrival moves it. Only the year
//! comes from the clock, and it never goes back. An epoch that cannot be closed is tried again at the next beat, and
//! the store's health says so meanwhile.

use std::sync::Arc;
use std::time::Duration;

use hafan_directory::Force;
use hafan_tlog::Signer;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::store::{EpochError, Store};
use crate::telemetry::{Event, log};

/// The year of the clock, UTC.
#[must_use]
pub fn year_utc() -> u16 {
    let year = jiff::Timestamp::now()
        .to_zoned(jiff::tz::TimeZone::UTC)
        .year();
    u16::try_from(year).unwrap_or(0)
}

/// The year whose log takes the next epoch: the clock's, but never before the newest log, and at most one after it.
///
/// A clock that is decades ahead would otherwise begin a log that no later year could follow.
#[must_use]
pub fn log_year(clock: u16, newest: Option<u16>) -> u16 {
    match newest {
        None => clock,
        Some(newest) if clock <= newest => newest,
        Some(newest) if clock == newest.saturating_add(1) => clock,
        Some(newest) => {
            log(&Event::YearRefused { clock, newest });
            newest
        }
    }
}

/// Whether the clock is more than one year after a force's newest log: then [`log_year`] would stay at that log for
/// ever. Either the clock is wrong, or the server stood still for over a year; only a person knows which, so that a
/// start refuses unless it is told to go on.
#[must_use]
pub const fn has_year_gap(clock: u16, newest: Option<u16>) -> bool {
    match newest {
        None => false,
        Some(newest) => clock > newest.saturating_add(1),
    }
}

/// Runs until `shutdown` is true or its sender is gone; an epoch that is being closed then is finished first.
///
/// Begins the log of this year for each force that has none, then closes an epoch of each force every `epoch`.
pub async fn run(
    store: Arc<Store>,
    signer: Arc<Signer>,
    epoch: Duration,
    year: impl Fn() -> u16 + Send + 'static,
    mut shutdown: watch::Receiver<bool>,
) {
    for force in store.forces() {
        step(&store, &signer, force, year(), Step::Begin).await;
    }
    let mut beat = interval_at(Instant::now() + epoch, epoch);
    beat.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = stopped(&mut shutdown) => return,
            _ = beat.tick() => {}
        }
        for force in store.forces() {
            step(&store, &signer, force, year(), Step::Close).await;
        }
    }
}

/// Resolves when the server is to stop.
async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // An error says that the sender is gone: a stop too.
    drop(shutdown.wait_for(|stop| *stop).await);
}

#[derive(Clone, Copy)]
enum Step {
    Begin,
    Close,
}

async fn step(store: &Arc<Store>, signer: &Arc<Signer>, force: &Force, clock: u16, step: Step) {
    let year = log_year(clock, store.latest_year(force));
    let (store, signer, owned) = (Arc::clone(store), Arc::clone(signer), force.clone());
    let closed = tokio::task::spawn_blocking(move || match step {
        Step::Begin => store.begin_log(&owned, year, &signer),
        Step::Close => store.close_epoch(&owned, year, &signer),
    });
    match closed.await {
        Ok(Ok(()) | Err(EpochError::ShuttingDown)) => {}
        Ok(Err(error)) => log(&Event::EpochNotClosed {
            force,
            error: &error,
        }),
        Err(_panicked) => log(&Event::EpochFault { force }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_more_than_one_year_ahead() {
        assert!(!has_year_gap(2026, None));
        for (clock, gap) in [(1970, false), (2026, false), (2027, false), (2028, true)] {
            assert_eq!(has_year_gap(clock, Some(2026)), gap, "{clock}");
        }
        assert!(!has_year_gap(u16::MAX, Some(u16::MAX)));
    }

    #[test]
    fn the_year_follows_the_clock_by_one_and_never_goes_back() {
        assert_eq!(log_year(2026, None), 2026);
        assert_eq!(log_year(2026, Some(2026)), 2026);
        assert_eq!(log_year(2027, Some(2026)), 2027);
        assert_eq!(log_year(2025, Some(2026)), 2026);
        assert_eq!(log_year(1970, Some(2026)), 2026);
        assert_eq!(log_year(2076, Some(2026)), 2026);
    }
}
