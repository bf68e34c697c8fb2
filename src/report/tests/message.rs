//! Messages to somebody who has words: both ways, the one form, the one size, and every change of one bit.
#![cfg(test)]

use hafan_report::{
    Language, MESSAGE_SIZE_BYTES, Message, MessageError, MessageState, Thread, check_text,
};
use hafan_tlog::note::{self, NoteError};
use hafan_tlog::{Signer, Verifier};
use proptest::prelude::*;

const PLAIN: &str = concat!(
    r#"{"force":"btp","thread":"AAECAwQFBgcICQoLDA0ODw","number":3,"#,
    r#""report":"abababababababababababababababababababababababababababababababab","#,
    r#""state":"replied","on":"2026-11-26","language":"cy","text":"Diolch."}"#,
);

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).unwrap()
}

fn key() -> Signer {
    signer("hafan/btp/replies-1", 1)
}

fn thread() -> Thread {
    "AAECAwQFBgcICQoLDA0ODw".parse().ok().unwrap()
}

fn message(state: MessageState, text: Option<&str>) -> Message {
    Message {
        force: "btp".to_owned(),
        thread: thread(),
        number: 3,
        report: "ab".repeat(32),
        state,
        on: "2026-11-26".parse().ok().unwrap(),
        language: text.map(|_| Language::Welsh),
        text: text.map(str::to_owned),
    }
}

fn answer(text: &str) -> Message {
    message(MessageState::Replied, Some(text))
}

/// A note of this JSON, signed and filled up as it stands.
fn padded(json: &str, by: &Signer) -> Vec<u8> {
    let text = format!("hafan message v1\n{json}\n");
    let mut bytes = note::sign(&text, &[by]).unwrap();
    bytes.resize(MESSAGE_SIZE_BYTES, 0);
    bytes
}

fn open(padded: &[u8]) -> Result<Message, MessageError> {
    Message::open(padded, &[key().verifier()], "btp", &thread())
}

fn refused(padded: &[u8]) -> String {
    open(padded).err().unwrap().to_string()
}

#[test]
fn what_is_signed_opens_again_and_is_of_one_size() {
    let words = "Diolch i chi.\n\"Rydyn ni\" yma \\ \u{2028}\u{1f49a}";
    for message in [
        message(MessageState::Collected, None),
        message(MessageState::Read, None),
        answer(words),
    ] {
        let padded = message.sign(&key()).unwrap();
        let opened = open(&*padded).ok().unwrap();
        assert_eq!(opened.encode(), message.encode());
    }
    let wanted = format!("hafan message v1\n{PLAIN}\n");
    assert_eq!(*answer("Diolch.").encode(), wanted);
    assert_eq!(
        *answer("Diolch.").sign(&key()).unwrap(),
        *padded(PLAIN, &key())
    );
}

#[test]
fn the_longest_text_fits_and_one_byte_more_is_said_to_be_one_too_many() {
    let free = |text: &str| {
        let padded = answer(text).sign(&key()).unwrap();
        padded.iter().rev().take_while(|byte| **byte == 0).count()
    };
    let room = free("a");
    let longest = "a".repeat(room + 1);
    assert_eq!(free(&longest), 0);
    assert!(open(&*answer(&longest).sign(&key()).unwrap()).is_ok());
    for (more, wanted) in [("a", 1), ("ŵ", 2), ("\n\"", 4)] {
        let long = answer(&format!("{longest}{more}")).sign(&key());
        assert!(matches!(long, Err(MessageError::TooLong { over }) if over == wanted));
    }
}

#[test]
fn what_breaks_a_rule_is_neither_signed_nor_taken() {
    let mut zero = answer("a");
    zero.number = 0;
    let mut no_force = answer("a");
    no_force.force = "BTP".to_owned();
    let mut no_digest = answer("a");
    no_digest.report.truncate(63);
    let mut no_language = answer("a");
    no_language.language = None;
    for (wrong, why) in [
        (zero, "has number 0"),
        (no_force, "force of the message"),
        (no_digest, "report of the message"),
        (no_language, "words or a language"),
        (message(MessageState::Replied, None), "words or a language"),
        (
            message(MessageState::Read, Some("a")),
            "words or a language",
        ),
        (answer(" \n "), "the text is empty"),
        (
            answer("a\n\tb"),
            "line 2 of the text has the control character U+0009",
        ),
    ] {
        let error = wrong.sign(&key()).err().unwrap();
        assert!(error.to_string().contains(why), "{error}: {why}");
    }
    let other = answer("a").sign(&signer("hafan/cnc/replies-1", 1));
    assert!(matches!(other, Err(MessageError::Signer { found }) if found == "hafan/cnc/replies-1"));
    for (from, to, why) in [
        ("\"number\":3", "\"number\":0", "has number 0"),
        ("\"number\":3", "\"number\":03", "not the JSON"),
        ("\"number\":3", "\"number\":4294967296", "not the JSON"),
        (",", ", ", "one right form"),
        ("Diolch", "\\u0044iolch", "one right form"),
        (",\"language\":\"cy\"", "", "not the JSON"),
        ("replied", "seen", "not the JSON"),
        ("replied", "read", "words or a language"),
        (
            "\"cy\",\"text\":\"Diolch.\"",
            "null,\"text\":null",
            "words or a language",
        ),
        ("\"Diolch.\"", "null", "words or a language"),
        ("Diolch.", "a\\tb", "U+0009"),
        ("Diolch.", "", "the text is empty"),
        ("2026-11-26", "2026-11-31", "not the JSON"),
        ("}", ",\"more\":1}", "not the JSON"),
        ("}", "}{}", "not the JSON"),
        ("btp", "cnc", "of another force"),
        ("AAEC", "AAED", "to another thread"),
    ] {
        let json = PLAIN.replacen(from, to, 1);
        assert_ne!(json, PLAIN);
        let said = refused(&padded(&json, &key()));
        assert!(said.contains(why), "{to}: {said}");
    }
}

