//! Requests that are written so that two programs read them differently, of other protocols, or far too large: to the server and
//! to the gateway. Each line has one answer of those that are wanted or is closed, what is behind a request is never taken for
//! a second one, none is answered with 500 or told of in a log, and an honest request is answered after it.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use hafan_tests::TestServer;
use hafan_tests::reports::shaped;
use socket2::{Domain, Socket, Type};
use xtask::demo::Settings;
use xtask::http::{connect, get};
use xtask::process::{Output, Running, guarded};
use xtask::site::GatewaySite;

/// What would show that what is behind a request was taken for another one.
const SECOND: &str = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/// A hostile request, and the statuses of which its answer has one; `None` for a line that is closed without a word.
struct Hostile {
    what: &'static str,
    bytes: Vec<u8>,
    server: &'static [Option<u16>],
    gateway: &'static [Option<u16>],
}

const CLOSED: Option<u16> = None;
const BAD: &[Option<u16>] = &[Some(400)];
const PAGE: &[Option<u16>] = &[Some(200)];

/// `path` is of a request that has a body: a submission, or the form.
fn hostile(method: &str, path: &str) -> Vec<Hostile> {
    let mut all = Vec::new();
    let mut add = |what, bytes: String, server, gateway| {
        all.push(Hostile {
            what,
            bytes: bytes.into_bytes(),
            server,
            gateway,
        });
    };
    let with = |fields: &str, body: &str| {
        format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n{body}")
    };
    let chunked = |size: &str| format!("{size}\r\n0\r\n\r\n{SECOND}");
    let (te, end) = ("Transfer-Encoding: chunked\r\n", "0\r\n\r\n");
    // Bodies with two lengths. A form that is chunked is read to its end; the server wants a length.
    let read = &[Some(200), Some(303), Some(400)];
    let wanted = &[Some(400), Some(415)];
    for (what, fields, body) in [
        (
            "length, then chunked",
            format!("Content-Length: 6\r\n{te}"),
            format!("{end}{SECOND}"),
        ),
        (
            "chunked, then length",
            format!("{te}Content-Length: 3\r\n"),
            format!("{end}{SECOND}"),
        ),
        (
            "chunked in odd case",
            "tRANSFER-eNCODING: ChUnKeD\r\n".to_owned(),
            format!("{end}{SECOND}"),
        ),
        (
            "a tab before chunked",
            "Transfer-Encoding:\tchunked\r\n".to_owned(),
            format!("{end}{SECOND}"),
        ),
        (
            "a chunk over all numbers",
            te.to_owned(),
            chunked("ffffffffffffffffff"),
        ),
        ("a chunk of minus one", te.to_owned(), chunked("-1")),
        ("a chunk size with an x", te.to_owned(), chunked("0x0")),
        (
            "a chunk extension of 64 KiB",
            te.to_owned(),
            chunked(&format!("1;{}", "e".repeat(1 << 16))),
        ),
        (
            "a chunk that ends elsewhere",
            te.to_owned(),
            format!("1\r\naa\r\n{end}{SECOND}"),
        ),
        (
            "trailers of 64 KiB",
            te.to_owned(),
            format!("0\r\nA: {}\r\n\r\n{SECOND}", "a".repeat(1 << 16)),
        ),
    ] {
        add(what, with(&fields, &body), wanted, read);
    }
    for (what, fields) in [
        ("two lengths", "Content-Length: 0\r\nContent-Length: 6\r\n"),
        ("two lengths in one field", "Content-Length: 0, 6\r\n"),
        ("a length with a sign", "Content-Length: +0\r\n"),
        ("a length under nothing", "Content-Length: -1\r\n"),
        (
            "a length over all numbers",
            "Content-Length: 99999999999999999999\r\n",
        ),
        (
            "a space before the colon",
            "Transfer-Encoding : chunked\r\n",
        ),
        (
            "chunked, then identity",
            "Transfer-Encoding: chunked, identity\r\n",
        ),
        ("identity", "Transfer-Encoding: identity\r\n"),
        ("a folded field", "Transfer-Encoding:\r\n chunked\r\n"),
        (
            "a vertical tab in a field",
            "Transfer-Encoding: \u{b}chunked\r\n",
        ),
        ("NUL in a value", "X: a\0b\r\n"),
        ("NUL in a name", "X\0: a\r\n"),
        ("a line end in a value", "X: a\rb\r\n"),
        ("no name", ": a\r\n"),
    ] {
        add(what, with(fields, SECOND), BAD, BAD);
    }
    for (what, bytes) in [
        (
            "two spaces",
            format!("GET  / HTTP/1.1\r\nHost: x\r\n\r\n{SECOND}"),
        ),
        ("HTTP/0.9", "GET /\r\n".to_owned()),
        ("HTTP/11", "GET / HTTP/11\r\n\r\n".to_owned()),
        ("no method", " / HTTP/1.1\r\n\r\n".to_owned()),
        ("TLS", "\u{16}\u{3}\u{1}\r\n\r\n".to_owned()),
    ] {
        add(what, bytes, BAD, BAD);
    }
    // HTTP/2 is not spoken: no stream is ever opened that could be reset, and no frame is read.
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    add("HTTP/2", preface.to_owned(), &[CLOSED], &[CLOSED]);
    let frames = format!("{preface}\0\0\0\u{4}\0\0\0\0\0");
    add("HTTP/2 and its settings", frames, &[CLOSED], &[CLOSED]);
    let upgrade = "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let page = |fields: &str| format!("GET /readyz HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
    add("an upgrade to HTTP/2", page(upgrade), PAGE, PAGE);
    let upgrade = "Connection: close, Upgrade\r\nUpgrade: websocket\r\n";
    add("an upgrade to WebSocket", page(upgrade), PAGE, PAGE);
    let absolute =
        "GET http://other.invalid/readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    add("a whole address", absolute.to_owned(), PAGE, PAGE);
    let bare = "GET /readyz HTTP/1.1\nHost: x\nConnection: close\n\n";
    add("bare line feeds", bare.to_owned(), PAGE, PAGE);
    for (what, line) in [
        ("CONNECT", "CONNECT other.invalid:443"),
        ("TRACE", "TRACE /"),
        ("a star", "OPTIONS *"),
    ] {
        let bytes = format!("{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let refused = &[Some(400), Some(405)];
        add(what, bytes, refused, refused);
    }
    // Bombs.
    let large = &[Some(431)];
    add(
        "a field of 1 MiB",
        page(&format!("X: {}\r\n", "a".repeat(1 << 20))),
        large,
        large,
    );
    add(
        "10,000 fields",
        page(&"X: a\r\n".repeat(10_000)),
        large,
        large,
    );
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(1 << 20));
    add(
        "an address of 1 MiB",
        long,
        &[Some(414), Some(431)],
        &[Some(414), Some(431)],
    );
    all
}

