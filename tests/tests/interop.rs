//! Rust's age against npm `age-encryption`, both ways, an envelope opened without us, and what the page seals.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hafan_envelope::submission::Submission;
use hafan_open::{Identity, open_bytes, open_envelope};
use hafan_report::{Attachment, Padded, Report, SIZE_CLASSES, SealedContact};
use hafan_seal::{Recipient, seal, seal_bytes};
use rand::rngs::OsRng;
use secrecy::ExposeSecret;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// The repository. Says what to do when the npm packages are missing: that is never a reason to pass.
fn repository() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned();
    let package = root.join("node_modules/age-encryption");
    assert!(
        package.is_dir(),
        "node_modules/age-encryption is missing: run npm ci"
    );
    root
}

/// Runs a program to its end and gives its standard output.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{:?}: {error}",
        command.get_program()
    );
    String::from_utf8(output.stdout).unwrap()
}

fn plaintext(size: usize) -> Vec<u8> {
    (0..=250).cycle().take(size).collect()
}

#[test]
fn files_open_both_ways_at_each_edge_and_size_class() {
    let root = repository();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: String| folder.path().join(name);
    let identity = Identity::generate(&mut OsRng);
    let recipient = identity.to_recipient();
    let classes: Vec<usize> = SIZE_CLASSES
        .into_iter()
        .filter(|size| *size <= 1 << 20)
        .collect();
    let edges = [0, 1, 65_535, 65_537, 131_071, 131_073, 300_000];
    let mut sizes = [&edges[..], &classes].concat();
    sizes.sort_unstable();
    for size in &sizes {
        let plain = plaintext(*size);
        let sealed = if classes.contains(size) {
            let padded = Padded::from_bytes(Zeroizing::new(plain.clone())).unwrap();
            seal(&padded, &recipient).unwrap()
        } else {
            seal_bytes(&plain, std::slice::from_ref(&recipient)).unwrap()
        };
        fs::write(at(format!("{size}.plain")), plain).unwrap();
        fs::write(at(format!("{size}.rust.age")), sealed).unwrap();
    }
    let names: Vec<String> = sizes.iter().map(ToString::to_string).collect();
    let jobs = serde_json::json!({ "identity": identity.expose().expose_secret(), "names": names });
    fs::write(at("jobs.json".to_owned()), jobs.to_string()).unwrap();

    let script = root.join("tests/interop/age.mjs");
    let told = run(Command::new("node").arg(script).arg(folder.path()));

    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["recipient"], recipient.to_string());
    let fresh: Identity = told["fresh"]["identity"]
        .as_str()
        .unwrap()
        .parse()
        .ok()
        .unwrap();
    assert_eq!(told["fresh"]["recipient"], fresh.to_recipient().to_string());
    for size in sizes {
        let sealed = fs::read(at(format!("{size}.node.age"))).unwrap();
        let opened = open_bytes(&sealed, &[&identity]).unwrap_or_else(|e| panic!("{size}: {e}"));
        assert!(*opened == plaintext(size), "{size}");
        // What the browser seals is an envelope, and has the length of one that Rust sealed.
        let by_rust = fs::metadata(at(format!("{size}.rust.age"))).unwrap().len();
        assert_eq!(u64::try_from(sealed.len()).unwrap(), by_rust, "{size}");
        if classes.contains(&size) {
            assert!(open_envelope(&sealed, &identity).is_ok(), "{size}");
        }
    }
}

#[test]
fn an_envelope_opens_with_another_age_and_any_tar() {
    let root = repository();
    for vector in ["file-names.json", "escapes.json", "class-1m.json"] {
        let vector = fs::read(root.join("tests/vectors/report").join(vector)).unwrap();
        let vector: Value = serde_json::from_slice(&vector).unwrap();
        opens_without_us(&root, &vector);
    }
}

/// The bytes of what a vector lists.
fn bytes_of(vector: &Value) -> Vec<Vec<u8>> {
    let bytes = |run: &Value| {
        let repeat = usize::try_from(run["repeat"].as_u64().unwrap()).unwrap();
        hex::decode(run["hex"].as_str().unwrap())
            .unwrap()
            .repeat(repeat)
    };
    vector.as_array().unwrap().iter().map(bytes).collect()
}

