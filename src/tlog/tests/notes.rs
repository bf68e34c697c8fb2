//! Signed notes and checkpoints: both ways, and every change of one bit.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hafan_tlog::cosignature::CosignedError;
use hafan_tlog::note::{self, NoteError, SignError};
use hafan_tlog::{Checkpoint, Cosigned, Hash, Signer, Verifier, cosign, log_origin, open_cosigned};
use proptest::prelude::*;

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).expect("key name")
}

fn signed_checkpoint() -> (Vec<u8>, Verifier) {
    let origin = log_origin("log.example/hafan", "dyfed-powys", 2026);
    let server = signer("log.example/hafan", 7);
    let checkpoint = Checkpoint::new(&origin, 4_711, Hash([9; 32])).expect("key name");
    (
        checkpoint.sign(&server),
        server.verifier().renamed(&origin).expect("key name"),
    )
}

#[test]
fn a_checkpoint_is_signed_under_its_origin() {
    let (signed, verifier) = signed_checkpoint();
    let checkpoint = Checkpoint::open(&signed, &verifier).unwrap();
    assert_eq!(checkpoint.origin(), "log.example/hafan/dyfed-powys/2026");
    assert_eq!(checkpoint.size(), 4_711);
    assert_eq!(checkpoint.root(), Hash([9; 32]));
    let log_name = verifier.renamed("log.example/hafan").unwrap();
    assert!(Checkpoint::open(&signed, &log_name).is_err());
}

#[test]
fn every_flipped_bit_of_a_signed_checkpoint_is_refused() {
    let (signed, verifier) = signed_checkpoint();
    for bit in 0..signed.len() * 8 {
        let mut flipped = signed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Checkpoint::open(&flipped, &verifier).is_err(), "bit {bit}");
    }
}

#[test]
fn every_cut_of_a_signed_checkpoint_is_refused() {
    let (signed, verifier) = signed_checkpoint();
    for size in 0..signed.len() {
        assert!(
            Checkpoint::open(&signed[..size], &verifier).is_err(),
            "{size} bytes"
        );
    }
}

/// Signatures by keys that nobody asked for are passed over: C2SP signed-note.
#[test]
fn a_note_opens_for_any_of_its_signers_and_for_all() {
    let (one, two, three) = (signer("one", 1), signer("two", 2), signer("three", 3));
    let signed = note::sign("text\n\nmore\n", &[&one, &two]).unwrap();
    let verifiers = [one.verifier(), two.verifier(), three.verifier()];
    let [one, two, three] = &verifiers;
    let opened = note::open(&signed, &[one, two]).unwrap();
    assert_eq!(
        (opened.as_str(), opened.signature_count()),
        ("text\n\nmore\n", 2)
    );
    assert!(note::open(&signed, &[two]).is_ok());
    let missing = NoteError::Unsigned {
        name: "three".to_owned(),
        id: three.id(),
    };
    assert_eq!(note::open(&signed, &[one, three]), Err(missing));
    assert_eq!(note::open(&signed, &[]), Err(NoteError::NoVerifier));
}

#[test]
fn text_that_is_not_that_of_a_note_is_not_signed() {
    let signer = signer("one", 1);
    assert_eq!(note::sign("text", &[&signer]), Err(SignError::NoNewline));
    assert_eq!(note::sign("", &[&signer]), Err(SignError::NoNewline));
    assert_eq!(
        note::sign("a\tb\n", &[&signer]),
        Err(SignError::Control { at: 1 })
    );
    assert_eq!(
        note::sign("text\n", &[]),
        Err(SignError::Signers { found: 0 })
    );
    assert_eq!(
        note::sign("text\n", &[&signer; 17]),
        Err(SignError::Signers { found: 17 })
    );
    assert!(note::sign("text\n", &[&signer; 16]).is_ok());
}

#[test]
fn a_key_name_that_is_none_is_refused() {
    for name in [
        "",
        "a b",
        "a+b",
        "a\nb",
        "a\u{a0}b",
        "a\u{7f}b",
        &"a".repeat(256),
    ] {
        assert!(Signer::from_seed(name, &[1; 32]).is_err(), "{name:?}");
        assert!(
            signer("one", 1).verifier().renamed(name).is_err(),
            "{name:?}"
        );
        assert!(Checkpoint::new(name, 0, Hash([0; 32])).is_err(), "{name:?}");
    }
}

/// The example of C2SP signed-note and of Go's package `note`.
#[test]
fn the_note_of_gos_documentation_opens() {
    let verifier: Verifier = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
        .parse()
        .unwrap();
    let signed = "If you think cryptography is the answer to your problem,\n\
        then you don't know what your problem is.\n\n\
        \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let opened = note::open(signed.as_bytes(), &[&verifier]).unwrap();
    assert!(opened.as_str().ends_with("your problem is.\n"));
}

