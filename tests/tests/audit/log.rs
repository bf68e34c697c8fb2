//! `hafan-audit log`: every kind of damage to a log, to its head, and to what it was before.

use std::fs;
use std::path::{Path, PathBuf};

use hafan_tests::TestServer;
use hafan_tlog::{Signer, note};
use tempfile::TempDir;
use xtask::demo::Settings;

use crate::made::{MadeLog, Mirror, ORIGIN, change, flip, log_key, root, signed, swap, write};
use crate::{Said, audit, oracles, text};

/// Four full tiles and one that is not, of epochs of 8.
const SIZE: u32 = 1096;

fn one(dir: &Path) -> Said {
    let key = log_key(7).verifier().to_string();
    let flags = ["--force", "btp", "--leaves", "8", "--log-key", &key];
    audit(&[["log", "--dir", text(dir)].as_slice(), &flags].concat())
}

fn mirrored(mirror: &Mirror, more: &[&str]) -> Said {
    let root = root().verifier().to_string();
    let dir = mirror.dir.path();
    let flags = ["log", "--dir", text(dir), "--force", "btp", "--root", &root];
    audit(&[&flags, more].concat())
}

/// A fault of one log: what it is called, how it comes about, and what must be said of it.
type Fault = (&'static str, fn(&Path), &'static str);

