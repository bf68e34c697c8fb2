//! Requests, approvals and contacts: one form of each, and everything else refused with its name.
#![cfg(test)]

use hafan_directory::Force;
use hafan_open::contact::{
    CheckError, ContactError, DETAILS_SIZE_BYTES, Details, DetailsError, check_share, open_contact,
};
use hafan_open::quorum::{Approval, PAPER_SIZE_BYTES_MAX, Paper, PaperError, Request};
use hafan_open::shamir::{ShareError, split};
use hafan_open::{Identity, OpenError};
use hafan_record::{Hex32, Reason, ReasonCode};
use hafan_tlog::{Signer, Verifier, note};
use proptest::prelude::*;
use rand::rngs::OsRng;
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

fn force() -> Force {
    "btp".parse().unwrap()
}

fn officer(number: u8) -> Signer {
    Signer::from_seed(&format!("hafan/btp/officer-{number}"), &[number; 32]).unwrap()
}

fn officers() -> Vec<Verifier> {
    (1..=3).map(|number| officer(number).verifier()).collect()
}

fn request() -> Request {
    Request {
        force: force(),
        report: Hex32([0xab; 32]),
        officer: 1,
        entry: 7,
        asked_on: jiff::civil::date(2026, 11, 24),
        reason: Reason::new(ReasonCode::Safeguarding, None).unwrap(),
    }
}

fn approval() -> Approval {
    Approval {
        force: force(),
        report: Hex32([0xab; 32]),
        request: Hex32([0xcd; 32]),
        officer: 2,
        share: 3,
        approved_on: jiff::civil::date(2026, 11, 25),
        reason: Reason::new(ReasonCode::Other, Some("gofynnodd hi".parse().unwrap())).unwrap(),
        sealed: b"age".to_vec(),
    }
}

const REQUEST: &str = concat!(
    "hafan contact request v1\n",
    r#"{"force":"btp","report":"abababababababababababababababababababababababababababababababab","officer":1,"#,
    r#""entry":7,"asked_on":"2026-11-24","reason":{"code":"safeguarding","words":null}}"#,
    "\n"
);

#[test]
fn a_request_and_an_approval_are_written_so() {
    assert_eq!(Paper::Request(request()).encode(), REQUEST);
    let text = Paper::Approval(approval()).encode();
    let end = r#","officer":2,"share":3,"approved_on":"2026-11-25","reason":{"code":"other","words":"gofynnodd hi"},"sealed":"YWdl"}"#;
    assert!(
        text.starts_with("hafan contact approval v1\n{\"force\":\"btp\",\"report\":\"abab"),
        "{text}"
    );
    assert!(text.ends_with(&format!("{end}\n")), "{text}");
    for paper in [Paper::Request(request()), Paper::Approval(approval())] {
        assert_eq!(Paper::parse(&paper.encode()).unwrap(), paper);
    }
}

/// Why a text is refused, once a letter of it was replaced.
fn refused(from: &str, to: &str) -> PaperError {
    let text = REQUEST.replacen(from, to, 1);
    assert_ne!(text, REQUEST);
    Paper::parse(&text).unwrap_err()
}

