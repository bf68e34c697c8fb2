//! `hafan-audit store` on what a server really left: each file and each kind of byte of it, damaged in a copy.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hafan::store::{Store, StoreConfig};
use hafan_tests::TestServer;
use hafan_tests::reports::{Noise, shaped, shaped_draft};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use xtask::demo::Settings;
use xtask::http::request;
use xtask::process::run;

use crate::made::{LOG_NAME, change, log_key, write};
use crate::made_store::{
    MadeEpoch, MadeStore, leaf, midnight, page, private, sent, set_time, settle,
};
use crate::{Said, audit, text};

/// What a server left that took reports of two classes, closed epochs, kept a draft and gave it, and was stopped.
fn left() -> TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("left");
    let mut server = TestServer::start_in(&dir, &Settings::small()).unwrap();
    for number in 0..4 {
        let report = shaped(number, usize::try_from(number % 2).unwrap());
        let answer = server.put("btp", &report.h, &report.submission);
        assert_eq!(answer.unwrap().status, 201);
    }
    let key = [5; 32];
    let id = Sha256::new()
        .chain_update(b"hafan/draft-id/v1\0")
        .chain_update(key);
    let address = format!("/v1/drafts/{}", hex::encode(id.finalize()));
    let draft = [&key[..], &shaped_draft(1)].concat();
    let head = [("Content-Type", "application/vnd.hafan.draft")];
    for (method, head, body, status) in [
        ("PUT", &head[..], Some(&draft[..]), 201),
        ("GET", &[], None, 200),
    ] {
        let answer = request(server.address(), method, &address, head, body);
        assert_eq!(answer.unwrap().status, status);
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(server.terminate().unwrap().success());
    scratch
}

struct Copy {
    dir: TempDir,
}

impl Copy {
    fn of(left: &TempDir) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut copy = std::process::Command::new("cp");
        copy.args(["-a", "--sparse=always"]);
        run("cp", copy.arg(left.path().join("left")).arg(dir.path())).unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("left").join(name)
    }

    fn look(&self) -> Said {
        audit(&["store", "--config", text(&self.path("config.toml"))])
    }

    fn index(&self, change: impl FnOnce(&sled::Db)) {
        let config = sled::Config::new()
            .path(self.path("store/index"))
            .segment_size(2 << 20)
            .flush_every_ms(None);
        let db = config.open().unwrap();
        change(&db);
        db.flush().unwrap();
        drop(db);
        settle(&self.path("store/index"));
    }

    /// Puts a file there as private as the others.
    fn put(&self, name: &str, bytes: &[u8]) {
        write(&self.path(name), bytes);
        private(&self.path(name), 0o600);
    }
}

const SEGMENT: &str = "store/segments/000000.log";

/// The place of the first frame of a kind in the segment, and behind the last one.
fn frame(segment: &Path, kind: u8) -> (usize, usize) {
    let bytes = fs::read(segment).unwrap();
    let (mut at, mut found) = (0, None);
    while bytes[at..].starts_with(b"hfn1") {
        if bytes[at + 4] == kind && found.is_none() {
            found = Some(at);
        }
        let size = u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap());
        at += (usize::try_from(size).unwrap() + 24).next_multiple_of(8);
    }
    (found.unwrap(), at)
}

/// What a folder holds, which is one thing.
fn only(dir: &Path) -> PathBuf {
    fs::read_dir(dir).unwrap().next().unwrap().unwrap().path()
}

fn damage(copy: &Copy, change: impl FnOnce(&mut Vec<u8>)) {
    let segment = copy.path(SEGMENT);
    crate::made::change(&segment, change);
    midnight(&segment);
}

type Fault = (&'static str, fn(&Copy), &'static str);

