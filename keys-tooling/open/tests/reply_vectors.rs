//! tests/vectors/reply: records to somebody who has words, which TypeScript reads too.
//!
//! `HAFAN_WRITE_VECTORS=1` makes them anew; the folder's README says what is in them.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hafan_envelope::reply::{
    MESSAGE_SIZE_BYTES, PAGE_SIZE_BYTES, Page, RECORD_SIZE_BYTES, RECORDS, Record,
};
use hafan_open::Identity;
use hafan_open::reply::open_record;
use hafan_report::Message;
use hafan_seal::reply::seal_record;
use hafan_tlog::{Signer, Verifier, note};
use rand::rngs::OsRng;
use rand::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/reply");

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    about: String,
    seed: String,
    mailbox: String,
    force: String,
    thread: String,
    replies: Vec<String>,
    record: String,
    tag: String,
    found: bool,
    expect: String,
    message: Option<String>,
}

/// The first way of tests/vectors/words.
#[derive(Deserialize)]
struct Ways {
    ways: Vec<Way>,
}

#[derive(Deserialize)]
struct Way {
    force: String,
    mail_seed: String,
    thread: String,
}

/// Gives these bytes and nothing else.
struct Only([u8; 32]);

impl RngCore for Only {
    fn next_u32(&mut self) -> u32 {
        unreachable!("an identity draws 32 bytes at once")
    }
    fn next_u64(&mut self) -> u64 {
        unreachable!("an identity draws 32 bytes at once")
    }
    fn fill_bytes(&mut self, to: &mut [u8]) {
        to.copy_from_slice(&self.0);
    }
    fn try_fill_bytes(&mut self, to: &mut [u8]) -> Result<(), rand::Error> {
        self.fill_bytes(to);
        Ok(())
    }
}

impl CryptoRng for Only {}

fn identity(seed: &str) -> Identity {
    Identity::generate(&mut Only(hex::decode(seed).unwrap().try_into().unwrap()))
}

fn way() -> Way {
    let path = PathBuf::from(FOLDER).join("../words/derived.json");
    let ways: Ways = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    ways.ways.into_iter().next().unwrap()
}

fn key(number: u8) -> Signer {
    Signer::from_seed(&format!("hafan/btp/replies-{number}"), &[60 + number; 32]).unwrap()
}

const COLLECTED: &str = r#""state":"collected","on":"2026-11-24","language":null,"text":null"#;
const READ: &str = r#""state":"read","on":"2026-11-25","language":null,"text":null"#;