/// Everything that comes on a line after these bytes; the line is closed for writing where that is the only end.
fn heard(server: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = connect(server).unwrap();
    // It may be answered, and closed, before all of it is read.
    let _sent = stream.write_all(bytes);
    let _no_more = stream.shutdown(Shutdown::Write);
    let mut heard = Vec::new();
    let _reset_behind_an_answer = stream.read_to_end(&mut heard);
    String::from_utf8_lossy(&heard).into_owned()
}

/// The statuses of all answers in it.
fn statuses(heard: &str) -> Vec<u16> {
    let answers = heard.match_indices("HTTP/1.").map(|(at, _)| &heard[at..]);
    answers
        .filter_map(|answer| answer.get(9..12)?.parse().ok())
        .collect()
}

/// What a hostile request got that it should not have.
fn differs(what: &str, heard: &str, wanted: &[Option<u16>]) -> Option<String> {
    let found = statuses(heard);
    let is_one = found.len() <= 1 && wanted.contains(&found.first().copied());
    (!is_one).then(|| format!("{what}: {found:?}, wanted one of {wanted:?}"))
}

#[test]
fn the_server_reads_each_request_one_way_or_not_at_all() {
    let server = common_http::start();
    let before = server.laid.events();
    let path = format!("/v1/forces/btp/drops/{}", shaped(1, 0).h);
    let mut differ = Vec::new();
    for Hostile {
        what,
        bytes,
        server: wanted,
        ..
    } in hostile("PUT", &path)
    {
        let found = heard(server.address, &bytes);
        differ.extend(differs(what, &found, wanted));
        let answer = get(server.address, "/readyz", &[]).unwrap();
        assert_eq!(answer.status, 200, "after {what}");
    }
    assert!(differ.is_empty(), "{differ:#?}");
    assert_eq!(put(&server, 2), 201);
    assert_eq!(server.laid.events(), before, "it told of a request");
}

/// An honest report, and the status that it is answered with.
fn put(server: &common_http::Server, number: u64) -> u16 {
    let report = shaped(number, 0);
    let h = report.h.to_string();
    hafan_tests::put(server.address, "btp", &h, &report.submission)
        .unwrap()
        .status
}

#[test]
fn requests_one_behind_the_other_are_answered_in_their_order() {
    let server = common_http::start();
    let one = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
    let all = [
        one("/readyz"),
        one("/nowhere"),
        one("/v1/forces/btp/drops/h"),
        one("/readyz"),
    ];
    let found = statuses(&heard(server.address, all.concat().as_bytes()));
    assert_eq!(found, [200, 404, 405, 200]);
}