const FAULTS: &[Fault] = &[
    (
        "a byte of an entry",
        |log| flip(&log.join("tile/entries/001"), 700),
        "altered-tile btp/2026/tile/entries/001: leaf 266 is not",
    ),
    (
        "a byte of an entry in the last bundle",
        |log| flip(&log.join("tile/entries/004.p/72"), 20),
        "altered-tile btp/2026/tile/entries/004.p/72: leaf 1024 is not",
    ),
    (
        "a byte of a tile of leaf hashes",
        |log| flip(&log.join("tile/0/002"), 64),
        "altered-tile btp/2026/tile/0/002: the hash of leaf 514 is not",
    ),
    (
        "a byte of the last tile of leaf hashes",
        |log| flip(&log.join("tile/0/004.p/72"), 0),
        "altered-tile btp/2026/tile/0/004.p/72: the hash of leaf 1024",
    ),
    (
        "a byte of a tile above",
        |log| flip(&log.join("tile/1/000.p/4"), 40),
        "altered-tile btp/2026/tile/1/000.p/4: hash 1 is not",
    ),
    (
        "a bundle is gone",
        |log| fs::remove_file(log.join("tile/entries/000")).unwrap(),
        "missing-tile btp/2026/tile/entries/000",
    ),
    (
        "a tile is gone",
        |log| fs::remove_file(log.join("tile/0/003")).unwrap(),
        "missing-tile btp/2026/tile/0/003",
    ),
    (
        "a tile above is gone",
        |log| fs::remove_file(log.join("tile/1/000.p/4")).unwrap(),
        "missing-tile btp/2026/tile/1/000.p/4",
    ),
    (
        "two bundles have changed places",
        |log| swap(&log.join("tile/entries/000"), &log.join("tile/entries/001")),
        "altered-tile btp/2026/tile/entries/000: it holds what belongs to tile/entries/001",
    ),
    (
        "two tiles have changed places",
        |log| swap(&log.join("tile/0/000"), &log.join("tile/0/002")),
        "altered-tile btp/2026/tile/0/002: it holds what belongs to tile/0/000",
    ),
    (
        "a leaf was taken out of a bundle",
        |log| {
            change(&log.join("tile/entries/001"), |bytes| {
                drop(bytes.drain(680..748));
            });
        },
        "altered-tile btp/2026/tile/entries/001: it holds 255 entries",
    ),
    (
        "two leaves have changed places",
        |log| {
            change(&log.join("tile/entries/003"), |bytes| {
                let (first, second) = bytes[680..816].split_at_mut(68);
                first.swap_with_slice(second);
            });
        },
        "altered-tile btp/2026/tile/entries/003: leaf 778 is not",
    ),
    (
        "an entry more than the last bundle has",
        |log| {
            change(&log.join("tile/entries/004.p/72"), |bytes| {
                let one = bytes[..68].to_vec();
                bytes.extend(one);
            });
        },
        "altered-tile btp/2026/tile/entries/004.p/72: it holds 73 entries, want 72",
    ),
    (
        "words behind the last tile of leaf hashes, as many as a full one has room for",
        |log| {
            change(&log.join("tile/0/004.p/72"), |bytes| {
                bytes.resize(8192, b'w');
            });
        },
        "altered-tile btp/2026/tile/0/004.p/72: it is 8192 bytes, want 72 hashes",
    ),
    (
        "words behind a tile above",
        |log| {
            change(&log.join("tile/1/000.p/4"), |bytes| {
                bytes.resize(8192, b'w');
            });
        },
        "altered-tile btp/2026/tile/1/000.p/4: it is 8192 bytes, want 4 hashes",
    ),
    (
        "more leaves are signed than anybody has",
        |log| {
            let head = MadeLog::new(SIZE).head().replace("1096", "281474976710656");
            write(&log.join("checkpoint"), &signed(&head, &[7; 32]));
        },
        "missing-tile btp/2026/tile/entries/005",
    ),
    (
        "an entry says that it is shorter",
        |log| change(&log.join("tile/entries/000"), |bytes| bytes[1] = 65),
        "altered-tile btp/2026/tile/entries/000: entry 0 of it is not 66 bytes",
    ),
    (
        "a bundle was cut",
        |log| change(&log.join("tile/entries/002"), |bytes| bytes.truncate(100)),
        "altered-tile btp/2026/tile/entries/002: 100 bytes are no whole number",
    ),
    (
        "a tile was cut",
        |log| change(&log.join("tile/0/001"), |bytes| bytes.truncate(8000)),
        "altered-tile btp/2026/tile/0/001: it is 8000 bytes",
    ),
    (
        "a byte of the root",
        |log| flip(&log.join("checkpoint"), 40),
        "bad-checkpoint btp/2026/checkpoint: the signature does not verify",
    ),
    (
        "the size was changed",
        |log| change(&log.join("checkpoint"), |bytes| bytes[27] = b'2'),
        "bad-checkpoint btp/2026/checkpoint",
    ),
    (
        "another key has signed",
        |log| {
            write(
                &log.join("checkpoint"),
                &signed(&MadeLog::new(SIZE).head(), &[8; 32]),
            );
        },
        "bad-checkpoint btp/2026/checkpoint: another key has signed",
    ),
    (
        "the checkpoint is that of another log",
        |log| {
            let head = MadeLog::new(SIZE).head().replace("btp", "merseyside");
            write(&log.join("checkpoint"), &signed(&head, &[7; 32]));
        },
        "bad-checkpoint btp/2026/checkpoint: it is the checkpoint of another log",
    ),
    (
        "the checkpoint says more than it may",
        |log| {
            let head = MadeLog::new(SIZE).head() + "12:31:07\n";
            write(&log.join("checkpoint"), &signed(&head, &[7; 32]));
        },
        "bad-checkpoint btp/2026/checkpoint: not a checkpoint",
    ),
    (
        "a second signature stands under it",
        |log| {
            let other = Signer::from_seed("witness.example", &[9; 32]).unwrap();
            let key = Signer::from_seed(ORIGIN, &[7; 32]).unwrap();
            let both = note::sign(&MadeLog::new(SIZE).head(), &[&key, &other]).unwrap();
            write(&log.join("checkpoint"), &both);
        },
        "bad-checkpoint btp/2026/checkpoint: the note has 2 signatures",
    ),
    (
        "a leaf was exchanged everywhere but in the checkpoint",
        |log| {
            let head = fs::read(log.join("checkpoint")).unwrap();
            other_leaf(300).write(log);
            write(&log.join("checkpoint"), &head);
        },
        "fork btp/2026/checkpoint: the signed root of 1096 leaves",
    ),
    (
        "a leaf of no kind that there is",
        |log| kind(300, 1, 1).write(log),
        "unknown-kind btp/2026/leaf 300: its kind is 01",
    ),
    (
        "a leaf of another version",
        |log| kind(1030, 0, 2).write(log),
        "unknown-kind btp/2026/leaf 1030: its first byte is 02",
    ),
    (
        "an epoch has three leaves more",
        |log| MadeLog::new(SIZE + 3).write(log),
        "irregular-epoch btp/2026/checkpoint: the log grew by 1099 leaves",
    ),
];

fn other_leaf(index: usize) -> MadeLog {
    let leaf = MadeLog::new(5000).leaves[4000];
    MadeLog::new(SIZE).with(index, leaf)
}

fn kind(index: usize, at: usize, byte: u8) -> MadeLog {
    let log = MadeLog::new(SIZE);
    let mut leaf = log.leaves[index];
    leaf[at] = byte;
    log.with(index, leaf)
}