fn json(thread: &str, number: u32, rest: &str) -> String {
    let report = "3f".repeat(32);
    format!(r#"{{"force":"btp","thread":"{thread}","number":{number},"report":"{report}",{rest}}}"#)
}

fn replied(language: &str, text: &str) -> String {
    let text = serde_json::to_string(text).unwrap();
    format!(r#""state":"replied","on":"2026-11-26","language":"{language}","text":{text}"#)
}

/// What stands in each record: a comment, the message's JSON, and who signs it.
fn told(thread: &str) -> BTreeMap<&'static str, (&'static str, String, Signer)> {
    let message = |number, rest: &str| json(thread, number, rest);
    let welsh = replied(
        "cy",
        "Diolch i chi am ddweud wrthym.\n\nGallwn ni siarad pan fyddwch chi'n barod: \"does dim brys\". \u{2028}\u{1f49a}",
    );
    let english = replied(
        "en",
        "Thank you for telling us. You decide what happens next.",
    );
    let good = message(3, &english);
    let mut longest = "a".repeat(2000);
    while fits(&message(3, &replied("en", &longest))) {
        longest.push('a');
    }
    longest.pop();
    BTreeMap::from([
        (
            "collected",
            (
                "the report was brought to the officers",
                message(1, COLLECTED),
                key(2),
            ),
        ),
        ("read", ("an officer read it", message(2, READ), key(2))),
        ("replied", ("an answer in English", good.clone(), key(2))),
        (
            "replied-welsh",
            (
                "an answer in Welsh, of two paragraphs, with characters that JSON escapes or leaves",
                message(4, &welsh),
                key(2),
            ),
        ),
        (
            "replied-longest",
            (
                "the longest answer: no zero behind it",
                message(3, &replied("en", &longest)),
                key(2),
            ),
        ),
        (
            "older-key",
            (
                "signed by the key before the newest",
                message(1, COLLECTED),
                key(1),
            ),
        ),
        (
            "number-largest",
            ("the largest number", message(u32::MAX, READ), key(2)),
        ),
        (
            "other-key",
            (
                "signed by a key that the directory does not name",
                good.clone(),
                key(3),
            ),
        ),
        (
            "other-name",
            (
                "signed by another key under the name of the right one",
                good.clone(),
                Signer::from_seed("hafan/btp/replies-2", &[9; 32]).unwrap(),
            ),
        ),
        (
            "other-force",
            (
                "of another force, by this one's key",
                good.replace("btp", "cnc"),
                key(2),
            ),
        ),
        (
            "other-thread",
            (
                "to another thread",
                good.replace(thread, "AAECAwQFBgcICQoLDA0ODw"),
                key(2),
            ),
        ),
        (
            "white-space",
            ("a space in the JSON", good.replacen(',', ", ", 1), key(2)),
        ),
        (
            "escape",
            (
                "an escape that is not needed",
                good.replace("Thank", "\\u0054hank"),
                key(2),
            ),
        ),
        (
            "member-order",
            (
                "members in another order",
                good.replacen(r#""force":"btp","#, "", 1)
                    .replacen('}', r#","force":"btp"}"#, 1),
                key(2),
            ),
        ),
        (
            "member-unknown",
            (
                "a member that no message has",
                good.replacen('}', r#","more":1}"#, 1),
                key(2),
            ),
        ),
        (
            "member-missing",
            (
                "no language",
                good.replacen(r#""language":"en","#, "", 1),
                key(2),
            ),
        ),
        (
            "number-zero",
            ("messages count from 1", message(0, READ), key(2)),
        ),
        (
            "number-negative",
            ("a negative number", good.replacen(":3,", ":-3,", 1), key(2)),
        ),
        (
            "state-unknown",
            (
                "a state that there is not",
                good.replace("replied", "closed"),
                key(2),
            ),
        ),
        (
            "read-text",
            (
                "words with the state read",
                good.replace("replied", "read"),
                key(2),
            ),
        ),
        (
            "read-language",
            (
                "a language with the state read",
                message(2, &READ.replacen("null", r#""cy""#, 1)),
                key(2),
            ),
        ),
        (
            "replied-no-text",
            (
                "an answer without words",
                message(
                    3,
                    &READ
                        .replace("read", "replied")
                        .replacen("null", r#""cy""#, 1),
                ),
                key(2),
            ),
        ),
        (
            "replied-no-language",
            (
                "an answer without its language",
                good.replace(r#""en""#, "null"),
                key(2),
            ),
        ),
        (
            "date-none",
            (
                "a day that no month has",
                good.replace("2026-11-26", "2026-11-31"),
                key(2),
            ),
        ),
        (
            "report-upper",
            (
                "a digest in upper case",
                good.replace("3f3f", "3F3F"),
                key(2),
            ),
        ),
    ])
}

fn fits(json: &str) -> bool {
    signed(json, &key(2)).len() <= MESSAGE_SIZE_BYTES
}

fn signed(json: &str, by: &Signer) -> Vec<u8> {
    note::sign(&format!("hafan message v1\n{json}\n"), &[by]).unwrap()
}

fn padded(mut note: Vec<u8>) -> [u8; MESSAGE_SIZE_BYTES] {
    note.resize(MESSAGE_SIZE_BYTES, 0);
    note.try_into().unwrap()
}

/// What a record gives to who has the identity.
fn judged(about: &str, record: &[u8], way: &Way) -> Vector {
    let identity = identity(&way.mail_seed);
    let mut page = [&record.repeat(RECORDS)[..], b"seen\n"].concat();
    page.resize(PAGE_SIZE_BYTES, 0);
    let page = Page::parse(&page).unwrap();
    let parsed: Record<'_> = page.records().next().unwrap();
    let tag = identity.view_tag(&parsed.ct_x).unwrap();
    let replies = [key(2).verifier(), key(1).verifier()];
    let opened = open_record(&parsed, &identity);
    let (expect, message) = match opened {
        Ok(None) => ("not-mine".to_owned(), None),
        Err(why) => (why.to_string(), None),
        Ok(Some(padded)) => {
            let thread = way.thread.parse().ok().unwrap();
            match Message::open(&padded, &replies, &way.force, &thread) {
                Ok(message) => {
                    let text = message.encode();
                    let line = text.lines().nth(1).unwrap().to_owned();
                    ("success".to_owned(), Some(line))
                }
                Err(why) => (why.to_string(), None),
            }
        }
    };
    Vector {
        about: about.to_owned(),
        seed: way.mail_seed.clone(),
        mailbox: identity.to_recipient().to_string(),
        force: way.force.clone(),
        thread: way.thread.clone(),
        replies: replies.iter().map(Verifier::to_string).collect(),
        record: BASE64_STANDARD.encode(record),
        tag: hex::encode(tag),
        found: tag == *parsed.tag,
        expect,
        message,
    }
}

fn write() {
    let way = way();
    let mailbox = identity(&way.mail_seed).to_recipient();
    let mut vectors = BTreeMap::new();
    for (name, (about, json, by)) in told(&way.thread) {
        let record = seal_record(&padded(signed(&json, &by)), &mailbox).unwrap();
        vectors.insert(name, judged(about, &record, &way));
    }
    let good = padded(signed(&json(&way.thread, 2, READ), &key(2)));
    let mut behind = good;
    behind[MESSAGE_SIZE_BYTES - 1] = 1;
    let behind = seal_record(&behind, &mailbox).unwrap();
    let mine = seal_record(&good, &mailbox).unwrap();
    let mut changed = mine;
    changed[RECORD_SIZE_BYTES - 1] ^= 1;
    let mut no_tag = mine;
    no_tag[0] ^= 1;
    let stranger = Identity::generate(&mut OsRng).to_recipient();
    let mut chance = seal_record(&good, &stranger).unwrap();
    let to_other = chance;
    let tag = hex::decode(judged("", &chance, &way).tag).unwrap();
    chance[..2].copy_from_slice(&tag);
    let two = note::sign(
        &format!("hafan message v1\n{}\n", json(&way.thread, 2, READ)),
        &[&key(2), &key(1)],
    );
    let two = seal_record(&padded(two.unwrap()), &mailbox).unwrap();
    for (name, about, record) in [
        ("padding", "a byte behind the zeros that is none", behind),
        (
            "changed",
            "the last byte of the record was changed",
            changed,
        ),
        (
            "tag-changed",
            "sealed to this mailbox, with a tag that is not its own",
            no_tag,
        ),
        ("to-another", "sealed to another mailbox", to_other),
        (
            "tag-by-chance",
            "sealed to another mailbox, and its tag is this one's by chance",
            chance,
        ),
        ("two-signatures", "two signatures", two),
    ] {
        vectors.insert(name, judged(about, &record, &way));
    }
    for (name, vector) in vectors {
        let json = serde_json::to_string_pretty(&vector).unwrap() + "\n";
        fs::write(PathBuf::from(FOLDER).join(format!("{name}.json")), json).unwrap();
    }
}

#[test]
fn each_record_is_read_as_its_vector_says() {
    if std::env::var_os("HAFAN_WRITE_VECTORS").is_some() {
        write();
    }
    let way = way();
    let (mut read, mut refused) = (0, 0);
    for file in fs::read_dir(FOLDER).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let vector: Vector = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let record = BASE64_STANDARD.decode(&vector.record).unwrap();
        assert_eq!(record.len(), RECORD_SIZE_BYTES);
        let found = judged(&vector.about, &record, &way);
        assert_eq!(found, vector, "{}", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        match told(&way.thread).get(name.as_str()) {
            Some((about, json, _)) => {
                assert_eq!(vector.about, *about);
                assert!(vector.message.is_none_or(|line| line == *json), "{name}");
            }
            None => assert_ne!(vector.expect, "success", "{name}"),
        }
        if vector.expect == "success" {
            read += 1;
        } else {
            refused += 1;
        }
    }
    assert_eq!((read, refused), (7, 24));
}
