//! tests/vectors/record: records that are whole and records that are not, with what a verifier says of each.
//!
//! Ed25519 gives the same signature each time, so the cases below make the very bytes; `HAFAN_WRITE_VECTORS=1` writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::office::{Office, joined};
use hafan_record::{
    AnswerLanguage, Context, Event, Hex32, KnownHead, Material, Reason, ReasonCode, verify,
};
use hafan_tlog::Verifier;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    about: String,
    force: String,
    root: String,
    directories: BTreeMap<u64, String>,
    head: Option<String>,
    /// A head that was kept elsewhere.
    known: Option<String>,
    entries: String,
    size: u64,
    findings: Vec<String>,
    notices: Vec<String>,
}

fn dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors/record")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// One entry of each event, by three officers.
fn events() -> Vec<Event> {
    let report = Hex32([0xab; 32]);
    let words = || Some("gofynnodd hi; 'ŵ' \u{202e}".parse().unwrap());
    let reason = |code| Reason::new(code, None).unwrap();
    let week = |id: &str| id.parse().unwrap();
    let digest = Hex32::sha256(b"");
    vec![
        Event::DirectoryIssued {
            sequence: 1,
            note: digest,
        },
        Event::Imported {
            year: 2026,
            first: 0,
            last: 128,
            checkpoint: digest,
        },
        Event::Listed {
            reports: 2,
            tree: digest,
        },
        Event::Opened {
            report,
            reason: reason(ReasonCode::FirstReading),
        },
        Event::Exported {
            report,
            reason: Reason::new(ReasonCode::Other, words()).unwrap(),
            manifest: digest,
        },
        Event::ContactRequested {
            report,
            reason: reason(ReasonCode::Safeguarding),
        },
        Event::ContactApproved {
            report,
            reason: reason(ReasonCode::Asked),
            request: 6,
        },
        Event::ContactOpened {
            report,
            request: 6,
            approved_by: vec![1, 3],
        },
        Event::ShareResealed {
            report,
            from: 2,
            to: 4,
        },
        Event::Rotated {
            first: week("2026-W49"),
            last: week("2026-W53"),
        },
        Event::OfficerAdded {
            number: 4,
            vkey: digest,
        },
        Event::OfficerRemoved {
            number: 2,
            vkey: digest,
        },
        Event::Retired {
            week: week("2026-W48"),
            recipient: digest,
            reports: 20,
            unread: 1,
        },
        Event::Collected {
            reports: 3,
            tree: digest,
        },
        Event::Replied {
            report,
            language: AnswerLanguage::Welsh,
            text: digest,
        },
        Event::RepliesExported {
            records: 65,
            pages: vec![report, digest],
        },
    ]
}

struct Cases {
    office: Office,
    vectors: BTreeMap<String, Vector>,
}

impl Cases {
    fn add(&mut self, name: &str, about: &str, material: &Material, known: Option<&[u8]>) {
        let vector = judged(about, material, known, &self.office.root.verifier());
        assert!(
            self.vectors.insert(name.to_owned(), vector).is_none(),
            "{name}"
        );
    }
}

/// What the verifier says, beside what it says it of.
fn judged(about: &str, material: &Material, known: Option<&[u8]>, root: &Verifier) -> Vector {
    let heads: Vec<KnownHead<'_>> = known
        .iter()
        .map(|note| KnownHead {
            name: "the kept head",
            note,
        })
        .collect();
    let verification = verify(material, &"btp".parse().unwrap(), root, &heads);
    Vector {
        about: about.to_owned(),
        force: "btp".to_owned(),
        root: root.to_string(),
        directories: material
            .directories
            .iter()
            .map(|(n, note)| (*n, text(note)))
            .collect(),
        head: material.head.as_deref().map(text),
        known: known.map(text),
        entries: text(&material.entries),
        size: verification.size,
        findings: verification
            .findings
            .iter()
            .map(ToString::to_string)
            .collect(),
        notices: verification
            .notices
            .iter()
            .map(ToString::to_string)
            .collect(),
    }
}

