//! The door without JavaScript beside the page's own: the same answers make the same report, byte for byte, and envelopes of both doors
//! cannot be told apart. Its journey with a browser: `tests/browser/gateway.test.mjs`.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use hafan_envelope::submission::Submission;
use hafan_gateway::answers::{Circumstances, report};
use hafan_gateway::form::{self, Files};
use hafan_gateway::questions::QuestionSet;
use hafan_open::Identity;
use hafan_report::{Language, Padded, SealedTo, Thread};
use http_body_util::Full;
use rand::rngs::OsRng;
use serde_json::Value;

const CASES: usize = 200;
const ENVELOPES: usize = 1_000;
/// Of each submission: salt, τ, the header, and the beginning of the payload.
const BEGINNING: usize = 2_048;

fn from_the_browser(folder: &Path, cases: usize, envelopes: usize, recipient: &str) -> Value {
    let output = Command::new("node")
        .arg(xtask::root().join("tests/interop/gateway.mjs"))
        .arg(folder)
        .args([cases.to_string(), envelopes.to_string()])
        .arg(recipient)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn circumstances(language: &Value) -> Circumstances {
    Circumstances {
        language: if language == "cy" {
            Language::Welsh
        } else {
            Language::English
        },
        written_on: "2026-11-26".parse().unwrap(),
        thread: Thread([0; 16]),
        key: SealedTo {
            id: "2026-W48".to_owned(),
            fingerprint: ["0000"; 8].join(" "),
        },
        files: Vec::new(),
    }
}

#[test]
fn both_doors_make_the_same_report_of_the_same_answers() {
    let folder = tempfile::tempdir().unwrap();
    let told = from_the_browser(folder.path(), CASES, 0, "");
    let questions = fs::read(folder.path().join("form.json")).unwrap();
    let questions = QuestionSet::parse(&questions).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let mut forces = BTreeSet::new();
    for number in 0..CASES {
        let posted = fs::read(folder.path().join(format!("{number}.form"))).unwrap();
        let end = posted.iter().position(|byte| *byte == b'\n').unwrap();
        let content_type = String::from_utf8(posted[..end].to_vec()).unwrap();
        let body = Full::new(Bytes::copy_from_slice(&posted[end + 1..]));
        let read = runtime.block_on(form::read(body, &content_type, &questions, Files::Held));
        let given = read
            .map_err(|_| "not a form of the question set")
            .unwrap()
            .given;
        let force = told["forces"][number].as_str().unwrap();
        forces.insert(force.to_owned());
        let made = report(
            &questions,
            &given,
            force,
            circumstances(&told["languages"][number]),
        );
        let made = made.unwrap();
        assert_eq!(made.check(), Ok(()));
        let wanted = fs::read(folder.path().join(format!("{number}.json"))).unwrap();
        let (made, wanted) = (made.encode(), String::from_utf8(wanted).unwrap());
        assert_eq!(String::from_utf8_lossy(&made), wanted, "case {number}");
    }
    assert_eq!(forces.len(), xtask::FORCES.len());
}

/// At each place of a header the one byte that stands there always, or nothing where bytes differ.
fn fixed(beginnings: &[Vec<u8>]) -> Vec<Option<u8>> {
    let first = beginnings.first().unwrap();
    let is_fixed = |at: usize| beginnings.iter().all(|one| one[at] == first[at]);
    (0..BEGINNING)
        .map(|at| is_fixed(at).then_some(first[at]))
        .collect()
}

/// What stands at the ends of the header's lines, where the last bits of base64 are.
fn line_ends(beginnings: &[Vec<u8>]) -> Vec<BTreeSet<u8>> {
    let first = beginnings.first().unwrap();
    let header = 48..48 + hafan_envelope::HEADER_SIZE_BYTES;
    let ends = header.filter(|at| first[*at] == b'\n').map(|at| at - 1);
    ends.map(|at| beginnings.iter().map(|one| one[at]).collect())
        .collect()
}

#[test]
fn envelopes_of_both_doors_have_the_same_sizes_and_structure() {
    let folder = tempfile::tempdir().unwrap();
    let recipient = Identity::generate(&mut OsRng).to_recipient();
    let told = from_the_browser(folder.path(), 1, ENVELOPES, &recipient.to_string());
    let of_browser = fs::read(folder.path().join("envelopes")).unwrap();
    let of_browser: Vec<Vec<u8>> = of_browser.chunks(BEGINNING).map(<[u8]>::to_vec).collect();
    let sizes_of_browser: BTreeSet<u64> = told["sizes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|size| size.as_u64().unwrap())
        .collect();

    // As src/gateway/src/sealing.rs makes them.
    let padded = Padded::from_bytes(vec![0; 1 << 16].into()).unwrap();
    let mut of_gateway = Vec::new();
    let mut sizes_of_gateway = BTreeSet::new();
    for _ in 0..ENVELOPES {
        let envelope = hafan_seal::seal(&padded, &recipient).unwrap();
        let (h, mut submission) = hafan_seal::submission(&envelope);
        let parsed = Submission::parse(&submission).unwrap();
        assert_eq!(parsed.digest(), h);
        sizes_of_gateway.insert(u64::try_from(submission.len()).unwrap());
        submission.truncate(BEGINNING);
        of_gateway.push(submission);
    }
    assert_eq!((of_browser.len(), of_gateway.len()), (ENVELOPES, ENVELOPES));
    assert_eq!(sizes_of_browser, sizes_of_gateway);
    assert_eq!(sizes_of_gateway.len(), 1);
    assert_eq!(fixed(&of_browser), fixed(&of_gateway));
    assert!(fixed(&of_gateway).iter().flatten().count() > 40);
    assert_eq!(line_ends(&of_browser), line_ends(&of_gateway));
}

#[test]
fn both_doors_refuse_the_same_fields_that_say_who_asks() {
    assert_eq!(hafan_gateway::forwarded::FIELDS, hafan::forwarded::FIELDS);
}
