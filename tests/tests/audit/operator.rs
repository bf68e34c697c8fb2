//! The operator's log: every fault of it that `log`, `store` and `site` must name, and that the intact one holds.

use std::fs;

use hafan_tests::TestServer;
use hafan_tlog::{Signer, note};
use xtask::demo::Settings;
use xtask::process::guarded;

use crate::made::{
    MadeLog, Mirror, change, flip, log_key, published_leaf, release, releaser, root, write,
};
use crate::made_store::{MadeStore, settle};
use crate::store::sound;
use crate::{Said, audit, text};

fn mirrored(mirror: &Mirror, more: &[&str]) -> Said {
    let root = root().verifier().to_string();
    let dir = mirror.dir.path();
    let flags = ["log", "--dir", text(dir), "--force", "btp", "--root", &root];
    audit(&[&flags, more].concat())
}

fn directory(sequence: u64) -> Vec<u8> {
    Mirror::directory(sequence, "btp", &log_key(7), &root())
}

/// A directory that another key has signed than the force's root key.
fn forged(sequence: u64) -> Vec<u8> {
    let stranger = Signer::from_seed("hafan/btp/root", &[66; 32]).unwrap();
    Mirror::directory(sequence, "btp", &log_key(7), &stranger)
}

type Fault<T> = (&'static str, fn(&T), &'static str);

const OF_LOGS: &[Fault<Mirror>] = &[
    (
        "a directory is served that is not in the log",
        |mirror| mirror.put("v1/forces/btp/directory", &directory(8)),
        "unlogged-directory v1/forces/btp/directory",
    ),
    (
        "an older directory is served than the newest in the log",
        |mirror| mirror.publish_notes(&log_key(7), |notes| notes.push(directory(8))),
        "older-directory v1/forces/btp/directory: leaf 2",
    ),
    (
        "there is no operator's log",
        |mirror| fs::remove_dir_all(mirror.dir.path().join("log/operator")).unwrap(),
        "missing-log operator/",
    ),
    (
        "another key has signed the operator's log",
        |mirror| mirror.publish_notes(&log_key(8), |_| {}),
        "bad-checkpoint operator/checkpoint",
    ),
    (
        "a byte of the checkpoint",
        |mirror| flip(&mirror.dir.path().join("log/operator/checkpoint"), 30),
        "bad-checkpoint operator/checkpoint",
    ),
    (
        "a byte of an entry",
        |mirror| {
            flip(
                &mirror.dir.path().join("log/operator/tile/entries/000.p/2"),
                80,
            );
        },
        "altered-tile operator/tile/entries/000.p/2: leaf 1",
    ),
    (
        "a byte of a tile",
        |mirror| flip(&mirror.dir.path().join("log/operator/tile/0/000.p/2"), 40),
        "altered-tile operator/tile/0/000.p/2",
    ),
    (
        "a note is gone",
        |mirror| fs::remove_file(mirror.dir.path().join("log/operator/notes/1")).unwrap(),
        "missing-note operator/notes/1",
    ),
    (
        "a note of another leaf",
        |mirror| mirror.put("log/operator/notes/1", &release(1)),
        "altered-note operator/notes/1: it is not the note of its leaf",
    ),
    (
        "a note that is none",
        |mirror| mirror.put("log/operator/notes/0", b"from Leeds\n"),
        "altered-note operator/notes/0",
    ),
    (
        "a directory was logged that the root key has not signed",
        |mirror| {
            mirror.publish_notes(&log_key(7), |notes| notes.push(forged(8)));
            mirror.publish(9, "btp", &log_key(7), &root());
        },
        "bad-directory operator/notes/2",
    ),
    (
        "directories went back",
        |mirror| {
            mirror.publish(9, "btp", &log_key(7), &root());
            mirror.publish(8, "btp", &log_key(7), &root());
        },
        "sequence operator/notes/3: its sequence is 8, and 9 was logged before it",
    ),
    (
        "a release twice",
        |mirror| {
            let twice = note::sign(
                &format!(
                    "hafan release v1\n{{\"sequence\":1,\"released_on\":\"2026-11-26\",\"source\":\"{}\",\"manifest\":\"{}\"}}\n",
                    "1".repeat(40),
                    "09".repeat(32)
                ),
                &[&releaser("alys")],
            );
            mirror.publish_notes(&log_key(7), |notes| notes.push(twice.unwrap()));
        },
        "sequence operator/notes/2: its sequence is 1, and 1 was logged before it",
    ),
    (
        "a leaf of a kind that the operator's log has not",
        |mirror| {
            let mut leaf = published_leaf(&release(1));
            leaf[1] = 0;
            let leaves = vec![leaf, published_leaf(&directory(7))];
            let dir = mirror.dir.path().join("log/operator");
            MadeLog { leaves }.write_as(&dir, "log.example/hafan/operator", &log_key(7));
        },
        "unknown-kind operator/leaf 0",
    ),
];

