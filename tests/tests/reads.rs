//! What anybody may read, as it goes over the wire: each route and status with exactly the headers of
//! docs/protocol.md section 9, and a log that the log's own library proves.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use common_http::{PAGE, PAGE_404, PAGE_BR, PAGE_GZIP, Server, assert_headers, courier};
use hafan_directory::request::{Target, sign};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tlog::proof::{consistency, inclusion, verify_consistency, verify_inclusion};
use hafan_tlog::tile::{TileReader, decode_entries, decode_hashes};
use hafan_tlog::{Checkpoint, Entry, TilePath, Verifier, leaf_hash};
use xtask::http::{Answer, request};

/// The further headers of an answer with a body, on a connection that the client ends.
const BODY: [&str; 3] = ["connection", "content-length", "content-type"];

fn get(server: &Server, path: &str) -> Answer {
    xtask::http::get(server.address, path, &[]).unwrap()
}

fn log_path(rest: &str) -> String {
    format!("/log/btp/{}/{rest}", common_http::today().year())
}

/// The newest checkpoint, verified.
fn checkpoint(server: &Server) -> Checkpoint {
    let answer = get(server, &log_path("checkpoint"));
    let verifier: Verifier = server.laid.vkey.parse().unwrap();
    let origin = format!("test.invalid/hafan/btp/{}", common_http::today().year());
    Checkpoint::open(&answer.body, &verifier.renamed(&origin).unwrap()).unwrap()
}

fn put(server: &Server, number: u64) -> Prepared {
    let report = shaped(number, 0);
    let answer = hafan_tests::put(
        server.address,
        "btp",
        &report.h.to_string(),
        &report.submission,
    );
    assert_eq!(answer.unwrap().status, 201);
    report
}

