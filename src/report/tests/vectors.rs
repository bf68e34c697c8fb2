//! The vectors of `tests/vectors/report`, which TypeScript reads too.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use hafan_report::{
    Attachment, FileEntry, Metadata, Padded, Report, SealedContact, clean_file_name, member_name,
};
use serde_json::Value;
use sha2::{Digest, Sha256};

fn vectors(folder: &str) -> Vec<(PathBuf, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/report");
    let mut found: Vec<_> = fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            (
                path.clone(),
                serde_json::from_slice(&fs::read(path).unwrap()).unwrap(),
            )
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn data(file: &Value) -> Vec<u8> {
    let pattern = file["hex"].as_str().unwrap().as_bytes();
    let pattern: Vec<u8> = pattern
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    pattern.repeat(usize::try_from(file["repeat"].as_u64().unwrap()).unwrap())
}

fn sealed_contact(vector: &Value) -> Option<SealedContact> {
    let sealed = vector["contact"].as_object()?;
    Some(SealedContact {
        contact: data(&sealed["contact"]),
        shares: sealed["shares"]
            .as_array()
            .unwrap()
            .iter()
            .map(data)
            .collect(),
    })
}

fn report(vector: &Value) -> Report {
    serde_json::from_value(vector["report"].clone()).unwrap()
}

#[test]
fn each_report_has_the_bytes_of_its_vector() {
    let vectors = vectors("");
    assert_eq!(vectors.len(), 12);
    for (path, vector) in vectors {
        let expect = &vector["expect"];
        let report = report(&vector);
        let json = report.encode();
        assert_eq!(
            u64::try_from(json.len()).unwrap(),
            expect["report_json_size"],
            "{}",
            path.display()
        );
        assert_eq!(
            hex(&Sha256::digest(&*json)),
            expect["report_json_sha256"],
            "{path:?}"
        );
        let parsed = Report::parse(&json).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert!(*parsed.encode() == *json, "{path:?}");

        let bytes: Vec<_> = vector["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(data)
            .collect();
        let files: Vec<_> = bytes.iter().cloned().map(Attachment::new).collect();
        let sealed = sealed_contact(&vector);
        let padded = Padded::pack(&report, sealed.as_ref(), &files)
            .unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(
            u64::try_from(padded.as_bytes().len()).unwrap(),
            expect["padded_size"],
            "{path:?}"
        );
        assert_eq!(
            hex(&Sha256::digest(padded.as_bytes())),
            expect["padded_sha256"],
            "{path:?}"
        );

        let unpacked = padded.unpack().unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert!(*unpacked.report.encode() == *json, "{path:?}");
        let parts = |of: Option<SealedContact>| of.map(|sealed| (sealed.contact, sealed.shares));
        assert!(parts(unpacked.contact) == parts(sealed), "{path:?}");
        assert!(
            unpacked.files.iter().map(Attachment::data).eq(bytes.iter()),
            "{path:?}"
        );
    }
}

#[test]
fn files_are_described_and_named_as_in_the_vectors() {
    let mut seen = 0;
    for (path, vector) in vectors("") {
        let report = report(&vector);
        let members = vector["expect"]["members"].as_array().unwrap();
        let inputs = vector["files"].as_array().unwrap();
        let before = sealed_contact(&vector).map_or(0, |sealed| 1 + sealed.shares.len());
        for (i, (input, entry)) in inputs.iter().zip(&report.files).enumerate() {
            let chosen = input["chosen_name"].as_str().unwrap();
            let metadata = match input["metadata"].as_str().unwrap() {
                "kept" => Metadata::Kept,
                "removed" => Metadata::Removed,
                other => panic!("{other} in {path:?}"),
            };
            let media_type = input["media_type"].as_str().unwrap();
            let described = FileEntry::describe(chosen, media_type, metadata, &data(input));
            assert_eq!(described.name, entry.name, "{chosen:?}");
            assert_eq!(described.sha256, entry.sha256);
            assert_eq!(described.size, entry.size);
            assert_eq!(
                clean_file_name(&entry.name),
                entry.name,
                "cleaning twice: {chosen:?}"
            );
            assert_eq!(
                member_name(i + 1, &entry.name),
                members[before + i],
                "{chosen:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 73);
}
