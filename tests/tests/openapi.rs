//! The server against its own description: schemathesis reads `/v1/openapi.json` and sends what is right by it and what is
//! wrong. Every answer must be one that is described, and none a fault of the server.
//!
//! Longer: `HAFAN_HOSTILE_REQUESTS=10000 cargo test -p hafan-tests --test openapi -- --nocapture`.

#[path = "../oracles/mod.rs"]
#[expect(dead_code, reason = "other tests verify logs, records and packages")]
mod oracles;

use hafan_tests::TestServer;
use xtask::demo::Settings;

/// How many of the description's operations take all the requests that they are given; others have fewer to try.
const OPERATIONS: u32 = 5;

#[test]
fn every_answer_to_a_hostile_client_is_one_that_is_described() {
    let requests = std::env::var("HAFAN_HOSTILE_REQUESTS");
    let requests: u32 = requests.map_or(320, |number| number.parse().unwrap());
    let mut server = TestServer::start(&Settings::small()).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let (url, each) = (server.url(), requests.div_ceil(OPERATIONS));
    let told = oracles::hostile_api(&url, each, 7, scratch.path()).unwrap_or_else(|why| {
        panic!("not as /v1/openapi.json has it:\n{why}");
    });
    println!(
        "{told}; {} bytes resident",
        server.resident_bytes().unwrap()
    );
    let (sent, of) = told.split_once(" answers: ").unwrap();
    assert!(sent.parse::<u32>().unwrap() >= requests, "{told}");
    // Some came as far as the disk, and some had been sent before.
    for answer in ["PUT 201", "GET 200", "PUT 400", "PUT 422", "GET 401"] {
        assert!(of.contains(&format!("{answer} ")), "no {answer}: {told}");
    }
    assert!(!String::from_utf8_lossy(&server.heard()).contains("panicked"));
    assert!(server.terminate().unwrap().success());
}