const FAULTS: &[Fault] = &[
    (
        "a stray file",
        |copy| copy.put("store/notes.txt", b"caller from Leeds, 12:31"),
        "stray-file notes.txt",
    ),
    (
        "a stray folder",
        |copy| {
            fs::create_dir(copy.path("store/spool")).unwrap();
        },
        "stray-folder spool",
    ),
    (
        "a core file",
        |copy| copy.put("store/core.4711", b"\x7fELF"),
        "core-file core.4711",
    ),
    (
        "a core file by another name",
        |copy| {
            copy.put(
                "store/segments/000001.bak",
                b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x04\0\x3e\0",
            );
        },
        "core-file segments/000001.bak",
    ),
    (
        "a swap file",
        |copy| {
            let mut page = vec![0; 4096];
            page[4086..].copy_from_slice(b"SWAPSPACE2");
            copy.put("store/swap", &page);
        },
        "swap-file swap",
    ),
    (
        "a link",
        |copy| symlink("/etc/hostname", copy.path("store/torn-000000-8")).unwrap(),
        "not-a-file torn-000000-8",
    ),
    (
        "a stray link",
        |copy| symlink("/etc", copy.path("store/etc")).unwrap(),
        "stray-link etc",
    ),
    (
        "a second name of a segment",
        |copy| fs::hard_link(copy.path(SEGMENT), copy.path("kept")).unwrap(),
        "hard-link segments/000000.log",
    ),
    (
        "permissions for all",
        |copy| private(&copy.path(SEGMENT), 0o644),
        "open-permissions segments/000000.log",
    ),
    (
        "a folder open to a group",
        |copy| private(&copy.path("pinned"), 0o750),
        "open-permissions pinned",
    ),
    (
        "an extended attribute",
        |copy| {
            let flags = rustix::fs::XattrFlags::empty();
            rustix::fs::setxattr(
                copy.path("store/format"),
                "user.from",
                b"203.0.113.7",
                flags,
            )
            .unwrap();
        },
        "extended-attribute format: it is called user.from",
    ),
    (
        "a fine time of a segment",
        |copy| set_time(&copy.path(SEGMENT), 1_795_000_001),
        "fine-time segments/000000.log",
    ),
    (
        "a fine time of a pin",
        |copy| set_time(&copy.path("pinned/btp-2026.checkpoint"), 1_795_000_001),
        "fine-time pinned/btp-2026.checkpoint",
    ),
    (
        "a fine time of the drafts",
        |copy| set_time(&copy.path("drafts"), 1_795_000_001),
        "fine-time drafts",
    ),
    (
        "a fine time of a day of drafts",
        |copy| set_time(&only(&copy.path("drafts")), 1_795_000_001),
        "fine-time drafts/2",
    ),
    (
        "a fine time of a draft",
        |copy| set_time(&only(&only(&copy.path("drafts"))), 1_795_000_001),
        "fine-time drafts/2",
    ),
    (
        "another format",
        |copy| copy.put("store/format", b"hafan store 1\n# 203.0.113.7\n"),
        "changed-file format",
    ),
    (
        "words in the lock",
        |copy| copy.put("store/lock", b"4711\n"),
        "changed-file lock",
    ),
    (
        "another end in the mark of the clean stop",
        |copy| copy.put("store/clean", b"value log ends at segment 000000 byte 8\n"),
        "changed-file clean",
    ),
    (
        "the format is gone",
        |copy| fs::remove_file(copy.path("store/format")).unwrap(),
        "missing-file format",
    ),
    (
        "a segment is gone",
        |copy| {
            fs::rename(copy.path(SEGMENT), copy.path("store/segments/000001.log")).unwrap();
            midnight(&copy.path("store/segments"));
        },
        "missing-segment segments/000000.log",
    ),
    (
        "all segments are gone",
        |copy| {
            fs::remove_file(copy.path(SEGMENT)).unwrap();
            midnight(&copy.path("store/segments"));
        },
        "rolled-back pinned/btp-2026.checkpoint",
    ),
    (
        "a segment was cut",
        |copy| damage(copy, |bytes| bytes.truncate(32 << 20)),
        "segment-size segments/000000.log",
    ),
    (
        "a torn tail of a place that there is not",
        |copy| {
            copy.put("store/torn-000000-60000000", b"hfn1");
            midnight(&copy.path("store/torn-000000-60000000"));
        },
        "changed-file torn-000000-60000000",
    ),
    (
        "words for a torn tail",
        |copy| {
            copy.put(
                "store/torn-000000-8",
                &b"she said that it was dark ".repeat(9),
            );
            midnight(&copy.path("store/torn-000000-8"));
        },
        "changed-file torn-000000-8",
    ),
    (
        "a byte of a frame's header",
        |copy| {
            let (at, _) = frame(&copy.path(SEGMENT), 1);
            damage(copy, |bytes| bytes[at + 9] ^= 1);
        },
        "rotten segments/000000.log byte",
    ),
    (
        "a byte of an intake frame",
        |copy| {
            let (at, _) = frame(&copy.path(SEGMENT), 1);
            damage(copy, |bytes| bytes[at + 5000] ^= 1);
        },
        "rotten segments/000000.log byte",
    ),
    (
        "a byte of an epoch frame",
        |copy| {
            let (at, _) = frame(&copy.path(SEGMENT), 2);
            damage(copy, |bytes| bytes[at + 40] ^= 1);
        },
        "rotten segments/000000.log byte",
    ),
    (
        "a byte between frames",
        |copy| {
            let segment = copy.path(SEGMENT);
            let bytes = fs::read(&segment).unwrap();
            let mut at = 0;
            // The first frame that is not a multiple of 8 by itself.
            let padding = loop {
                assert!(bytes[at..].starts_with(b"hfn1"), "no frame has padding");
                let size = u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap());
                let end = at + usize::try_from(size).unwrap() + 24;
                if !end.is_multiple_of(8) {
                    break end;
                }
                at = end;
            };
            damage(copy, |bytes| bytes[padding] = 7);
        },
        "rotten segments/000000.log byte",
    ),
    (
        "words behind the last frame",
        |copy| {
            let (_, end) = frame(&copy.path(SEGMENT), 1);
            damage(copy, |bytes| {
                bytes[end + 4096..end + 4104].copy_from_slice(b"she said");
            });
        },
        "rotten segments/000000.log byte",
    ),
    (
        "a tree of another name in the index",
        |copy| copy.index(|db| drop(db.open_tree("visits").unwrap().insert("a", "b").unwrap())),
        "unknown-tree index tree visits",
    ),
    (
        "a row of another kind in the index",
        |copy| copy.index(|db| drop(db.insert("Xbtp\x00203.0.113.7", "12:31").unwrap())),
        "unknown-row index row",
    ),
    (
        "a key of no kind in the index",
        |copy| copy.index(|db| drop(db.insert("last seen", "12:31").unwrap())),
        "unknown-row index row",
    ),
    (
        "a submission in the index that there is not",
        |copy| {
            copy.index(|db| {
                drop(
                    db.insert([b"Dbtp\0".as_slice(), &[7; 32]].concat(), vec![0; 48])
                        .unwrap(),
                );
            });
        },
        "wrong-row index row",
    ),
    (
        "words in the place of a submission's place",
        |copy| {
            copy.index(|db| {
                let (key, _) = db.scan_prefix("D").next().unwrap().unwrap();
                db.insert(key, "she said that it was dark").unwrap();
            });
        },
        "wrong-row index row",
    ),
    (
        "another leaf in the index",
        |copy| copy.index(|db| alter(db, "L")),
        "wrong-row index row",
    ),
    (
        "another seed in the index",
        |copy| copy.index(|db| alter(db, "P")),
        "wrong-row index row",
    ),
    (
        "another root in the index",
        |copy| copy.index(|db| alter(db, "S")),
        "wrong-row index row",
    ),
    (
        "a row is gone from the index",
        |copy| {
            copy.index(|db| {
                let (key, _) = db.scan_prefix("L").next().unwrap().unwrap();
                db.remove(key).unwrap();
            });
        },
        "missing-row index",
    ),
    (
        "text in sled's own file",
        |copy| {
            let words = b"She said that it was dark, and that nobody else was there at all.";
            change(&copy.path("store/index/db"), |bytes| bytes.extend(words));
        },
        "plaintext index/db byte",
    ),
    (
        "another word in sled's settings",
        |copy| change(&copy.path("store/index/conf"), |bytes| bytes[0] = b'S'),
        "bad-index index/conf",
    ),
    (
        "a blob beside sled's file",
        |copy| copy.put("store/index/blobs/7", b"words"),
        "stray-file index/blobs/7",
    ),
    (
        "an index of noise",
        |copy| noise(&copy.path("store/index/db")),
        "missing-row index",
    ),
    (
        "words in the name of a snapshot of sled's",
        |copy| copy.put("store/index/snap.from Leeds at 12:31", b""),
        "stray-file index/snap.from Leeds at 12:31",
    ),
    (
        "a torn tail of a segment that is written otherwise",
        |copy| copy.put("store/torn-+00000-8", b""),
        "stray-file torn-+00000-8",
    ),
    (
        "a pin of a log that there is not",
        |copy| {
            let pin = copy.path("pinned/btp-2026.checkpoint");
            fs::rename(&pin, copy.path("pinned/btp-2027.checkpoint")).unwrap();
            midnight(&copy.path("pinned"));
        },
        "bad-checkpoint pinned/btp-2027.checkpoint",
    ),
];

