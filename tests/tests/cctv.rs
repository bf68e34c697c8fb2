//! The C2SP CCTV age vectors (npm `cctv-age`): 143 files, each showing one failure or success.
//!
//! Where a failure is refused:
//! - the grammar of a header, by `envelope::header`, which any age file must pass;
//! - the form of a stanza (arguments, lengths, canonical base64, types other than ours, more than one
//!   stanza), by `envelope::check_header`, which knows one form only;
//! - what only a key can see, by `open`. [`KEY_ONLY`] lists every vector that both parsers accept
//!   and that is no success: a wrong key, a tag or ciphertext that was changed, a share of low order;
//! - payloads, by `open`: these vectors come with X25519 stanzas and name their file key, so the file
//!   key is wrapped again to a hybrid recipient, and the payload put behind the new header as it is;
//! - passphrases, by `unlock`.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use age::Recipient as _;
use age_core::format::FileKey;
use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use hafan_envelope::header::{self, Header, Stanza};
use hafan_envelope::{EnvelopeError, HEADER_SIZE_BYTES, check_header};
use hafan_open::{Identity, OpenError, open_bytes, unlock};
use hmac::{Hmac, Mac};
use rand::rngs::OsRng;
use secrecy::SecretString;
use sha2::{Digest, Sha256};

/// Vectors whose header is that of an envelope and that are no success, and why `open` refuses them.
const KEY_ONLY: [(&str, OpenError); 6] = [
    ("hybrid_bad_tag", OpenError::OtherKey),
    ("hybrid_currupted_enc_mlkem", OpenError::OtherKey),
    ("hybrid_currupted_enc_x25519", OpenError::OtherKey),
    ("hybrid_identity", OpenError::Stanza),
    ("hybrid_low_order", OpenError::Stanza),
    ("hybrid_no_match", OpenError::OtherKey),
];

struct Vector {
    name: String,
    head: Vec<(String, String)>,
    file: Vec<u8>,
}

impl Vector {
    fn all(&self, key: &str) -> impl Iterator<Item = &str> {
        self.head
            .iter()
            .filter(move |(k, _)| k == key)
            .map(|(_, value)| value.as_str())
    }

    fn one(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    fn expect(&self) -> &str {
        self.one("expect").unwrap()
    }

    fn is_success(&self) -> bool {
        self.expect() == "success"
    }

    fn is_armored(&self) -> bool {
        self.one("armored").is_some()
    }

    fn hybrid_identities(&self) -> Vec<Identity> {
        self.all("identity")
            .filter_map(|text| text.parse().ok())
            .collect()
    }

    fn check_header(&self) -> Result<(), EnvelopeError> {
        let found = u64::try_from(self.file.len()).unwrap();
        let header = self.file.first_chunk::<HEADER_SIZE_BYTES>();
        check_header(header.ok_or(EnvelopeError::Size { found })?)
    }

    fn holds(&self, payload: &[u8]) -> bool {
        Some(hex::encode(Sha256::digest(payload)).as_str()) == self.one("payload")
    }
}

fn vectors() -> Vec<Vector> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let package = root.join("node_modules/cctv-age");
    assert!(
        package.is_dir(),
        "node_modules/cctv-age is missing: run npm ci"
    );
    let folder = tempfile::tempdir().unwrap();
    let script = root.join("tests/interop/cctv.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut vectors = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "head")
        {
            let head = fs::read_to_string(&path).unwrap();
            let pairs = head.lines().map(|line| line.split_once(": ").unwrap());
            vectors.push(Vector {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                head: pairs
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .collect(),
                file: fs::read(path.with_extension("age")).unwrap(),
            });
        }
    }
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(vectors.len(), 143, "as cctv-age 0.2.0 has");
    vectors
}

#[test]
fn every_failure_but_those_of_a_key_or_payload_is_refused_by_a_parser() {
    let mut key_only = BTreeMap::new();
    for vector in vectors() {
        let name = vector.name.as_str();
        let grammar = header::parse(&vector.file);
        if vector.is_armored() {
            assert!(grammar.is_err(), "{name}: an envelope is never armored");
        } else if vector.is_success() {
            let header = grammar.unwrap_or_else(|e| panic!("{name}: {e}"));
            assert!(
                vector.file.starts_with(&header.encode()),
                "{name} is written otherwise"
            );
        } else if grammar.is_ok() && vector.check_header().is_ok() {
            let identities = vector.hybrid_identities();
            let identities: Vec<&Identity> = identities.iter().collect();
            let refused = open_bytes(&vector.file, &identities).err();
            key_only.insert(vector.name, refused.expect("open refuses it"));
        }
    }
    let wanted = KEY_ONLY.map(|(name, error)| (name.to_owned(), error));
    assert_eq!(key_only, BTreeMap::from(wanted));
}

#[test]
fn failures_of_grammar_are_refused_by_the_general_parser_too() {
    // Of a stanza's own type, not of the grammar: `check_header` refuses them (test above).
    let of_a_type = ["x25519_", "scrypt_", "hybrid_"];
    // The header is whole and what is cut off is the nonce after it.
    let of_the_payload = ["stream_no_nonce", "stream_short_nonce"];
    let mut refused = 0;
    for vector in vectors() {
        let name = vector.name.as_str();
        let in_type = of_a_type.iter().any(|prefix| name.starts_with(prefix));
        if vector.expect() == "header failure" && !in_type && !of_the_payload.contains(&name) {
            assert!(header::parse(&vector.file).is_err(), "{name}");
            refused += 1;
        }
    }
    assert!(refused >= 20, "{refused} vectors of the grammar were seen");
}

