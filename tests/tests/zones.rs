//! The trust zones, proven: what each program links, what each folder's lints forbid, and that the proofs themselves fail
//! when something forbidden is added.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of a test fails as loudly as the test"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use xtask::binaries::{Binaries, cargo};
use xtask::deps::{PROGRAMS, linked_crates, list_path};
use xtask::process::output;
use xtask::root;

/// A crate, or with a `*` at its end a family of crates, that a zone never links.
type Forbidden = (&'static str, &'static str);

/// What the middle zone never links: it holds ciphertext and has nothing to open it with.
const SEALED: &[Forbidden] = &[
    ("age", "only seal/ and open/ know the file format's keys"),
    (
        "age-core",
        "only seal/ and open/ know the file format's keys",
    ),
    ("hafan-report", "it names what a person tells"),
    ("hafan-seal", "it encrypts, and names what a person tells"),
    ("hafan-open", "it decrypts"),
    ("aead", "authenticated encryption"),
    ("cipher", "a cipher's interface"),
    ("stream-cipher", "a cipher's interface"),
    ("aes*", "a cipher"),
    ("chacha20", "a cipher"),
    ("chacha20poly1305", "authenticated encryption"),
    ("salsa20", "a cipher"),
    ("poly1305", "half of authenticated encryption"),
    ("hpke*", "hybrid public-key encryption"),
    ("kem", "a key encapsulation's interface"),
    ("ml-kem", "a key encapsulation"),
    ("x25519-dalek", "a key exchange"),
    ("crypto_box", "public-key encryption"),
    ("crypto_secretbox", "encryption"),
    ("sodiumoxide", "encryption"),
    ("scrypt", "unlocks a key file"),
    ("argon2", "unlocks a key file"),
    ("rsa", "public-key encryption"),
    ("orion", "encryption"),
];

/// What the server besides never links: it speaks plain HTTP to a proxy or an onion service, which ends TLS.
const SERVER: &[Forbidden] = &[
    (
        "rustls*",
        "TLS would bring ciphers into a tree that claims none",
    ),
    ("ring", "ciphers"),
    ("aws-lc*", "ciphers"),
    ("openssl*", "ciphers"),
    ("native-tls", "ciphers"),
    ("boring*", "ciphers"),
    ("hyper-rustls", "TLS"),
    ("reqwest", "the server asks nobody anything"),
    ("ureq", "the server asks nobody anything"),
    ("hickory*", "the server looks no name up"),
];

/// What the gateway never links. It encrypts, and so has `age` and the ciphers below it; it has nothing that opens, nowhere to keep
/// anything, nobody to tell, and no TLS of its own.
const GATEWAY: &[Forbidden] = &[
    ("hafan", "the server keeps reports"),
    ("hafan-open", "it decrypts"),
    ("hafan-keys", "it decrypts"),
    ("hafan-record", "it is the officers'"),
    ("hafan-export", "it is the officers'"),
    ("sled", "a store"),
    ("tempfile", "files"),
    ("tracing*", "a log"),
    (
        "rustls*",
        "it speaks to a proxy and to the server on one machine",
    ),
    ("ring", "TLS"),
    ("openssl*", "TLS"),
    ("native-tls", "TLS"),
    ("reqwest", "it asks the server and nobody else"),
    ("ureq", "it asks the server and nobody else"),
    ("hickory*", "it looks no name up"),
];

/// What the offline zone never links: anything that could open a socket.
const OPENED: &[Forbidden] = &[
    ("tokio*", "sockets"),
    ("mio", "sockets"),
    ("hyper*", "a network protocol"),
    ("h2", "a network protocol"),
    ("axum*", "a network protocol"),
    ("reqwest", "a network client"),
    ("ureq", "a network client"),
    ("curl*", "a network client"),
    ("isahc", "a network client"),
    ("rustls*", "network encryption"),
    ("native-tls", "network encryption"),
    ("openssl*", "network encryption"),
    ("socket2", "sockets"),
    ("quinn*", "a network protocol"),
    ("async-std", "sockets"),
    ("smol", "sockets"),
    ("polling", "sockets"),
    ("async-io", "sockets"),
    ("crossterm", "its default features bring mio"),
    ("hafan", "the server"),
    ("hafan-courier", "the courier"),
];