#[test]
fn only_a_key_of_the_force_counts_and_only_zeros_stand_behind() {
    let good = padded(PLAIN, &key());
    assert!(open(&good).is_ok());
    let older = signer("hafan/btp/replies-2", 2).verifier();
    let keys: [Verifier; 2] = [older, key().verifier()];
    assert!(Message::open(&good, &keys, "btp", &thread()).is_ok());
    let by = |by: &Signer| open(&padded(PLAIN, by)).err().unwrap();
    let stranger = by(&signer("hafan/btp/replies-9", 9));
    assert!(matches!(stranger, MessageError::Unsigned));
    assert!(matches!(
        by(&signer("hafan/btp/replies-1", 9)),
        MessageError::Unsigned
    ));
    let nobody = Message::open(&good, &[], "btp", &thread());
    assert!(matches!(nobody, Err(MessageError::Unsigned)));
    let text = format!("hafan message v1\n{PLAIN}\n");
    let mut two = note::sign(&text, &[&key(), &signer("x", 5)]).unwrap();
    two.resize(MESSAGE_SIZE_BYTES, 0);
    assert!(refused(&two).contains("2 signatures"));
    let mut later = note::sign(&text.replace("v1", "v2"), &[&key()]).unwrap();
    later.resize(MESSAGE_SIZE_BYTES, 0);
    assert!(refused(&later).contains("no message of version 1"));
    let mut behind = good.clone();
    *behind.last_mut().unwrap() = 1;
    assert!(refused(&behind).contains("not zeros"));
    assert!(refused(&good[1..]).contains("2434 bytes"));
    let changed = good.iter().position(|byte| *byte == b'3').unwrap();
    let mut other = good;
    other[changed] = b'4';
    let error = open(&other).err().unwrap();
    assert!(matches!(
        error,
        MessageError::Note(NoteError::Signature { .. })
    ));
}

#[test]
fn no_key_signs_that_a_directory_cannot_name() {
    let sign = |name: &str| answer("Diolch.").sign(&signer(name, 1));
    assert!(sign("hafan/btp/replies-65535").is_ok());
    for name in ["x", "0", "01", "1-1", "65536", ""] {
        let name = format!("hafan/btp/replies-{name}");
        let refused = sign(&name).err().unwrap();
        assert!(matches!(refused, MessageError::Signer { .. }), "{name}");
    }
    assert!(sign("hafan/cnc/replies-1").is_err());
}

#[test]
fn what_is_signed_is_written_once_into_memory_of_its_own_size() {
    let text = answer(&"Diolch. ".repeat(40)).encode();
    assert_eq!(text.capacity(), text.len());
    let note = note::sign(&text, &[&key()]).unwrap();
    assert_eq!(note.capacity(), note.len());
}

#[test]
fn every_flipped_bit_is_refused() {
    let good = padded(PLAIN, &key());
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&flipped).is_err(), "bit {bit}");
    }
}

proptest! {
    #[test]
    fn any_text_that_is_taken_comes_back(text in "[\\PC\n]{1,300}") {
        prop_assume!(check_text(&text).is_ok());
        let message = answer(&text);
        let padded = message.sign(&key()).unwrap();
        let opened = open(&*padded).ok().unwrap();
        prop_assert_eq!(opened.text.as_deref(), Some(text.as_str()));
    }

    #[test]
    fn nonsense_never_panics(text in "(hafan message v1\n)?\\{?[\\PC]{0,200}\\}?\n", bytes in prop::collection::vec(any::<u8>(), MESSAGE_SIZE_BYTES)) {
        prop_assert!(Message::parse(&text).is_err());
        prop_assert!(open(&bytes).is_err());
    }
}