/// Noise in the place of a file.
fn noise(path: &Path) {
    let mut bytes = vec![0; 5_000_000];
    Noise::new(1).fill(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Changes the last byte of the first value under a letter.
fn alter(db: &sled::Db, letter: &str) {
    let (key, value) = db.scan_prefix(letter).next().unwrap().unwrap();
    let mut value = value.to_vec();
    *value.last_mut().unwrap() ^= 1;
    db.insert(key, value).unwrap();
}

#[test]
fn each_fault_of_a_servers_store_is_named_and_nothing_of_it_is_changed() {
    let left = left();
    let intact = Copy::of(&left);
    let before = listing(&intact);
    intact.look().holds();
    // The index was looked at in a copy: not a byte and not a time is another.
    assert_eq!(listing(&intact), before);
    for (what, damage, wanted) in FAULTS {
        let copy = Copy::of(&left);
        damage(&copy);
        let said = copy.look();
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
    // Without the mark of a clean stop the same is no finding, and no answer either.
    let copy = Copy::of(&left);
    noise(&copy.path("store/index/db"));
    fs::remove_file(copy.path("store/clean")).unwrap();
    copy.look().fails(3, "so its rows were not read");
}

/// Each file with its time of change and its bytes, but for the segment's zeros.
fn listing(copy: &Copy) -> Vec<(PathBuf, std::time::SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    for dir in ["store", "pinned"] {
        for file in xtask::search::files_under(&copy.path(dir)).unwrap() {
            let time = fs::metadata(&file).unwrap().modified().unwrap();
            let bytes = fs::read(&file).unwrap();
            found.push((file, time, bytes));
        }
    }
    found
}

#[test]
fn a_store_whose_server_was_killed_holds() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("left");
    let mut server = TestServer::start_in(&dir, &Settings::small()).unwrap();
    let report = shaped(1, 0);
    let answer = server.put("btp", &report.h, &report.submission);
    assert_eq!(answer.unwrap().status, 201);
    let config = dir.join("config.toml");
    audit(&["store", "--config", text(&config)]).fails(3, "is open in a server");
    // The index gets to its file behind the answer. One that is empty there was not looked at, and is no store that holds.
    let (file, row) = (dir.join("store/index/db"), report.h.0);
    let until = Instant::now() + Duration::from_secs(30);
    while !fs::read(&file)
        .unwrap()
        .windows(row.len())
        .any(|part| part == row)
    {
        assert!(Instant::now() < until, "the index has no row of the report");
        std::thread::sleep(Duration::from_millis(20));
    }
    server.kill().unwrap();
    let said = audit(&["store", "--config", text(&config), "--json"]);
    assert_eq!(said.code, Some(0), "{}", said.text);
    let json: serde_json::Value = serde_json::from_str(&said.text).unwrap();
    let submissions = serde_json::json!({"what": "submissions", "much": "1"});
    let looked_at = json["looked_at"].as_array().unwrap();
    assert!(looked_at.contains(&submissions), "{}", said.text);
}

#[test]
fn the_index_that_a_server_makes_of_pages_holds_and_each_of_its_rows_is_compared() {
    let mut made = MadeStore::new();
    let submission = sent(1).submission;
    let (page, page_leaf) = page(1);
    made.begin();
    made.intake(std::slice::from_ref(&submission));
    made.page(&page);
    made.epoch(&MadeEpoch::of(1, &[leaf(&submission), page_leaf]));
    made.page(&crate::made_store::page(2).0);
    made.write();
    let config = StoreConfig {
        store_dir: made.path("store"),
        pinned_dir: made.path("pinned"),
        intake_batch: Duration::ZERO,
        free_bytes_min: 0,
        segment_size_bytes: 64 << 20,
        leaves_per_epoch: 8,
        log_name: LOG_NAME.to_owned(),
        forces: vec!["btp".parse().unwrap()],
    };
    let store = Store::open(&config, &log_key(7).verifier(), &|_| {}).unwrap();
    store.shutdown();
    drop(store);
    settle(&made.path("store"));
    let look = || audit(&["store", "--config", text(&made.path("config.toml"))]);
    look().holds();
    let index = made.path("store/index");
    for (letter, wanted) in [
        (b'R', "wrong-row"),
        (b'Q', "wrong-row"),
        (b'A', "wrong-row"),
    ] {
        let db = sled::Config::new().path(&index).segment_size(2 << 20);
        let db = db.flush_every_ms(None).open().unwrap();
        let (key, value) = db.scan_prefix([letter]).next().unwrap().unwrap();
        let mut changed = value.to_vec();
        *changed.last_mut().unwrap() ^= 1;
        db.insert(&key, changed).unwrap();
        db.flush().unwrap();
        drop(db);
        settle(&index);
        look().finds(wanted);
        let db = sled::Config::new().path(&index).segment_size(2 << 20);
        let db = db.flush_every_ms(None).open().unwrap();
        db.insert(&key, value).unwrap();
        db.flush().unwrap();
        drop(db);
        settle(&index);
    }
    look().holds();
}