/// The one crate of ours that the auditor has: nothing that it looks at links it.
const SEARCH: &str = "hafan-search";

/// What is looked at never links the auditor's crates.
const LOOKED_AT: &[Forbidden] = &[
    (SEARCH, "it is the auditor's"),
    ("hafan-audit", "it is the auditor"),
];

/// What the auditor never links: any crate of ours that is looked at, so that one bug cannot hide itself.
const AUDITOR: &[Forbidden] = &[
    (
        "hafan-*",
        "the auditor shares no code with what it looks at",
    ),
    ("hafan", "the auditor shares no code with what it looks at"),
];

fn forbidden_for(package: &str) -> Vec<Forbidden> {
    match package {
        "hafan" => [SEALED, SERVER, LOOKED_AT].concat(),
        "hafan-gateway" => [GATEWAY, LOOKED_AT].concat(),
        "hafan-courier" => [SEALED, LOOKED_AT].concat(),
        "hafan-audit" => [SEALED, AUDITOR].concat(),
        "hafan-keys" => [OPENED, LOOKED_AT].concat(),
        other => panic!("no zone is given for {other}"),
    }
}

/// The forbidden crates among those linked, each with the reason.
fn breaches(linked: &BTreeSet<String>, package: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (pattern, reason) in forbidden_for(package) {
        for name in linked {
            let hit = match pattern.strip_suffix('*') {
                Some(family) => name.starts_with(family),
                None => name == pattern,
            };
            // A program is never forbidden to be itself.
            let is_auditors = package == "hafan-audit" && name == SEARCH;
            if hit && name != package && !is_auditors {
                found.push(format!("{package} links {name}: {reason}"));
            }
        }
    }
    found
}

#[test]
fn no_program_links_what_its_zone_forbids() {
    for package in PROGRAMS {
        let linked = linked_crates(&root(), package).unwrap();
        assert!(linked.contains(package), "{package} is not in its own tree");
        assert_eq!(breaches(&linked, package), Vec::<String>::new());
    }
}

#[test]
fn each_program_links_exactly_the_crates_that_were_reviewed() {
    for package in PROGRAMS {
        let linked = linked_crates(&root(), package).unwrap();
        let listed: BTreeSet<String> = fs::read_to_string(list_path(package))
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        let new: Vec<_> = linked.difference(&listed).collect();
        let gone: Vec<_> = listed.difference(&linked).collect();
        assert!(
            new.is_empty() && gone.is_empty(),
            "{package}: new {new:?}, gone {gone:?}; if that is meant: cargo xtask deps, and review the difference"
        );
    }
}

#[test]
fn the_proof_fails_when_the_server_gains_a_forbidden_dependency() {
    let scratch = scratch_workspace();
    add_dependency(
        &scratch.path().join("src/server/Cargo.toml"),
        "age.workspace = true",
    );
    let linked = linked_crates(scratch.path(), "hafan").unwrap();
    let found = breaches(&linked, "hafan");
    assert!(
        found
            .iter()
            .any(|breach| breach.starts_with("hafan links age:")),
        "found only {found:?}"
    );
    // What `age` brings with it is found as well, so that taking one of its parts alone would be.
    assert!(
        found
            .iter()
            .any(|breach| breach.starts_with("hafan links chacha20poly1305:"))
    );
}

#[test]
fn the_proof_fails_when_a_crate_of_the_server_gains_a_forbidden_dependency() {
    let scratch = scratch_workspace();
    let manifest = scratch.path().join("src/envelope/Cargo.toml");
    add_dependency(&manifest, "hafan-report.workspace = true");
    for package in ["hafan", "hafan-courier"] {
        let linked = linked_crates(scratch.path(), package).unwrap();
        let wanted = format!("{package} links hafan-report: it names what a person tells");
        assert_eq!(breaches(&linked, package), [wanted]);
    }
}

#[test]
fn the_proof_fails_when_the_gateway_gains_what_opens() {
    let scratch = scratch_workspace();
    let manifest = scratch.path().join("src/gateway/Cargo.toml");
    add_dependency(&manifest, "hafan-open.workspace = true");
    let linked = linked_crates(scratch.path(), "hafan-gateway").unwrap();
    let wanted = "hafan-gateway links hafan-open: it decrypts".to_owned();
    assert!(breaches(&linked, "hafan-gateway").contains(&wanted));
}

