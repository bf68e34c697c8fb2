//! Envelopes, headers and submissions: the one form, every change of it, and both ways.
#![cfg(test)]

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use hafan_envelope::header::{self, HEADER_SIZE_BYTES_MAX, Header, HeaderError, Stanza};
use hafan_envelope::submission::{
    Digest, DigestHasher, Submission, SubmissionError, digest, tag_digest,
};
use hafan_envelope::{
    ENVELOPE_SIZE_BYTES_MAX, Envelope, EnvelopeError, HEADER_SIZE_BYTES, SIZE_CLASSES,
    check_header, envelope_size_bytes, size_class_of,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// A header of the one form, with keys of these bytes.
fn envelope_header(enc: &[u8; 1120], body: &[u8; 32], mac: &[u8; 32]) -> [u8; HEADER_SIZE_BYTES] {
    let [enc, body, mac] = [&enc[..], body, mac].map(|bytes| BASE64.encode(bytes));
    format!("age-encryption.org/v1\n-> mlkem768x25519 {enc}\n{body}\n--- {mac}\n")
        .into_bytes()
        .try_into()
        .unwrap()
}

fn envelope(class: u64) -> Vec<u8> {
    let mut bytes = envelope_header(&[1; 1120], &[2; 32], &[3; 32]).to_vec();
    bytes.resize(usize::try_from(envelope_size_bytes(class)).unwrap(), 4);
    bytes
}

#[test]
fn each_size_class_has_its_length_and_no_other_length_is_one() {
    for class in SIZE_CLASSES {
        let size = 1627 + 16 + class + 16 * (class / 65_536);
        assert_eq!(envelope_size_bytes(class), size);
        let found = size_class_of(size).unwrap();
        assert_eq!(
            (found.padded_size_bytes(), found.envelope_size_bytes()),
            (class, size)
        );
        for other in [size - 1, size + 1] {
            assert_eq!(
                size_class_of(other),
                Err(EnvelopeError::Size { found: other })
            );
        }
    }
    for other in [0, 48, 1627, u64::MAX] {
        assert_eq!(
            size_class_of(other),
            Err(EnvelopeError::Size { found: other })
        );
    }
    assert_eq!(ENVELOPE_SIZE_BYTES_MAX, envelope_size_bytes(1 << 25));
}

#[test]
fn an_envelope_of_each_class_is_parsed() {
    for class in SIZE_CLASSES {
        let bytes = envelope(class);
        let parsed = Envelope::parse(&bytes).unwrap();
        assert_eq!(parsed.size_class().padded_size_bytes(), class);
        assert_eq!(parsed.as_bytes(), bytes);
    }
    assert!(Envelope::parse(b"").is_err());
}

#[test]
fn each_byte_of_the_header_that_leaves_the_form_is_named() {
    let header = envelope_header(&[1; 1120], &[2; 32], &[3; 32]);
    assert_eq!(check_header(&header), Ok(()));
    let base64 = |at: usize| {
        (40..1534).contains(&at) || (1535..1578).contains(&at) || (1583..1626).contains(&at)
    };
    for at in 0..HEADER_SIZE_BYTES {
        for to in [b'\n', b' ', b'=', b'-', b'\r', 0, 0x80, 0xff] {
            let mut changed = header;
            changed[at] = to;
            if changed == header {
                continue;
            }
            let error = check_header(&changed).unwrap_err();
            assert!(
                matches!(error, EnvelopeError::Header { at: found, .. } if found == at),
                "{at} {to}: {error}"
            );
        }
        if !base64(at) {
            let mut changed = header;
            changed[at] = b'Z';
            assert!(check_header(&changed).is_err(), "{at}");
        }
    }
}

#[test]
fn base64_with_bits_that_no_byte_takes_is_refused_at_its_last_character() {
    for (at, last) in [(1533, b'B'), (1577, b'B'), (1625, b'B')] {
        let mut header = envelope_header(&[0; 1120], &[0; 32], &[0; 32]);
        assert_eq!(header[at], b'A');
        header[at] = last;
        let error = check_header(&header).unwrap_err();
        assert!(
            matches!(error, EnvelopeError::Header { at: found, .. } if found == at),
            "{error}"
        );
    }
}

#[test]
fn other_stanzas_than_the_one_are_refused() {
    let header = envelope_header(&[1; 1120], &[2; 32], &[3; 32]);
    let text = std::str::from_utf8(&header).unwrap();
    let mac = &text[text.find("---").unwrap()..];
    for other in [
        text.replace("mlkem768x25519", "mlkem768p256tag"),
        text.replace("mlkem768x25519", "MLKEM768X25519"),
        text.replace("-> mlkem768x25519", "-> X25519"),
        text.replace("/v1", "/v2"),
        text.replace('\n', "\r\n"),
        text.replacen(" AQ", " x AQ", 1),
        text.replace("---", "-> grease\n\n---"),
        format!("-----BEGIN AGE ENCRYPTED FILE-----\n{text}"),
        format!("age-encryption.org/v1\n{mac}"),
    ] {
        let mut bytes = other.into_bytes();
        bytes.resize(HEADER_SIZE_BYTES, b'A');
        assert!(check_header(bytes.first_chunk().unwrap()).is_err());
    }
}

proptest! {
    #[test]
    fn every_header_of_the_one_form_is_taken_by_both_parsers(
        enc in vec(any::<u8>(), 1120), body in any::<[u8; 32]>(), mac in any::<[u8; 32]>()
    ) {
        let bytes = envelope_header(&enc.clone().try_into().unwrap(), &body, &mac);
        prop_assert_eq!(check_header(&bytes), Ok(()));
        let header = header::parse(&bytes).unwrap();
        prop_assert_eq!(header.stanzas.len(), 1);
        prop_assert!(header.stanzas[0].body == body && header.mac == mac);
        prop_assert!(header.encode() == bytes);
    }

    #[test]
    fn what_check_header_takes_the_general_parser_takes(at in 0..HEADER_SIZE_BYTES, to in any::<u8>()) {
        let mut bytes = envelope_header(&[9; 1120], &[8; 32], &[7; 32]);
        bytes[at] = to;
        if check_header(&bytes).is_ok() {
            prop_assert!(header::parse(&bytes).is_ok_and(|header| header.encode() == bytes));
        }
    }

    #[test]
    fn a_header_is_written_and_parsed_the_same(
        stanzas in vec(("[!-~]{1,12}", vec("[!-~]{1,12}", 0..4), vec(any::<u8>(), 0..200)), 1..4),
        mac in any::<[u8; 32]>(), payload in vec(any::<u8>(), 0..100)
    ) {
        let stanzas = stanzas.iter().map(|(tag, args, body)| Stanza {
            tag, args: args.iter().map(String::as_str).collect(), body: body.clone(),
        });
        let header = Header { stanzas: stanzas.collect(), mac };
        let bytes = [header.encode(), payload.clone()].concat();
        let (parsed, rest) = header::split(&bytes).unwrap();
        prop_assert!(parsed == header);
        prop_assert!(rest == payload);
    }

    #[test]
    fn what_the_general_parser_takes_is_written_the_same(
        text in "age-encryption.org/v1\n(-> [ -~]{0,20}\n([A-Za-z0-9+/]{0,66}\n){0,3}){0,3}--- [A-P]{42}[AEIM]\n"
    ) {
        if let Ok(header) = header::parse(text.as_bytes()) {
            prop_assert!(header.encode() == text.as_bytes());
        }
    }

    #[test]
    fn noise_never_panics(bytes in vec(any::<u8>(), 0..3000)) {
        let _: Result<_, HeaderError> = header::split(&bytes);
        prop_assert!(Envelope::parse(&bytes).is_err());
    }

    #[test]
    fn a_digest_does_not_depend_on_how_the_envelope_arrives(
        envelope in vec(any::<u8>(), 0..500), salt in any::<[u8; 16]>(), cut in any::<prop::sample::Index>()
    ) {
        let (a, b) = envelope.split_at(cut.index(envelope.len() + 1));
        let mut hasher = DigestHasher::new(&salt);
        hasher.update(a);
        hasher.update(b);
        let found = hasher.finish();
        prop_assert_eq!(found, digest(&salt, &envelope));
        prop_assert_eq!(found.to_string().parse(), Ok(found));
    }
}

#[test]
fn a_header_that_never_ends_is_not_read_beyond_its_limit() {
    let mut bytes = b"age-encryption.org/v1\n-> a\n".to_vec();
    bytes.extend(format!("{}\n", "A".repeat(64)).repeat(10_000).bytes());
    let error = header::parse(&bytes).err();
    assert_eq!(
        error,
        Some(HeaderError::Unended {
            at: HEADER_SIZE_BYTES_MAX
        })
    );
}

#[test]
fn each_rule_of_the_grammar_is_named_with_its_line() {
    let v1 = "age-encryption.org/v1\n";
    let mac = format!("--- {}\n", "A".repeat(43));
    let version = HeaderError::Version;
    let line = |at, wanted| HeaderError::Line { at, wanted };
    let args = "arguments of printable ASCII, none empty";
    let body = "base64 in lines of 64, the last shorter";
    for (text, error) in [
        (String::new(), version),
        ("age-encryption.org/v1".to_owned(), version),
        (format!("age-encryption.org/v2\n-> a\n\n{mac}"), version),
        (v1.to_owned(), HeaderError::Unended { at: 22 }),
        (format!("{v1}-> a\n"), HeaderError::Unended { at: 27 }),
        (
            format!("{v1}{mac}"),
            line(22, "at least one stanza before the MAC"),
        ),
        (
            format!("{v1}->a\n\n{mac}"),
            line(22, "a stanza or the line of the MAC"),
        ),
        (format!("{v1}-> \n\n{mac}"), line(22, args)),
        (format!("{v1}-> a  b\n\n{mac}"), line(22, args)),
        (format!("{v1}-> a\u{e9}\n\n{mac}"), line(22, args)),
        (format!("{v1}-> a\r\n\n{mac}"), line(22, args)),
        (format!("{v1}-> a\nAA==\n{mac}"), line(27, body)),
        (format!("{v1}-> a\nAB\n{mac}"), line(27, body)),
        (
            format!("{v1}-> a\n{}\n{mac}", "A".repeat(65)),
            line(27, body),
        ),
        (format!("{v1}-> a\n{mac}"), line(27, body)),
        (
            format!("{v1}-> a\n\n--- AAAA\n"),
            line(28, "43 characters of base64"),
        ),
    ] {
        assert_eq!(
            header::parse(text.as_bytes()).err(),
            Some(error),
            "{text:?}"
        );
    }
}

#[test]
fn digests_are_those_of_the_protocol() {
    // printf 'hafan/blob/v1\0' with sixteen zeros and the SHA-256 of nothing, hashed by coreutils.
    let found = digest(&[0; 16], b"").to_string();
    assert_eq!(
        found,
        "b304a10d90c4b76e5b45437b8e4150bace6e43fc06545b5df597d581c5d6cfc6"
    );
    assert_eq!(
        hex::encode(tag_digest(&[0; 32])),
        "f05f52041732daad713e912848605a3d7644b15751a19a12bdfde2bf979ec05d"
    );
}

#[test]
fn a_digest_is_64_lower_case_characters() {
    let text = "0123456789abcdef".repeat(4);
    assert_eq!(text.parse::<Digest>().unwrap().to_string(), text);
    for other in [
        text.to_uppercase(),
        text[1..].to_owned(),
        format!("{text}0"),
        text.replace('0', "g"),
        String::new(),
    ] {
        assert!(other.parse::<Digest>().is_err(), "{other}");
    }
}

#[test]
fn a_submission_is_taken_apart_or_refused() {
    let bytes = [vec![5; 16], vec![6; 32], envelope(1 << 16)].concat();
    let parsed = Submission::parse(&bytes).unwrap();
    assert_eq!((parsed.salt, parsed.tag), (&[5; 16], &[6; 32]));
    assert_eq!(parsed.digest(), digest(&[5; 16], &envelope(1 << 16)));
    assert_eq!(parsed.tag_digest().0, tag_digest(&[6; 32]));
    assert_eq!(
        Submission::parse(&bytes[..47]).err(),
        Some(SubmissionError::Short { found: 47 })
    );
    let none = SubmissionError::Envelope(EnvelopeError::Size { found: 0 });
    assert_eq!(Submission::parse(&bytes[..48]).err(), Some(none));
}