#[test]
fn each_fault_of_an_operators_log_is_named_and_the_intact_one_holds() {
    let log = MadeLog::new(16);
    let said = mirrored(&Mirror::new(&log), &[]);
    said.holds();
    assert!(
        said.text
            .contains("looked at directories and releases: 2\n"),
        "{}",
        said.text
    );
    for (what, fault, wanted) in OF_LOGS {
        let mirror = Mirror::new(&log);
        fault(&mirror);
        let said = mirrored(&mirror, &[]);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

const CHANGES: &[Fault<Mirror>] = &[
    (
        "it was rewritten",
        |mirror| {
            mirror.publish_notes(&log_key(7), |notes| {
                notes[0] = release(2);
                notes.push(release(3));
            });
        },
        "fork operator/checkpoint",
    ),
    (
        "it was cut",
        |mirror| {
            mirror.publish_notes(&log_key(7), |notes| drop(notes.pop()));
            let keep = Mirror::new(&MadeLog::new(16));
            let note = fs::read(keep.dir.path().join("v1/forces/btp/directory")).unwrap();
            mirror.put("v1/forces/btp/directory", &note);
        },
        "rolled-back operator/checkpoint: it has 2 leaves, and a signed checkpoint of 3",
    ),
    (
        "it is gone",
        |mirror| fs::remove_dir_all(mirror.dir.path().join("log/operator")).unwrap(),
        "missing-log operator/: it was there before",
    ),
];

#[test]
fn an_operators_log_that_was_seen_must_go_on_from_there() {
    for (what, change, wanted) in CHANGES {
        let mirror = Mirror::new(&MadeLog::new(16));
        mirror.publish(8, "btp", &log_key(7), &root());
        let state = mirror.dir.path().join("state");
        let kept = ["--state", text(&state)];
        mirrored(&mirror, &kept).holds();
        mirrored(&mirror, &[&kept[..], &["--new-only"]].concat()).holds();
        change(&mirror);
        let said = mirrored(&mirror, &kept);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn a_root_key_of_before_is_taken_when_it_is_given() {
    let mirror = Mirror::new(&MadeLog::new(16));
    let before = Signer::from_seed("hafan/btp/root", &[66; 32]).unwrap();
    mirror.publish_notes(&log_key(7), |notes| {
        notes.insert(1, forged(6));
    });
    mirrored(&mirror, &[]).finds("bad-directory operator/notes/1");
    let former = before.verifier().to_string();
    mirrored(&mirror, &["--former-root", &former]).holds();
}

const OF_STORES: &[Fault<MadeStore>] = &[
    (
        "a byte of a directory",
        |store| flip(&store.path("store/operator/00000001.note"), 60),
        "altered-note operator/00000001.note",
    ),
    (
        "a byte of a signature",
        |store| {
            change(&store.path("store/operator/00000000.note"), |note| {
                let at = note.len() - 20;
                note[at] = if note[at] == b'A' { b'B' } else { b'A' };
            });
        },
        "altered-note operator/00000000.note: it is the newest of its kind, and not signed",
    ),
    (
        "words in the place of a note",
        |store| {
            write(
                &store.path("store/operator/00000000.note"),
                b"caller from Leeds\n\n",
            );
        },
        "altered-note operator/00000000.note",
    ),
    (
        "a note is gone",
        |store| fs::remove_file(store.path("store/operator/00000000.note")).unwrap(),
        "missing-file operator/00000000.note",
    ),
    (
        "the last note is gone",
        |store| fs::remove_file(store.path("store/operator/00000001.note")).unwrap(),
        "rolled-back operator/checkpoint: 2 leaves were published",
    ),
    (
        "the folder is gone",
        |store| fs::remove_dir_all(store.path("store/operator")).unwrap(),
        "missing-file operator",
    ),
    (
        "the checkpoint is gone",
        |store| fs::remove_file(store.path("store/operator/checkpoint")).unwrap(),
        "missing-file operator/checkpoint",
    ),
    (
        "another key has signed the checkpoint",
        |store| flip(&store.path("store/operator/checkpoint"), 100),
        "bad-checkpoint operator/checkpoint",
    ),
    (
        "the pin is gone",
        |store| fs::remove_file(store.path("pinned/operator.checkpoint")).unwrap(),
        "missing-pin pinned/operator.checkpoint",
    ),
    (
        "the log was set back behind its pin",
        |store| {
            let pin = fs::read(store.path("pinned/operator.checkpoint")).unwrap();
            store.publish(&[release(1)]);
            fs::remove_file(store.path("store/operator/00000001.note")).unwrap();
            write(&store.path("pinned/operator.checkpoint"), &pin);
        },
        "rolled-back pinned/operator.checkpoint: 2 leaves were published",
    ),
    (
        "the pin is of another tree",
        |store| {
            let head = fs::read(store.path("store/operator/checkpoint")).unwrap();
            let notes = [0, 1]
                .map(|leaf| fs::read(store.path(&format!("store/operator/0000000{leaf}.note"))));
            let [first, second] = notes.map(Result::unwrap);
            store.publish(&[second.clone(), first.clone()]);
            write(&store.path("store/operator/00000000.note"), &first);
            write(&store.path("store/operator/00000001.note"), &second);
            write(&store.path("store/operator/checkpoint"), &head);
        },
        "fork pinned/operator.checkpoint",
    ),
    (
        "directories went back",
        |store| store.publish(&[release(1), directory(9), directory(7)]),
        "sequence operator/00000002.note: its sequence is 7, and 9 was logged before it",
    ),
    (
        "a stray file",
        |store| write(&store.path("store/operator/callers.txt"), b"Leeds"),
        "stray-file operator/callers.txt",
    ),
    (
        "words in the place of a note that is being written",
        |store| write(&store.path("store/operator/00000002.note.next"), b"Leeds"),
        "changed-file operator/00000002.note.next",
    ),
    (
        "words in the place of a pin that is being written",
        |store| write(&store.path("pinned/operator.checkpoint.next"), b"Leeds"),
        "changed-file pinned/operator.checkpoint.next",
    ),
];

fn looked(store: &MadeStore) -> Said {
    settle(&store.path("store"));
    settle(&store.path("pinned"));
    audit(&["store", "--config", text(&store.path("config.toml"))])
}

fn stored() -> MadeStore {
    let mut store = MadeStore::new();
    sound(&mut store);
    store.write();
    store
}

#[test]
fn each_fault_of_an_operators_log_in_a_store_is_named_and_the_intact_one_holds() {
    let said = looked(&stored());
    said.holds();
    assert!(
        said.text
            .contains("looked at directories and releases: 2\n"),
        "{}",
        said.text
    );
    for (what, fault, wanted) in OF_STORES {
        let store = stored();
        fault(&store);
        let said = looked(&store);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn what_an_interrupted_publication_leaves_is_no_finding() {
    let store = stored();
    let directory = directory(7);
    let next = store.path("store/operator/00000002.note.next");
    write(&next, directory.get(..100).unwrap());
    let said = looked(&store);
    said.holds();
    assert!(
        said.text
            .contains("operator/00000002.note.next was being written")
    );
    fs::remove_file(next).unwrap();
    write(&store.path("store/operator/00000002.note"), &release(2));
    let said = looked(&store);
    said.holds();
    assert!(
        said.text
            .contains("1 notes of the operator's log were written")
    );
}

/// The site of a server that is not touched, and of one whose answers are.
#[test]
fn the_release_of_a_running_server_is_checked_by_its_keys_and_its_log() {
    let server = TestServer::start(&Settings::small()).unwrap();
    let layout = server.layout();
    let url = server.url();
    let (log, keys) = (
        layout.dir().join("log.key.vkey"),
        layout.release_vkeys().unwrap(),
    );
    let look = |more: &[&str]| {
        let flags = ["site", &url, "--log-key", text(&log)];
        audit(&[&flags, more].concat())
    };
    let released = ["--release-key", text(&keys[0])];
    let said = look(&released);
    said.holds();
    assert!(
        said.text.contains("looked at release: 1 of "),
        "{}",
        said.text
    );
    let stranger = releaser("bryn").verifier().to_string();
    look(&["--release-key", &stranger]).finds("bad-release /v1/release: hafan-release/bryn");
    look(&[&released[..], &["--release-key", &stranger]].concat())
        .finds("bad-release /v1/release: it has 1 signatures, want 2");
    let other = log_key(9).verifier().to_string();
    let flags = ["site", &url, "--log-key", &other];
    audit(&[&flags[..], &released].concat()).finds("bad-checkpoint /log/operator/checkpoint");
    audit(&["site", &url]).fails(2, "required");
    audit(&[&["site", &url][..], &released].concat()).fails(2, "required");
}

/// One signs, the other builds the same and signs too; both are wanted by the server and by the auditor.
#[test]
fn two_people_release_a_site_together() {
    let settings = Settings {
        releasers: vec!["alys".to_owned(), "bryn".to_owned()],
        ..Settings::small()
    };
    let mut server = TestServer::start(&settings).unwrap();
    let (dir, url) = (server.layout().dir().to_owned(), server.url());
    let log = dir.join("log.key.vkey");
    let keys = server.layout().release_vkeys().unwrap();
    let [alys, bryn] = [0, 1].map(|at| text(&keys[at]));
    let flags = ["site", &url, "--log-key", text(&log), "--release-key"];
    audit(&[&flags[..], &[alys, "--release-key", bryn]].concat()).holds();
    // What one of them alone has signed is not served.
    server.terminate().unwrap();
    let manifest = dir.join("site/manifest.json");
    fs::remove_file(dir.join("release")).unwrap();
    let mut sign = guarded(server.binaries().keys());
    sign.args(["release", "sign", "--sequence", "2", "--source"])
        .arg("0".repeat(40))
        .arg("--manifest")
        .arg(&manifest)
        .arg("--key")
        .arg(dir.join("keys/release/alys.age"))
        .arg("--passphrase-file")
        .arg(dir.join("keys/release/PASSPHRASES"))
        .arg("--out")
        .arg(dir.join("release"));
    xtask::process::output("sign", &mut sign).unwrap();
    let refused = server.restart().unwrap_err();
    let said = format!("{refused:#}");
    assert!(
        said.contains("no signature by hafan-release/bryn"),
        "{said}"
    );
}

/// Gives files out, by path; nothing else.
fn given_out(dir: &std::path::Path) -> String {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.extend(byte);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let path = head
                .split(' ')
                .nth(1)
                .unwrap_or("/")
                .trim_start_matches('/');
            let file = fs::read(dir.join(path));
            let status = if file.is_ok() { 200 } else { 404 };
            let body = file.unwrap_or_default();
            let head = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            // Who is gone does not want an answer.
            drop(stream.write_all(&[head.as_bytes(), &body].concat()));
        }
    });
    format!("http://{address}")
}

const OF_SITES: &[Fault<Mirror>] = &[
    (
        "no release",
        |mirror| fs::remove_file(mirror.dir.path().join("v1/release")).unwrap(),
        "missing-release /v1/release",
    ),
    (
        "a release that is not in the log",
        |mirror| mirror.put("v1/release", &release(2)),
        "unlogged-release /v1/release",
    ),
    (
        "a release that was followed by another",
        |mirror| mirror.publish_notes(&log_key(7), |notes| notes.push(release(2))),
        "older-release /v1/release: leaf 2",
    ),
    (
        "a byte of a release",
        |mirror| flip(&mirror.dir.path().join("v1/release"), 30),
        "bad-release /v1/release",
    ),
    (
        "a manifest that was not released",
        |mirror| mirror.put("manifest.json", b"{}"),
        "other-manifest /manifest.json: its SHA-256 is",
    ),
    (
        "no manifest",
        |mirror| fs::remove_file(mirror.dir.path().join("manifest.json")).unwrap(),
        "other-manifest /manifest.json: there is none",
    ),
    (
        "no operator's log",
        |mirror| fs::remove_dir_all(mirror.dir.path().join("log/operator")).unwrap(),
        "missing-log /log/operator/checkpoint",
    ),
    (
        "an entry that was not signed",
        |mirror| {
            let entries = mirror.dir.path().join("log/operator/tile/entries/000.p/2");
            flip(&entries, 80);
        },
        "fork /log/operator/checkpoint",
    ),
];

#[test]
fn each_fault_of_a_release_that_is_served_is_named() {
    let log = MadeLog::new(16);
    let alys = releaser("alys").verifier().to_string();
    let key = log_key(7).verifier().to_string();
    for (what, fault, wanted) in OF_SITES {
        let mirror = Mirror::new(&log);
        mirror.put("v1/release", &release(1));
        mirror.put("manifest.json", b"{\"version\":1}");
        fault(&mirror);
        let url = given_out(mirror.dir.path());
        let said = audit(&["site", &url, "--log-key", &key, "--release-key", &alys]);
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}