#[test]
fn the_gateway_seals_through_seal_alone() {
    let manifest = fs::read_to_string(root().join("src/gateway/Cargo.toml")).unwrap();
    assert!(manifest.contains("hafan-seal.workspace"));
    assert!(!manifest.lines().any(|line| line.starts_with("age")));
}

#[test]
fn the_proof_fails_when_the_auditor_shares_code_with_the_server() {
    let scratch = scratch_workspace();
    let manifest = scratch.path().join("src/audit/Cargo.toml");
    add_dependency(&manifest, "hafan-tlog.workspace = true");
    let linked = linked_crates(scratch.path(), "hafan-audit").unwrap();
    let wanted = "hafan-audit links hafan-tlog: the auditor shares no code with what it looks at";
    assert_eq!(breaches(&linked, "hafan-audit"), [wanted]);
}

#[test]
fn the_proof_fails_when_the_officers_tool_gains_a_network() {
    let scratch = scratch_workspace();
    let manifest = scratch.path().join("keys-tooling/open/Cargo.toml");
    add_dependency(&manifest, "tokio.workspace = true");
    let linked = linked_crates(scratch.path(), "hafan-keys").unwrap();
    let found = breaches(&linked, "hafan-keys");
    assert!(
        found
            .iter()
            .any(|breach| breach == "hafan-keys links tokio: sockets")
    );
    assert!(
        found
            .iter()
            .any(|breach| breach == "hafan-keys links mio: sockets")
    );
}

/// A copy of the workspace's manifests and sources, without what was built or installed.
fn scratch_workspace() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml"] {
        fs::copy(root().join(name), scratch.path().join(name)).unwrap();
    }
    for name in ["src", "keys-tooling", "tests", "xtask"] {
        copy_crates(&root().join(name), &scratch.path().join(name));
    }
    scratch
}

