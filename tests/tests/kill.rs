//! Kills: `kill -9` at random moments under load, a restart on the same store each time, and nothing that was acknowledged is
//! ever missing.
//!
//! A kill leaves the kernel's memory alone, so this says nothing about syncing; `power_cut.rs` does. It says that the
//! order of steps is right: whatever step a process ends in, the next start finishes or undoes it by itself.
//!
//! 100 kills; `HAFAN_KILLS=1000 cargo test -p hafan-tests --test kill -- --nocapture` is the long run.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

mod store_check;

use std::thread;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::OsRng;
use store_check::{Acked, Writer, check};

/// After so many kills a new store is begun: each start reads all there is.
const KILLS_PER_STORE: u32 = 20;

/// A store that is killed and started again and again; what was acknowledged, lost, and the epochs.
fn kill_often(first: u32, kills: u32, class: usize) -> (usize, usize, usize) {
    let scratch = tempfile::tempdir().unwrap();
    let mut acked = Acked::new();
    let (mut lost, mut epochs) = (0, 0);
    for number in first..first + kills {
        let mut writer = Writer::start(scratch.path(), scratch.path(), class, number);
        // The first makes the store; every fourth later one is killed wherever it is, in its start too.
        if number == first || !number.is_multiple_of(4) {
            writer.wait_lines(OsRng.gen_range(1..24));
        }
        thread::sleep(Duration::from_micros(OsRng.gen_range(0..40_000)));
        acked.extend(writer.kill());
        // The writer's own start is the proof most of the time; a look at everything stops cleanly, which kills do not.
        if number.is_multiple_of(5) || number + 1 == first + kills {
            let found = check(scratch.path(), &acked);
            lost += found.lost;
            epochs = found.epochs;
        }
    }
    (acked.len(), lost, epochs)
}

#[test]
fn nothing_acknowledged_is_lost_to_kills() {
    let kills: u32 = match std::env::var("HAFAN_KILLS") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 100,
    };
    let (mut acked, mut lost, mut epochs) = (0, 0, 0);
    for first in (0..kills).step_by(usize::try_from(KILLS_PER_STORE).unwrap()) {
        let count = KILLS_PER_STORE.min(kills - first);
        // Every fifth store holds the larger class.
        let class = if first % 100 == 80 { 4 } else { 0 };
        let (acked_here, lost_here, epochs_here) = kill_often(first, count, class);
        acked += acked_here;
        lost += lost_here;
        epochs += epochs_here;
    }
    eprintln!("{kills} kills, {acked} acknowledged, {lost} lost, {epochs} epochs whole");
    assert_eq!(lost, 0, "of {acked} acknowledged in {kills} kills");
    assert!(
        u32::try_from(acked).unwrap() > kills,
        "the writer was killed before it did anything: {acked}"
    );
}
