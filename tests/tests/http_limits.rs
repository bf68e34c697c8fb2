//! Connections that are silent, slow or unfinished are closed, and a large body does not grow the server's memory.

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::io::{Read as _, Write as _};

use hafan_tests::reports::shaped;
use hafan_tests::resident_bytes;
use xtask::http::{connect, read_answer};

/// Above what a server of one force and 33 MiB in memory could hold: the body must not be there.
const GROWTH_BYTES_MAX: u64 = 16 << 20;

#[test]
fn a_connection_that_says_nothing_is_closed() {
    let server = common_http::start();
    let mut stream = connect(server.address).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn half_a_head_is_answered_with_408_and_closed() {
    let server = common_http::start();
    let mut stream = connect(server.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 408);
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_body_that_stops_is_answered_with_408() {
    let server = common_http::start();
    let good = shaped(1, 0);
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\n\r\n",
        good.h,
        good.submission.len()
    );
    let mut stream = connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&good.submission[..4096]).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 408);
}

#[test]
fn memory_stays_flat_under_the_largest_body() {
    let server = common_http::start();
    let good = shaped(2, 9);
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\n\r\n",
        good.h,
        good.submission.len()
    );
    let before = resident_bytes(server.process.id()).unwrap();
    let mut most = before;
    let mut stream = connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    for part in good.submission.chunks(64 << 10) {
        stream.write_all(part).unwrap();
        most = most.max(resident_bytes(server.process.id()).unwrap());
    }
    assert_eq!(read_answer(&mut stream).unwrap().status, 201);
    most = most.max(resident_bytes(server.process.id()).unwrap());
    let growth = most - before;
    assert!(growth < GROWTH_BYTES_MAX, "grew by {growth} bytes");
}
