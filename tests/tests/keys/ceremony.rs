//! `ceremony`: every key of a force, each as protocol.md says, in nobody's hands but those it is for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use hafan_directory::Directory;
use hafan_open::{Identity, open_bytes, unlock};
use hafan_tlog::Verifier;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::office::{Office, ceremony, parse_signer, passphrase, walk};

fn run(office: &Office, officers: u8, quorum: u8, more: &[&str]) {
    let args = ceremony(officers, quorum);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    office.ok(&[
        &args,
        ["--out", "keys", "--vault", "vault"].as_slice(),
        more,
    ]
    .concat());
}

#[test]
fn all_keys_are_there_and_each_opens_for_its_holder_only() {
    let office = Office::empty();
    run(
        &office,
        3,
        2,
        &["--couriers", "2", "--police-suspect", "dyfed-powys"],
    );
    let contents = office.directory();
    assert_eq!(
        office.read("vault/directory"),
        office.read("keys/operator/btp.directory")
    );
    assert_eq!((contents.sequence, contents.contact.threshold), (1, 2));
    assert_eq!(
        contents.police_suspect.as_ref().unwrap().as_str(),
        "dyfed-powys"
    );
    assert_eq!(
        (contents.intake.len(), contents.contact.recipients.len()),
        (3, 3)
    );
    let couriers: Vec<&str> = contents.couriers.iter().map(Verifier::name).collect();
    assert_eq!(couriers, ["hafan/btp/courier-1", "hafan/btp/courier-2"]);
    for number in 1..=3_u16 {
        let (identity, signer) = office.officer(number);
        let at = usize::from(number) - 1;
        let public = format!(
            "{}\n{}\n",
            contents.contact.recipients[at], contents.officers[at]
        );
        assert_eq!(signer.verifier(), contents.officers[at]);
        assert_eq!(
            identity.to_recipient().to_string(),
            contents.contact.recipients[at].to_string()
        );
        assert_eq!(
            office.read(&format!("vault/officers/officer-{number}.pub")),
            public.as_bytes()
        );
        let locked = office.read(&format!("vault/officers/officer-{number}.age"));
        let other = SecretString::from(passphrase("officer-9"));
        assert!(unlock(&locked, &other).is_err());
        for key in &contents.intake {
            let sealed = office.read(&format!("vault/intake/{}.age", key.id));
            let secret = open_bytes(&sealed, &[&identity]).unwrap();
            let text = std::str::from_utf8(&secret).unwrap();
            let intake: Identity = text.trim_end().parse().ok().unwrap();
            assert_eq!(intake.to_recipient().to_string(), key.recipient.to_string());
        }
        let sealed = office.read("vault/replies/replies-1.age");
        let line = open_bytes(&sealed, &[&identity]).unwrap();
        let signer = parse_signer(std::str::from_utf8(&line).unwrap().trim_end());
        assert_eq!([signer.verifier()], *contents.replies);
    }
    // Only what is meant to be given away can be read by others, and no secret lies about in the clear but the couriers'.
    for file in walk(&office.path(".")) {
        let name = file.to_string_lossy().into_owned();
        let is_public = ["record.html", "record.json", "root.vkey", "btp.directory"];
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let may_be_public = is_public.iter().any(|end| name.ends_with(end));
        assert!(
            mode == 0o600 || (mode == 0o644 && may_be_public),
            "{name}: {mode:o}"
        );
        let bytes = fs::read(&file).unwrap();
        let secret = xtask::search::find(&bytes, b"PRIVATE+KEY")
            .or(xtask::search::find(&bytes, b"AGE-SECRET"));
        assert_eq!(secret.is_some(), name.contains("/courier/"), "{name}");
    }
}

#[test]
fn the_record_has_the_fingerprint_of_every_key_and_a_checklist() {
    let office = Office::empty();
    run(&office, 2, 2, &[]);
    let contents = office.directory();
    let record: Value = serde_json::from_slice(&office.read("keys/record.json")).unwrap();
    let html = String::from_utf8(office.read("keys/record.html")).unwrap();
    let root = String::from_utf8(office.read("keys/root/root.vkey")).unwrap();
    let mut keys = vec![root.trim().to_owned(), contents.log.to_string()];
    keys.extend(contents.couriers.iter().map(ToString::to_string));
    for (recipient, officer) in contents.contact.recipients.iter().zip(&contents.officers) {
        keys.extend([recipient.to_string(), officer.to_string()]);
    }
    keys.extend(contents.replies.iter().map(ToString::to_string));
    keys.extend(contents.intake.iter().map(|key| key.recipient.to_string()));
    let listed = record["keys"].as_array().unwrap();
    assert_eq!(listed.len(), keys.len());
    for (listed, key) in listed.iter().zip(&keys) {
        let digest = hex::encode(Sha256::digest(key.as_bytes()));
        assert_eq!(listed["sha256"], digest);
        let words = listed["words"].as_str().unwrap();
        assert_eq!(words.split(' ').count(), 12);
        assert!(html.contains(words));
        // As the page shows an intake key to the person: docs/protocol.md section 9.
        let groups: Vec<&str> = (0..8).map(|at| &digest[at * 4..at * 4 + 4]).collect();
        assert!(html.contains(&groups.join(" ")));
    }
    assert!(html.matches("class=\"box\"").count() >= 10);
    assert!(!html.contains("<script") && html.contains("default-src 'none'"));
    // What a passphrase or a secret would look like is nowhere in it.
    for name in ["root", "officer-1"] {
        assert!(
            !html.contains(&passphrase(name)) && !record.to_string().contains(&passphrase(name))
        );
    }
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let office = Office::empty();
    let before = walk(&office.path("."));
    let args = ceremony(2, 2);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let with = |more: &[&'static str]| [&args, ["--out", "keys"].as_slice(), more].concat();
    office.fails(&with(&["--police-suspect", "btp"]), 2, "want another force");
    office.fails(&with(&["--couriers", "0"]), 2, "couriers");
    let mut quorum = with(&[]);
    let at = quorum.iter().position(|arg| *arg == "--quorum").unwrap();
    quorum[at + 1] = "3";
    office.fails(&quorum, 2, "a quorum of 3 of 2 officers");
    let mut log = with(&[]);
    let at = log.iter().position(|arg| *arg == "--log").unwrap();
    log[at + 1] = "no-key";
    office.fails(&log, 2, "neither a verification key nor a file");
    office.write("short", b"root: too short\n");
    fs::set_permissions(office.path("short"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut short = with(&[]);
    let at = short.iter().position(|arg| *arg == "passphrases").unwrap();
    short[at] = "short";
    office.fails(&short, 2, "has 9 characters, want at least 16");
    fs::remove_file(office.path("short")).unwrap();
    assert_eq!(walk(&office.path(".")), before);
    // Nothing is written over.
    office.ok(&with(&[]));
    office.fails(&with(&[]), 4, "keys are never written over");
}

#[test]
fn one_officer_alone_gets_no_sealed_contact() {
    let office = Office::empty();
    let args = ceremony(2, 1);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let said = office.ok(&[&args, ["--out", "keys"].as_slice()].concat());
    assert!(said.contains("the site does not offer it"), "{said}");
    let root: Verifier = String::from_utf8(office.read("keys/root/root.vkey"))
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    let directory = Directory::open(&office.read("keys/operator/btp.directory"), &root).unwrap();
    assert_eq!(directory.contents().contact.threshold, 1);
}
