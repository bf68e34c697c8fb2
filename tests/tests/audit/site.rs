//! `hafan-audit site`: a server that gives out the published site, and one in front of it that changes a thing.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use hafan_tests::TestServer;
use sha2::{Digest as _, Sha256};
use xtask::demo::Settings;
use xtask::http::Answer;

use crate::{Said, audit, text};

const PAGE: &str = "<!doctype html><script src=\"/assets/seal.js\"></script>";

/// A server with a site of a page in three forms, a script, and a page for what is not there; its manifest.
fn served() -> (TestServer, PathBuf) {
    let mut server = TestServer::start(&Settings::small()).unwrap();
    let site = server.layout().site();
    let headers = fs::read_to_string(xtask::root().join("web/headers.json")).unwrap();
    let headers: serde_json::Value = serde_json::from_str(&headers).unwrap();
    fs::create_dir(site.join("assets")).unwrap();
    let digest = |name: &str, bytes: &str| {
        fs::write(site.join(name), bytes).unwrap();
        hex::encode(Sha256::digest(bytes))
    };
    let manifest = serde_json::json!({"version": 1, "headers": headers, "files": {
        "/": {"sha256": digest("index.html", PAGE), "content_type": "text/html; charset=utf-8", "encodings": {
            "br": {"path": "index.html.br", "sha256": digest("index.html.br", "as brotli")},
            "gzip": {"path": "index.html.gz", "sha256": digest("index.html.gz", "as gzip")}}},
        "/assets/seal.js": {"sha256": digest("assets/seal.js", "seal()"), "encodings": {},
            "content_type": "text/javascript; charset=utf-8"},
        "/404.html": {"sha256": digest("404.html", "not here"), "encodings": {},
            "content_type": "text/html; charset=utf-8"}}});
    let path = site.join("manifest.json");
    fs::write(&path, manifest.to_string()).unwrap();
    server.terminate().unwrap();
    server.restart().unwrap();
    (server, path)
}

/// What is asked: its path, and the head of the request.
struct Asked {
    path: String,
    head: String,
}

/// Passes requests on, and changes the answers.
fn doctored(server: SocketAddr, doctor: fn(&Asked, &mut Answer)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            // Who is gone does not want an answer.
            thread::spawn(move || drop(pass_on(stream, server, doctor)));
        }
    });
    format!("http://{address}")
}

