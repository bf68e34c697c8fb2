//! Request signatures: both ways with the crate `httpsig`, and everything that is refused.

use base64::Engine as _;
use hafan_directory::request::{
    RequestError, SIGNATURE, SIGNATURE_INPUT, SignError, Skew, Target, sign, verify,
};
use hafan_directory::{Contact, Contents, Directory, IntakeKey, Recipient};
use hafan_tlog::Signer;
use httpsig::prelude::message_component::{HttpMessageComponent, HttpMessageComponentId};
use httpsig::prelude::{
    AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, HttpSignatureParams, PublicKey,
    SecretKey,
};
use jiff::civil::date;
use proptest::prelude::*;

const SEED: [u8; 32] = [21; 32];
const NOW: i64 = 1_764_000_000;
const TARGET: Target<'_> = Target {
    method: "GET",
    path: "/v1/forces/btp/drops",
    query: "year=2026&after=0",
};

fn courier() -> Signer {
    Signer::from_seed("hafan/btp/courier-1", &SEED).expect("key name")
}

fn directory() -> Directory {
    let log = Signer::from_seed("log.example/hafan", &[7; 32])
        .expect("key name")
        .verifier();
    let from = date(2026, 11, 23);
    Directory::new(Contents {
        force: "btp".parse().expect("force"),
        sequence: 1,
        valid_from: from,
        valid_until: date(2026, 11, 30),
        log,
        intake: vec![IntakeKey {
            id: IntakeKey::id_of(from),
            recipient: Recipient::from_key(&[5; 1216]).expect("recipient"),
            from,
            until: date(2026, 11, 30),
        }],
        contact: Contact {
            threshold: 0,
            recipients: Vec::new(),
        },
        officers: Vec::new(),
        replies: Vec::new(),
        couriers: vec![courier().verifier()],
        police_suspect: None,
    })
    .expect("sound")
}

/// The two header values of a request signed now.
fn signed() -> (String, String) {
    let [(_, input), (_, signature)] = sign(&courier(), &TARGET, NOW).expect("can be signed");
    (input, signature)
}

fn check(input: &str, signature: &str) -> Result<(), RequestError> {
    verify(&directory(), &TARGET, Some(input), Some(signature), NOW)
}

#[test]
fn a_signed_request_verifies_and_looks_as_the_protocol_says() {
    let [(input_name, input), (signature_name, signature)] =
        sign(&courier(), &TARGET, NOW).unwrap();
    assert_eq!(
        (input_name, signature_name),
        ("signature-input", "signature")
    );
    assert_eq!(
        input,
        "hafan=(\"@method\" \"@path\" \"@query\");created=1764000000;alg=\"ed25519\";\
         keyid=\"hafan/btp/courier-1\";tag=\"hafan-courier\""
    );
    assert!(signature.starts_with("hafan=:") && signature.len() == 7 + 88 + 1);
    assert_eq!(check(&input, &signature), Ok(()));
}

#[test]
fn every_flipped_bit_of_either_header_is_refused() {
    let (input, signature) = signed();
    let (directory, now) = (directory(), NOW);
    let refused = |input: &[u8], signature: &[u8]| {
        let input = std::str::from_utf8(input).ok();
        let signature = std::str::from_utf8(signature).ok();
        verify(&directory, &TARGET, input, signature, now).is_err()
    };
    for bit in 0..input.len() * 8 {
        let mut flipped = input.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            refused(&flipped, signature.as_bytes()),
            "bit {bit} of the input"
        );
    }
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(
            refused(input.as_bytes(), &flipped),
            "bit {bit} of the signature"
        );
    }
}

#[test]
fn another_request_is_refused() {
    let (input, signature) = signed();
    let others = [
        Target {
            method: "PUT",
            ..TARGET
        },
        Target {
            method: "get",
            ..TARGET
        },
        Target {
            path: "/v1/forces/cnc/drops",
            ..TARGET
        },
        Target {
            path: "/v1/forces/btp/drops/",
            ..TARGET
        },
        Target {
            query: "",
            ..TARGET
        },
        Target {
            query: "after=0&year=2026",
            ..TARGET
        },
    ];
    for other in others {
        let found = verify(&directory(), &other, Some(&input), Some(&signature), NOW);
        assert_eq!(found, Err(RequestError::Signature), "{other:?}");
    }
}

