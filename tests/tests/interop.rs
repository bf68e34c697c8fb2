//! Rust's age against npm `age-encryption`, both ways, and an envelope opened without us.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use hafan_open::{Identity, open_bytes, open_envelope};
use hafan_report::{Attachment, Padded, Report, SIZE_CLASSES};
use hafan_seal::{Recipient, seal, seal_bytes};
use rand::rngs::OsRng;
use secrecy::ExposeSecret;
use serde_json::Value;
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

fn opens_without_us(root: &Path, vector: &Value) {
    let report: Report = serde_json::from_value(vector["report"].clone()).unwrap();
    let files: Vec<Vec<u8>> = vector["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| {
            let repeat = usize::try_from(file["repeat"].as_u64().unwrap()).unwrap();
            hex::decode(file["hex"].as_str().unwrap())
                .unwrap()
                .repeat(repeat)
        })
        .collect();
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
fn vectors_of_reports_are_what_their_script_writes() {
    let script = repository().join("tests/interop/report-vectors.mjs");
    run(Command::new("node").arg(script).arg("--check"));
}
