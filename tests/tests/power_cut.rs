//! Power cuts: what was acknowledged before the power went is there when it is back, and nothing is broken.
//!
//! A writer works on ext4 on a loop device. At a random moment its process is stopped (SIGSTOP), so that it
//! acknowledges nothing more, and the file behind the device is copied. What the writer had not synced is in the memory
//! of the file system and so not in the copy: it is what a disk holds after a cut. The copy is mounted, which replays
//! the journal, and the store in it is opened and looked through.
//!
//! A copy takes time, and a cut is an instant: a copy would mix early blocks with late ones. So a copy counts only when
//! the device was idle and wrote nothing from its beginning to its end; else it is made again. A sync that was under
//! way is finished by the kernel before the process stands still, so these cuts lie between two syncs; frames that are torn
//! by sector are made in `src/server/tests/store_recovery.rs`. That a drive lies about its cache is not simulated.
//!
//! `cargo test -p hafan-tests --test power_cut` cuts 30 times; the long run is
//! `HAFAN_POWER_CUTS=300 cargo test -p hafan-tests --test power_cut -- --nocapture`. Both need root. Run with a library
//! preloaded in which `fsync` and `fdatasync` do nothing, the test of the real store fails as it should.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what fails in a helper fails its test, and the figures are shown"
)]

mod store_check;
mod store_disk;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use rand::Rng as _;
use rand::rngs::OsRng;
use rustix::process::{Pid, Signal, kill_process};
use store_check::{Acked, Found, Writer, check, wait_for};
use store_disk::{Disk, format, text, tool};

const IMAGE_MIB: u64 = 512;

fn cuts() -> usize {
    match std::env::var("HAFAN_POWER_CUTS") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 30,
    }
}

/// Stops every thread of the writer.
fn stop(writer: &Writer) {
    let id = Pid::from_raw(i32::try_from(writer.child.id()).unwrap()).unwrap();
    kill_process(id, Signal::STOP).unwrap();
    wait_for("each thread to stand still", || {
        let tasks = fs::read_dir(format!("/proc/{}/task", writer.child.id())).unwrap();
        tasks.into_iter().all(|task| {
            let stat = fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
            // The state stands behind the name, which is in brackets.
            stat.rsplit(") ").next().unwrap().starts_with('T')
        })
    });
}

/// Sectors that a device has written so far; nothing while it works.
fn written(disk: &Disk) -> Option<String> {
    let stat = fs::read_to_string(format!("/sys/block/{}/stat", disk.name())).unwrap();
    let fields: Vec<&str> = stat.split_whitespace().collect();
    let [.., writes, _, sectors, _, inflight] = fields.get(..9)? else {
        return None;
    };
    (*inflight == "0").then(|| format!("{writes} {sectors}"))
}

/// Copies the file behind a disk as it is at one instant.
fn cut(disk: &Disk, image: &Path, copy: &Path) {
    wait_for("an instant without a write", || {
        let Some(before) = written(disk) else {
            return false;
        };
        tool("cp", &["--sparse=always", text(image), text(copy)]);
        written(disk) == Some(before)
    });
}

/// One cut: starts a writer on the image, stops it at a random moment, gives the copy's acknowledged and lost.
fn cut_once(
    scratch: &Path,
    image: &Path,
    before: &Acked,
    class: usize,
    number: u32,
) -> (usize, Found) {
    let copy = scratch.join("copy.img");
    let mut acked = before.clone();
    {
        let disk = Disk::mount(image, &scratch.join("disk"), true);
        let mut writer = Writer::start(disk.dir(), scratch, class, number);
        // Every fifth is cut wherever it is: while the store is made, or opened after the cut before.
        if !number.is_multiple_of(5) {
            writer.wait_lines(OsRng.gen_range(1..60));
        }
        thread::sleep(Duration::from_micros(OsRng.gen_range(0..60_000)));
        stop(&writer);
        acked.extend(writer.acked());
        cut(&disk, image, &copy);
        drop(writer);
    }
    let disk = Disk::mount(&copy, &scratch.join("copy"), false);
    let found = check(disk.dir(), &acked);
    (acked.len(), found)
}

/// A store with some hundred submissions, stopped by a kill, in an image of its own.
fn age(scratch: &Path, image: &Path, class: usize, number: u32) -> Acked {
    format(image, IMAGE_MIB);
    let disk = Disk::mount(image, &scratch.join("disk"), true);
    let mut writer = Writer::start(disk.dir(), scratch, class, number);
    writer.wait_lines(if class == 0 { 300 } else { 60 });
    let acked = writer.kill();
    check(disk.dir(), &acked);
    acked
}

fn cut_often(class: usize) {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    let aged = scratch.path().join("aged.img");
    let aged_acked = age(scratch.path(), &aged, class, 1);
    let (mut acked, mut lost, mut epochs) = (0, 0, 0);
    let count = cuts().div_ceil(2);
    for at in 0..count {
        let number = u32::try_from(at).unwrap() + 2;
        let fresh = at.is_multiple_of(2);
        if fresh {
            format(&image, IMAGE_MIB);
        } else {
            tool("cp", &["--sparse=always", text(&aged), text(&image)]);
        }
        let before = if fresh { &Acked::new() } else { &aged_acked };
        let (acked_here, found) = cut_once(scratch.path(), &image, before, class, number);
        acked += acked_here;
        lost += found.lost;
        epochs += found.epochs;
    }
    eprintln!(
        "class {class}: {count} cuts, {acked} acknowledged, {lost} lost, {epochs} epochs whole"
    );
    assert_eq!(lost, 0, "of {acked} acknowledged in {count} cuts");
    assert!(
        acked > count * 10,
        "the writer was cut before it did anything: {acked}"
    );
}

#[test]
fn nothing_of_64_kib_is_lost() {
    cut_often(0);
}

#[test]
fn nothing_of_1_mib_is_lost() {
    cut_often(4);
}

/// The control: the same cut of a writer that acknowledges what it has written and not synced must show a loss.
#[test]
fn a_writer_that_does_not_sync_is_caught() {
    let scratch = tempfile::tempdir().unwrap();
    let (image, copy) = (
        scratch.path().join("disk.img"),
        scratch.path().join("copy.img"),
    );
    format(&image, 64);
    let acked = 100;
    {
        let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
        let mut file = fs::File::create(disk.dir().join("unsynced")).unwrap();
        for _ in 0..acked {
            file.write_all(&[0xaa; 4096]).unwrap();
        }
        cut(&disk, &image, &copy);
    }
    let disk = Disk::mount(&copy, &scratch.path().join("copy"), false);
    let found = fs::read(disk.dir().join("unsynced")).unwrap_or_default();
    let kept = found
        .chunks(4096)
        .filter(|block| block.iter().all(|byte| *byte == 0xaa))
        .count();
    eprintln!("control: {acked} acknowledged without a sync, {kept} kept");
    assert!(
        kept < acked,
        "the harness sees no loss where there must be one"
    );
}
