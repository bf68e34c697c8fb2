//! A disk that is full, read-only or failing: what can go on goes on, what cannot ends with exit code 3, and nothing
//! that was acknowledged is lost. Needs root.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what fails in a helper fails its test, and the figures are shown"
)]

mod store_check;
mod store_disk;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hafan::store::{Body, EpochError, OpenError, Store, SubmitError};
use hafan_tests::TestServer;
use hafan_tests::reports::shaped;
use rustix::fs::{FallocateFlags, fallocate};
use store_check::{Acked, LIMIT, Writer, YEAR, check, config, signer, wait_for};
use store_disk::{Disk, format, text, tool};
use xtask::demo::Settings;

/// No call may take longer, whatever the disk does.
const CALL_MAX: Duration = Duration::from_secs(5);

/// Takes all room of a disk, until it is dropped.
struct Filler(std::path::PathBuf);

impl Filler {
    fn fill(dir: &Path) -> Self {
        let filler = Self(dir.join("filler"));
        let mut file = File::create(&filler.0).unwrap();
        let mut offset = 0;
        let mut step = 64 << 20;
        while step >= 4096 {
            match fallocate(&file, FallocateFlags::empty(), offset, step) {
                Ok(()) => offset += step,
                Err(_) => step /= 2,
            }
        }
        // What others free meanwhile is taken too.
        while file.write_all(&[0xff; 65_536]).is_ok()
            && file.metadata().unwrap().len() < offset + (1 << 26)
        {}
        filler
    }
}

impl Drop for Filler {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}

/// Runs a call, and says when it took too long.
fn in_time<T>(what: &str, call: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = call();
    let took = start.elapsed();
    assert!(took < CALL_MAX, "{what} took {} ms", took.as_millis());
    done
}

/// Load on a store: hands in from four sides and closes epochs until told to stop.
struct Load {
    stop: AtomicBool,
    full: AtomicUsize,
    epochs_full: AtomicUsize,
    acked: AtomicUsize,
}

