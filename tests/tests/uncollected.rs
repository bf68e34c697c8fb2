//! The alarm that a report waits for its force: `hafan_uncollected_days` grows while nobody comes, and falls when the courier has been there.
#![cfg(test)]

use std::time::{Duration, Instant};

use hafan_tests::TestServer;
use hafan_tests::reports::shaped;
use xtask::demo::Settings;
use xtask::http;
use xtask::process::{guarded, output};

const LIMIT: Duration = Duration::from_secs(30);
/// Each epoch of a log counts for as long as the server's epochs are.
const DAY_S: u32 = 86_400;

fn settings(epoch_s: u32) -> Settings {
    Settings {
        epoch_s,
        more: "admin_listen = \"127.0.0.1:0\"\n".to_owned(),
        ..Settings::small()
    }
}

fn epochs(server: &TestServer) -> u64 {
    let year = server.get("/log/btp/latest").unwrap().text();
    let path = format!("/log/btp/{}/checkpoint", year.trim());
    let note = server.get(&path).unwrap().text();
    let size: u64 = note.lines().nth(1).unwrap().parse().unwrap();
    size / u64::from(Settings::small().leaves_per_epoch)
}

/// Lets the log grow at its quick beat by `more` epochs.
fn grow(server: &TestServer, more: u64) {
    let (until, limit) = (epochs(server) + more, Instant::now() + LIMIT);
    while epochs(server) < until {
        assert!(Instant::now() < limit, "the log does not grow");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The same server with epochs of another length.
fn with_epochs_of(server: &mut TestServer, seconds: u32) {
    assert!(server.terminate().unwrap().success());
    server.layout().write_config(&settings(seconds)).unwrap();
    server.restart().unwrap();
}

fn uncollected_days(server: &TestServer) -> u64 {
    let heard = String::from_utf8(server.heard()).unwrap();
    let admin = heard
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("admin listening on "))
        .unwrap();
    let metrics = http::get(admin.parse().unwrap(), "/metrics", &[]).unwrap();
    let text = metrics.text();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("hafan_uncollected_days{force=\"btp\"} "));
    line.unwrap().parse().unwrap()
}

fn pull(server: &TestServer) {
    let mut courier = guarded(server.binaries().courier());
    courier
        .args(["pull", "--force", "btp", "--server", &server.url()])
        .arg("--key")
        .arg(server.layout().courier_key("btp"))
        .arg("--root")
        .arg(server.layout().root_vkey("btp"))
        .arg("--out")
        .arg(server.layout().stick("btp"));
    output("hafan-courier pull", &mut courier).unwrap();
}

/// How far the one bundle on the stick goes: `bundle-{year}-{first}-{last}.tar`.
fn carried_epochs(server: &TestServer) -> u64 {
    let mut names = std::fs::read_dir(server.layout().stick("btp"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let bundle = names.find(|name| name.starts_with("bundle-")).unwrap();
    let last = bundle.trim_end_matches(".tar").rsplit('-').next().unwrap();
    last.parse::<u64>().unwrap() / u64::from(Settings::small().leaves_per_epoch)
}

#[test]
fn days_that_nobody_fetched_grow_until_a_courier_has_been_there() {
    let mut server = TestServer::start(&settings(1)).unwrap();
    let report = shaped(1, 0);
    let answer = server.put("btp", &report.h, &report.submission).unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    grow(&server, 2);
    with_epochs_of(&mut server, DAY_S);
    let waited = epochs(&server);
    assert!(waited >= 2);
    assert_eq!(uncollected_days(&server), waited);

    with_epochs_of(&mut server, 1);
    pull(&server);
    let carried = carried_epochs(&server);
    assert!(carried >= waited);
    grow(&server, 1);
    with_epochs_of(&mut server, DAY_S);
    // A server that was just started knows of no courier, and rather warns than not.
    let longer = epochs(&server);
    assert!(longer > carried);
    assert_eq!(uncollected_days(&server), longer);

    // The courier asks for what is behind its last bundle. What it is told now is not known to have arrived.
    pull(&server);
    assert_eq!(uncollected_days(&server), longer - carried);
}
