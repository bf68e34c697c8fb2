//! Pages of answers on their way: a courier brings them, the log stands for them, and anybody reads whole pages.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

#[expect(dead_code, reason = "each test uses a part of what is common")]
mod common_http;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common_http::{Server, assert_headers, courier, reply_key};
use hafan_directory::request::{Target, sign};
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use hafan_tests::reports::shaped_page;
use hafan_tests::told;
use hafan_tlog::tile::decode_entries;
use hafan_tlog::{Entry, EntryKind, Signer, Verifier, cosign};
use xtask::binaries::Binaries;
use xtask::http::{Answer, get, request};

const MEDIA_TYPE: &str = "application/vnd.hafan.reply-page";

fn year() -> i16 {
    common_http::today().year()
}

fn address_of(page: &[u8]) -> String {
    let h = hafan_envelope::reply::page_digest(page);
    format!("/v1/forces/btp/replies/{h}")
}

/// A page that ends with the server's own newest checkpoint, cosigned.
fn page_of(server: &Server, number: u64) -> Vec<u8> {
    shaped_page(number, &cosigned_by(server, &reply_key("btp")))
}

fn cosigned_by(server: &Server, key: &Signer) -> Vec<u8> {
    let note = get(
        server.address,
        &format!("/log/btp/{}/checkpoint", year()),
        &[],
    )
    .unwrap();
    let log: Verifier = server.laid.vkey.parse().unwrap();
    let log = log
        .renamed(&format!("test.invalid/hafan/btp/{}", year()))
        .unwrap();
    cosign(&note.body, &log, key, 1_795_651_200).unwrap()
}

/// Puts a page, signed by a key over this address.
fn put_as(server: &Server, key: &Signer, address: &str, media_type: &str, page: &[u8]) -> Answer {
    let target = Target {
        method: "PUT",
        path: address,
        query: "",
    };
    let fields = sign(key, &target, jiff::Timestamp::now().as_second()).unwrap();
    let mut head: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    head.push(("Content-Type", media_type));
    request(server.address, "PUT", address, &head, Some(page)).unwrap()
}

fn put(server: &Server, page: &[u8]) -> Answer {
    put_as(server, &courier("btp"), &address_of(page), MEDIA_TYPE, page)
}