fn cases() -> BTreeMap<String, Vector> {
    let office = Office::new();
    let mut heads = Vec::new();
    for (event, at) in events().into_iter().zip(0..) {
        let signer = office.officers.get(at % 3).unwrap();
        office
            .open()
            .unwrap()
            .append(signer, &office.context(), event)
            .unwrap();
        heads.push(fs::read(office.path("head")).unwrap());
    }
    let (whole, lines) = (office.material(), office.lines());
    let mut cases = Cases {
        office,
        vectors: BTreeMap::new(),
    };
    let with = |lines: &[Vec<u8>]| Material {
        entries: joined(lines),
        ..whole.clone()
    };
    let early = heads.get(3).unwrap().clone();
    cases.add("whole", "one entry of each event", &whole, Some(&early));
    cases.add("empty", "nothing yet", &Material::default(), None);
    cases.add(
        "removed",
        "entry 3 taken out",
        &with(&[lines.get(..2).unwrap(), lines.get(3..).unwrap()].concat()),
        None,
    );
    cases.add(
        "cut-off",
        "the last two entries taken off",
        &with(lines.get(..14).unwrap()),
        None,
    );
    let mut swapped = lines.clone();
    swapped.swap(4, 5);
    cases.add(
        "reordered",
        "entries 5 and 6 swapped",
        &with(&swapped),
        None,
    );
    let mut changed = lines.clone();
    let line = text(changed.get(3).unwrap());
    let line = line.replacen("eyJfdHlwZSI6", "eyJfdHlwZSI7", 1);
    *changed.get_mut(3).unwrap() = line.into_bytes();
    cases.add(
        "changed",
        "a character of entry 4's payload",
        &with(&changed),
        None,
    );
    let twice = [lines.as_slice(), lines.get(15..).unwrap()].concat();
    cases.add("repeated", "entry 16 twice", &with(&twice), None);
    let set_back = Material {
        head: Some(early.clone()),
        ..with(lines.get(..4).unwrap())
    };
    cases.add(
        "set-back",
        "the first four entries and their head, and a later head kept elsewhere",
        &set_back,
        whole.head.as_deref(),
    );
    let torn = Material {
        entries: [joined(&lines).as_slice(), b"{\"payload\":\"eyJf"].concat(),
        ..whole.clone()
    };
    cases.add(
        "torn",
        "a line that was cut while it was written",
        &torn,
        None,
    );
    let pending = Material {
        head: Some(heads.get(14).unwrap().clone()),
        ..whole.clone()
    };
    cases.add(
        "pending",
        "the head was not replaced when the last entry was written",
        &pending,
        None,
    );
    let no_head = Material {
        head: None,
        ..whole.clone()
    };
    cases.add("no-head", "the head taken away", &no_head, None);
    let no_directory = Material {
        directories: BTreeMap::new(),
        ..whole
    };
    cases.add(
        "no-directory",
        "the directory taken away: nobody's signature counts",
        &no_directory,
        None,
    );
    replaced(&mut cases, &lines);
    cases.vectors
}

/// The entry before the last, signed anew by its own officer.
fn replaced(cases: &mut Cases, lines: &[Vec<u8>]) {
    let other = Office::new();
    for (event, at) in events().into_iter().zip(0..15) {
        let event = if at == 14 {
            Event::Listed {
                reports: 9,
                tree: Hex32([1; 32]),
            }
        } else {
            event
        };
        let context = Context { ..other.context() };
        other
            .open()
            .unwrap()
            .append(other.officers.get(at % 3).unwrap(), &context, event)
            .unwrap();
    }
    let mut forged = lines.to_vec();
    *forged.get_mut(14).unwrap() = other.lines().pop().unwrap();
    let material = Material {
        entries: joined(&forged),
        ..cases.office.material()
    };
    cases.add(
        "replaced",
        "entry 15 signed anew by its officer after entry 16 was written",
        &material,
        None,
    );
}

#[test]
fn the_vectors_are_what_the_cases_make() {
    let made = cases();
    for (name, vector) in &made {
        let path = dir().join(format!("{name}.json"));
        let json = serde_json::to_string_pretty(vector).unwrap() + "\n";
        if std::env::var_os("HAFAN_WRITE_VECTORS").is_some() {
            fs::create_dir_all(dir()).unwrap();
            fs::write(&path, &json).unwrap();
        }
        assert_eq!(
            fs::read_to_string(&path).unwrap_or_default(),
            json,
            "{name}"
        );
    }
    assert_eq!(fs::read_dir(dir()).unwrap().count(), made.len());
}

#[test]
fn each_vector_is_judged_as_it_says() {
    for file in fs::read_dir(dir()).unwrap() {
        let path = file.unwrap().path();
        let vector: Vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let material = Material {
            head: vector.head.clone().map(String::into_bytes),
            directories: vector
                .directories
                .iter()
                .map(|(n, note)| (*n, note.clone().into_bytes()))
                .collect(),
            entries: vector.entries.clone().into_bytes(),
        };
        let known = vector.known.clone().map(String::into_bytes);
        let root = vector.root.parse().unwrap();
        assert_eq!(
            judged(&vector.about, &material, known.as_deref(), &root),
            vector,
            "{}",
            path.display()
        );
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_whole = ["whole", "empty", "torn", "pending"].contains(&name);
        assert_eq!(vector.findings.is_empty(), is_whole, "{name}");
    }
}
