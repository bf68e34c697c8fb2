//! Disks in files: real ext4 on a loop device. Needs root, `mkfs.ext4`, `losetup`, `mount` and `umount`.
//!
//! The loop device writes to its file with direct I/O: what the file system on it has not sent to its disk is in that
//! file system's memory only and nowhere else. Each disk undoes what it made when it is dropped, after a panic too.

#![expect(clippy::unwrap_used, reason = "what fails in a helper fails its test")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use xtask::process::output;

/// Runs a program of the system to its end.
pub(crate) fn tool(program: &str, arguments: &[&str]) -> String {
    let said = output(
        &format!("{program} {} (needs root)", arguments.join(" ")),
        Command::new(program).args(arguments),
    );
    String::from_utf8(said.unwrap()).unwrap().trim().to_owned()
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Makes a file with an empty ext4 file system of this size; blocks are taken from the host as they are written.
pub(crate) fn format(image: &Path, mib: u64) {
    File::create(image).unwrap().set_len(mib << 20).unwrap();
    // Nothing is left for the kernel to make later, and nothing is kept for root.
    let made_now = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
    tool(
        "mkfs.ext4",
        &["-q", "-F", "-m", "0", "-E", made_now, text(image)],
    );
}

/// A mounted disk.
pub(crate) struct Disk {
    device: String,
    dir: PathBuf,
}

impl Disk {
    /// Mounts an image at a folder that it makes; the kernel replays its journal.
    pub(crate) fn mount(image: &Path, dir: &Path, direct: bool) -> Self {
        fs::create_dir_all(dir).unwrap();
        let direct = format!("--direct-io={}", if direct { "on" } else { "off" });
        let device = tool("losetup", &["--find", "--show", &direct, text(image)]);
        // From here on it is undone, whatever comes.
        let disk = Self {
            device,
            dir: dir.to_owned(),
        };
        let options = "noinit_itable,errors=remount-ro";
        tool(
            "mount",
            &["-t", "ext4", "-o", options, &disk.device, text(dir)],
        );
        disk
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The name of its device under `/sys/block`, and of its file system under `/sys/fs/ext4`.
    pub(crate) fn name(&self) -> &str {
        self.device.rsplit('/').next().unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What used it may be ending still.
        for _ in 0..200 {
            let unmounted = Command::new("umount").arg(&self.dir).output();
            if unmounted.is_ok_and(|done| done.status.success()) || !is_mounted(&self.dir) {
                break;
            }
            thread::sleep(Duration::from_millis(20));
        }
        if is_mounted(&self.dir) {
            let _gone_when_unused = Command::new("umount").arg("--lazy").arg(&self.dir).output();
        }
        let _detached = Command::new("losetup")
            .args(["--detach", &self.device])
            .output();
    }
}

fn is_mounted(dir: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == dir.to_str())
}
