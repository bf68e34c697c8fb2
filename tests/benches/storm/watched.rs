//! What the server's process has in memory and open, as the kernel says.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::time::sleep;

/// A process that is watched.
pub(crate) struct Watch {
    proc: PathBuf,
}

impl Watch {
    pub(crate) fn of(id: u32) -> Self {
        Self {
            proc: format!("/proc/{id}").into(),
        }
    }

    /// Forgets the peak so far: resident memory now, in bytes.
    pub(crate) fn begin(&self) -> Result<u64> {
        // proc(5): 5 sets the peak to what is resident now.
        fs::write(self.proc.join("clear_refs"), "5").context("cannot reset the peak")?;
        self.peak()
    }

    /// The most resident memory since, in bytes.
    pub(crate) fn peak(&self) -> Result<u64> {
        let status = fs::read_to_string(self.proc.join("status")).context("no such process")?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next())
            .context("no VmHWM")?;
        Ok(kib.parse::<u64>()? * 1024)
    }

    /// The most files that it has open in this time: but for a few they are lines.
    pub(crate) async fn lines_for(&self, time: Duration) -> Result<usize> {
        let until = Instant::now() + time;
        let mut most = 0;
        while Instant::now() < until {
            most = most.max(fs::read_dir(self.proc.join("fd"))?.count());
            sleep(Duration::from_millis(250)).await;
        }
        Ok(most)
    }
}
