//! Every piece opens without us: npm `age-encryption` and npm `shamir-secret-sharing` from an officer's key to the contact.

use std::fs;
use std::process::Command;

use hafan_open::quorum::Paper;
use secrecy::ExposeSecret as _;
use xtask::process::output;
use xtask::root;

use crate::contact::request;
use crate::office::{Office, by, walk, with_contact};
use crate::officers::add;

/// `script` of tests/interop on files of the office.
fn node(office: &Office, script: &str, files: &[&str]) {
    let script = root().join("tests/interop").join(script);
    let files = files.iter().map(|file| office.path(file));
    let mut node = Command::new("node");
    output("node (npm ci)", node.arg(script).args(files)).unwrap();
}

#[test]
fn npm_opens_what_officers_wrap_pass_on_and_hand_each_other() {
    let office = Office::new(3, 2);
    let h = office.bring(&[with_contact("Ffugenw o Fôn")]).remove(0);
    office.ok(&add("officer-1", "next"));
    for number in 1..=4 {
        let identity = office.officer(number).0.expose();
        office.write(
            &format!("identity-{number}"),
            identity.expose_secret().as_bytes(),
        );
    }
    // An intake key, wrapped anew to four; with it the envelope; in it, in the clear of nobody, the contact.
    let week = office.directory().intake[0].id.clone();
    node(
        &office,
        "open.mjs",
        &["identity-4", &format!("vault/intake/{week}.age"), "intake"],
    );
    let submission = office.read(&format!("vault/bundles/2026-0-8/{h}"));
    office.write("envelope", &submission[48..]);
    node(&office, "open.mjs", &["intake", "envelope", "padded.tar"]);
    let tar = Command::new("tar")
        .args(["-xf", "padded.tar"])
        .current_dir(office.path("."))
        .output();
    assert!(tar.unwrap().status.success());

    // A share from the report, one that was passed on, one that was handed over: any two of them open the contact.
    node(
        &office,
        "open.mjs",
        &["identity-1", "contact-shares/01.age", "share-1"],
    );
    let reseal = [
        "contact",
        "reseal",
        "--from",
        "officer-2",
        "--to",
        "officer-4",
        "--vault",
        "vault",
    ];
    office.ok(&[reseal.as_slice(), &["--passphrase-file", "passphrases"]].concat());
    let passed = walk(&office.path("vault/contact-shares")).remove(0);
    fs::copy(passed, office.path("passed.age")).unwrap();
    node(
        &office,
        "open.mjs",
        &["identity-4", "passed.age", "share-2"],
    );
    request(&office, "officer-1", &h, "q");
    let verb = [
        "contact", "approve", "q", "--reason", "audit", "--out", "approval",
    ];
    office.ok(&by("officer-3", &verb));
    let contents = office.directory();
    let signed = Paper::open(
        &office.read("approval"),
        &contents.force,
        &contents.officers,
    );
    let Paper::Approval(approval) = signed.unwrap().paper else {
        panic!("no approval");
    };
    office.write("approval.age", &approval.sealed);
    node(
        &office,
        "open.mjs",
        &["identity-1", "approval.age", "share-3"],
    );
    for (one, other) in [
        ("share-1", "share-2"),
        ("share-2", "share-3"),
        ("share-3", "share-1"),
    ] {
        node(&office, "combine.mjs", &["identity", one, other]);
        node(&office, "open.mjs", &["identity", "contact.age", "contact"]);
        let contact = String::from_utf8(office.read("contact")).unwrap();
        assert!(contact.contains("Ffugenw o Fôn") && contact.len() == 8192);
    }
}
