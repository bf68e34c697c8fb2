//! The vectors in tests/vectors/log, which an independent program made.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use hafan_tlog::{Checkpoint, Entry, Seed, Verifier, decoy, open_cosigned};

#[test]
fn every_vector_of_the_log_is_read_as_it_says() {
    let mut seen = 0;
    for file in fs::read_dir(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/vectors/log"
    ))
    .unwrap()
    {
        let path = file.unwrap().path();
        let vector = Vector::read(&path);
        let found = vector.parse();
        let expected = vector.head("expect");
        let as_expected = match &found {
            Ok(()) => expected == "success",
            Err(error) => expected != "success" && error.contains(expected),
        };
        assert!(
            as_expected,
            "{}: found {found:?}, want {expected}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen > 60, "only {seen} vectors found");
}

struct Vector {
    head: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Vector {
    fn read(path: &Path) -> Self {
        let content = fs::read_to_string(path).expect("vectors are text");
        let (head, body) = content
            .split_once("\n\n")
            .expect("a vector has a head and a body");
        let head: BTreeMap<String, String> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let body = if head.contains_key("encoding") {
            hex::decode(body).expect("hex")
        } else {
            body.as_bytes().to_vec()
        };
        Self { head, body }
    }

    fn head(&self, name: &str) -> &str {
        self.head.get(name).expect("the vector says what it needs")
    }

    /// Parses the body, and encodes again what was parsed.
    fn parse(&self) -> Result<(), String> {
        match self.head("parse") {
            "entry" => {
                let entry = Entry::parse(&self.body).map_err(|error| chain(&error))?;
                assert_eq!(entry.encode().as_slice(), self.body);
            }
            "decoy" => {
                let mut seed = [0; 32];
                hex::decode_to_slice(self.head("seed"), &mut seed).expect("hex");
                let position = self.head("position").parse().expect("a number");
                let found = decoy(&Seed::from_bytes(&seed), position);
                assert_eq!(found.encode().as_slice(), self.body);
            }
            "vkey" => {
                let text = String::from_utf8(self.body.clone()).expect("text");
                let verifier: Verifier = text.parse().map_err(|error| chain(&error))?;
                assert_eq!(verifier.to_string(), text);
            }
            "checkpoint" => {
                let verifier: Verifier = self.head("vkey").parse().expect("a vkey");
                let checkpoint =
                    Checkpoint::open(&self.body, &verifier).map_err(|error| chain(&error))?;
                assert!(self.body.starts_with(checkpoint.encode().as_bytes()));
            }
            "cosigned" => {
                let log: Verifier = self.head("vkey").parse().expect("a vkey");
                let cosigner: Verifier = self.head("cosigner").parse().expect("a vkey");
                let found = open_cosigned(&self.body, &log, &[cosigner]);
                let found = found.map_err(|error| chain(&error))?;
                assert_eq!(found.day_s.to_string(), self.head("time"));
            }
            other => assert_eq!(other, "entry, decoy, vkey, checkpoint or cosigned"),
        }
        Ok(())
    }
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