#[test]
fn a_key_that_the_directory_does_not_name_is_refused() {
    for name in [
        "hafan/btp/courier-2",
        "hafan/cnc/courier-1",
        "log.example/hafan",
    ] {
        let stranger = Signer::from_seed(name, &SEED).unwrap();
        let [(_, input), (_, signature)] = sign(&stranger, &TARGET, NOW).unwrap();
        assert_eq!(check(&input, &signature), Err(RequestError::Key), "{name}");
    }
    let impostor = Signer::from_seed("hafan/btp/courier-1", &[22; 32]).unwrap();
    let [(_, input), (_, signature)] = sign(&impostor, &TARGET, NOW).unwrap();
    assert_eq!(check(&input, &signature), Err(RequestError::Signature));
}

#[test]
fn a_clock_may_be_300_seconds_off_either_way() {
    let (input, signature) = signed();
    let at = |now| verify(&directory(), &TARGET, Some(&input), Some(&signature), now);
    assert_eq!(at(NOW + 300), Ok(()));
    assert_eq!(at(NOW - 300), Ok(()));
    assert_eq!(
        at(NOW + 301),
        Err(RequestError::Clock {
            skew: Skew::Behind(301)
        })
    );
    assert_eq!(
        at(NOW - 301),
        Err(RequestError::Clock {
            skew: Skew::Ahead(301)
        })
    );
    assert_eq!(
        at(NOW + 3_600).unwrap_err().to_string(),
        "the request was signed 1 hour before the server's time: set the courier's clock, \
         want at most 300 seconds of difference"
    );
    assert_eq!(
        at(i64::MIN),
        Err(RequestError::Clock {
            skew: Skew::Ahead(NOW.abs_diff(i64::MIN))
        })
    );
}

/// Only a courier learns how far its clock is off.
#[test]
fn a_wrong_signature_is_refused_before_the_clock_is_looked_at() {
    let (input, _) = signed();
    let [_, (_, other)] = sign(&courier(), &TARGET, NOW + 1).unwrap();
    let found = verify(
        &directory(),
        &TARGET,
        Some(&input),
        Some(&other),
        NOW + 9_999,
    );
    assert_eq!(found, Err(RequestError::Signature));
}

#[test]
fn a_missing_header_is_named() {
    let (input, signature) = signed();
    let found = |input, signature| verify(&directory(), &TARGET, input, signature, NOW);
    let unsigned = |field| Err(RequestError::Unsigned { field });
    assert_eq!(found(None, Some(&signature)), unsigned(SIGNATURE_INPUT));
    assert_eq!(found(Some(&input), None), unsigned(SIGNATURE));
    assert_eq!(found(None, None), unsigned(SIGNATURE_INPUT));
}

