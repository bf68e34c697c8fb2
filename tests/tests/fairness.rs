//! A flood to one force stops no other, nor the people without JavaScript: each has a part of the room that no flood takes.
//! What cannot be taken is told so before its body is read, and when to come back.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use common_http::{Server, lay_out};
use hafan_gateway::config::Place;
use hafan_gateway::upstream::{self, Sent};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tests::work::{put_with, put_working, solve};
use xtask::http::{Answer, connect, read_answer};

/// The least that the configuration takes: 1 MiB a force of its own, and as much open to both.
const LIMITS: &str = "[limits]\nin_flight_bytes_max = 4194304\nspilled_max = 8\n";

/// The head of an upload; no byte of its body is sent.
fn begin(address: SocketAddr, force: &str, report: &Prepared) -> TcpStream {
    let head = format!(
        "PUT /v1/forces/{force}/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        report.h,
        report.submission.len()
    );
    let mut stream = connect(address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Opens uploads to a force until one is shed: those that hold their room, and what the last was told.
fn flood(address: SocketAddr, force: &str, class: usize) -> (Vec<TcpStream>, Answer) {
    let mut holding = Vec::new();
    for number in 0..1_000 {
        let mut stream = begin(address, force, &shaped(number, class));
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        if first.as_slice() != b"HTTP/1.1 100" {
            let answer = read_answer(&mut first.as_slice().chain(stream)).unwrap();
            return (holding, answer);
        }
        holding.push(stream);
    }
    (holding, put(address, force, &shaped(1_000, class)))
}

fn put(address: SocketAddr, force: &str, report: &Prepared) -> Answer {
    hafan_tests::put(address, force, &report.h.to_string(), &report.submission).unwrap()
}

fn assert_shed(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("10"));
}

fn served(more: &str) -> Server {
    lay_out(&format!("{more}{LIMITS}")).serve()
}

#[test]
fn a_flood_of_small_ones_to_one_force_stops_no_other() {
    let server = served("");
    let (holding, shed) = flood(server.address, "btp", 0);
    assert_shed(&shed);
    // Its own part is taken; for the open one some work is asked for.
    assert_eq!(shed.json().unwrap()["type"], "/problems/work");
    assert_eq!(holding.len(), 15);
    for (number, class) in [(0, 0), (1, 3), (2, 0)] {
        let answer = put(server.address, "leicestershire", &shaped(number, class));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    // And who does the work is taken in the force's own flood too.
    let answer = put_working(server.address, "btp", &shaped(2_000, 0)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    drop(holding);
}

#[test]
fn work_is_for_one_submission_and_the_same_for_everybody_and_refused_before_the_body() {
    let server = served("");
    let (_holding, shed) = flood(server.address, "btp", 0);
    let (one, other) = (shaped(2_001, 0), shaped(2_002, 0));
    // What the next is asked for has nothing of its own.
    let again = put(server.address, "btp", &other);
    assert_eq!(again.json().unwrap(), shed.json().unwrap());
    common_http::assert_headers(
        "work",
        &again,
        &[
            "connection",
            "content-length",
            "content-type",
            "retry-after",
        ],
    );
    let proof = solve(&shed, &one.h.to_string()).unwrap();
    let with =
        |report: &Prepared, proof: &str| put_with(server.address, "btp", report, proof).unwrap();
    assert_eq!(with(&other, &proof).status, 503);
    assert_eq!(with(&one, "").status, 400);
    assert_eq!(with(&one, &format!("{proof}AAAA")).status, 400);
    assert_eq!(with(&one, &proof).status, 201);
    assert_eq!(with(&one, &proof).status, 200);
    // A bad proof has its answer with no byte of a body sent.
    let mut stream = connect(server.address).unwrap();
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\nHafan-Work: {proof}\r\n\r\n",
        other.h,
        other.submission.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_shed(&read_answer(&mut stream).unwrap());
}

/// Each kind of false work, sent so often.
const FALSE_EACH: u64 = 200;

#[test]
fn a_flood_of_false_work_is_refused_by_its_head_and_who_does_the_work_is_taken() {
    let server = served("");
    let (_holding, shed) = flood(server.address, "btp", 0);
    let asked = shed.json().unwrap();
    let (span, bits) = (
        asked["span"].as_u64().unwrap(),
        asked["bits"].as_u64().unwrap(),
    );
    let honest = shaped(3_000, 0);
    let proof = solve(&shed, &honest.h.to_string()).unwrap();
    let nonces = proof.rsplit('.').next().unwrap();
    let kinds = [
        (400, "x".repeat(4_000)),
        (400, format!("{span}.{bits}.{nonces}.{nonces}")),
        (400, format!("{span}.99.{nonces}")),
        // Of a span that is not now, of other bits than were asked for, and of another submission.
        (503, format!("{}.{bits}.{nonces}", span + 7)),
        (503, format!("{span}.{}.{nonces}", bits + 1)),
        (503, proof.clone()),
    ];
    for number in 0..FALSE_EACH {
        for (wanted, proof) in &kinds {
            // No byte of a body follows, so nothing else is done for it.
            let mut stream = connect(server.address).unwrap();
            let head = format!(
                "PUT /v1/forces/btp/drops/{number:064x} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: 67243\r\nHafan-Work: {proof}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            let answer = read_answer(&mut stream).unwrap();
            assert_eq!(answer.status, *wanted, "{proof}: {}", answer.text());
        }
    }
    // The true proof is good six times, and then for nobody.
    let statuses: Vec<u16> = (0..7)
        .map(|_| {
            put_with(server.address, "btp", &honest, &proof)
                .unwrap()
                .status
        })
        .collect();
    assert_eq!(statuses, [201, 200, 200, 200, 200, 200, 503]);
    let answer = put_working(server.address, "btp", &shaped(3_001, 0)).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let answer = put(server.address, "leicestershire", &shaped(3_002, 0));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn a_flood_of_large_ones_to_one_force_stops_no_other() {
    let server = served("");
    let (holding, shed) = flood(server.address, "btp", 5);
    assert_shed(&shed);
    assert_eq!(holding.len(), 2);
    let answer = put(server.address, "leicestershire", &shaped(9, 5));
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn a_flood_through_the_pages_leaves_the_gateway_its_part() {
    let server = served("gateway_listen = \"127.0.0.1:0\"\n");
    let gateway = server.gateway.unwrap();
    let mut held = Vec::new();
    for force in common_http::FORCES {
        let (holding, shed) = flood(server.address, force, 0);
        assert_shed(&shed);
        held.push(holding);
    }
    let report = shaped(7, 0);
    assert_shed(&put(server.address, "btp", &report));
    let answer = put(gateway, "btp", &report);
    assert_eq!(answer.status, 201, "{}", answer.text());
}

#[test]
fn the_gateway_passes_on_without_work_while_the_pages_are_asked_for_it() {
    let server = served("gateway_listen = \"127.0.0.1:0\"\n");
    let (_holding, shed) = flood(server.address, "btp", 0);
    assert_eq!(shed.json().unwrap()["type"], "/problems/work");
    let report = shaped(8, 0);
    let (door, force) = (Place::Tcp(server.gateway.unwrap()), "btp".parse().unwrap());
    let passed_on = upstream::put(&door, &force, &report.h, report.submission.clone().into());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    assert_eq!(runtime.block_on(passed_on), Sent::Held);
    // Still asked for, of the pages.
    let answer = put(server.address, "btp", &shaped(9, 0));
    assert_eq!(answer.json().unwrap()["type"], "/problems/work");
}

#[test]
fn a_flood_through_the_gateway_stops_no_other_force() {
    let server = served("gateway_listen = \"127.0.0.1:0\"\n");
    let (holding, shed) = flood(server.gateway.unwrap(), "btp", 0);
    assert_shed(&shed);
    assert_eq!(shed.json().unwrap()["type"], "/problems/busy");
    // Of the three parts that it may use.
    assert_eq!(holding.len(), 45);
    for (number, address) in [(1, server.address), (2, server.gateway.unwrap())] {
        let answer = put(address, "leicestershire", &shaped(number, 3));
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
}

#[test]
fn the_gateways_door_takes_submissions_and_gives_keys_and_nothing_else() {
    let server = served("gateway_listen = \"127.0.0.1:0\"\n");
    let gateway = server.gateway.unwrap();
    let status = |path: &str| xtask::http::get(gateway, path, &[]).unwrap().status;
    assert_eq!(status("/v1/forces/btp/directory"), 200);
    assert_eq!(status("/readyz"), 200);
    for path in ["/", "/log/btp/latest", "/v1/forces/btp/drops", "/metrics"] {
        assert_ne!(status(path), 200, "{path}");
    }
    assert_eq!(put(gateway, "btp", &shaped(1, 0)).status, 201);
}