fn until(what: &str, server: &Server, mut done: impl FnMut(&Checkpoint) -> bool) -> Checkpoint {
    let start = Instant::now();
    loop {
        let found = checkpoint(server);
        if done(&found) {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn signed_get(server: &Server, target: &str) -> Answer {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let of = Target {
        method: "GET",
        path,
        query,
    };
    let now = jiff::Timestamp::now().as_second();
    let fields = sign(&courier("btp"), &of, now).unwrap();
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    request(server.address, "GET", target, &fields, None).unwrap()
}

#[test]
fn every_route_and_status_has_exactly_the_headers_of_the_protocol() {
    let server = common_http::start();
    let report = put(&server, 1);
    // More than one full tile is a matter of minutes here; a partial one of each kind is there after an epoch.
    let size = until("an epoch", &server, |found| found.size() > 0).size();
    let html = "text/html; charset=utf-8";
    let text = "text/plain; charset=utf-8";
    let bytes = "application/octet-stream";
    let problem = "application/problem+json";
    let tile = |kind: &str| log_path(&format!("tile/{kind}/000.p/{size}"));
    let drops = format!(
        "/v1/forces/btp/drops?year={}&after=0",
        common_http::today().year()
    );
    for (path, status, media_type) in [
        ("/".to_owned(), 200, html),
        ("/?from=elsewhere".to_owned(), 200, html),
        ("/manifest.json".to_owned(), 200, "application/json"),
        ("/nothing".to_owned(), 404, html),
        ("/index.html".to_owned(), 404, html),
        ("/%2e%2e/config.toml".to_owned(), 404, problem),
        ("/v1/nothing".to_owned(), 404, problem),
        ("/log/nothing".to_owned(), 404, problem),
        ("/problems/nothing".to_owned(), 404, problem),
        ("/v1/forces/btp/directory".to_owned(), 200, text),
        ("/v1/forces/none/directory".to_owned(), 404, problem),
        ("/v1/forces/btp/directory?a".to_owned(), 400, problem),
        ("/log/btp/latest".to_owned(), 200, text),
        ("/log/none/latest".to_owned(), 404, problem),
        ("/log/btp/beat".to_owned(), 200, text),
        ("/log/none/beat".to_owned(), 404, problem),
        ("/log/btp/beat?a".to_owned(), 400, problem),
        (log_path("checkpoint"), 200, text),
        ("/log/btp/1999/checkpoint".to_owned(), 404, problem),
        (tile("entries"), 200, bytes),
        (tile("0"), 200, bytes),
        (log_path("tile/0/000"), 404, problem),
        (log_path("tile/0/0"), 404, problem),
        (log_path("tile/entries/x999/999"), 404, problem),
        ("/healthz".to_owned(), 200, text),
        ("/readyz".to_owned(), 200, text),
        ("/metrics".to_owned(), 404, html),
        (drops.clone(), 401, problem),
        (format!("/v1/forces/btp/blobs/{}", report.h), 401, problem),
    ] {
        let answer = get(&server, &path);
        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert_headers(&path, &answer, &BODY);
        assert_eq!(answer.header("content-type"), Some(media_type), "{path}");
        assert_eq!(answer.header("connection"), Some("close"), "{path}");
        let length = answer.body.len().to_string();
        assert_eq!(
            answer.header("content-length"),
            Some(length.as_str()),
            "{path}"
        );
    }
    for target in [drops, format!("/v1/forces/btp/blobs/{}", report.h)] {
        let answer = signed_get(&server, &target);
        assert_eq!(answer.status, 200, "{target}");
        assert_headers(&target, &answer, &BODY);
    }
    let again = hafan_tests::put(
        server.address,
        "btp",
        &report.h.to_string(),
        &report.submission,
    );
    let again = again.unwrap();
    assert_eq!((again.status, again.body.len()), (200, 0));
    assert_headers("put", &again, &["connection", "content-length"]);
}

#[test]
fn leaving_goes_to_the_neutral_site_and_asks_the_browser_to_forget() {
    let server = common_http::lay_out("leave_url = \"https://weather.example/\"").serve();
    let answer = get(&server, "/leave");
    assert_eq!((answer.status, answer.body.len()), (303, 0));
    assert_eq!(answer.header("location"), Some("https://weather.example/"));
    assert_eq!(
        answer.header("clear-site-data"),
        Some("\"cache\", \"cookies\", \"storage\"")
    );
    let besides = [
        "clear-site-data",
        "connection",
        "content-length",
        "location",
    ];
    assert_headers("leave", &answer, &besides);
}

#[test]
fn strict_transport_is_on_every_answer_when_the_configuration_says_so() {
    let server = common_http::lay_out("hsts = true").serve();
    for path in ["/", "/nothing", "/v1/nothing", "/healthz"] {
        let besides = [BODY.as_slice(), &["strict-transport-security"]].concat();
        assert_headers(path, &get(&server, path), &besides);
    }
}

#[test]
fn a_method_that_is_not_possible_is_told_which_are() {
    let server = common_http::start();
    let directory = "/v1/forces/btp/directory";
    let drop = format!("/v1/forces/btp/drops/{}", "0".repeat(64));
    let checkpoint = log_path("checkpoint");
    for path in [
        "/",
        "/leave",
        "/healthz",
        "/readyz",
        "/manifest.json",
        "/log/btp/latest",
        "/log/btp/beat",
        directory,
        &checkpoint,
    ] {
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"] {
            let what = format!("{method} {path}");
            let answer = request(server.address, method, path, &[], None).unwrap();
            assert_eq!(answer.status, 405, "{what}");
            assert_eq!(answer.header("allow"), Some("GET, HEAD"), "{what}");
            assert_headers(&what, &answer, &[BODY.as_slice(), &["allow"]].concat());
        }
    }
    let answer = get(&server, &drop);
    assert_eq!((answer.status, answer.header("allow")), (405, Some("PUT")));
}

#[test]
fn a_head_has_the_headers_of_the_get_and_no_body() {
    use std::io::{Read as _, Write as _};
    let server = common_http::start();
    for path in [
        "/",
        "/nothing",
        "/log/btp/latest",
        "/v1/forces/btp/directory",
        "/v1/none",
    ] {
        let wanted = get(&server, path);
        let mut stream = xtask::http::connect(server.address).unwrap();
        let head = format!(
            "HEAD {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
            server.address
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut found = String::new();
        stream.read_to_string(&mut found).unwrap();
        let (head, body) = found.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{path}");
        let fields: Vec<(String, String)> = head
            .lines()
            .skip(1)
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let sorted = |mut fields: Vec<(String, String)>| {
            fields.sort();
            fields
        };
        assert_eq!(sorted(fields), sorted(wanted.headers), "{path}");
    }
}

#[test]
fn a_page_is_given_in_the_coding_that_is_asked_for_and_never_another() {
    let server = common_http::start();
    for (asked, coding, body) in [
        ("br", Some("br"), PAGE_BR),
        ("gzip", Some("gzip"), PAGE_GZIP),
        ("gzip, deflate, br, zstd", Some("br"), PAGE_BR),
        ("gzip;q=1.0, br;q=0.5", Some("br"), PAGE_BR),
        ("br;q=0, gzip", Some("gzip"), PAGE_GZIP),
        ("br;q=0.000", None, PAGE),
        ("identity", None, PAGE),
        ("zstd", None, PAGE),
        ("broken", None, PAGE),
        ("", None, PAGE),
    ] {
        let answer = xtask::http::get(server.address, "/", &[("Accept-Encoding", asked)]).unwrap();
        assert_eq!(answer.status, 200, "{asked}");
        assert_eq!(answer.header("content-encoding"), coding, "{asked}");
        assert_eq!(answer.text(), body, "{asked}");
        let besides: Vec<&str> = BODY
            .into_iter()
            .chain(coding.map(|_| "content-encoding"))
            .collect();
        assert_headers(asked, &answer, &besides);
    }
    assert_eq!(get(&server, "/nothing").text(), PAGE_404);
}

#[test]
fn the_log_over_the_wire_proves_itself() {
    let server = common_http::start();
    let mut reports: BTreeMap<String, Prepared> = BTreeMap::new();
    for number in 0..12 {
        let report = put(&server, number);
        reports.insert(report.h.to_string(), report);
    }
    let first = until("an epoch", &server, |found| found.size() > 0);
    // Twelve reports need two epochs of eight leaves, and one more may have been under way.
    let last = until("all reports", &server, |found| {
        found.size() >= first.size() + 24
    });

    let mut entries: Vec<Entry> = Vec::new();
    for path in hafan_tlog::tile::new_tiles(0, last.size()) {
        let text = path.to_string();
        let answer = get(&server, &log_path(&text));
        assert_eq!(answer.status, 200, "{text}");
        if text.starts_with("tile/entries") {
            entries.extend(decode_entries(&answer.body).unwrap());
        } else {
            assert_eq!(
                decode_hashes(&answer.body).unwrap().len(),
                usize::from(path.width())
            );
        }
    }
    assert_eq!(u64::try_from(entries.len()).unwrap(), last.size());
    let found = entries
        .iter()
        .filter(|entry| reports.contains_key(&hex::encode(entry.h)))
        .count();
    assert_eq!(found, reports.len());

    let tiles = |path: &TilePath| -> Option<Vec<u8>> {
        let answer = get(&server, &log_path(&path.to_string()));
        (answer.status == 200).then_some(answer.body)
    };
    let reader = TileReader::new(last.size(), tiles);
    for (index, entry) in entries.iter().enumerate().step_by(5) {
        let index = u64::try_from(index).unwrap();
        let proof = inclusion(&reader, index, last.size()).unwrap();
        let leaf = leaf_hash(&entry.encode());
        verify_inclusion(&leaf, index, last.size(), &proof, &last.root()).unwrap();
    }
    let proof = consistency(&reader, first.size(), last.size()).unwrap();
    verify_consistency(
        first.size(),
        &first.root(),
        last.size(),
        &last.root(),
        &proof,
    )
    .unwrap();
}

#[test]
fn metrics_are_on_the_admin_listener_only_and_tell_of_no_report() {
    let server = common_http::lay_out("admin_listen = \"127.0.0.1:0\"").serve();
    let admin = server.admin.unwrap();
    let metrics = || {
        let answer = xtask::http::get(admin, "/metrics", &[]).unwrap();
        assert_eq!(answer.status, 200);
        assert_headers("metrics", &answer, &BODY);
        let text = answer.text();
        let gauges: BTreeMap<String, u64> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
            .collect();
        gauges
    };
    let before = metrics();
    for (name, wanted) in [
        ("hafan_store_writable", 1),
        ("hafan_store_full", 0),
        ("hafan_log_publishing", 1),
        ("hafan_directory_valid{force=\"btp\"}", 1),
        ("hafan_directory_valid{force=\"leicestershire\"}", 1),
        ("hafan_uncollected_days{force=\"btp\"}", 0),
    ] {
        assert_eq!(before.get(name), Some(&wanted), "{name}");
    }
    put(&server, 1);
    let after = metrics();
    assert!(before.keys().eq(after.keys()));
    for (name, value) in &before {
        let epochs = name.starts_with("hafan_epochs_published");
        assert!(epochs || after[name] == *value, "{name} tells of a report");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(xtask::http::get(admin, path, &[]).unwrap().status, 200);
    }
    for path in ["/", "/v1/forces/btp/directory", "/log/btp/latest"] {
        assert_eq!(xtask::http::get(admin, path, &[]).unwrap().status, 404);
    }
    assert_eq!(get(&server, "/metrics").status, 404);
}

#[test]
fn each_alert_asks_for_a_metric_that_there_is_and_each_metric_has_one() {
    let server = common_http::lay_out("admin_listen = \"127.0.0.1:0\"").serve();
    let answer = xtask::http::get(server.admin.unwrap(), "/metrics", &[]).unwrap();
    let text = answer.text();
    let told: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" gauge"))
        .collect();
    let rules = xtask::root().join("deploy/prometheus/hafan.rules.yml");
    let rules = std::fs::read_to_string(rules).unwrap();
    let asked: BTreeSet<&str> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("expr: "))
        .flat_map(|line| line.split(|c: char| !(c.is_ascii_lowercase() || c == '_')))
        .filter(|word| word.starts_with("hafan_"))
        .collect();
    // Of these two nobody needs to be woken.
    let quiet = BTreeSet::from(["hafan_build_info", "hafan_start_day"]);
    assert_eq!(&told - &quiet, asked);
}