#[test]
fn every_other_way_to_write_the_headers_is_refused_for_what_is_wrong() {
    let (input, signature) = signed();
    let form = |field| Err(RequestError::Form { field });
    let label = |field| Err(RequestError::Label { field });
    let inputs = [
        (String::new(), form(SIGNATURE_INPUT)),
        ("(".repeat(1_000), form(SIGNATURE_INPUT)),
        (format!("{input} "), form(SIGNATURE_INPUT)),
        (
            input.replace(";created", "; created"),
            form(SIGNATURE_INPUT),
        ),
        (input.replace("\" \"", "\"  \""), form(SIGNATURE_INPUT)),
        (
            input.replace("created=1", "created=01"),
            form(SIGNATURE_INPUT),
        ),
        (format!("{input}, {input}"), form(SIGNATURE_INPUT)),
        (
            format!("{input}, other={}", &input[6..]),
            label(SIGNATURE_INPUT),
        ),
        (input.replacen("hafan", "sig", 1), label(SIGNATURE_INPUT)),
        (input.replacen("hafan", "hafan2", 1), label(SIGNATURE_INPUT)),
        ("hafan".to_owned(), label(SIGNATURE_INPUT)),
        ("hafan=1".to_owned(), Err(RequestError::Components)),
        (
            input.replace(" \"@query\"", ""),
            Err(RequestError::Components),
        ),
        (
            input.replace("\"@query\"", "\"@query\" \"date\""),
            Err(RequestError::Components),
        ),
        (
            input.replace("\"@method\" \"@path\"", "\"@path\" \"@method\""),
            Err(RequestError::Components),
        ),
        (
            input.replace("\"@query\"", "\"@query\";req"),
            Err(RequestError::Components),
        ),
        (
            input.replace("\"@query\"", "query"),
            Err(RequestError::Components),
        ),
        (
            input.replace(";tag=\"hafan-courier\"", ""),
            Err(RequestError::Parameters),
        ),
        (
            input.replace("hafan-courier", "hafan-officer"),
            Err(RequestError::Parameters),
        ),
        (
            input.replace("ed25519", "hmac-sha256"),
            Err(RequestError::Parameters),
        ),
        (
            input.replace(";created=1764000000", ""),
            Err(RequestError::Parameters),
        ),
        (
            input.replace("1764000000", "1764000000.5"),
            Err(RequestError::Parameters),
        ),
        (
            input.replace("1764000000", "\"1764000000\""),
            Err(RequestError::Parameters),
        ),
        (
            format!("{input};nonce=\"1\""),
            Err(RequestError::Parameters),
        ),
        (
            input.replace("keyid=\"hafan/btp/courier-1\"", "keyid=1"),
            Err(RequestError::Parameters),
        ),
    ];
    for (wrong, wanted) in inputs {
        assert_eq!(check(&wrong, &signature), wanted, "{wrong}");
    }
    let long = "a".repeat(1_025);
    let size = |field| {
        Err(RequestError::Size {
            field,
            found: 1_025,
        })
    };
    assert_eq!(check(&long, &signature), size(SIGNATURE_INPUT));
    assert_eq!(check(&input, &long), size(SIGNATURE));
    let signatures = [
        (String::new(), form(SIGNATURE)),
        (signature.replacen("hafan", "sig", 1), label(SIGNATURE)),
        (format!("{signature}, other=:AAAA:"), label(SIGNATURE)),
        (format!("{signature};a=1"), form(SIGNATURE)),
        (signature.replace("==", ""), form(SIGNATURE)),
        ("hafan=(:AAAA:)".to_owned(), form(SIGNATURE)),
        ("hafan=\"text\"".to_owned(), form(SIGNATURE)),
        ("hafan=:AAAA:".to_owned(), Err(RequestError::Signature)),
    ];
    for (wrong, wanted) in signatures {
        assert_eq!(check(&input, &wrong), wanted, "{wrong}");
    }
}

#[test]
fn a_request_that_could_forge_a_line_is_neither_signed_nor_verified() {
    let (input, signature) = signed();
    let targets = [
        Target {
            method: "",
            ..TARGET
        },
        Target {
            method: "GET\n\"@path\": /",
            ..TARGET
        },
        Target {
            path: "/v1\n\"@query\": ?",
            ..TARGET
        },
        Target {
            path: "v1",
            ..TARGET
        },
        Target { path: "", ..TARGET },
        Target {
            query: "a b",
            ..TARGET
        },
        Target {
            query: "caf\u{e9}",
            ..TARGET
        },
    ];
    for target in targets {
        assert_eq!(
            sign(&courier(), &target, NOW),
            Err(SignError::Target),
            "{target:?}"
        );
        let found = verify(&directory(), &target, Some(&input), Some(&signature), NOW);
        assert_eq!(found, Err(RequestError::Target), "{target:?}");
    }
    let welsh = Signer::from_seed("heddlu/dŵr", &SEED).unwrap();
    assert_eq!(sign(&welsh, &TARGET, NOW), Err(SignError::KeyName));
    assert_eq!(sign(&courier(), &TARGET, i64::MAX), Err(SignError::Created));
}