#[test]
fn each_fault_of_a_log_is_named_and_the_intact_log_holds() {
    for (what, damage, wanted) in FAULTS {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("log");
        MadeLog::new(SIZE).write(&dir);
        one(&dir).holds();
        damage(&dir);
        let said = one(&dir);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

/// A state in which a log of `size` leaves was seen, and the mirror that it was seen in.
fn seen(size: u32) -> (Mirror, PathBuf) {
    let mirror = Mirror::new(&MadeLog::new(size));
    let state = mirror.dir.path().join("state");
    mirrored(&mirror, &["--state", text(&state)]).holds();
    (mirror, state)
}

/// How a log that was seen comes back the next time, and what must be said of that.
type Change = (&'static str, u32, fn(&Mirror), &'static str);

const CHANGES: &[Change] = &[
    (
        "a leaf was exchanged, and everything signed anew",
        SIZE,
        |mirror| other_leaf(300).write(&mirror.log()),
        "fork btp/2026/checkpoint: a signed checkpoint of 1096 leaves was seen",
    ),
    (
        "one of the last leaves was exchanged before the log grew",
        1048,
        |mirror| other_leaf(1040).write(&mirror.log()),
        "fork btp/2026/checkpoint: a signed checkpoint of 1048 leaves was seen",
    ),
    (
        "an older checkpoint is served",
        SIZE,
        |mirror| MadeLog::new(SIZE).cut(800).write(&mirror.log()),
        "rolled-back btp/2026/checkpoint: it has 800 leaves, and a signed checkpoint of 1096",
    ),
    (
        "the log grew by five leaves",
        SIZE,
        |mirror| MadeLog::new(SIZE + 5).write(&mirror.log()),
        "irregular-epoch btp/2026/checkpoint: the log grew by 1101 leaves",
    ),
    (
        "more epochs than there was time for",
        800,
        |mirror| MadeLog::new(SIZE).write(&mirror.log()),
        "irregular-epoch btp/2026/checkpoint: 37 epochs since the last look",
    ),
    (
        "the log is gone",
        SIZE,
        |mirror| fs::remove_dir_all(mirror.log()).unwrap(),
        "missing-log btp/2026/",
    ),
    (
        "an older directory is served",
        SIZE,
        |mirror| mirror.publish(6, "btp", &log_key(7), &root()),
        "directory-rolled-back v1/forces/btp/directory",
    ),
    (
        "another key signs the log",
        SIZE,
        |mirror| mirror.publish(8, "btp", &log_key(9), &root()),
        "log-key-changed directory",
    ),
    (
        "another root key signs the directory",
        SIZE,
        |mirror| {
            let other = Signer::from_seed("hafan/btp/root", &[9; 32]).unwrap();
            mirror.publish(8, "btp", &log_key(7), &other);
        },
        "bad-directory v1/forces/btp/directory: the root key has not signed it",
    ),
    (
        "the directory is that of another force",
        SIZE,
        |mirror| mirror.publish(8, "merseyside", &log_key(7), &root()),
        "bad-directory v1/forces/btp/directory",
    ),
    (
        "the beat is none",
        SIZE,
        |mirror| mirror.put("log/btp/beat", b"300  8\n"),
        "bad-beat log/btp/beat",
    ),
    (
        "an epoch has other leaves than before",
        SIZE,
        |mirror| mirror.put("log/btp/beat", b"300 4\n"),
        "irregular-epoch log/btp/beat: an epoch has 4 leaves, and had 8",
    ),
    (
        "an epoch takes another time than before",
        SIZE,
        |mirror| mirror.put("log/btp/beat", b"1 8\n"),
        "irregular-epoch log/btp/beat: an epoch has 8 leaves, and had 8; it takes 1 s, and took 300 s",
    ),
    (
        "an older checkpoint is served, and one tile is not",
        SIZE,
        |mirror| {
            MadeLog::new(SIZE).cut(800).write(&mirror.log());
            let tile = mirror.log().join("tile/0/001");
            fs::remove_file(&tile).unwrap();
            fs::create_dir(&tile).unwrap();
        },
        "rolled-back btp/2026/checkpoint: it has 800 leaves",
    ),
    (
        "an older directory is served, and no year",
        SIZE,
        |mirror| {
            mirror.publish(6, "btp", &log_key(7), &root());
            mirror.put("log/btp/latest", b"none\n");
        },
        "directory-rolled-back v1/forces/btp/directory",
    ),
];

#[test]
fn each_change_to_a_log_that_was_seen_is_named_and_leaves_what_is_kept() {
    for (what, size, change, wanted) in CHANGES {
        let (mirror, state) = seen(*size);
        let kept = fs::read(&state).unwrap();
        change(&mirror);
        let said = mirrored(&mirror, &["--state", text(&state)]);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
        // Of what came since alone the same is said, if not where.
        let said = mirrored(&mirror, &["--state", text(&state), "--new-only"]);
        let (name, _) = wanted.split_once(' ').unwrap();
        said.finds(name);
        assert_eq!(fs::read(&state).unwrap(), kept, "{what}");
    }
}

#[test]
fn a_log_that_grew_holds_and_is_read_in_part_when_that_is_asked_for() {
    let (mirror, state) = seen(1080);
    MadeLog::new(SIZE).write(&mirror.log());
    let said = mirrored(&mirror, &["--state", text(&state), "--new-only"]);
    said.holds();
    assert!(said.text.contains("leaves read: 72\n"), "{}", said.text);
    mirrored(&mirror, &["--state", text(&state)]).holds();
}

#[test]
fn an_interrupted_run_goes_on_where_it_was_and_believes_nothing_false_of_it() {
    let log = MadeLog::new(SIZE);
    let mirror = Mirror::new(&log);
    let state = mirror.dir.path().join("state");
    let read = [log.tile_root(0), log.tile_root(1)];
    let keep = |tiles: &[[u8; 32]]| {
        let progress = hex::encode(tiles.concat());
        let kept = serde_json::json!({"version": 1, "force": "btp", "log": log_key(7).verifier().to_string(),
            "directory": 0, "beat": null, "years": {"2026": {"beat_since": 0, "checkpoints": [], "tiles": "",
            "tail": "", "progress": progress}}});
        write(&state, kept.to_string().as_bytes());
    };
    keep(&read);
    let said = mirrored(&mirror, &["--state", text(&state)]);
    said.holds();
    assert!(said.text.contains("leaves read: 584\n"), "{}", said.text);
    keep(&[read[0], [7; 32]]);
    mirrored(&mirror, &["--state", text(&state)]).finds("fork btp/2026/checkpoint");
}

#[test]
fn where_a_log_was_rewritten_is_said() {
    let (mirror, state) = seen(SIZE);
    other_leaf(300).write(&mirror.log());
    let said = mirrored(&mirror, &["--state", text(&state)]);
    assert!(
        said.text.contains("among leaves 256 to 511"),
        "{}",
        said.text
    );
    let first = fs::read(mirror.log().join("checkpoint")).unwrap();
    // Another one that contradicts what was seen: both stay.
    other_leaf(600).write(&mirror.log());
    for _ in 0..2 {
        mirrored(&mirror, &["--state", text(&state)]).finds("fork");
    }
    let second = fs::read(mirror.log().join("checkpoint")).unwrap();
    let names = fs::read_dir(mirror.dir.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().path());
    let evidence: Vec<_> = names
        .filter(|path| text(path).contains("/state.found-2026-1096-"))
        .map(|path| fs::read(path).unwrap())
        .collect();
    assert_eq!(evidence.len(), 2);
    assert!(evidence.contains(&first) && evidence.contains(&second));
}

#[test]
fn a_year_before_one_without_a_log_is_looked_at() {
    let mirror = Mirror::new(&MadeLog::new(SIZE));
    mirror.put("log/btp/latest", b"2028\n");
    flip(&mirror.log().join("tile/entries/001"), 700);
    mirrored(&mirror, &[]).finds("altered-tile btp/2026/tile/entries/001");
}

#[test]
fn a_log_with_more_faults_than_are_told_is_not_read_to_its_end() {
    let mirror = Mirror::new(&MadeLog::new(SIZE));
    let head = MadeLog::new(SIZE).head().replace("1096", "281474976710656");
    write(&mirror.log().join("checkpoint"), &signed(&head, &[7; 32]));
    let said = mirrored(&mirror, &[]);
    said.finds("missing-tile");
    assert!(
        said.text
            .contains("1001 tiles of the log of 2026 are faulty")
    );
}

#[test]
fn a_beat_that_was_announced_is_taken() {
    let (mirror, state) = seen(SIZE);
    mirror.put("log/btp/beat", b"300 5\n");
    MadeLog::new(SIZE + 5).write(&mirror.log());
    mirrored(&mirror, &["--state", text(&state)]).finds("irregular-epoch");
    mirrored(&mirror, &["--state", text(&state), "--accept-beat"]).holds();
    MadeLog::new(SIZE + 8).write(&mirror.log());
    mirrored(&mirror, &["--state", text(&state)]).finds("irregular-epoch");
    MadeLog::new(SIZE + 10).write(&mirror.log());
    mirrored(&mirror, &["--state", text(&state)]).holds();
}

#[test]
fn a_beat_that_was_changed_between_two_looks_is_taken_and_holds_from_then_on() {
    let (mirror, state) = seen(SIZE);
    mirror.put("log/btp/beat", b"300 5\n");
    MadeLog::new(SIZE + 8 + 5).write(&mirror.log());
    mirrored(&mirror, &["--state", text(&state), "--accept-beat"]).holds();
    mirrored(&mirror, &["--state", text(&state)]).holds();
    MadeLog::new(SIZE + 8 + 10).write(&mirror.log());
    mirrored(&mirror, &["--state", text(&state)]).holds();
}

#[test]
fn leaves_that_are_given_do_not_have_the_seconds_forgotten() {
    let (mirror, state) = seen(SIZE);
    mirrored(&mirror, &["--state", text(&state), "--leaves", "8"]).holds();
    mirror.put("log/btp/beat", b"1 8\n");
    mirrored(&mirror, &["--state", text(&state)]).finds("irregular-epoch log/btp/beat");
}

#[test]
fn what_cannot_be_read_is_never_said_to_hold() {
    let empty = tempfile::tempdir().unwrap();
    let root = root().verifier().to_string();
    let base = ["log", "--force", "btp", "--root", &root];
    let run = |more: &[&str]| audit(&[&base, more].concat());
    run(&["--dir", text(empty.path())]).fails(3, "there is no directory");
    run(&["--dir", "/nowhere"]).fails(3, "cannot read /nowhere");
    run(&["--server", "http://127.0.0.1:9"]).fails(3, "cannot reach");
    run(&["--server", "http://reports.example"]).fails(2, "plain HTTP");
    run(&[]).fails(2, "required");
    let (mirror, state) = seen(SIZE);
    flip(&state, 200);
    mirrored(&mirror, &["--state", text(&state)]).fails(3, "is not the state");
    fs::remove_file(mirror.log().join("checkpoint")).unwrap();
    mirrored(&mirror, &[]).fails(3, "there is no log of 2026");
    // A folder in the place of a file is no file that could be read.
    fs::create_dir(mirror.log().join("checkpoint")).unwrap();
    mirrored(&mirror, &[]).fails(3, "cannot read");
}

#[test]
fn the_log_of_a_running_server_holds() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let state = server.layout().dir().join("audit.state");
    let root = server.layout().root_vkey("btp");
    let url = server.url();
    let args = [
        "log",
        "--server",
        &url,
        "--force",
        "btp",
        "--root",
        text(&root),
    ];
    let kept = [&args[..], &["--state", text(&state)]].concat();
    audit(&kept).holds();
    std::thread::sleep(std::time::Duration::from_secs(2));
    audit(&kept).holds();
    let json = audit(&[&args[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json.text).unwrap();
    assert_eq!(json["verdict"], "holds");
}

/// Over two levels of tiles, and what each of three programs says of it.
#[test]
fn the_auditor_agrees_with_go_and_python() {
    let scratch = TempDir::new().unwrap();
    for size in [8, 256, 264, 65_792] {
        let dir = scratch.path().join(size.to_string());
        MadeLog::new(size).write(&dir);
        agree(&dir, true);
        for file in tiles(&dir) {
            // Of the largest, a file of each level.
            let numbered = text(&file).contains("/000") || text(&file).contains(".p/");
            if size > 1000 && !numbered {
                continue;
            }
            flip(&file, 20);
            agree(&dir, false);
            flip(&file, 20);
        }
    }
}

fn agree(dir: &Path, holds: bool) {
    let verdicts = oracles::verify_log(&MadeLog::vkey(), dir, &[], None);
    let ours = one(dir);
    let all = (
        ours.code == Some(0),
        verdicts.go.is_ok(),
        verdicts.python.is_ok(),
    );
    assert_eq!(
        all,
        (holds, holds, holds),
        "{}: {}",
        dir.display(),
        ours.text
    );
}

fn tiles(dir: &Path) -> Vec<PathBuf> {
    xtask::search::files_under(dir).unwrap()
}