/// Copies manifests, lints and Rust sources, which is all that cargo and clippy read.
fn copy_crates(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            if path.file_name().unwrap() != "node_modules" {
                copy_crates(&path, &target);
            }
        } else if path
            .extension()
            .is_some_and(|ext| ext == "rs" || ext == "toml")
        {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn add_dependency(manifest: &Path, line: &str) {
    let text = fs::read_to_string(manifest).unwrap();
    let changed = text.replacen("[dependencies]\n", &format!("[dependencies]\n{line}\n"), 1);
    assert_ne!(
        text,
        changed,
        "{} has no [dependencies]",
        manifest.display()
    );
    fs::write(manifest, changed).unwrap();
}

/// What clippy says of a crate that has `source` as its only file and lies in a zone's folder.
///
/// A crate of its own, so that nothing of the workspace is built again; the zone's `clippy.toml` is the one that counts
/// because it is the nearest.
fn clippy_in_zone(zone: &str, source: &str) -> (bool, String) {
    let scratch = tempfile::tempdir().unwrap();
    let crate_dir = scratch.path().join(zone).join("trial");
    fs::create_dir_all(crate_dir.join("src")).unwrap();
    fs::copy(
        root().join(zone).join("clippy.toml"),
        scratch.path().join(zone).join("clippy.toml"),
    )
    .unwrap();
    fs::copy(
        root().join("rust-toolchain.toml"),
        scratch.path().join("rust-toolchain.toml"),
    )
    .unwrap();
    // A stand-in for age: what clippy knows a path by is the crate's name and the item's.
    let age_dir = scratch.path().join("age");
    fs::create_dir_all(age_dir.join("src")).unwrap();
    fs::write(
        age_dir.join("Cargo.toml"),
        "[package]\nname = \"age\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n",
    )
    .unwrap();
    fs::write(
        age_dir.join("src/lib.rs"),
        "pub struct Decryptor;\npub fn decrypt() {}\npub mod x25519 { pub struct Identity; }\npub mod scrypt { pub struct Identity; }\n",
    )
    .unwrap();
    fs::write(
        crate_dir.join("Cargo.toml"),
        "[package]\nname = \"trial\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nage = { path = \"../../age\" }\n",
    )
    .unwrap();
    fs::write(crate_dir.join("src/lib.rs"), source).unwrap();
    let answer = cargo()
        .current_dir(&crate_dir)
        .env("CARGO_TARGET_DIR", scratch.path().join("target"))
        .args(["clippy", "--offline", "--", "-D", "warnings"])
        .output()
        .unwrap();
    let said = String::from_utf8(answer.stderr).unwrap();
    (answer.status.success(), said)
}

#[test]
fn the_networked_side_may_use_the_network_but_clippy_stops_it_from_opening() {
    let (clean, said) = clippy_in_zone(
        "src",
        "pub fn dial() -> bool { std::net::TcpStream::connect(\"[::1]:1\").is_ok() }\n",
    );
    assert!(clean, "{said}");
    for (source, name) in [
        ("pub fn f(_: age::Decryptor) {}\n", "age::Decryptor"),
        (
            "pub fn f(_: age::x25519::Identity) {}\n",
            "age::x25519::Identity",
        ),
        (
            "pub fn f(_: age::scrypt::Identity) {}\n",
            "age::scrypt::Identity",
        ),
        ("pub fn f() { age::decrypt(); }\n", "age::decrypt"),
    ] {
        let (clean, said) = clippy_in_zone("src", source);
        assert!(
            !clean && said.contains("disallowed"),
            "{name} passed: {said}"
        );
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn the_offline_side_may_open_but_clippy_stops_it_from_using_the_network() {
    let (clean, said) = clippy_in_zone("keys-tooling", "pub fn f(_: age::Decryptor) {}\n");
    assert!(clean, "{said}");
    for name in [
        "std::net::TcpStream",
        "std::net::TcpListener",
        "std::net::UdpSocket",
        "std::os::unix::net::UnixStream",
        "std::os::unix::net::UnixListener",
        "std::os::unix::net::UnixDatagram",
        "std::process::Command",
    ] {
        let (clean, said) = clippy_in_zone("keys-tooling", &format!("pub fn f(_: {name}) {{}}\n"));
        assert!(
            !clean && said.contains("disallowed"),
            "{name} passed: {said}"
        );
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn every_crate_lies_in_a_zone_that_has_lints_of_its_own() {
    for zone in ["src", "keys-tooling"] {
        for entry in fs::read_dir(root().join(zone)).unwrap() {
            let path = entry.unwrap().path();
            // A nearer clippy.toml would replace the zone's.
            assert!(!path.join("clippy.toml").exists(), "{}", path.display());
            assert!(!path.join(".clippy.toml").exists(), "{}", path.display());
            if path.is_dir() {
                let manifest = fs::read_to_string(path.join("Cargo.toml")).unwrap();
                assert!(
                    manifest.contains("[lints]\nworkspace = true"),
                    "{}",
                    path.display()
                );
            }
        }
    }
}

/// libc's functions that open a socket, use one, or look a name up.
const SOCKET_SYMBOLS: &[&str] = &[
    "socket",
    "socketpair",
    "connect",
    "bind",
    "listen",
    "accept",
    "accept4",
    "getaddrinfo",
    "gethostbyname",
    "send",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recv",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
];

fn socket_symbols(program: &Path) -> Vec<String> {
    let listing = output(
        "nm -D --undefined-only",
        std::process::Command::new("nm")
            .args(["-D", "--undefined-only", "--format=just-symbols"])
            .arg(program),
    )
    .unwrap();
    let listing = String::from_utf8(listing).unwrap();
    assert!(
        listing.lines().count() > 20,
        "{} imports nothing",
        program.display()
    );
    listing
        .lines()
        .map(|line| line.split('@').next().unwrap_or_default())
        .filter(|name| SOCKET_SYMBOLS.contains(name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_officers_tool_imports_no_function_that_opens_a_socket() {
    let program = officers_tool();
    assert_eq!(socket_symbols(&program), Vec::<String>::new());
}

#[test]
fn the_search_for_socket_functions_finds_those_of_the_server() {
    let found = socket_symbols(&Binaries::built().unwrap().server());
    for name in ["socket", "bind", "listen", "accept4"] {
        assert!(
            found.iter().any(|symbol| symbol == name),
            "{name} is not among {found:?}"
        );
    }
}

/// The debug build: it holds the same crates as the release build and drops less of them, so it claims no less.
fn officers_tool() -> PathBuf {
    Binaries::built().unwrap().keys()
}