impl Load {
    fn submit(&self, store: &Store, side: u64) -> Acked {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let force = "btp".parse().unwrap();
        let mut acked = Acked::new();
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let prepared = shaped((side << 32) + number, 0);
            let answer = runtime.block_on(async {
                let submitted = store.submit(&force, prepared.h, Body::Memory(prepared.submission));
                tokio::time::timeout(CALL_MAX, submitted).await
            });
            match answer.unwrap() {
                Ok(_) => {
                    self.acked.fetch_add(1, Ordering::Relaxed);
                    acked.insert(("btp".to_owned(), prepared.h.to_string()));
                }
                Err(SubmitError::StoreFull) => {
                    self.full.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
        acked
    }

    fn sequence(&self, store: &Store) {
        while !self.stop.load(Ordering::Relaxed) {
            for force in store.forces() {
                match in_time("an epoch", || store.close_epoch(force, YEAR, &signer())) {
                    Ok(()) => {}
                    Err(EpochError::StoreFull) => {
                        self.epochs_full.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// Tells the load to stop, after a panic too: the threads are waited for.
struct StopLoad<'a>(&'a Load);

impl Drop for StopLoad<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_full_disk_refuses_keeps_reading_and_heals() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    format(&image, 160);
    let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
    let config = config(disk.dir());
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = Store::open(&config, &signer().verifier(), &|_| {}).unwrap();
    let load = Load {
        stop: AtomicBool::new(false),
        full: AtomicUsize::new(0),
        epochs_full: AtomicUsize::new(0),
        acked: AtomicUsize::new(0),
    };
    let acked: Acked = std::thread::scope(|scope| {
        let sides: Vec<_> = (0..4)
            .map(|side| {
                scope.spawn({
                    let (load, store) = (&load, &store);
                    move || load.submit(store, side)
                })
            })
            .collect();
        scope.spawn(|| load.sequence(&store));
        let stop = StopLoad(&load);
        for _ in 0..3 {
            let acked_before = load.acked.load(Ordering::Relaxed);
            wait_for("submissions", || {
                load.acked.load(Ordering::Relaxed) > acked_before + 20
            });
            let filler = Filler::fill(disk.dir());
            let full_before = load.full.load(Ordering::Relaxed);
            wait_for("a refusal", || {
                load.full.load(Ordering::Relaxed) > full_before + 8
            });
            assert!(store.health().full && !store.health().writable);
            for force in store.forces() {
                assert!(in_time("a checkpoint", || store.checkpoint(force, YEAR)).is_some());
                in_time("drops", || store.drops(force, YEAR, 0, 512)).unwrap();
            }
            let page = store
                .drops(&"btp".parse().unwrap(), YEAR, 0, 8)
                .unwrap()
                .unwrap();
            for drop in &page.drops {
                in_time("a blob", || store.blob(&"btp".parse().unwrap(), &drop.h))
                    .unwrap()
                    .unwrap();
            }
            drop(filler);
            wait_for("health", || !store.health().full);
        }
        drop(stop);
        sides
            .into_iter()
            .flat_map(|side| side.join().unwrap())
            .collect()
    });
    store.shutdown();
    drop(store);
    let found = check(disk.dir(), &acked);
    eprintln!(
        "full: {} acknowledged, {} lost, {} refused, {} epochs refused, {} epochs whole",
        acked.len(),
        found.lost,
        load.full.load(Ordering::Relaxed),
        load.epochs_full.load(Ordering::Relaxed),
        found.epochs
    );
    assert_eq!(found.lost, 0);
}

#[test]
fn a_disk_that_is_read_only_is_named_and_nothing_is_changed() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    format(&image, 128);
    let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
    let mut writer = Writer::start(disk.dir(), scratch.path(), 0, 1);
    writer.wait_lines(40);
    let acked = writer.kill();
    tool("mount", &["-o", "remount,ro", text(disk.dir())]);
    let config = config(disk.dir());
    let error = in_time("an opening", || {
        Store::open(&config, &signer().verifier(), &|_| {})
    })
    .unwrap_err();
    assert!(
        matches!(&error, OpenError::Io { path, source } if path.starts_with(disk.dir())
            && source.kind() == std::io::ErrorKind::ReadOnlyFilesystem),
        "{error:?}"
    );
    tool("mount", &["-o", "remount,rw", text(disk.dir())]);
    assert_eq!(check(disk.dir(), &acked).lost, 0);
}

/// Waits for a writer to end by itself, as it must: exit code 3, and a message that says what to do.
fn ends_with_3(mut writer: Writer) -> Acked {
    let mut ended = None;
    wait_for("the writer's end", || {
        ended = writer.child.try_wait().unwrap();
        ended.is_some()
    });
    let complaint = fs::read_to_string(&writer.complained).unwrap();
    eprint!("{complaint}");
    assert_eq!(ended.unwrap().code(), Some(3), "{complaint}");
    assert!(complaint.contains("The server stops now"), "{complaint}");
    writer.kill()
}

#[test]
fn a_file_system_that_fails_under_load_ends_the_process_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    format(&image, 256);
    let acked = {
        let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
        let mut writer = Writer::start(disk.dir(), scratch.path(), 0, 1);
        writer.wait_lines(60);
        // ext4 takes this for damage that it found itself, and lets nothing be written any more.
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", disk.name());
        fs::write(trigger, "a test of hafan's store").unwrap();
        ends_with_3(writer)
    };
    restart_after_repair(scratch.path(), &image, &acked);
}

/// What an administrator does: checks the file system, mounts it, and starts again.
fn restart_after_repair(scratch: &Path, image: &Path, acked: &Acked) {
    // Its exit code says whether it mended something; whether the disk mounts is what counts.
    let _mended = std::process::Command::new("e2fsck")
        .args(["-f", "-y", text(image)])
        .output()
        .unwrap();
    let disk = Disk::mount(image, &scratch.join("disk"), false);
    let found = check(disk.dir(), acked);
    eprintln!(
        "{} acknowledged, {} lost, {} epochs whole",
        acked.len(),
        found.lost,
        found.epochs
    );
    assert!(!acked.is_empty());
    assert_eq!(found.lost, 0);
}

/// A small tmpfs, gone when dropped.
struct Small(std::path::PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        let _unmounted = std::process::Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_disk_that_fails_to_write_ends_the_process_and_loses_nothing() {
    let scratch = tempfile::tempdir().unwrap();
    let small = Small(scratch.path().join("small"));
    fs::create_dir(&small.0).unwrap();
    tool(
        "mount",
        &["-t", "tmpfs", "-o", "size=48m", "none", text(&small.0)],
    );
    // The disk says that it has 512 MiB; behind it there are 48, and then each write fails with EIO.
    let image = small.0.join("disk.img");
    format(&image, 512);
    let acked = {
        let disk = Disk::mount(&image, &scratch.path().join("disk"), false);
        let writer = Writer::start(disk.dir(), scratch.path(), 0, 1);
        ends_with_3(writer)
    };
    tool("mount", &["-o", "remount,size=600m", text(&small.0)]);
    restart_after_repair(scratch.path(), &image, &acked);
}

#[test]
fn a_server_with_a_full_disk_answers_507_and_goes_on_reading() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    format(&image, 640);
    let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
    let server = TestServer::start_in(&disk.dir().join("system"), &Settings::small()).unwrap();
    let put = |number| {
        let prepared = shaped(number, 0);
        in_time("a submission", || {
            server.put("btp", &prepared.h, &prepared.submission)
        })
        .unwrap()
    };
    assert_eq!(put(1).status, 201);
    let filler = Filler::fill(disk.dir());
    let refused = put(2);
    assert_eq!(refused.status, 507);
    assert!(
        refused.text().contains("/problems/store-full"),
        "{}",
        refused.text()
    );
    let checkpoint = format!("/log/btp/{}/checkpoint", hafan::sequencer::year_utc());
    assert_eq!(
        in_time("a checkpoint", || server.get(&checkpoint))
            .unwrap()
            .status,
        200
    );
    drop(filler);
    let healed = Instant::now();
    while put(2).status != 201 {
        assert!(healed.elapsed() < LIMIT, "it does not heal");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(put(1).status, 200);
    drop(server);
}

/// Submissions of 2 MiB.
const LARGE: usize = 5;

#[test]
fn a_days_flood_to_one_force_ends_before_the_disk_does_and_stops_no_other() {
    let scratch = tempfile::tempdir().unwrap();
    let image = scratch.path().join("disk.img");
    format(&image, 640);
    let disk = Disk::mount(&image, &scratch.path().join("disk"), true);
    let settings = Settings {
        forces: ["btp", "leicestershire"].map(str::to_owned).to_vec(),
        more: "gateway_listen = \"127.0.0.1:0\"".to_owned(),
        ..Settings::small()
    };
    let server = TestServer::start_in(&disk.dir().join("system"), &settings).unwrap();
    let heard = String::from_utf8(server.heard()).unwrap();
    let gateway = heard
        .lines()
        .find_map(|line| line.strip_prefix("gateway listening on "));
    // By this way no work is asked for: it is the disk that is looked at.
    let gateway = gateway.unwrap().parse().unwrap();
    let put = |force: &str, number, class| {
        let report = shaped(number, class);
        let h = report.h.to_string();
        hafan_tests::put(gateway, force, &h, &report.submission).unwrap()
    };
    let mut taken = 0;
    let refused = loop {
        let answer = put("btp", taken, LARGE);
        if answer.status != 201 {
            break answer;
        }
        taken += 1;
        assert!(taken < 300, "the disk has no room for so many");
    };
    eprintln!("{taken} taken");
    assert!(taken > 8, "{taken} taken");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json().unwrap()["type"], "/problems/busy");
    assert_eq!(refused.header("retry-after"), Some("10"));
    // Who sends again what is kept is told so, the disk is not full, and the other force has its own day.
    assert_eq!(put("btp", 0, LARGE).status, 200);
    for number in 1_000..1_004 {
        assert_eq!(put("leicestershire", number, LARGE).status, 201);
    }
    assert_eq!(server.get("/readyz").unwrap().status, 200);
}
