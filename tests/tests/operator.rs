//! The operator's log of a running server: what is handed out is in it before, it never goes back, and a stop at any
//! step of its growth loses nothing that was signed.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common_http::{Laid, Server, lay_out, today};
use hafan_directory::operator::Published;
use hafan_tlog::tile::decode_entries;
use hafan_tlog::{Checkpoint, Frontier, Verifier};
use rustix::process::{Pid, Signal, kill_process};

fn get(server: &Server, path: &str) -> xtask::http::Answer {
    xtask::http::get(server.address, path, &[]).unwrap()
}

/// The newest checkpoint, under which every leaf and its note must be.
fn whole(server: &Server) -> Checkpoint {
    let key: Verifier = server.laid.vkey.trim().parse().unwrap();
    let key = key.renamed("test.invalid/hafan/operator").unwrap();
    let head = Checkpoint::open(&get(server, "/log/operator/checkpoint").body, &key).unwrap();
    let bundle = get(
        server,
        &format!("/log/operator/tile/entries/000.p/{}", head.size()),
    );
    let entries = decode_entries(&bundle.body).unwrap();
    let tree: Frontier = entries.iter().map(hafan_tlog::Entry::leaf_hash).collect();
    assert_eq!((tree.size(), tree.root()), (head.size(), head.root()));
    for (leaf, entry) in entries.iter().enumerate() {
        let note = get(server, &format!("/log/operator/notes/{leaf}"));
        let published = Published::read_logged(&note.body).unwrap();
        assert_eq!(published.leaf(&note.body), *entry, "{leaf}");
    }
    let beyond = get(server, &format!("/log/operator/notes/{}", head.size()));
    assert_eq!(beyond.status, 404);
    head
}

fn ended(mut server: Server) -> Laid {
    kill_process(Pid::from_child(&server.process), Signal::TERM).unwrap();
    assert!(server.process.wait().unwrap().success());
    let laid = lay_out("");
    std::mem::replace(&mut server.laid, laid)
}

fn refused(laid: &Laid, words: &str) {
    let found = laid.refused();
    assert_eq!(found.code, Some(4), "{}", found.said);
    assert!(found.said.contains(words), "{words}: {}", found.said);
}

#[test]
fn all_that_is_handed_out_is_logged_once_and_before() {
    let server = common_http::start();
    assert_eq!(whole(&server).size(), 3, "two directories and the release");
    let release = get(&server, "/v1/release");
    assert_eq!(release.body, get(&server, "/log/operator/notes/2").body);
    let laid = ended(server);
    let server = laid.serve();
    assert_eq!(whole(&server).size(), 3, "nothing is logged again");

    server.laid.issue("btp", 2, today());
    kill_process(Pid::from_child(&server.process), Signal::HUP).unwrap();
    let start = Instant::now();
    let directory = fs::read(server.laid.path("directories/btp.directory")).unwrap();
    while get(&server, "/v1/forces/btp/directory").body != directory {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(whole(&server).size(), 4);
    assert_eq!(get(&server, "/log/operator/notes/3").body, directory);
}

#[test]
fn what_is_older_than_the_log_is_not_handed_out_again() {
    let laid = lay_out("");
    laid.issue("btp", 5, today());
    laid.release(5);
    let laid = ended(laid.serve());
    laid.issue("btp", 4, today());
    refused(
        &laid,
        "the directory of btp has sequence 4, and 5 is in the operator's log",
    );
    laid.issue("btp", 5, today());
    laid.release(4);
    refused(
        &laid,
        "the release has sequence 4, and 5 is in the operator's log",
    );
    laid.release(5);
    let laid = ended(laid.serve());
    let page = laid.path("site/index.html.br");
    fs::write(&page, "another").unwrap();
    let manifest = laid.path("site/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let digest = |bytes: &str| {
        use sha2::Digest as _;
        hex::encode(sha2::Sha256::digest(bytes))
    };
    let text = text.replace(&digest(common_http::PAGE_BR), &digest("another"));
    fs::write(&manifest, text).unwrap();
    laid.release(5);
    refused(
        &laid,
        "the release has sequence 5, and so has another that is in the operator's log",
    );
    laid.release(6);
    assert_eq!(whole(&laid.serve()).size(), 4);
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
}

/// Each step at which a stop can come, by what it leaves.
#[test]
fn a_stop_at_each_step_of_a_publication_leaves_a_log_that_goes_on() {
    let laid = ended(common_http::start());
    let (checkpoint, pin) = (
        laid.path("store/operator/checkpoint"),
        laid.path("pinned/operator.checkpoint"),
    );
    let before = laid.path("before");
    copy(&checkpoint, &before);
    laid.issue("btp", 2, today());
    let laid = ended(laid.serve());
    let after = laid.path("after");
    copy(&checkpoint, &after);

    // The note is being written; it is there and not signed for; it is signed for and the pin is behind.
    copy(&before, &checkpoint);
    copy(&before, &pin);
    let note = laid.path("store/operator/00000003.note");
    let staged = laid.path("store/operator/00000003.note.next");
    fs::rename(&note, &staged).unwrap();
    let laid = ended(laid.serve());
    assert_eq!(fs::read(&checkpoint).unwrap(), fs::read(&after).unwrap());
    assert!(!staged.exists());

    copy(&before, &checkpoint);
    copy(&before, &pin);
    let laid = ended(laid.serve());
    assert_eq!(fs::read(&checkpoint).unwrap(), fs::read(&after).unwrap());

    copy(&before, &pin);
    let laid = ended(laid.serve());
    assert_eq!(fs::read(&pin).unwrap(), fs::read(&after).unwrap());
    let laid = {
        let server = laid.serve();
        assert_eq!(whole(&server).size(), 4);
        ended(server)
    };

    // What no stop leaves: a log behind its pin, a note that was changed, a note that is gone.
    copy(&before, &checkpoint);
    refused(&laid, "has 3 leaves, and 4 were published");
    copy(&after, &checkpoint);
    let bytes = fs::read(&note).unwrap();
    let mut changed = bytes.clone();
    changed[60] ^= 1;
    fs::write(&note, changed).unwrap();
    refused(&laid, "is not what this server wrote");
    fs::remove_file(&note).unwrap();
    refused(&laid, "00000003.note is not what this server wrote");
    fs::write(&note, bytes).unwrap();
    assert_eq!(whole(&laid.serve()).size(), 4);
}

#[test]
fn a_pin_that_another_server_wrote_stops_a_publication() {
    let server = common_http::start();
    let pin = server.laid.path("pinned/operator.checkpoint");
    let mut note = fs::read(&pin).unwrap();
    note[30] ^= 1;
    fs::write(&pin, note).unwrap();
    server.laid.issue("btp", 2, today());
    kill_process(Pid::from_child(&server.process), Signal::HUP).unwrap();
    let words = "is not what this server wrote last";
    let start = Instant::now();
    while !server.laid.events().contains(words) {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(whole(&server).size(), 3);
    let old = get(&server, "/v1/forces/btp/directory").body;
    assert_eq!(old, get(&server, "/log/operator/notes/0").body);
}
