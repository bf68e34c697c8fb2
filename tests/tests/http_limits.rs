//! Connections that are silent, slow or unfinished are closed, at once where another one needs the slot, and neither a large body
//! nor an answer that nobody takes grows the server's memory or the kernel's.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common_http::{Server, read_continue};
use hafan_tests::reports::{Prepared, shaped};
use hafan_tests::resident_bytes;
use hafan_tests::work::put_working;
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

/// Sends the head of an upload and nothing of its body; `fields` are further ones, each with its line end.
fn begin(server: &Server, report: &Prepared, fields: &str) -> TcpStream {
    let head = format!(
        "PUT /v1/forces/btp/drops/{} HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.hafan.submission\r\nContent-Length: {}\r\n{fields}\r\n",
        report.h,
        report.submission.len()
    );
    let mut stream = connect(server.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn memory_stays_flat_under_the_largest_body_sent_slowly() {
    let server = common_http::start();
    let report = shaped(4, 9);
    let before = resident_bytes(server.process.id()).unwrap();
    let mut most = before;
    let mut stream = begin(&server, &report, "");
    // A third at once, a third in drops for 10 s, and the rest: the buffers are full, then starved, then full again.
    let (quick, rest) = report.submission.split_at(report.submission.len() / 3);
    stream.write_all(quick).unwrap();
    let (slow, end) = rest.split_at(rest.len() / 2);
    let mut drops = slow.chunks(slow.len() / 100);
    let start = Instant::now();
    for due in 1.. {
        most = most.max(resident_bytes(server.process.id()).unwrap());
        let Some(part) = drops.next() else { break };
        stream.write_all(part).unwrap();
        // The sender's pace is what is tried here, not a wait for the server.
        let due = Duration::from_millis(100) * due;
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    stream.write_all(end).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 201);
    most = most.max(resident_bytes(server.process.id()).unwrap());
    let growth = most - before;
    println!("grew by {} KiB", growth / 1024);
    assert!(growth < GROWTH_BYTES_MAX, "grew by {growth} bytes");
}

const SPILLED_MAX: usize = 16;
/// Half of it is parts of the two forces; for what is in the other half, some work is asked for.
const SPILLED_A_FORCE: usize = 4;

#[test]
fn of_many_large_uploads_the_surplus_is_told_to_come_back_before_its_body() {
    let limits = format!("[limits]\nspilled_max = {SPILLED_MAX}");
    let server = common_http::lay_out(&limits).serve();
    let reports: Vec<Prepared> = (0..64).map(|number| shaped(number, 5)).collect();
    let before = resident_bytes(server.process.id()).unwrap();
    // The first take all the room there is: some of each body is in before the next begins.
    let mut under_way: Vec<(TcpStream, &Prepared)> = Vec::new();
    for report in &reports[..SPILLED_A_FORCE] {
        let mut stream = begin(&server, report, "Expect: 100-continue\r\n");
        read_continue(&mut stream);
        stream.write_all(&report.submission[..256 << 10]).unwrap();
        under_way.push((stream, report));
    }
    // The others send no byte of a body, and have their answer all the same.
    let surplus = &reports[SPILLED_A_FORCE..];
    let mut shed: Vec<TcpStream> = surplus
        .iter()
        .map(|report| begin(&server, report, ""))
        .collect();
    for stream in &mut shed {
        let answer = read_answer(stream).unwrap();
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.json().unwrap()["type"], "/problems/work");
        assert_eq!(answer.header("retry-after"), Some("10"));
        let besides = [
            "connection",
            "content-length",
            "content-type",
            "retry-after",
        ];
        common_http::assert_headers("busy", &answer, &besides);
    }
    // A small one needs no file, and a large one to the other force has that force's part: both are taken meanwhile.
    for (force, class) in [("btp", 0), ("leicestershire", 5)] {
        let answer = put_working(server.address, force, &shaped(99, class));
        assert_eq!(answer.unwrap().status, 201, "{force}");
    }
    let mut most = resident_bytes(server.process.id()).unwrap();
    for (stream, report) in &mut under_way {
        stream.write_all(&report.submission[256 << 10..]).unwrap();
        most = most.max(resident_bytes(server.process.id()).unwrap());
    }
    for (stream, _) in &mut under_way {
        assert_eq!(read_answer(stream).unwrap().status, 201);
    }
    most = most.max(resident_bytes(server.process.id()).unwrap());
    let growth = most - before;
    println!("grew by {} KiB", growth / 1024);
    assert!(growth < 2 * GROWTH_BYTES_MAX, "grew by {growth} bytes");
    // And then there is room again.
    let answer = put_working(server.address, "btp", &surplus[0]);
    assert_eq!(answer.unwrap().status, 201);
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

#[test]
fn what_would_wait_for_too_many_epochs_is_told_to_come_back() {
    let server =
        common_http::lay_out("leaves_per_epoch = 1\n[limits]\nbacklog_epochs_max = 1").serve();
    // An epoch of a second takes one away; each of these takes some hundredths of one.
    let refused = (0..40)
        .map(|number| shaped(number, 0))
        .map(|report| {
            hafan_tests::put(
                server.address,
                "btp",
                &report.h.to_string(),
                &report.submission,
            )
            .unwrap()
        })
        .find(|answer| answer.status != 201)
        .unwrap();
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), Some("10"));
    // Another force is not held up by it.
    let other = shaped(99, 0);
    let answer = hafan_tests::put(
        server.address,
        "leicestershire",
        &other.h.to_string(),
        &other.submission,
    );
    assert_eq!(answer.unwrap().status, 201);
}

