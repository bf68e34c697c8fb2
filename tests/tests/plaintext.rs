//! What is typed in a real browser is nowhere in the middle: not in the store's files, the server's output, its memory, or on
//! the stick; in no form. The search is shown to find each form where it was planted.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails as loudly as the test"
)]

use std::fs;
use std::time::{Duration, Instant};

use hafan_tests::TestServer;
use xtask::demo::{Journey, type_and_send};
use xtask::search::{Form, Hit, files_under, forms, search_bytes, search_files, search_memory};

const FORCE: &str = "dyfed-powys";
const CHARACTERS: usize = 30_000;

#[test]
fn what_is_typed_in_a_browser_is_nowhere_in_the_middle_in_any_form() {
    let server = TestServer::start_with_site().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let canaries = canaries();
    let wanted: Vec<Form> = canaries.iter().flat_map(|canary| forms(canary)).collect();
    let journey = Journey {
        force: FORCE,
        language: "cy",
        route: "self",
        words: long_text(&canaries),
    };
    type_and_send(server.address(), &journey, scratch.path()).unwrap();

    // At once, and again when an epoch has put it into the log.
    let id = server.process_id().unwrap();
    assert_nowhere(&server, id, &wanted);
    wait_for_an_epoch(&server);
    assert_nowhere(&server, id, &wanted);
    every_planted_form_is_found(&server, scratch.path(), &wanted);
}

fn assert_nowhere(server: &TestServer, id: u32, wanted: &[Form]) {
    let layout = server.layout();
    for dir in [layout.store(), layout.pinned(), layout.stick(FORCE)] {
        let (findings, _) = search_files(&dir, wanted).unwrap();
        assert_eq!(findings, []);
    }
    assert_eq!(
        search_bytes("the server's output", &server.heard(), wanted),
        []
    );
    let (findings, searched) = search_memory(id, wanted).unwrap();
    assert_eq!(findings, []);
    assert!(
        searched > 1 << 20,
        "only {searched} bytes of memory were searched"
    );
}

fn wait_for_an_epoch(server: &TestServer) {
    let year = server.get(&format!("/log/{FORCE}/latest")).unwrap().text();
    let path = format!("/log/{FORCE}/{}/checkpoint", year.trim_end());
    let before = server.get(&path).unwrap().body;
    let start = Instant::now();
    while server.get(&path).unwrap().body == before {
        assert!(
            start.elapsed() < Duration::from_secs(30),
            "no epoch was closed"
        );
    }
}

/// Puts every form into a copy of the store, in the free room of its segment, and finds each.
fn every_planted_form_is_found(server: &TestServer, scratch: &std::path::Path, wanted: &[Form]) {
    let copy = scratch.join("store");
    fs::create_dir(&copy).unwrap();
    let store = server.layout().store().join("segments");
    let original = files_under(&store).unwrap().remove(0);
    let mut segment = fs::read(original).unwrap();
    let mut at = segment.len() / 2;
    for form in wanted {
        at += 61;
        segment[at..at + form.planted.len()].copy_from_slice(&form.planted);
        at += form.planted.len();
    }
    fs::write(copy.join("000000.log"), &segment).unwrap();
    let (found, _) = search_files(&copy, wanted).unwrap();
    for form in wanted {
        assert!(
            found.iter().any(|finding: &Hit| finding.form == form.name),
            "{} is not found where it was planted",
            form.name
        );
    }
    assert!(
        found.len() >= wanted.len(),
        "{} of {} found",
        found.len(),
        wanted.len()
    );
}

/// Lines that are nowhere else: each script, and the beginning, middle and end of a long text.
fn canaries() -> Vec<String> {
    let run = format!("{}-{:?}", std::process::id(), std::thread::current().id());
    [
        "canary at the beginning",
        "ŵyneb y tŷ, pêl, ïodin, â, ê, î, ô, û, ŷ",
        "🌧️🧑🏽‍🦱👩‍👩‍👧 🏴󠁧󠁢󠁷󠁬󠁳󠁿",
        "هذا نص تجريبي من اليمين",
        "זהו טקסט מימין לשמאל",
        "canary in the middle",
        "\"quoted\" <b>&amp;</b> %41 \\u0041",
        "canary at the end",
    ]
    .iter()
    .map(|text| format!("{text} {run}"))
    .collect()
}

/// 30,000 characters, as the page counts them (UTF-16 units), with the canaries spread over them.
fn long_text(canaries: &[String]) -> String {
    let mut text = String::new();
    let room = CHARACTERS / canaries.len();
    for (number, canary) in canaries.iter().enumerate() {
        text.push_str(canary);
        text.push('\n');
        while text.encode_utf16().count() < room * (number + 1) {
            text.push_str("nos dywyll, ");
        }
        text.push('\n');
    }
    // The last canary ends the text.
    text.push_str(canaries.last().unwrap());
    text
}