#[test]
fn lines_that_are_reset_again_and_again_cost_nobody_an_answer() {
    let server = common_http::start();
    for number in 0..500_usize {
        let mut stream = connect(server.address).unwrap();
        let request =
            b"PUT /v1/forces/btp/drops/ HTTP/1.1\r\nHost: x\r\nContent-Length: 67243\r\n\r\n";
        stream
            .write_all(&request[..number % request.len()])
            .unwrap();
        // What was sent to us and is not read makes of the end a reset.
        drop(stream);
    }
    assert_eq!(put(&server, 3), 201);
}

/// A gateway with its pages, and few slots.
struct Gateway {
    running: Running,
    address: SocketAddr,
    _server: TestServer,
}

const SLOTS: usize = 16;

fn gateway() -> Gateway {
    let settings = Settings {
        forces: xtask::FORCES.map(str::to_owned).to_vec(),
        ..Settings::small()
    };
    let server = TestServer::start(&settings).unwrap();
    let layout = server.layout();
    xtask::tools::npm_ci().unwrap();
    let site = GatewaySite {
        out: &layout.gateway_site(),
        url: "http://gateway.invalid",
    };
    xtask::site::build_demo(
        &layout.dir().join("site-built"),
        &layout.roots(),
        Some(site),
    )
    .unwrap();
    let mut config = format!(
        "listen = \"127.0.0.1:0\"\nserver = \"{}\"\nsite_dir = \"gateway-site\"\n[limits]\nconnections_max = {SLOTS}\n",
        server.address()
    );
    for force in xtask::FORCES {
        let root = fs::read_to_string(layout.root_vkey(force)).unwrap();
        config.push_str(&format!("[forces.{force}]\nroot = \"{}\"\n", root.trim()));
    }
    fs::write(layout.gateway_config(), config).unwrap();
    let mut command = guarded(server.binaries().gateway());
    command
        .args(["serve", "--config"])
        .arg(layout.gateway_config());
    let mut running = Running::start("hafan-gateway serve", command, Output::Keep).unwrap();
    let said = running.listener();
    let mut address = None;
    running
        .wait_until(Duration::from_secs(60), || {
            let said = String::from_utf8_lossy(&said.bytes()).into_owned();
            let line = said
                .lines()
                .find_map(|line| line.strip_prefix("listening on "));
            address = line.and_then(|line| line.parse().ok());
            address.is_some()
        })
        .unwrap();
    Gateway {
        running,
        address: address.unwrap(),
        _server: server,
    }
}

/// What the page of the form, over 200 KB, is asked for with.
const FORM: &[u8] =
    b"POST /btp/en/form HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A line that asks for the form, and takes no more of it than the kernel must.
fn unread(gateway: SocketAddr) -> Socket {
    let line = Socket::new(Domain::for_address(gateway), Type::STREAM, None).unwrap();
    line.set_recv_buffer_size(1).unwrap();
    line.connect(&gateway.into()).unwrap();
    (&line).write_all(FORM).unwrap();
    line
}

#[test]
fn the_gateway_reads_each_request_one_way_or_not_at_all_and_lets_nobody_keep_its_lines() {
    let gateway = gateway();
    let before = gateway.running.heard();
    let mut differ = Vec::new();
    for Hostile {
        what,
        bytes,
        gateway: wanted,
        ..
    } in hostile("POST", "/btp/en/form")
    {
        let found = heard(gateway.address, &bytes);
        differ.extend(differs(what, &found, wanted));
        let answer = get(gateway.address, "/readyz", &[]).unwrap();
        assert_eq!(answer.status, 200, "after {what}");
    }
    assert!(differ.is_empty(), "{differ:#?}");
    // Each line has one request.
    let page = "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    let found = statuses(&heard(gateway.address, page.repeat(3).as_bytes()));
    assert_eq!(found, [200]);
    // Lines whose body does not go on, then lines that say nothing, more than there are slots.
    let body = b"POST /btp/en/form HTTP/1.1\r\nHost: x\r\nContent-Length: 30000000\r\n\r\na";
    let held: Vec<_> = [body.as_slice(), b""]
        .into_iter()
        .flat_map(|bytes| std::iter::repeat_n(bytes, 3 * SLOTS))
        .map(|bytes| {
            let mut stream = connect(gateway.address).unwrap();
            stream.write_all(bytes).unwrap();
            stream
        })
        .collect();
    assert_eq!(get(gateway.address, "/readyz", &[]).unwrap().status, 200);
    drop(held);
    // Lines that ask for the largest page there is and read nothing of it.
    let unread: Vec<_> = (0..3 * SLOTS).map(|_| unread(gateway.address)).collect();
    assert_eq!(get(gateway.address, "/readyz", &[]).unwrap().status, 200);
    assert_eq!(statuses(&heard(gateway.address, FORM)), [200]);
    drop(unread);
    assert_eq!(gateway.running.heard(), before, "it told of a request");
}
