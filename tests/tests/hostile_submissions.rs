//! Wrong, cut, doubled, oversized, mistyped and misaddressed submissions over real sockets: each has its documented
//! status and problem type (docs/protocol.md section 4), carries every header, and leaves the server as it was.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::io::{Read as _, Write as _};
use std::net::Shutdown;

use hafan_tests::reports::shaped;
use xtask::http::{Answer, connect, raw, read_answer};

const TYPE: &str = "Content-Type: application/vnd.hafan.submission\r\n";

/// One wrong request: what it is, its bytes, and the answer's status and problem word.
struct Wrong {
    what: String,
    bytes: Vec<u8>,
    wanted: (u16, &'static str),
}

fn request(method: &str, path: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    [head.as_bytes(), body].concat()
}

fn wrong_requests() -> Vec<Wrong> {
    let good = shaped(1, 0);
    let body = good.submission.clone();
    let path = format!("/v1/forces/btp/drops/{}", good.h);
    let length = format!("Content-Length: {}\r\n", body.len());
    let typed = format!("{TYPE}{length}");
    let mut all = Vec::new();
    let mut add = |what: &str, bytes: Vec<u8>, status, word| {
        all.push(Wrong {
            what: what.to_owned(),
            bytes,
            wanted: (status, word),
        });
    };
    // Misaddressed.
    let drops = "/v1/forces/btp/drops/";
    for (what, path, status, word) in [
        (
            "unknown force",
            path.replace("btp", "none"),
            404,
            "no-such-force",
        ),
        (
            "force in capitals",
            path.replace("btp", "BTP"),
            404,
            "no-such-force",
        ),
        (
            "force too long",
            path.replace("btp", &"a".repeat(33)),
            404,
            "no-such-force",
        ),
        (
            "escaped force",
            path.replace("btp", "%62tp"),
            404,
            "not-found",
        ),
        ("no h", drops.to_owned(), 405, "method"),
        (
            "h cut",
            path[..path.len() - 1].to_owned(),
            400,
            "malformed-request",
        ),
        ("h too long", format!("{path}0"), 400, "malformed-request"),
        (
            "h in capitals",
            format!("{drops}{}", good.h.to_string().to_uppercase()),
            400,
            "malformed-request",
        ),
        (
            "h not hex",
            format!("{drops}{}", "g".repeat(64)),
            400,
            "malformed-request",
        ),
        (
            "h of another",
            format!("{drops}{}", "0".repeat(64)),
            400,
            "digest",
        ),
        ("slash behind h", format!("{path}/"), 405, "method"),
        ("query", format!("{path}?a=b"), 400, "malformed-request"),
        ("empty query", format!("{path}?"), 400, "malformed-request"),
        (
            "up and down",
            path.replace("btp", "btp/../btp"),
            405,
            "method",
        ),
    ] {
        add(what, request("PUT", &path, &typed, &body), status, word);
    }
    // Mistyped.
    for method in [
        "POST", "GET", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND",
    ] {
        let word = if method == "GET" {
            (400, "malformed-request")
        } else {
            (405, "method")
        };
        add(
            method,
            request(method, &path, &typed, &body),
            word.0,
            word.1,
        );
    }
    let long = format!("{TYPE}X: {}\r\n", "a".repeat(20_000));
    let many = format!("{TYPE}{}", "X: a\r\n".repeat(80));
    for (what, fields, status, word) in [
        ("no type", length.clone(), 415, "media-type"),
        (
            "other type",
            format!("Content-Type: text/plain\r\n{length}"),
            415,
            "media-type",
        ),
        (
            "form type",
            format!("Content-Type: multipart/form-data\r\n{length}"),
            415,
            "media-type",
        ),
        ("type twice", format!("{TYPE}{typed}"), 415, "media-type"),
        (
            "type with parameter",
            typed.replace("submission\r", "submission;a=b\r"),
            415,
            "media-type",
        ),
        (
            "content encoding",
            format!("Content-Encoding: gzip\r\n{typed}"),
            415,
            "media-type",
        ),
        ("no length", TYPE.to_owned(), 411, "length-required"),
        (
            "length not a number",
            format!("{TYPE}Content-Length: many\r\n"),
            400,
            "malformed-request",
        ),
        (
            "negative length",
            format!("{TYPE}Content-Length: -1\r\n"),
            400,
            "malformed-request",
        ),
        (
            "length with plus",
            format!("{TYPE}Content-Length: +67243\r\n"),
            400,
            "malformed-request",
        ),
        (
            "two lengths",
            format!("{typed}Content-Length: 1\r\n"),
            400,
            "malformed-request",
        ),
        (
            "length 0",
            format!("{TYPE}Content-Length: 0\r\n"),
            422,
            "envelope",
        ),
        (
            "one short of a class",
            format!("{TYPE}Content-Length: 67242\r\n"),
            422,
            "envelope",
        ),
        (
            "one over a class",
            format!("{TYPE}Content-Length: 67244\r\n"),
            422,
            "envelope",
        ),
        (
            "one over the largest",
            format!("{TYPE}Content-Length: 33564316\r\n"),
            413,
            "too-large",
        ),
        (
            "a terabyte",
            format!("{TYPE}Content-Length: 1000000000000\r\n"),
            413,
            "too-large",
        ),
        (
            "chunked",
            format!("{TYPE}Transfer-Encoding: chunked\r\n"),
            400,
            "malformed-request",
        ),
        (
            "chunked and length",
            format!("{typed}Transfer-Encoding: chunked\r\n"),
            400,
            "malformed-request",
        ),
        (
            "folded field",
            format!("{typed}X: a\r\n b\r\n"),
            400,
            "malformed-request",
        ),
        (
            "space before colon",
            format!("{typed}X : a\r\n"),
            400,
            "malformed-request",
        ),
        ("head too large", long, 431, "head-too-large"),
        ("too many fields", many, 431, "head-too-large"),
    ] {
        add(what, request("PUT", &path, &fields, &body), status, word);
    }
    // Wrong inside, byte by byte of each part of the header.
    for (what, at, byte) in [
        ("version line", 48, b'A'),
        ("version", 68, b'2'),
        ("stanza", 73, b'X'),
        ("base64 of the key", 100, b'*'),
        ("line end", 48 + 1582 - 50, b'\n'),
        ("last of the header", 48 + 1626, b' '),
    ] {
        let mut changed = body.clone();
        changed[at] = byte;
        add(
            what,
            request("PUT", &path, &typed, &changed),
            422,
            "envelope",
        );
    }
    for (what, at) in [
        ("salt", 0),
        ("nonce", 48 + 1627),
        ("last byte", body.len() - 1),
    ] {
        let mut changed = body.clone();
        changed[at] ^= 1;
        add(what, request("PUT", &path, &typed, &changed), 400, "digest");
    }
    add(
        "not HTTP",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        400,
        "malformed-request",
    );
    all
}

/// Every header of `web/headers.json`, once and with its value.
fn assert_headers(what: &str, answer: &Answer) {
    let text = std::fs::read_to_string(xtask::root().join("web/headers.json")).unwrap();
    let wanted: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, value) in wanted.as_object().unwrap() {
        let found: Vec<_> = answer
            .headers
            .iter()
            .filter(|(found, _)| found == name)
            .collect();
        assert_eq!(found.len(), 1, "{what}: {name}");
        assert_eq!(Some(found[0].1.as_str()), value.as_str(), "{what}: {name}");
    }
    for never in ["date", "server", "etag", "set-cookie", "last-modified"] {
        assert_eq!(answer.header(never), None, "{what}: {never}");
    }
}

