//! The times of the store's files, kept no finer than the day.
//!
//! Whoever takes the disk would read from a segment's time when its last batch was written. What a file system lets
//! nobody set, the times of birth and of the last change of the inode, is not hidden by this.

use std::fs::File;
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Timespec, Timestamps, futimens};

const DAY_S: u64 = 24 * 60 * 60;

/// Sets the times of the last read and the last write of a file or folder to the last midnight UTC.
pub(crate) fn set_to_midnight(file: &File) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let midnight = Timespec {
        tv_sec: i64::try_from(now - now % DAY_S).map_err(io::Error::other)?,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: midnight,
        last_modification: midnight,
    };
    Ok(futimens(file, &times)?)
}
