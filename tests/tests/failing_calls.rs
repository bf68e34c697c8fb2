//! A disk that fails at one call, whichever of a submission's or an epoch's it is: the process goes on or ends with a
//! message and exit code 3, nothing that was acknowledged is lost, and the next start goes on with the same log.
//!
//! strace makes the call fail, in each thread that makes so many: the making of the store, its start, submissions, pages
//! of answers, epochs and pins. `HAFAN_FAILING_CALLS=100 cargo test -p hafan-tests --test failing_calls` is the long run.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod store_check;

use std::fs;

use hafan_tests::Failing;
use store_check::{Acked, Writer, check, program};

/// Each call by which the store changes something on the disk or makes it durable, and an error that disks give.
const CALLS: [(&str, &str); 9] = [
    ("fdatasync", "EIO"),
    ("fsync", "EIO"),
    ("pwrite64", "EIO"),
    ("pwrite64", "ENOSPC"),
    ("rename,renameat,renameat2", "EIO"),
    ("fallocate", "EIO"),
    ("fallocate", "ENOSPC"),
    ("utimensat", "EIO"),
    ("unlink,unlinkat", "EIO"),
];

/// Enough lines of the writer for some epochs of both forces.
const LINES: usize = 60;

/// One call failing after the other, on a store that goes on as long as it was made.
fn sweep(calls: &str, error: &str, deep: u32) -> (usize, u32) {
    let scratch = tempfile::tempdir().unwrap();
    let (mut acked, mut ended, mut stores) = (Acked::new(), 0, 0);
    // The first are those of making the store and starting; the later ones come under load.
    for nth in (1..=deep).chain([2, 4, 12, 50].map(|times| deep * times)) {
        let dir = scratch.path().join(format!("{stores}"));
        fs::create_dir_all(&dir).unwrap();
        let trace = scratch.path().join("trace");
        let failing = Failing {
            calls,
            error,
            nth,
            trace: &trace,
        };
        let mut writer = Writer::start_as(
            &mut failing.command(&program()),
            &dir,
            scratch.path(),
            0,
            nth,
        );
        let end = writer.wait_lines_or_end(LINES);
        let complaint = fs::read_to_string(&writer.complained).unwrap();
        let at = format!("{calls} {nth} fails with {error}: {complaint}");
        if let Some(end) = end {
            assert_eq!(end.code(), Some(3), "{at}");
            let is_said = complaint.contains("The server stops now")
                || complaint.starts_with("store_writer: ");
            assert!(is_said, "{at}");
            assert!(failing.happened().unwrap(), "{at}");
            ended += 1;
        }
        acked.extend(writer.kill());
        assert_eq!(check(&dir, &acked).lost, 0, "{at}");
        if !dir.join("store/format").exists() {
            // It was never made, so nothing was acknowledged; the next one is another.
            assert!(acked.is_empty(), "{at}");
            stores += 1;
        }
    }
    (acked.len(), ended)
}

#[test]
fn whichever_call_fails_nothing_acknowledged_is_lost_and_the_log_goes_on() {
    let deep = std::env::var("HAFAN_FAILING_CALLS");
    let deep: u32 = deep.map_or(8, |count| count.parse().unwrap());
    let mut acked_in_all = 0;
    for (calls, error) in CALLS {
        let (acked, ended) = sweep(calls, error, deep);
        eprintln!("{calls} {error}: {acked} acknowledged, none lost; {ended} processes ended");
        acked_in_all += acked;
    }
    assert!(acked_in_all > 200, "{acked_in_all}");
}