/// The leaves of the log that stand for pages, once there are so many.
fn page_leaves(server: &Server, wanted: usize) -> Vec<(u64, Entry)> {
    let start = Instant::now();
    loop {
        let note = get(
            server.address,
            &format!("/log/btp/{}/checkpoint", year()),
            &[],
        )
        .unwrap();
        let size: u64 = note.text().lines().nth(1).unwrap().parse().unwrap();
        if size > 0 && size < 256 {
            let path = format!("/log/btp/{}/tile/entries/000.p/{size}", year());
            let bundle = get(server.address, &path, &[]).unwrap();
            let entries = decode_entries(&bundle.body).unwrap();
            let pages: Vec<(u64, Entry)> = (0..)
                .zip(entries)
                .filter(|(_, entry)| entry.kind == EntryKind::ReplyPage)
                .collect();
            if pages.len() == wanted {
                return pages;
            }
        }
        assert!(start.elapsed() < Duration::from_secs(20), "never published");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn problem(answer: &Answer) -> (u16, String) {
    let json = answer.json().unwrap();
    (answer.status, json["type"].as_str().unwrap().to_owned())
}

#[test]
fn a_page_is_taken_once_stands_in_the_log_and_is_given_to_anybody_whole() {
    let server = common_http::start();
    let page = page_of(&server, 1);
    for status in [201, 200] {
        let answer = put(&server, &page);
        assert_eq!(answer.status, status, "{}", answer.text());
        assert_headers("page", &answer, &["connection", "content-length"]);
    }
    let leaves = page_leaves(&server, 1);
    let (leaf, entry) = leaves[0];
    let parsed = Page::parse(&page).unwrap();
    assert_eq!(
        (entry.h, entry.t),
        (parsed.digest().0, parsed.index_digest().0)
    );
    let log = format!("/log/btp/{}/replies", year());
    let given = get(server.address, &format!("{log}/page/{leaf}"), &[]).unwrap();
    assert!(given.body == page);
    let index = get(server.address, &format!("{log}/index/0"), &[]).unwrap();
    assert_eq!(index.body, parsed.index_part());
    for answer in [&given, &index] {
        let besides = ["connection", "content-length", "content-type"];
        assert_headers("replies", answer, &besides);
    }
    for other in [
        "page/00",
        "page/99999",
        "page/-1",
        "index/1",
        "index/x",
        "page/1/",
    ] {
        let answer = get(server.address, &format!("{log}/{other}"), &[]).unwrap();
        assert_eq!(answer.status, 404, "{other}");
    }
    let asked = get(server.address, &format!("{log}/index/0?x=1"), &[]).unwrap();
    assert_eq!(asked.status, 400);
}

#[test]
fn what_is_no_page_or_not_a_couriers_is_refused_and_nothing_is_kept() {
    let server = common_http::start();
    let page = page_of(&server, 1);
    let address = address_of(&page);
    let own = courier("btp");
    let refused = |what: &str, answer: &Answer, status: u16, word: &str| {
        let wanted = (status, format!("/problems/{word}"));
        assert_eq!(problem(answer), wanted, "{what}: {}", answer.text());
    };

    let head = [("Content-Type", MEDIA_TYPE)];
    let unsigned = request(server.address, "PUT", &address, &head, Some(&page)).unwrap();
    refused("unsigned", &unsigned, 401, "not-a-courier");
    let stranger = Signer::from_seed("hafan/btp/courier-1", &[99; 32]).unwrap();
    let answer = put_as(&server, &stranger, &address, MEDIA_TYPE, &page);
    refused("a stranger's key", &answer, 401, "not-a-courier");
    let answer = put_as(
        &server,
        &courier("leicestershire"),
        &address,
        MEDIA_TYPE,
        &page,
    );
    refused("another force's courier", &answer, 401, "not-a-courier");

    let other = "application/vnd.hafan.submission";
    let answer = put_as(&server, &own, &address, other, &page);
    refused("another media type", &answer, 415, "media-type");
    let longer = [&page[..], &[0]].concat();
    refused("longer", &put(&server, &longer), 413, "too-large");
    let shorter = &page[..PAGE_SIZE_BYTES - 1];
    refused("shorter", &put(&server, shorter), 422, "reply-page");
    let mut broken = page.clone();
    broken[5 * 4096 + 2] ^= 1;
    let answer = put(&server, &broken);
    refused("a broken record", &answer, 422, "reply-page");
    let detail = answer.json().unwrap()["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(detail.contains("record 5"), "{detail}");
    let answer = put_as(&server, &own, &address, MEDIA_TYPE, &page_of(&server, 2));
    refused("another page's address", &answer, 400, "digest");
    let answer = put_as(
        &server,
        &own,
        "/v1/forces/btp/replies/00",
        MEDIA_TYPE,
        &page,
    );
    refused("no digest", &answer, 400, "malformed-request");
    let stranger = Signer::from_seed("hafan/btp/replies-1", &[99; 32]).unwrap();
    let words: [&[u8]; 3] = [
        b"words of somebody else\n",
        b"\n",
        &cosigned_by(&server, &stranger),
    ];
    for seen in words {
        let answer = put(&server, &shaped_page(3, seen));
        refused("what nobody cosigned", &answer, 422, "reply-page");
    }
    let answer = get(server.address, &address, &[]).unwrap();
    refused("reading by digest", &answer, 405, "method");

    // What was refused left nothing: the first page that is taken is the only one.
    assert_eq!(put(&server, &page).status, 201);
    assert_eq!(
        page_leaves(&server, 1)[0].1.h,
        Page::parse(&page).unwrap().digest().0
    );
}

/// A courier of the server, and the stick that it brings pages from.
struct Courier {
    program: PathBuf,
    url: String,
    key: PathBuf,
    stick: tempfile::TempDir,
}

impl Courier {
    fn of(server: &Server) -> Self {
        let signer = courier("btp");
        let key = server.laid.path("courier.key");
        let secret = STANDARD.encode([&[1_u8][..], &[21; 32]].concat());
        let (name, id) = (signer.name(), signer.verifier().id());
        fs::write(&key, format!("PRIVATE+KEY+{name}+{id}+{secret}\n")).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        Self {
            program: Binaries::built().unwrap().courier(),
            url: format!("http://{}", server.address),
            key,
            stick: tempfile::tempdir().unwrap(),
        }
    }

    /// One push: its exit code, what it said, and on stderr.
    fn push(&self, from: &Path, json: bool) -> (Option<i32>, String, String) {
        let mut command = Command::new(&self.program);
        command.args(["push", "--force", "btp", "--server", &self.url]);
        command.arg("--key").arg(&self.key).arg("--in").arg(from);
        if json {
            command.arg("--json");
        }
        let (status, out, said) = told(&mut command).unwrap();
        (status.code(), out, said)
    }

    fn put_on_stick(&self, name: &str, bytes: &[u8]) {
        fs::write(self.stick.path().join(name), bytes).unwrap();
    }
}

#[test]
fn the_courier_says_why_the_server_does_not_take_a_page() {
    let server = common_http::start();
    let courier = Courier::of(&server);
    let page = shaped_page(3, b"words of somebody else\n");
    courier.put_on_stick("replies-3.page", &page);
    let (code, _, said) = courier.push(courier.stick.path(), false);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("it says \"what stands behind the records: "),
        "{said}"
    );
    assert!(said.contains("trying again does not help"), "{said}");
}

#[test]
fn the_courier_brings_every_page_and_none_twice() {
    let server = common_http::start();
    let courier = Courier::of(&server);
    let stick = courier.stick.path();
    let (code, out, _) = courier.push(stick, false);
    assert_eq!(code, Some(0));
    assert!(out.contains("no page of answers"), "{out}");

    for number in [1, 2] {
        courier.put_on_stick(&format!("replies-{number}.page"), &page_of(&server, number));
    }
    courier.put_on_stick("bundle-2026-0-8.tar", b"another file");
    for is_new in [true, false] {
        let (code, out, said) = courier.push(stick, true);
        assert_eq!(code, Some(0), "{said}");
        let json: serde_json::Value = serde_json::from_str(&out).unwrap();
        let pages = json["pages"].as_array().unwrap();
        assert_eq!(pages.len(), 2);
        assert!(pages.iter().all(|page| page["new"] == is_new), "{out}");
    }

    courier.put_on_stick("replies-0.page", b"half a page");
    let (code, _, said) = courier.push(stick, false);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("replies-0.page is no page of answers"),
        "{said}"
    );
    let (code, _, said) = courier.push(&stick.join("none"), false);
    assert_eq!(code, Some(2), "{said}");
}