proptest! {
    #[test]
    fn what_is_signed_opens_again(text in "[^\\x00-\\x1f]{0,80}(\n[^\\x00-\\x1f]{0,80}){0,5}", seed: [u8; 32]) {
        let text = format!("{text}\n");
        let signer = Signer::from_seed("name", &seed).unwrap();
        let signed = note::sign(&text, &[&signer]).unwrap();
        let opened = note::open(&signed, &[&signer.verifier()]).unwrap();
        prop_assert_eq!(opened.as_str(), text);
    }

    #[test]
    fn a_verification_key_is_read_back_from_its_text(name in "[a-z0-9./-]{1,255}", seed: [u8; 32]) {
        let verifier = Signer::from_seed(&name, &seed).unwrap().verifier();
        prop_assert_eq!(verifier.to_string().parse::<Verifier>(), Ok(verifier));
    }

    #[test]
    fn a_checkpoint_is_read_back_from_its_text(size in 0_u64..=1 << 62, root: [u8; 32]) {
        let checkpoint = Checkpoint::new("origin", size, Hash(root)).unwrap();
        prop_assert_eq!(Checkpoint::parse(&checkpoint.encode()), Ok(checkpoint));
    }

    #[test]
    fn hostile_notes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[\n\u{2014} a-z0-9+/=]{0,300}") {
        let verifier = signer("a", 1).verifier();
        prop_assert!(Checkpoint::open(&bytes, &verifier).is_err());
        prop_assert!(Checkpoint::open(text.as_bytes(), &verifier).is_err());
        if let Ok(checkpoint) = Checkpoint::parse(&text) {
            prop_assert_eq!(checkpoint.encode(), text.clone());
        }
        if let Ok(verifier) = text.parse::<Verifier>() {
            prop_assert_eq!(verifier.to_string(), text);
        }
    }
}

const NOON: u64 = 1_795_651_200 + 43_200;

#[test]
fn a_cosigned_checkpoint_says_what_was_seen_and_on_which_day() {
    let (signed, log) = signed_checkpoint();
    let officers = signer("hafan/dyfed-powys/replies-1", 3);
    let cosigned = cosign(&signed, &log, &officers, NOON).unwrap();
    let keys = [officers.verifier()];
    let found = open_cosigned(&cosigned, &log, &keys).unwrap();
    let checkpoint = Checkpoint::open(&signed, &log).unwrap();
    let day_s = NOON - 43_200;
    let wanted = Cosigned {
        checkpoint: checkpoint.clone(),
        day_s,
    };
    assert_eq!(found, wanted);
    let stranger = [signer("hafan/dyfed-powys/replies-1", 4).verifier()];
    assert!(open_cosigned(&cosigned, &log, &stranger).is_err());
    assert!(open_cosigned(&signed, &log, &keys).is_err());
    assert!(cosign(&cosigned, &log, &officers, NOON).is_err());
    // The officers' signature of the same text as a note is no cosignature of it.
    let text = checkpoint.encode();
    let as_note = note::sign(&text, &[&officers]).unwrap();
    let plain = [&signed[..], &as_note[text.len() + 1..]].concat();
    assert_eq!(open_cosigned(&plain, &log, &keys), Err(CosignedError::Line));
    // Nor is a cosignature one under the ID that the key has as a key of notes.
    let line = std::str::from_utf8(&cosigned[signed.len()..]).unwrap();
    let (name, payload) = line.trim_end().rsplit_once(' ').unwrap();
    let mut payload = STANDARD.decode(payload).unwrap();
    payload[..4].copy_from_slice(&officers.verifier().id().0);
    let line = format!("{name} {}\n", STANDARD.encode(payload));
    let other = [&signed[..], line.as_bytes()].concat();
    assert!(matches!(
        open_cosigned(&other, &log, &keys),
        Err(CosignedError::Unsigned { .. })
    ));
}

#[test]
fn every_flipped_bit_and_every_cut_of_a_cosigned_checkpoint_is_refused() {
    let (signed, log) = signed_checkpoint();
    let officers = signer("hafan/dyfed-powys/replies-1", 3);
    let keys = [officers.verifier()];
    let cosigned = cosign(&signed, &log, &officers, NOON).unwrap();
    for bit in 0..cosigned.len() * 8 {
        let mut flipped = cosigned.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(open_cosigned(&flipped, &log, &keys).is_err(), "bit {bit}");
    }
    for size in 0..cosigned.len() {
        assert!(open_cosigned(&cosigned[..size], &log, &keys).is_err());
    }
}