fn opens_without_us(root: &Path, vector: &Value) {
    let report: Report = serde_json::from_value(vector["report"].clone()).unwrap();
    let files = bytes_of(&vector["files"]);
    let attachments: Vec<_> = files.iter().cloned().map(Attachment::new).collect();
    let identity = Identity::generate(&mut OsRng);
    // The recipient as text, as the directory holds it.
    let recipient: Recipient = identity.to_recipient().to_string().parse().unwrap();
    let envelope = seal(
        &Padded::pack(&report, None, &attachments).unwrap(),
        &recipient,
    )
    .unwrap();

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("identity"), identity.expose().expose_secret()).unwrap();
    fs::write(at("envelope.age"), envelope).unwrap();
    run(Command::new("node")
        .arg(root.join("tests/interop/open.mjs"))
        .args([at("identity"), at("envelope.age"), at("padded.tar")]));
    fs::create_dir(at("out")).unwrap();
    run(Command::new("tar")
        .arg("-xf")
        .arg(at("padded.tar"))
        .arg("-C")
        .arg(at("out")));

    assert!(fs::read(at("out/report.json")).unwrap() == *report.encode());
    let members = vector["expect"]["members"].as_array().unwrap();
    assert_eq!(members.len(), files.len());
    for (member, file) in members.iter().zip(&files) {
        let member = member.as_str().unwrap();
        assert!(
            fs::read(at("out").join(member)).unwrap() == *file,
            "{member}"
        );
    }
}

#[test]
fn what_the_page_seals_opens_here() {
    let root = repository();
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::generate(&mut OsRng);
    let officers: Vec<_> = (0..3).map(|_| Identity::generate(&mut OsRng)).collect();
    let recipients = officers.iter().map(|o| o.to_recipient().to_string());
    let names = ["all-states", "escapes", "file-names", "class-1m"];
    let path = |name: &&str| root.join(format!("tests/vectors/report/{name}.json"));
    let fingerprint = "0123 4567 89ab cdef 0123 4567 89ab cdef";
    let recipient = identity.to_recipient().to_string();
    let jobs = serde_json::json!({
        "key": { "id": "2026-W48", "recipient": recipient, "fingerprint": fingerprint },
        "contact": { "threshold": 2, "recipients": recipients.collect::<Vec<_>>() },
        "vectors": names.iter().map(path).collect::<Vec<_>>(),
    });
    fs::write(folder.path().join("jobs.json"), jobs.to_string()).unwrap();

    let script = root.join("tests/interop/seal.mjs");
    let told = run(Command::new("node").arg(script).arg(folder.path()));

    let told: Value = serde_json::from_str(&told).unwrap();
    for name in names {
        let body = fs::read(folder.path().join(format!("{name}.body"))).unwrap();
        let submission = Submission::parse(&body).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(submission.digest().to_string(), told[name], "{name}");
        let padded = open_envelope(submission.envelope.as_bytes(), &identity).unwrap();
        let unpacked = padded.unpack().unwrap_or_else(|e| panic!("{name}: {e}"));
        let vector: Value = serde_json::from_slice(&fs::read(path(&name)).unwrap()).unwrap();
        let files = unpacked.files.iter().map(Attachment::data);
        assert!(files.eq(bytes_of(&vector["files"])), "{name}");
        let report: Value = serde_json::from_slice(&unpacked.report.encode()).unwrap();
        for member in ["answers", "people", "flags", "wishes", "promise", "thread"] {
            assert_eq!(report[member], vector["report"][member], "{name}");
        }
        let commitments = &unpacked.report.contact.as_ref().unwrap().shares;
        let sealed = unpacked.contact.as_ref().unwrap();
        let contact = contact_by_two(&root, sealed, commitments, &officers);
        let told = r#"{"version":1,"force":""#;
        assert!(contact.starts_with(told.as_bytes()), "{name}");
        assert_eq!(contact.len(), 8_192, "{name}");
        let contact: Value = serde_json::from_slice(&contact).unwrap();
        assert_eq!(contact["answers"][0]["answer"], "A. Name", "{name}");
    }
}

/// The plaintext of a sealed contact, by the first and the last officer and npm `shamir-secret-sharing`.
fn contact_by_two(
    root: &Path,
    sealed: &SealedContact,
    commitments: &[String],
    officers: &[Identity],
) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for ((share, commitment), officer) in sealed.shares.iter().zip(commitments).zip(officers) {
        let share = open_bytes(share, &[officer]).unwrap();
        assert_eq!(hex::encode(Sha256::digest(&share)), *commitment);
        let path = folder.path().join(paths.len().to_string());
        fs::write(&path, &share).unwrap();
        paths.push(path);
    }
    let out = folder.path().join("secret");
    run(Command::new("node")
        .arg(root.join("tests/interop/combine.mjs"))
        .args([&out, &paths[0], &paths[2]]));
    let secret: Identity = fs::read_to_string(out).unwrap().parse().ok().unwrap();
    open_bytes(&sealed.contact, &[&secret]).unwrap().to_vec()
}

#[test]
fn vectors_of_reports_are_what_their_script_writes() {
    let script = repository().join("tests/interop/report-vectors.mjs");
    run(Command::new("node").arg(script).arg("--check"));
}