fn pass_on(
    mut stream: TcpStream,
    server: SocketAddr,
    doctor: fn(&Asked, &mut Answer),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let closing = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut answer = xtask::http::raw(server, closing.as_bytes()).unwrap();
    doctor(&Asked { path, head }, &mut answer);
    let mut out = format!("HTTP/1.1 {} X\r\n", answer.status);
    for (name, value) in &answer.headers {
        if name != "content-length" {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    out.push_str(&format!("content-length: {}\r\n\r\n", answer.body.len()));
    stream.write_all(&[out.as_bytes(), &answer.body].concat())
}

fn set(answer: &mut Answer, name: &str, value: &str) {
    answer.headers.retain(|(found, _)| found != name);
    answer.headers.push((name.to_owned(), value.to_owned()));
}

type Fault = (&'static str, fn(&Asked, &mut Answer), &'static str);

const FAULTS: &[Fault] = &[
    (
        "a page with one script more",
        |asked, answer| {
            if asked.path == "/"
                && !asked.head.contains("accept-encoding: br")
                && !asked.head.contains("gzip")
            {
                answer
                    .body
                    .extend(b"<script src=\"/assets/more.js\"></script>");
            }
        },
        "extra-script /: it loads /assets/more.js, which the release does not have",
    ),
    (
        "a page with a script from elsewhere",
        |asked, answer| {
            if asked.path == "/" && asked.head.contains("identity") {
                answer
                    .body
                    .extend(b"<SCRIPT SRC=https://stats.example/a.js>");
            }
        },
        "extra-script /: it loads https://stats.example/a.js",
    ),
    (
        "a page with a script in it",
        |asked, answer| {
            if asked.path == "/" && asked.head.contains("identity") {
                answer.body.extend(b"<script>send()</script>");
            }
        },
        "extra-script /: it has a script of its own in it",
    ),
    (
        "a byte of a script",
        |asked, answer| {
            if asked.path == "/assets/seal.js" {
                answer.body[0] ^= 1;
            }
        },
        "changed-file /assets/seal.js: its SHA-256 is",
    ),
    (
        "a byte of the page as brotli only",
        |asked, answer| {
            if asked.path == "/" && asked.head.contains("br") {
                answer.body[0] ^= 1;
            }
        },
        "changed-file /: its SHA-256 is",
    ),
    (
        "a byte of the page as gzip only",
        |asked, answer| {
            if asked.path == "/" && asked.head.contains("accept-encoding: gzip\r\n") {
                answer.body[0] ^= 1;
            }
        },
        "changed-file /: its SHA-256 is",
    ),
    (
        "another script for one browser",
        |asked, answer| {
            if asked.path == "/assets/seal.js" && asked.head.contains("iPhone") {
                answer.body = b"steal()".to_vec();
            }
        },
        "changed-file /assets/seal.js: its SHA-256 is",
    ),
    (
        "another page for who reads Welsh",
        |asked, answer| {
            if asked.path == "/" && asked.head.contains("accept-language: cy") {
                answer.body.push(b' ');
            }
        },
        "changed-file /: its SHA-256 is",
    ),
    (
        "another page as gzip for one browser",
        |asked, answer| {
            let is_gzip = asked.head.contains("accept-encoding: gzip\r\n");
            if asked.path == "/" && is_gzip && asked.head.contains("Firefox") {
                answer.body[0] ^= 1;
            }
        },
        "changed-file /: its SHA-256 is",
    ),
    (
        "a worker that stays with one browser",
        |asked, answer| {
            if asked.path == "/sw.js" && asked.head.contains("Firefox") {
                answer.status = 200;
            }
        },
        "extra-file /sw.js: it is answered with status 200, and the release does not have it; asked for as Firefox",
    ),
    (
        "two types of one page",
        |asked, answer| {
            if asked.path == "/" {
                let more = ("content-type".to_owned(), "text/plain".to_owned());
                answer.headers.push(more);
            }
        },
        "extra-header /: content-type is there 2 times",
    ),
    (
        "a file is missing",
        |asked, answer| {
            if asked.path == "/assets/seal.js" {
                answer.status = 404;
            }
        },
        "missing-file /assets/seal.js",
    ),
    (
        "a file leads elsewhere",
        |asked, answer| {
            if asked.path == "/" {
                answer.status = 302;
                set(answer, "location", "https://stats.example/");
            }
        },
        "wrong-status /: it is answered with status 302",
    ),
    (
        "a policy that lets scripts from elsewhere in",
        |asked, answer| {
            if asked.path == "/" {
                let policy = answer.header("content-security-policy").unwrap();
                let weaker = policy.replace("script-src 'self'", "script-src 'self' https:");
                set(answer, "content-security-policy", &weaker);
            }
        },
        "weaker-header /: content-security-policy is",
    ),
    (
        "no policy on the script",
        |asked, answer| {
            if asked.path.ends_with(".js") {
                answer
                    .headers
                    .retain(|(name, _)| name != "content-security-policy");
            }
        },
        "weaker-header /assets/seal.js: content-security-policy is missing",
    ),
    (
        "two policies",
        |asked, answer| {
            if asked.path == "/" {
                let policy = (
                    "content-security-policy".to_owned(),
                    "default-src *".to_owned(),
                );
                answer.headers.push(policy);
            }
        },
        "weaker-header /: content-security-policy is there 2 times",
    ),
    (
        "a page that is kept",
        |_, answer| set(answer, "cache-control", "max-age=3600"),
        "weaker-header /: cache-control is",
    ),
    (
        "a cookie",
        |asked, answer| {
            if asked.path == "/" {
                set(answer, "set-cookie", "id=4711");
            }
        },
        "extra-header /: set-cookie is sent",
    ),
    (
        "a mark by which a browser is known again",
        |_, answer| set(answer, "etag", "\"4711\""),
        "extra-header /: etag is sent",
    ),
    (
        "a script of another type",
        |asked, answer| {
            if asked.path.ends_with(".js") {
                set(answer, "content-type", "text/plain");
            }
        },
        "wrong-type /assets/seal.js",
    ),
    (
        "another form than was asked for",
        |asked, answer| {
            if asked.path.ends_with(".js") {
                set(answer, "content-encoding", "zstd");
            }
        },
        "wrong-encoding /assets/seal.js: it comes as zstd",
    ),
    (
        "a worker that stays",
        |asked, answer| {
            if asked.path == "/sw.js" {
                answer.status = 200;
                answer.body = b"stay()".to_vec();
            }
        },
        "extra-file /sw.js: it is answered with status 200",
    ),
    (
        "another page for what is not there",
        |asked, answer| {
            if answer.status == 404 && asked.path == "/gtm.js" {
                answer.body.extend(b"<script src=//stats.example/>");
            }
        },
        "extra-script /gtm.js",
    ),
    (
        "another manifest",
        |asked, answer| {
            if asked.path == "/manifest.json" {
                answer.body.push(b'\n');
            }
        },
        "other-manifest /manifest.json",
    ),
    (
        "leaving that forgets nothing",
        |asked, answer| {
            if asked.path == "/leave" {
                answer.headers.retain(|(name, _)| name != "clear-site-data");
            }
        },
        "weaker-header /leave: clear-site-data",
    ),
    (
        "leaving that stays",
        |asked, answer| {
            if asked.path == "/leave" {
                set(answer, "location", "/");
            }
        },
        "wrong-status /leave",
    ),
];

#[test]
fn each_change_to_a_site_is_named_and_the_published_one_holds() {
    let (server, manifest) = served();
    let look = |url: &str| -> Said { audit(&["site", url, "--manifest", text(&manifest)]) };
    look(&server.url()).holds();
    look(&doctored(server.address(), |_, _| {})).holds();
    for (what, doctor, wanted) in FAULTS {
        let said = look(&doctored(server.address(), *doctor));
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn who_is_served_something_else_is_said() {
    let (server, manifest) = served();
    let url = doctored(server.address(), |asked, answer| {
        if asked.path == "/assets/seal.js" && asked.head.contains("iPhone") {
            answer.body = b"steal()".to_vec();
        }
    });
    let said = audit(&["site", &url, "--manifest", text(&manifest)]);
    assert!(
        said.text.contains("as Safari") && !said.text.contains("as Firefox"),
        "{}",
        said.text
    );
    let url = doctored(server.address(), |asked, answer| {
        if asked.path == "/" && asked.head.contains("accept-encoding: gzip\r\n") {
            answer.body[0] ^= 1;
        }
    });
    let said = audit(&["site", &url, "--manifest", text(&manifest)]);
    for browser in ["Chromium", "Firefox", "Safari"] {
        assert!(
            said.text.contains(&format!("gzip as {browser}")),
            "{}",
            said.text
        );
    }
    assert!(!said.text.contains("br as") && !said.text.contains("identity as"));
    assert!(said.text.contains("looked at leaving leads to: https://"));
}

#[test]
fn what_cannot_be_read_is_never_said_to_hold() {
    let (server, manifest) = served();
    let url = server.url();
    audit(&["site", &url, "--manifest", "/nowhere"]).fails(3, "cannot read /nowhere");
    let other = server.layout().config();
    audit(&["site", &url, "--manifest", text(&other)]).fails(2, "is no manifest");
    audit(&["site", "http://127.0.0.1:9", "--manifest", text(&manifest)]).fails(3, "cannot reach");
    audit(&[
        "site",
        "http://reports.example",
        "--manifest",
        text(&manifest),
    ])
    .fails(2, "plain HTTP");
    audit(&["site", &url]).fails(2, "--manifest");
    let failing = doctored(server.address(), |asked, answer| {
        if asked.path == "/assets/seal.js" {
            answer.status = 500;
        }
    });
    let said = audit(&["site", &failing, "--manifest", text(&manifest), "--json"]);
    assert_eq!(said.code, Some(3), "{}", said.text);
    let json: serde_json::Value = serde_json::from_str(&said.text).unwrap();
    assert_eq!(json["verdict"], "no answer");
}
