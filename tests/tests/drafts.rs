//! Drafts on the server: kept, replaced, given, deleted by whoever has the key, and gone after thirty days.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use common_http::{Laid, Server, assert_headers, lay_out, start, today};
use hafan::drafts::{Drafts, retain};
use hafan_tests::reports::{shaped, shaped_draft};
use jiff::ToSpan as _;
use sha2::{Digest as _, Sha256};
use xtask::http::{Answer, request};

const MEDIA_TYPE: &str = "application/vnd.hafan.draft";
const KEY: [u8; 32] = [5; 32];

fn id_of(key: &[u8; 32]) -> String {
    let digest = Sha256::new()
        .chain_update(b"hafan/draft-id/v1\0")
        .chain_update(key);
    hex::encode(digest.finalize())
}

fn ask(server: &Server, method: &str, id: &str, media_type: &str, body: Option<&[u8]>) -> Answer {
    let address = format!("/v1/drafts/{id}");
    let head: &[(&str, &str)] = match body {
        Some(_) => &[("Content-Type", media_type)],
        None => &[],
    };
    request(server.address, method, &address, head, body).unwrap()
}

fn put(server: &Server, key: &[u8; 32], draft: &[u8]) -> Answer {
    let body = [&key[..], draft].concat();
    ask(server, "PUT", &id_of(key), MEDIA_TYPE, Some(&body))
}

fn given(server: &Server, key: &[u8; 32]) -> Answer {
    ask(server, "GET", &id_of(key), "", None)
}

/// Every file below the folder of drafts.
fn files(laid: &Laid) -> Vec<PathBuf> {
    let days = fs::read_dir(laid.path("drafts")).unwrap();
    days.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

#[test]
fn a_draft_is_kept_given_replaced_and_deleted() {
    let server = start();
    assert_eq!(given(&server, &KEY).status, 404);
    for (number, status) in [(1, 201), (2, 200)] {
        let answer = put(&server, &KEY, &shaped_draft(number));
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_headers("put", &answer, &["connection", "content-length"]);
    }
    let answer = given(&server, &KEY);
    assert!(answer.body == shaped_draft(2));
    assert_eq!(answer.header("content-type"), Some(MEDIA_TYPE));
    assert_eq!(files(&server.laid).len(), 1);

    let id = id_of(&KEY);
    let answer = ask(&server, "DELETE", &id, MEDIA_TYPE, Some(&KEY));
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_headers("delete", &answer, &["connection"]);
    assert_eq!(
        ask(&server, "DELETE", &id, MEDIA_TYPE, Some(&KEY)).status,
        404
    );
    assert_eq!(given(&server, &KEY).status, 404);
    assert_eq!(files(&server.laid), Vec::<PathBuf>::new());
}

#[test]
fn nobody_without_the_key_replaces_or_deletes_a_draft() {
    let server = start();
    let draft = shaped_draft(1);
    put(&server, &KEY, &draft);
    let id = id_of(&KEY);
    let other = [6; 32];
    let body = [&other[..], &shaped_draft(2)].concat();
    for answer in [
        ask(&server, "PUT", &id, MEDIA_TYPE, Some(&body)),
        ask(&server, "DELETE", &id, MEDIA_TYPE, Some(&other)),
    ] {
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(answer.json().unwrap()["type"], "/problems/digest");
    }
    assert!(given(&server, &KEY).body == draft);
}

#[test]
fn what_is_not_as_sealed_is_refused_and_nothing_is_kept() {
    let server = start();
    let id = id_of(&KEY);
    let draft = shaped_draft(1);
    let body = [&KEY[..], &draft].concat();
    let larger = [&KEY[..], &shaped(1, 1).submission[48..]].concat();
    let plain = [&KEY[..], &vec![b'a'; draft.len()]].concat();
    let submission = "application/vnd.hafan.submission";
    for (what, answer, status, word) in [
        (
            "longer",
            ask(&server, "PUT", &id, MEDIA_TYPE, Some(&larger)),
            413,
            "too-large",
        ),
        (
            "shorter",
            ask(&server, "PUT", &id, MEDIA_TYPE, Some(&body[..9000])),
            422,
            "envelope",
        ),
        (
            "plain",
            ask(&server, "PUT", &id, MEDIA_TYPE, Some(&plain)),
            422,
            "envelope",
        ),
        (
            "no key",
            ask(&server, "PUT", &id, MEDIA_TYPE, Some(b"")),
            400,
            "malformed-request",
        ),
        (
            "type",
            ask(&server, "PUT", &id, submission, Some(&body)),
            415,
            "media-type",
        ),
        (
            "id",
            ask(&server, "PUT", "xyz", MEDIA_TYPE, Some(&body)),
            400,
            "malformed-request",
        ),
        (
            "method",
            ask(&server, "POST", &id, MEDIA_TYPE, Some(&body)),
            405,
            "method",
        ),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let problem = answer.json().unwrap();
        assert_eq!(problem["type"], format!("/problems/{word}"), "{what}");
    }
    assert_eq!(files(&server.laid), Vec::<PathBuf>::new());
}

#[test]
fn a_restart_keeps_young_drafts_deletes_old_ones_and_writes_nothing_of_them() {
    let laid = lay_out("");
    let days = [(1_u8, 0_i64), (2, 29), (3, 30), (4, 400)];
    for (key, age) in days {
        let day = today().checked_sub(age.days()).unwrap();
        let dir = laid.path("drafts").join(day.to_string());
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join(id_of(&[key; 32])), shaped_draft(key.into())).unwrap();
    }
    let server = laid.serve();
    let start = Instant::now();
    while files(&server.laid).len() > 2 {
        assert!(start.elapsed() < Duration::from_secs(20), "old drafts stay");
        std::thread::sleep(Duration::from_millis(20));
    }
    for (key, age) in days {
        let status = if age < 30 { 200 } else { 404 };
        assert_eq!(given(&server, &[key; 32]).status, status, "{age} days");
        assert!(!server.laid.events().contains(&id_of(&[key; 32])));
    }
}

