//! Both commands are killed, run out of disk, and have one call after the other fail.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use hafan_tests::reports::shaped;
use hafan_tests::{Failing, told};
use rand::Rng as _;
use rand::rngs::OsRng;
use xtask::process::guarded;

use crate::common_http::Laid;
use crate::{REPORTS, backed_up, backup, lose_store, names, put, restore, small_disk};

/// Kills a command after a random part of the time that it takes, or when it has ended.
fn killed(laid: &Laid, verb: &str, file: &Path, while_it_takes: Duration) {
    let mut process = guarded(&laid.program)
        .args([verb, "--config"])
        .arg(laid.path("config.toml"))
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(while_it_takes.mul_f64(OsRng.gen_range(0.0..1.5)));
    process.kill().unwrap();
    process.wait().unwrap();
}

#[test]
fn a_killed_backup_is_whole_or_not_there_and_a_killed_restore_is_no_store() {
    let (laid, archive) = backed_up();
    let sound = fs::read(&archive).unwrap();
    let (mut whole, mut cut) = (0, 0);
    let start = Instant::now();
    backup(&laid, &laid.path("timed.tar"));
    let backup_takes = start.elapsed();
    for _ in 0..20 {
        let out = laid.path("killed.tar");
        killed(&laid, "backup", &out, backup_takes);
        if out.exists() {
            assert!(
                fs::read(&out).unwrap() == sound,
                "a backup under its name is whole"
            );
            fs::remove_file(&out).unwrap();
            whole += 1;
        } else {
            cut += 1;
        }
    }
    lose_store(&laid);
    let start = Instant::now();
    restore(&laid, &archive);
    let restore_takes = start.elapsed();
    lose_store(&laid);
    for _ in 0..20 {
        killed(&laid, "restore", &archive, restore_takes);
        if laid.path("store/format").exists() {
            let again = laid.path("again.tar");
            let (code, said) = backup(&laid, &again);
            assert_eq!(code, Some(0), "{said}");
            assert!(fs::read(&again).unwrap() == sound, "a store is whole");
            fs::remove_file(&again).unwrap();
            lose_store(&laid);
            whole += 1;
        } else {
            // None was there, or what lies there is none.
            assert_eq!(laid.refused().code, Some(3));
            cut += 1;
        }
    }
    eprintln!("{whole} whole, {cut} cut off");
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
    let server = laid.serve();
    for number in 0..REPORTS {
        assert_eq!(put(&server, &shaped(number, 0)), 200);
    }
}

/// Calls by which a backup or a restoring changes the disk or makes that durable.
const CALLS: [&str; 5] = [
    "fsync,fdatasync",
    "write,pwrite64,copy_file_range",
    "rename,renameat,renameat2,link,linkat",
    "fallocate,ftruncate",
    "utimensat",
];

/// Runs a command with one call after the other failing, until it makes no more of them; `judge` hears how each ended.
fn each_call_fails(laid: &Laid, verb: &str, more: &[&OsStr], mut judge: impl FnMut(i32, &str)) {
    let trace = laid.path("trace");
    for calls in CALLS {
        for nth in 1..=CALLS_MAX {
            let failing = Failing {
                calls,
                error: "EIO",
                nth,
                trace: &trace,
            };
            let mut command = failing.command(&laid.program);
            command
                .args([verb, "--config"])
                .arg(laid.path("config.toml"));
            let (status, out, err) = told(command.args(more)).unwrap();
            let at = format!("{verb}: {calls} {nth} fails: {out}{err}");
            if !failing.happened().unwrap() {
                assert!(status.success(), "{at}");
                judge(0, &at);
                break;
            }
            judge(status.code().unwrap(), &at);
        }
    }
}

/// Of each kind of call: each is a process of its own.
const CALLS_MAX: u32 = 8;

#[test]
fn whichever_call_fails_a_backup_is_whole_or_not_there_and_a_restore_is_no_store() {
    let (laid, archive) = backed_up();
    let sound = fs::read(&archive).unwrap();
    let (vkey, out) = (laid.path("log.key.vkey"), laid.path("failing.tar"));
    let more = [OsStr::new("--log-vkey"), vkey.as_os_str(), out.as_os_str()];
    let mut ended = 0;
    each_call_fails(&laid, "backup", &more, |code, at| {
        assert_eq!(code == 0, out.exists(), "{at}");
        assert!(!laid.path("failing.tar.next").exists(), "{at}");
        if code == 0 {
            assert!(fs::read(&out).unwrap() == sound, "{at}");
            fs::remove_file(&out).unwrap();
        } else {
            assert_eq!(code, 3, "{at}");
            ended += 1;
        }
    });
    lose_store(&laid);
    each_call_fails(&laid, "restore", &[archive.as_os_str()], |code, at| {
        assert_eq!(code == 0, laid.path("store/format").exists(), "{at}");
        if code == 0 {
            let again = laid.path("again.tar");
            assert_eq!(backup(&laid, &again).0, Some(0), "{at}");
            assert!(fs::read(&again).unwrap() == sound, "{at}");
            fs::remove_file(&again).unwrap();
        } else {
            assert_eq!(code, 3, "{at}");
            assert_eq!(laid.refused().code, Some(3), "{at}");
            ended += 1;
        }
        lose_store(&laid);
    });
    eprintln!("{ended} ended");
    assert!(ended > 10, "{ended}");
    assert_eq!(restore(&laid, &archive).0, Some(0));
    let server = laid.serve();
    for number in 0..REPORTS {
        assert_eq!(put(&server, &shaped(number, 0)), 200);
    }
}

#[test]
fn a_full_disk_ends_both_with_words_and_leaves_nothing() {
    let (laid, archive) = backed_up();
    assert!(fs::metadata(&archive).unwrap().len() > 1 << 20);
    let small = laid.path("small");
    let disk = small_disk::Small::mount(small.clone());
    disk.leave(256);
    let (code, said) = backup(&laid, &small.join("backup.tar"));
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("there is no room for"), "{said}");
    assert_eq!(names(&small), ["filler"]);

    let store = small.join("store");
    lose_store(&laid);
    let config = fs::read_to_string(laid.path("config.toml")).unwrap();
    let moved = config.replace("store_dir = \"store\"", &format!("store_dir = {store:?}"));
    fs::write(laid.path("config.toml"), moved).unwrap();
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("there is no room in"), "{said}");
    assert_eq!(names(&store), Vec::<String>::new());
    fs::write(laid.path("config.toml"), config).unwrap();
    let (code, said) = restore(&laid, &archive);
    assert_eq!(code, Some(0), "{said}");
}
