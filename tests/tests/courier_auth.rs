//! Drops and blobs are for the force's own couriers: each way to ask without the right is refused and says why, and the
//! refusal holds nothing of what was asked for.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::time::{Duration, Instant};

use common_http::{Server, assert_headers, courier};
use hafan_directory::request::{SIGNATURE, SIGNATURE_INPUT, Target, sign};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tlog::Signer;
use xtask::http::{Answer, request};

const HOUR_S: i64 = 3600;

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}

fn year() -> i16 {
    common_http::today().year()
}

type Fields = Vec<(&'static str, String)>;

/// The two fields over a target, in the server's order.
fn signed(key: &Signer, method: &str, target: &str, created: i64) -> Fields {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let target = Target {
        method,
        path,
        query,
    };
    sign(key, &target, created).unwrap().into()
}

fn ask(server: &Server, method: &str, target: &str, fields: &Fields) -> Answer {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    request(server.address, method, target, &fields, None).unwrap()
}

/// Refused as nobody's courier, in words that hold `why`.
fn assert_refused(what: &str, answer: &Answer, why: &str) {
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    assert_headers(
        what,
        answer,
        &["connection", "content-length", "content-type"],
    );
    let problem = answer.json().unwrap();
    assert_eq!(problem["type"], "/problems/not-a-courier", "{what}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(why), "{what}: {detail}");
}

/// A server with one report in the log of `btp`, and the addresses that only its courier may read.
struct Case {
    server: Server,
    report: Prepared,
    drops: String,
    blob: String,
}

impl Case {
    fn new() -> Self {
        let server = common_http::start();
        let report = shaped(1, 0);
        let put = hafan_tests::put(
            server.address,
            "btp",
            &report.h.to_string(),
            &report.submission,
        );
        assert_eq!(put.unwrap().status, 201);
        let drops = format!("/v1/forces/btp/drops?year={}&after=0", year());
        let blob = format!("/v1/forces/btp/blobs/{}", report.h);
        let case = Self {
            server,
            report,
            drops,
            blob,
        };
        case.until_logged();
        case
    }

    fn right(&self, target: &str) -> Answer {
        let fields = signed(&courier("btp"), "GET", target, now_s());
        ask(&self.server, "GET", target, &fields)
    }

    /// Epochs are closed at a beat of their own.
    fn until_logged(&self) {
        let start = Instant::now();
        loop {
            let answer = self.right(&self.drops);
            assert_eq!(answer.status, 200, "{}", answer.text());
            if answer.json().unwrap()["drops"][0]["h"] == self.report.h.to_string() {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "never logged");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn the_forces_own_courier_is_given_the_list_and_the_bytes() {
    let case = Case::new();
    let list = case.right(&case.drops);
    assert_headers(
        "drops",
        &list,
        &["connection", "content-length", "content-type"],
    );
    let list = list.json().unwrap();
    assert_eq!(list["drops"].as_array().unwrap().len(), 1);
    assert_eq!(list["drops"][0]["size"], case.report.submission.len());
    let blob = case.right(&case.blob);
    assert_eq!(
        blob.header("content-type"),
        Some("application/vnd.hafan.submission")
    );
    assert!(blob.body == case.report.submission);
}

#[test]
fn a_request_without_the_right_signature_is_refused_in_words() {
    let case = Case::new();
    let stranger = Signer::from_seed("hafan/btp/courier-1", &[99; 32]).unwrap();
    let unnamed = Signer::from_seed("hafan/btp/courier-2", &[21; 32]).unwrap();
    let own = courier("btp");
    let other_blob = format!("/v1/forces/btp/blobs/{}", "0".repeat(64));
    for target in [&case.drops, &case.blob] {
        let refused = |what: &str, fields: &Fields, why: &str| {
            assert_refused(what, &ask(&case.server, "GET", target, fields), why);
        };
        let right = signed(&own, "GET", target, now_s());
        refused("no signature", &Vec::new(), "has no signature");
        refused("no input", &right[1..].to_vec(), "has no signature-input");
        refused("no value", &right[..1].to_vec(), "has no signature");
        let key = "a key that the directory does not name";
        let wrong = "does not verify for this request";
        for (what, signer, why) in [
            ("another's key", &stranger, wrong),
            ("unnamed key", &unnamed, key),
            ("other force's courier", &courier("leicestershire"), key),
        ] {
            refused(what, &signed(signer, "GET", target, now_s()), why);
        }
        for (what, method, signed_for) in [
            ("for another method", "HEAD", target.as_str()),
            ("for another path", "GET", other_blob.as_str()),
            (
                "for another query",
                "GET",
                "/v1/forces/btp/drops?year=2026&after=8",
            ),
        ] {
            refused(what, &signed(&own, method, signed_for, now_s()), wrong);
        }
        for field in [SIGNATURE_INPUT, SIGNATURE] {
            let mut doubled = right.clone();
            let again = right.iter().find(|(name, _)| *name == field).unwrap();
            doubled.push(again.clone());
            refused("doubled field", &doubled, &format!("has no {field}"));
        }
        for (what, from, to, why) in [
            ("no method", "\"@method\" ", "", "does not cover"),
            ("no query", " \"@query\"", "", "does not cover"),
            (
                "no components",
                "\"@method\" \"@path\" \"@query\"",
                "",
                "does not cover",
            ),
            ("other label", "hafan=", "other=", "label"),
            ("other tag", "hafan-courier", "another", "parameters"),
            ("no algorithm", ";alg=\"ed25519\"", "", "parameters"),
        ] {
            let mut changed = right.clone();
            assert!(changed[0].1.contains(from), "{what}: {}", changed[0].1);
            changed[0].1 = changed[0].1.replace(from, to);
            refused(what, &changed, why);
        }
        let mut flipped = right.clone();
        let last = flipped[1].1.len() - 10;
        let other = if flipped[1].1.as_bytes()[last] == b'A' {
            "B"
        } else {
            "A"
        };
        flipped[1].1.replace_range(last..=last, other);
        refused("flipped signature", &flipped, wrong);
    }
}

#[test]
fn a_clock_that_is_an_hour_off_is_told_how_far() {
    let case = Case::new();
    let own = courier("btp");
    for (created, why) in [
        (now_s() - HOUR_S, "signed 1 hour before the server's time"),
        (
            now_s() + HOUR_S + 30,
            "signed 1 hour after the server's time",
        ),
    ] {
        let fields = signed(&own, "GET", &case.drops, created);
        let answer = ask(&case.server, "GET", &case.drops, &fields);
        assert_refused("an hour off", &answer, why);
        assert_refused("an hour off", &answer, "set the courier's clock");
    }
    // Within five minutes it is taken.
    for created in [now_s() - 290, now_s() + 290] {
        let fields = signed(&own, "GET", &case.drops, created);
        assert_eq!(ask(&case.server, "GET", &case.drops, &fields).status, 200);
    }
}

#[test]
fn a_report_of_one_force_is_not_another_forces() {
    let case = Case::new();
    let other = courier("leicestershire");
    let path = format!("/v1/forces/leicestershire/blobs/{}", case.report.h);
    let answer = ask(
        &case.server,
        "GET",
        &path,
        &signed(&other, "GET", &path, now_s()),
    );
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json().unwrap()["type"], "/problems/not-found");
    let path = format!("/v1/forces/leicestershire/drops?year={}&after=0", year());
    let answer = ask(
        &case.server,
        "GET",
        &path,
        &signed(&other, "GET", &path, now_s()),
    );
    assert_eq!(answer.json().unwrap()["drops"], serde_json::json!([]));
}

#[test]
fn a_right_signature_does_not_make_a_wrong_request_right() {
    let case = Case::new();
    for (target, status) in [
        ("/v1/forces/btp/drops".to_owned(), 400),
        (format!("/v1/forces/btp/drops?after=0&year={}", year()), 400),
        ("/v1/forces/btp/drops?year=1999&after=0".to_owned(), 404),
        ("/v1/forces/btp/blobs/00".to_owned(), 400),
        (format!("/v1/forces/btp/blobs/{}", "0".repeat(64)), 404),
    ] {
        assert_eq!(case.right(&target).status, status, "{target}");
    }
    let posted = ask(
        &case.server,
        "POST",
        &case.drops,
        &signed(&courier("btp"), "POST", &case.drops, now_s()),
    );
    assert_eq!(posted.status, 405);
}