#[test]
fn the_job_deletes_each_draft_when_the_clock_comes_to_its_thirtieth_day() {
    let dir = tempfile::tempdir().unwrap();
    let first = today();
    for (key, age) in [(1_u8, 0_i64), (2, 10)] {
        let day = dir
            .path()
            .join(first.checked_add(age.days()).unwrap().to_string());
        fs::create_dir(&day).unwrap();
        fs::write(day.join(id_of(&[key; 32])), shaped_draft(key.into())).unwrap();
    }
    let drafts = Arc::new(Drafts::open(dir.path(), 10, 0).unwrap());
    let moved = Arc::new(AtomicI64::new(0));
    let clock = Arc::clone(&moved);
    let today = move || {
        first
            .checked_add(clock.load(Ordering::SeqCst).days())
            .unwrap()
    };
    let left = || fs::read_dir(dir.path()).unwrap().count();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let job = tokio::spawn(retain(drafts, Duration::from_millis(5), today, stopped));
        for (day, wanted) in [(29, 2), (30, 1), (39, 1), (40, 0)] {
            moved.store(day, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(left(), wanted, "day {day}");
        }
        stop.send(true).unwrap();
        job.await.unwrap();
    });
}

#[test]
fn a_second_server_by_mistake_takes_nothing_of_the_first_ones() {
    let server = start();
    put(&server, &KEY, &shaped_draft(1));
    let staged = files(&server.laid).remove(0).with_extension("next");
    fs::write(&staged, b"half").unwrap();
    let refused = server.laid.refused();
    assert_eq!(refused.code, Some(4), "{}", refused.said);
    assert!(refused.said.contains("is locked"), "{}", refused.said);
    assert!(staged.exists(), "what is being saved was taken away");
}

#[test]
fn drafts_give_way_before_reports_do() {
    let disk = rustix::fs::statvfs(std::env::temp_dir()).unwrap();
    let free_bytes_min = disk.f_bavail * disk.f_frsize / 3 * 2;
    let server = lay_out(&format!("[limits]\nfree_bytes_min = {free_bytes_min}")).serve();
    let answer = put(&server, &KEY, &shaped_draft(1));
    assert_eq!(answer.status, 507, "{}", answer.text());
    assert_eq!(answer.json().unwrap()["type"], "/problems/drafts-full");
    let report = shaped(1, 0);
    let address = format!("/v1/forces/btp/drops/{}", report.h);
    let head = [("Content-Type", "application/vnd.hafan.submission")];
    let body = Some(&report.submission[..]);
    let answer = request(server.address, "PUT", &address, &head, body).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn init_makes_no_folder_of_drafts_of_one_with_something_in_it() {
    let laid = lay_out("");
    fs::write(laid.path("drafts").join("note.txt"), b"words").unwrap();
    let (code, said) = laid.command("init");
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("drafts is not empty"), "{said}");
}

#[test]
fn a_folder_with_anything_else_keeps_the_server_from_starting() {
    let laid = lay_out("");
    fs::write(laid.path("drafts").join("note.txt"), b"words").unwrap();
    let refused = laid.refused();
    assert_eq!(refused.code, Some(4), "{}", refused.said);
    assert!(
        refused.said.contains("note.txt is no draft"),
        "{}",
        refused.said
    );
    fs::remove_dir_all(laid.path("drafts")).unwrap();
    let refused = laid.refused();
    assert_eq!(refused.code, Some(3), "{}", refused.said);
}