/// The lines of the signature base as the oracle takes them.
fn oracle_components() -> Vec<HttpMessageComponent> {
    [
        "\"@method\": GET",
        "\"@path\": /v1/forces/btp/drops",
        "\"@query\": ?year=2026&after=0",
    ]
    .map(|line| HttpMessageComponent::try_from(line).expect("component"))
    .to_vec()
}

#[test]
fn httpsig_verifies_what_we_sign() {
    let (input, signature) = signed();
    let headers = HttpSignatureHeaders::try_parse(&signature, &input).unwrap();
    let headers = &headers["hafan"];
    let base =
        HttpSignatureBase::try_new(&oracle_components(), headers.signature_params()).unwrap();
    let key = courier().verifier();
    let key = PublicKey::from_bytes(&AlgorithmName::Ed25519, key.key()).unwrap();
    assert!(base.verify_signature_headers(&key, headers).is_ok());
    let other = Signer::from_seed("other", &[1; 32]).unwrap().verifier();
    let other = PublicKey::from_bytes(&AlgorithmName::Ed25519, other.key()).unwrap();
    assert!(base.verify_signature_headers(&other, headers).is_err());
}

#[test]
fn we_verify_what_httpsig_signs() {
    let components = oracle_components();
    let ids: Vec<HttpMessageComponentId> = components
        .iter()
        .map(|component| component.id.clone())
        .collect();
    let mut params = HttpSignatureParams::try_new(&ids).unwrap();
    params
        .set_created(u64::try_from(NOW).unwrap())
        .set_alg(&AlgorithmName::Ed25519)
        .set_keyid("hafan/btp/courier-1")
        .set_tag("hafan-courier");
    let base = HttpSignatureBase::try_new(&components, &params).unwrap();
    let key = SecretKey::from_bytes(&AlgorithmName::Ed25519, &SEED).unwrap();
    let headers = base.build_signature_headers(&key, Some("hafan")).unwrap();
    let (input, signature) = (
        headers.signature_input_header_value(),
        headers.signature_header_value(),
    );
    assert_eq!(check(&input, &signature), Ok(()));
    assert_eq!(input, signed().0);
}

/// RFC 9421 leaves the order of the parameters to the signer.
#[test]
fn parameters_may_come_in_any_order() {
    let input = "(\"@method\" \"@path\" \"@query\");created=1764000000;\
        keyid=\"hafan/btp/courier-1\";alg=\"ed25519\";tag=\"hafan-courier\"";
    let base = format!(
        "\"@method\": GET\n\"@path\": {}\n\"@query\": ?{}\n\"@signature-params\": {input}",
        TARGET.path, TARGET.query
    );
    let signature = courier().sign_bytes(base.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(signature);
    assert_eq!(
        check(&format!("hafan={input}"), &format!("hafan=:{signature}:")),
        Ok(())
    );
}

proptest! {
    #[test]
    fn what_is_signed_verifies(
        method in "[A-Z]{1,10}", path in "/[!-~]{0,60}", query in "[!-~]{0,60}", created in 0_i64..1 << 40, off in -300_i64..=300,
    ) {
        let target = Target { method: &method, path: &path, query: &query };
        let [(_, input), (_, signature)] = sign(&courier(), &target, created).unwrap();
        let found = verify(&directory(), &target, Some(&input), Some(&signature), created + off);
        prop_assert_eq!(found, Ok(()));
    }

    #[test]
    fn hostile_headers_never_panic_and_never_verify(
        input in "(hafan=)?[(\"@methodpaqury\"); =0-9a-z:]{0,200}", signature in "hafan=:?[A-Za-z0-9+/=]{0,90}:?", now: i64,
    ) {
        let found = verify(&directory(), &TARGET, Some(&input), Some(&signature), now);
        prop_assert!(found.is_err());
    }
}