#[test]
fn every_other_text_is_refused() {
    for (from, to) in [
        ("request v1", "request v2"),
        ("hafan", "Hafan"),
        ("v1\n", "v1"),
        ("contact request", "contact approval"),
    ] {
        let why = refused(from, to);
        let is_named = matches!(why, PaperError::FirstLine | PaperError::Json { .. });
        assert!(is_named, "{from}: {why}");
    }
    for (from, to) in [
        (r#""force":"btp","#, ""),
        (r#""officer":1"#, r#""officer":-1"#),
        (r#""officer":1"#, r#""officer":65536"#),
        (r#""officer":1"#, r#""officer":1,"officer":1"#),
        (r#""entry":7"#, r#""entry":"7""#),
        (r#""entry":7"#, r#""more":null,"entry":7"#),
        ("2026-11-24", "2026-11-31"),
        ("2026-11-24", "yesterday"),
        (r#""abab"#, r#""ABAB"#),
        (r#""abab"#, r#""ab"#),
        (r#""btp""#, r#""B""#),
        ("safeguarding", "curiosity"),
        (r#""safeguarding","words":null"#, r#""other","words":null"#),
        (r#""words":null"#, r#""words":" ""#),
        (r#""words":null"#, r#""words":"a\u0007b""#),
        ("}\n", "}\n{}\n"),
        ("}\n", ""),
    ] {
        let why = refused(from, to);
        assert!(matches!(why, PaperError::Json { .. }), "{from} {to}: {why}");
    }
    for (from, to) in [
        (r#"{"force""#, r#"{ "force""#),
        ("}\n", "}\n\n"),
        ("}\n", "}"),
        ("safeguarding", r"safe\u0067uarding"),
        (
            r#""entry":7,"asked_on":"2026-11-24""#,
            r#""asked_on":"2026-11-24","entry":7"#,
        ),
        ("2026-11-24", "20261124"),
    ] {
        let why = refused(from, to);
        assert!(matches!(why, PaperError::Form), "{from} {to}: {why}");
    }
    let long = Paper::Approval(Approval {
        sealed: vec![0; 8193],
        ..approval()
    });
    let why = Paper::parse(&long.encode()).unwrap_err();
    assert!(matches!(why, PaperError::Share { found: 8193 }), "{why}");
    let padded = Paper::Approval(approval())
        .encode()
        .replace("YWdl", "YWdlYQ");
    assert!(matches!(
        Paper::parse(&padded).unwrap_err(),
        PaperError::Json { .. }
    ));
}

#[test]
fn only_what_the_officer_in_it_signed_counts() {
    let paper = Paper::Approval(approval());
    let open = |note: &[u8]| Paper::open(note, &force(), &officers());
    let note = paper.sign(&officer(2)).unwrap();
    let signed = open(&note).unwrap();
    assert!(signed.paper == paper && signed.digest == Hex32::sha256(&note));
    for bit in 0..note.len() * 8 {
        let mut changed = note.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&changed).is_err(), "bit {bit}");
    }
    for end in 0..note.len() {
        assert!(open(&note[..end]).is_err(), "cut at {end}");
    }
    let by_another = paper.sign(&officer(3)).unwrap();
    assert!(matches!(
        open(&by_another).unwrap_err(),
        PaperError::Officer { found: 2, .. }
    ));
    let by_none = paper.sign(&officer(4)).unwrap();
    assert!(matches!(open(&by_none).unwrap_err(), PaperError::Unsigned));
    assert!(matches!(
        Paper::open(&note, &force(), &[]).unwrap_err(),
        PaperError::Unsigned
    ));
    let twice = note::sign(&paper.encode(), &[&officer(2), &officer(4)]).unwrap();
    assert!(matches!(
        open(&twice).unwrap_err(),
        PaperError::Signatures { found: 2 }
    ));
    let other: Force = "merseyside".parse().unwrap();
    let why = Paper::open(&note, &other, &officers()).unwrap_err();
    assert!(matches!(why, PaperError::Force { .. }), "{why}");
    let long = vec![b'a'; PAPER_SIZE_BYTES_MAX + 1];
    assert!(matches!(open(&long).unwrap_err(), PaperError::Note(_)));
}

const JSON: &str = r#"{"version":1,"force":"btp","language":"en","answers":[{"id":"name","question":"Who?","answer":"Ann \"\u001b\""}]}"#;

fn plain(json: &str) -> Vec<u8> {
    let mut plain = json.as_bytes().to_vec();
    plain.resize(DETAILS_SIZE_BYTES, b' ');
    plain
}

#[test]
fn a_contact_is_read_in_its_one_form() {
    let details = Details::parse(&plain(JSON)).ok().unwrap();
    assert!(details.force == "btp" && details.answers[0].answer == "Ann \"\u{1b}\"");
    let why = |plain: &[u8]| Details::parse(plain).err().unwrap();
    for size in [0, 8191, 8193] {
        let mut other = plain(JSON);
        other.resize(size, b' ');
        assert_eq!(why(&other), DetailsError::Size { found: size });
    }
    let changed = |from: &str, to: &str| {
        let json = JSON.replacen(from, to, 1);
        assert_ne!(json, JSON);
        why(&plain(&json))
    };
    assert_eq!(
        changed(r#""version":1"#, r#""version":2"#),
        DetailsError::Version { found: 2 }
    );
    for (from, to) in [
        ("Who?", r"W\u0068o?"),
        (r#"{"version""#, r#" {"version""#),
        (
            r#""force":"btp","language":"en""#,
            r#""language":"en","force":"btp""#,
        ),
    ] {
        assert_eq!(changed(from, to), DetailsError::NotCanonical, "{from}");
    }
    for (from, to) in [
        (r#""en""#, r#""fr""#),
        (r#""question":"Who?","#, ""),
        (r#""force":"btp","#, r#""force":"btp","more":1,"#),
        ("]}", "]}{}"),
        ("]}", "]"),
        ("Who?", "Wh\no?"),
    ] {
        assert!(
            matches!(changed(from, to), DetailsError::Json { .. }),
            "{from}"
        );
    }
    for id in ["", "Name", "1", "na me", "n\u{e9}", &"a".repeat(33)] {
        let to = format!(r#""id":"{id}""#);
        assert_eq!(
            changed(r#""id":"name""#, &to),
            DetailsError::Answer { number: 1 }
        );
    }
    let mut tail = plain(JSON);
    for byte in [b'\n', 0, b'x'] {
        *tail.last_mut().unwrap() = byte;
        assert!(Details::parse(&tail).is_err());
    }
    let mut not_utf8 = plain(JSON);
    not_utf8[70] = 0xff;
    assert!(Details::parse(&not_utf8).is_err());
}

#[test]
fn shares_are_checked_and_open_what_they_are_of() {
    let identity = Identity::generate(&mut OsRng);
    let seal = |plain: &[u8]| hafan_seal::seal_bytes(plain, &[identity.to_recipient()]).unwrap();
    let secret = identity.expose();
    let dealt = |secret: &[u8]| split(secret, 2, 3, &mut OsRng).unwrap();
    let shares = dealt(secret.expose_secret().as_bytes());
    let details = open_contact(&seal(&plain(JSON)), &shares[..2])
        .ok()
        .unwrap();
    assert_eq!(details.answers.len(), 1);

    let why = |sealed: &[u8], shares: &[_]| open_contact(sealed, shares).err().unwrap();
    assert!(matches!(
        why(&seal(&plain(JSON)), &shares[..1]),
        ContactError::Combine(_)
    ));
    let size = DetailsError::Size { found: 4 };
    assert_eq!(why(&seal(b"text"), &shares), ContactError::Details(size));
    for text in [&b"AGE-SECRET-KEY-1"[..], &[0xff; 77]] {
        assert_eq!(
            why(&seal(&plain(JSON)), &dealt(text)),
            ContactError::Identity
        );
    }
    let other = Identity::generate(&mut OsRng).expose();
    let others = dealt(other.expose_secret().as_bytes());
    assert_eq!(
        why(&seal(&plain(JSON)), &others),
        ContactError::Open(OpenError::OtherKey)
    );

    let bytes = Zeroizing::new(shares[0].as_bytes().to_vec());
    let digest = hex::encode(Sha256::digest(&*bytes));
    assert!(check_share(bytes.clone(), &digest).is_ok());
    let why = |bytes, digest: &str| check_share(bytes, digest).err().unwrap();
    assert_eq!(
        why(bytes.clone(), &digest.to_uppercase()),
        CheckError::Digest
    );
    assert_eq!(why(bytes.clone(), ""), CheckError::Digest);
    // A report may name anything at all.
    for (named, wrong) in [
        (vec![7, 0], ShareError::Zero),
        (vec![], ShareError::Size { found: 0 }),
    ] {
        let digest = hex::encode(Sha256::digest(&named));
        assert_eq!(
            why(Zeroizing::new(named), &digest),
            CheckError::Share(wrong)
        );
    }
}

proptest! {
    #[test]
    fn no_text_is_a_panic(text in ".{0,300}", json in "[{}\\[\\]\",:a-z0-9]{0,200}") {
        for text in [text, format!("hafan contact request v1\n{json}\n"), format!("hafan contact approval v1\n{json}\n")] {
            if let Ok(paper) = Paper::parse(&text) {
                prop_assert_eq!(paper.encode(), text);
            }
        }
        prop_assert!(Details::parse(&plain(&json)).is_err() || json.contains("version"));
    }

    #[test]
    fn what_is_written_is_read_back(
        report in any::<[u8; 32]>(),
        request in any::<[u8; 32]>(),
        officer in any::<u16>(),
        share in any::<u8>(),
        words in "[ -~À-ÿ]{0,40}[a-z]",
        sealed in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let words = Some(words.parse().unwrap());
        let paper = Paper::Approval(Approval {
            report: Hex32(report),
            request: Hex32(request),
            officer,
            share,
            reason: Reason::new(ReasonCode::Audit, words).unwrap(),
            sealed,
            ..approval()
        });
        prop_assert_eq!(Paper::parse(&paper.encode()).unwrap(), paper);
    }
}