/// Slots of the listener in the tests below.
const SLOTS: usize = 16;

fn few_slots() -> Server {
    common_http::lay_out(&format!("[limits]\nconnections_max = {SLOTS}")).serve()
}

/// A line that has had an answer, and says nothing more.
fn idle(server: &Server) -> TcpStream {
    let mut stream = connect(server.address).unwrap();
    let get = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(get).unwrap();
    assert_eq!(read_answer(&mut stream).unwrap().status, 200);
    stream
}

/// Whether the server has closed it.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let read = stream.read(&mut [0; 1]);
    !read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn when_all_lines_are_taken_the_one_that_waits_longest_gives_way() {
    let server = few_slots();
    let mut lines: Vec<TcpStream> = (0..SLOTS).map(|_| idle(&server)).collect();
    let report = shaped(5, 0);
    let answer = put_working(server.address, "btp", &report).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    // Not by its time, which is that of the others too. Of lines that were answered at nearly the same moment either may be first.
    let closed = lines
        .iter_mut()
        .filter_map(|line| is_closed(line).then_some(()));
    assert_eq!(closed.count(), 1);
}

#[test]
fn an_upload_under_way_gives_way_to_nobody() {
    let server = few_slots();
    let report = shaped(6, 0);
    let mut upload = begin(&server, &report, "Expect: 100-continue\r\n");
    read_continue(&mut upload);
    let (sent, rest) = report.submission.split_at(30_000);
    upload.write_all(sent).unwrap();
    let silent: Vec<TcpStream> = (0..4 * SLOTS)
        .map(|_| connect(server.address).unwrap())
        .collect();
    // Who comes behind all of them is answered, so all were let in.
    idle(&server);
    upload.write_all(rest).unwrap();
    assert_eq!(read_answer(&mut upload).unwrap().status, 201);
    drop(silent);
}

/// Bytes that the kernel holds on the server's side of a line, which its peer has not taken: `/proc/net/tcp` (proc(5)).
fn held_by_the_kernel(server: &Server, stream: &TcpStream) -> u64 {
    let ports = [server.address, stream.local_addr().unwrap()]
        .map(|address| format!("0100007F:{:04X}", address.port()));
    let lines = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let queue = lines.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields[1] == ports[0] && fields[2] == ports[1];
        is_it.then(|| fields[4].split_once(':').unwrap().0.to_owned())
    });
    u64::from_str_radix(&queue.unwrap(), 16).unwrap()
}

/// What is asked of the kernel, doubled as Linux does, and doubled again for what it counts to packets.
const HELD_BYTES_MAX: u64 = 4 * (64 << 10);
const LARGE_PAGE_SIZE_BYTES: usize = 16 << 20;

#[test]
fn the_kernel_holds_little_for_who_does_not_read() {
    let laid = common_http::lay_out("");
    laid.put_page("/large", &"x".repeat(LARGE_PAGE_SIZE_BYTES));
    let server = laid.serve();
    let mut stream = connect(server.address).unwrap();
    let get = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    stream.write_all(get).unwrap();
    stream.peek(&mut [0]).unwrap();
    // Until it takes no more.
    let mut held = 0;
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = held_by_the_kernel(&server, &stream);
        if now == held {
            break;
        }
        held = now;
    }
    println!("{held} bytes");
    assert!(held > 0, "everything was sent");
    assert!(held <= HELD_BYTES_MAX, "{held} bytes");
    // Who goes on reading has all of it.
    let answer = read_answer(&mut stream).unwrap();
    assert_eq!(answer.body.len(), LARGE_PAGE_SIZE_BYTES);
}