#[test]
fn every_hybrid_success_is_opened_and_every_hybrid_failure_is_not() {
    let mut opened = Vec::new();
    for vector in vectors() {
        let identities = vector.hybrid_identities();
        if identities.is_empty() || vector.is_armored() {
            continue;
        }
        let identities: Vec<&Identity> = identities.iter().collect();
        match open_bytes(&vector.file, &identities) {
            Ok(payload) => {
                assert!(
                    vector.is_success() && vector.holds(&payload),
                    "{}",
                    vector.name
                );
                opened.push(vector.name);
            }
            Err(error) => assert!(!vector.is_success(), "{}: {error}", vector.name),
        }
    }
    let wanted = [
        "hybrid",
        "hybrid_and_x25519",
        "hybrid_grease",
        "hybrid_multiple_recipients",
    ];
    assert_eq!(opened, wanted);
}

#[test]
fn the_success_with_one_hybrid_stanza_has_the_header_of_an_envelope() {
    let one = |vector: &Vector| vector.check_header().is_ok() && vector.is_success();
    let found: Vec<String> = vectors()
        .into_iter()
        .filter(one)
        .map(|vector| vector.name)
        .collect();
    assert_eq!(found, ["hybrid"]);
}

#[test]
fn payloads_open_or_are_refused_behind_a_hybrid_header() {
    let identity = Identity::generate(&mut OsRng);
    let (mut opened, mut refused) = (0, 0);
    for vector in vectors() {
        if !vector.name.starts_with("stream_") || vector.is_armored() {
            continue;
        }
        let file_key = hex::decode(vector.one("file key").unwrap()).unwrap();
        let (_, payload) = header::split(&vector.file).unwrap();
        let sealed = [&hybrid_header(&identity, &file_key), payload].concat();
        match open_bytes(&sealed, &[&identity]) {
            Ok(payload) => {
                assert!(
                    vector.is_success() && vector.holds(&payload),
                    "{}",
                    vector.name
                );
                opened += 1;
            }
            Err(error) => {
                assert_eq!(error, OpenError::Payload, "{}", vector.name);
                assert!(!vector.is_success(), "{}", vector.name);
                refused += 1;
            }
        }
    }
    assert_eq!((opened, refused), (8, 20));
}

/// A header that wraps this file key to the identity, with its MAC.
fn hybrid_header(identity: &Identity, file_key: &[u8]) -> Vec<u8> {
    let key = FileKey::init_with_mut(|to| to.copy_from_slice(file_key));
    let (stanzas, _) = identity.to_recipient().wrap_file_key(&key).unwrap();
    let stanza = &stanzas[0];
    let args = stanza.args.iter().map(String::as_str).collect();
    let stanza = Stanza {
        tag: &stanza.tag,
        args,
        body: stanza.body.clone(),
    };
    let mut header = Header {
        stanzas: vec![stanza],
        mac: [0; 32],
    };
    let mac_key = age_core::primitives::hkdf(&[], b"header", file_key);
    let mut mac = Hmac::<Sha256>::new_from_slice(&mac_key).unwrap();
    mac.update(&header.encode_without_mac());
    header.mac = mac.finalize().into_bytes().into();
    header.encode()
}

#[test]
fn a_changed_mac_is_refused_behind_a_hybrid_header() {
    let identity = Identity::generate(&mut OsRng);
    let vectors = vectors();
    let vector = vectors
        .iter()
        .find(|vector| vector.name == "hmac_bad")
        .unwrap();
    let (of_vector, payload) = header::split(&vector.file).unwrap();
    let file_key = hex::decode(vector.one("file key").unwrap()).unwrap();
    let right = hybrid_header(&identity, &file_key);
    let mut wrong = header::parse(&right).unwrap();
    wrong.mac = of_vector.mac;
    let sealed = [&wrong.encode(), payload].concat();
    assert_eq!(
        open_bytes(&sealed, &[&identity]).err(),
        Some(OpenError::Mac)
    );
    let text = BASE64_STANDARD_NO_PAD.encode(of_vector.mac);
    assert!(
        vector
            .file
            .windows(43)
            .any(|window| window == text.as_bytes())
    );
}

#[test]
fn passphrase_files_unlock_or_are_refused() {
    let mut unlocked = Vec::new();
    for vector in vectors() {
        let Some(passphrase) = vector.one("passphrase") else {
            continue;
        };
        if vector.is_armored() {
            continue;
        }
        match unlock(&vector.file, &SecretString::from(passphrase)) {
            Ok(payload) => {
                assert!(
                    vector.is_success() && vector.holds(&payload),
                    "{}",
                    vector.name
                );
                unlocked.push(vector.name);
            }
            Err(error) => assert!(!vector.is_success(), "{}: {error}", vector.name),
        }
    }
    assert_eq!(unlocked, ["scrypt"]);
}