#[test]
fn each_wrong_submission_has_its_documented_answer() {
    let server = common_http::start();
    let wrong = wrong_requests();
    assert!(wrong.len() >= 40, "only {} kinds", wrong.len());
    let mut differ = Vec::new();
    for Wrong {
        what,
        bytes,
        wanted,
    } in wrong
    {
        let answer = match raw(server.address, &bytes) {
            Ok(answer) => answer,
            Err(error) => {
                differ.push(format!("{what}: {error:#}"));
                continue;
            }
        };
        assert_headers(&what, &answer);
        let problem = answer.json().unwrap_or_default();
        let found = problem["type"].as_str().unwrap_or_default();
        if (answer.status, found) != (wanted.0, format!("/problems/{}", wanted.1).as_str()) {
            differ.push(format!(
                "{what}: {} {found}, wanted {wanted:?}",
                answer.status
            ));
        }
    }
    assert!(differ.is_empty(), "{differ:#?}");
}

#[test]
fn a_body_that_ends_early_is_malformed() {
    let server = common_http::start();
    let good = shaped(2, 0);
    let path = format!("/v1/forces/btp/drops/{}", good.h);
    let fields = format!("{TYPE}Content-Length: {}\r\n", good.submission.len());
    let mut stream = connect(server.address).unwrap();
    stream
        .write_all(&request("PUT", &path, &fields, &good.submission[..60_000]))
        .unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 400);
}

#[test]
fn a_submission_sent_again_is_held_once() {
    let server = common_http::start();
    for (class, wanted) in [(0, [201, 200]), (6, [201, 200])] {
        let good = shaped(3, class);
        let h = good.h.to_string();
        let found = [(); 2].map(|()| {
            let answer = hafan_tests::put(server.address, "btp", &h, &good.submission).unwrap();
            assert_headers("good", &answer);
            answer.status
        });
        assert_eq!(found, wanted);
    }
}

#[test]
fn another_version_of_http_is_refused() {
    let server = common_http::start();
    let heard = |bytes: &[u8]| {
        let mut stream = connect(server.address).unwrap();
        stream.write_all(bytes).unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).unwrap();
        heard
    };
    assert!(heard(b"GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 505 "));
    // A closed door: no answer could be read as HTTP/2.
    assert_eq!(heard(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "");
}
