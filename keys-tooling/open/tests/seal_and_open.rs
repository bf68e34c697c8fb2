//! What is sealed opens, with the right key only and only as it was sealed.

use hafan_envelope::{Envelope, HEADER_SIZE_BYTES, header};
use hafan_open::{
    Identity, LockError, OpenError, UnlockError, lock, open_bytes, open_envelope, unlock,
};
use hafan_report::{Padded, SIZE_CLASSES};
use hafan_seal::{SealError, seal, seal_bytes, submission};
use rand::rngs::OsRng;
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

fn padded(size: usize) -> Padded {
    let bytes = (0..=250).cycle().take(size).collect();
    Padded::from_bytes(Zeroizing::new(bytes)).expect("a size class")
}

/// `unwrap_err` without asking for `Debug` of what is secret.
fn refused<T, E>(result: Result<T, E>) -> E {
    result.err().expect("nothing was given out")
}

#[test]
fn each_size_class_is_sealed_and_opened() {
    let identity = Identity::generate(&mut OsRng);
    for size in SIZE_CLASSES {
        let padded = padded(size);
        let envelope = seal(&padded, &identity.to_recipient()).unwrap();
        let parsed = Envelope::parse(&envelope).unwrap();
        assert_eq!(
            parsed.size_class().padded_size_bytes(),
            u64::try_from(size).unwrap()
        );
        let opened = open_envelope(&envelope, &identity).unwrap_or_else(|e| panic!("{size}: {e}"));
        assert!(opened.as_bytes() == padded.as_bytes(), "{size}");
    }
}

#[test]
fn an_envelope_has_one_stanza_and_nothing_at_random_but_keys() {
    let recipient = Identity::generate(&mut OsRng).to_recipient();
    // age's own stanza has a random body and arguments: every length of it is met soon.
    for _ in 0..64 {
        let sealed = seal_bytes(b"short", std::slice::from_ref(&recipient)).unwrap();
        let (header, payload) = header::split(&sealed).unwrap();
        assert_eq!(header.stanzas.len(), 1);
        assert_eq!(sealed.len() - payload.len(), HEADER_SIZE_BYTES);
        assert_eq!(payload.len(), 16 + 5 + 16);
    }
}

#[test]
fn a_small_secret_opens_for_each_recipient_and_no_other() {
    let officers: Vec<_> = (0..3).map(|_| Identity::generate(&mut OsRng)).collect();
    let recipients: Vec<_> = officers.iter().map(Identity::to_recipient).collect();
    let stranger = Identity::generate(&mut OsRng);
    for secret in [&b""[..], b"x", &[7; 65_536], &[7; 65_537]] {
        let sealed = seal_bytes(secret, &recipients).unwrap();
        for officer in &officers {
            assert!(*open_bytes(&sealed, &[officer]).unwrap() == secret);
            assert!(*open_bytes(&sealed, &[&stranger, officer]).unwrap() == secret);
        }
        assert_eq!(
            refused(open_bytes(&sealed, &[&stranger])),
            OpenError::OtherKey
        );
        assert_eq!(refused(open_bytes(&sealed, &[])), OpenError::OtherKey);
    }
}

#[test]
fn sealing_to_nobody_is_refused() {
    assert!(matches!(seal_bytes(b"x", &[]), Err(SealError::NoRecipient)));
}

#[test]
fn no_byte_of_a_sealed_file_can_be_changed() {
    let identity = Identity::generate(&mut OsRng);
    let sealed = seal_bytes(b"a small secret", &[identity.to_recipient()]).unwrap();
    for at in 0..sealed.len() {
        for bit in [0x01, 0x80] {
            let mut changed = sealed.clone();
            changed[at] ^= bit;
            assert!(
                open_bytes(&changed, &[&identity]).is_err(),
                "byte {at}, bit {bit}"
            );
        }
    }
    for length in 0..sealed.len() {
        assert!(
            open_bytes(&sealed[..length], &[&identity]).is_err(),
            "{length} bytes"
        );
    }
    let longer = [&sealed[..], &[0]].concat();
    assert_eq!(
        refused(open_bytes(&longer, &[&identity])),
        OpenError::Payload
    );
}

#[test]
fn a_changed_envelope_says_which_part_was_changed() {
    let identity = Identity::generate(&mut OsRng);
    let envelope = seal(&padded(65_536), &identity.to_recipient()).unwrap();
    let changed = |at: usize, to: &[u8]| {
        let mut changed = envelope.clone();
        changed[at..at + to.len()].copy_from_slice(to);
        refused(open_envelope(&changed, &identity))
    };
    // Within the encapsulated key: implicit rejection makes another secret, which opens nothing.
    let other = if envelope[100] == b'A' { b"B" } else { b"A" };
    assert_eq!(changed(100, other), OpenError::OtherKey);
    let other = if envelope[1584] == b'A' { b"B" } else { b"A" };
    assert_eq!(changed(1584, other), OpenError::Mac);
    assert_eq!(changed(1627, &[envelope[1627] ^ 1]), OpenError::Payload);
    assert_eq!(changed(60_000, &[envelope[60_000] ^ 1]), OpenError::Payload);
    assert!(matches!(changed(0, b"A"), OpenError::Envelope(_)));
    let other = Identity::generate(&mut OsRng);
    assert_eq!(
        refused(open_envelope(&envelope, &other)),
        OpenError::OtherKey
    );
}

#[test]
fn a_share_of_low_order_is_refused() {
    use base64::Engine;
    use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
    let identity = Identity::generate(&mut OsRng);
    let mut envelope = seal(&padded(65_536), &identity.to_recipient()).unwrap();
    let mut key = BASE64.decode(&envelope[40..1534]).unwrap();
    key[1088..].fill(0);
    envelope[40..1534].copy_from_slice(BASE64.encode(key).as_bytes());
    assert_eq!(
        refused(open_envelope(&envelope, &identity)),
        OpenError::Stanza
    );
}

#[test]
fn a_submission_parses_and_hashes_to_its_digest() {
    let recipient = Identity::generate(&mut OsRng).to_recipient();
    let envelope = seal(&padded(65_536), &recipient).unwrap();
    let (digest, bytes) = submission(&envelope);
    let parsed = hafan_envelope::submission::Submission::parse(&bytes).unwrap();
    assert_eq!(parsed.digest(), digest);
    assert_eq!(parsed.envelope.as_bytes(), envelope);
    let (again, _) = submission(&envelope);
    assert_ne!(again, digest, "salt and tag are drawn anew");
}

#[test]
fn an_identity_is_written_and_parsed_the_same_and_nothing_else_is() {
    let identity = Identity::generate(&mut OsRng);
    let text = identity.expose();
    let text = text.expose_secret();
    assert!(text.starts_with("AGE-SECRET-KEY-PQ-1"));
    let parsed: Identity = text.parse().ok().unwrap();
    assert!(parsed.to_recipient() == identity.to_recipient());
    let last = if text.ends_with('Q') { "P" } else { "Q" };
    for other in [
        String::new(),
        text.to_lowercase(),
        text.replace("-PQ-", "-QP-"),
        format!("{}{last}", &text[..text.len() - 1]),
        format!("{text} "),
        text[1..].to_owned(),
        "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0".to_owned(),
    ] {
        assert!(other.parse::<Identity>().is_err());
    }
}

#[test]
fn a_locked_secret_unlocks_with_its_passphrase_only() -> Result<(), LockError> {
    let right = SecretString::from("correct horse battery staple");
    let file = lock(b"a seed", &right)?;
    assert!(*unlock(&file, &right).unwrap() == b"a seed");
    let wrong = SecretString::from("correct horse battery stapler");
    assert_eq!(refused(unlock(&file, &wrong)), UnlockError::WrongPassphrase);

    let mut damaged = file.clone();
    *damaged.last_mut().unwrap() ^= 1;
    assert_eq!(refused(unlock(&damaged, &right)), UnlockError::Damaged);
    let cut = &file[..file.len() - 1];
    assert_eq!(refused(unlock(cut, &right)), UnlockError::Damaged);
    Ok(())
}

#[test]
fn files_that_no_passphrase_of_ours_locked_are_refused_without_work() {
    let passphrase = SecretString::from("x");
    let salt = "A".repeat(22);
    let body = "A".repeat(43);
    let file = |stanzas: &str| {
        let mac = "A".repeat(43);
        format!("age-encryption.org/v1\n{stanzas}--- {mac}\n").into_bytes()
    };
    let unlocked = |bytes: &[u8]| refused(unlock(bytes, &passphrase));

    assert!(matches!(unlocked(b""), UnlockError::Header(_)));
    assert!(matches!(
        unlocked(b"AGE-SECRET-KEY-PQ-1\n"),
        UnlockError::Header(_)
    ));
    let x25519 = format!("-> X25519 {body}\n{body}\n");
    assert_eq!(unlocked(&file(&x25519)), UnlockError::NotPassphrase);
    let scrypt = format!("-> scrypt {salt} 21\n{body}\n");
    assert_eq!(
        unlocked(&file(&[&*scrypt, &scrypt].concat())),
        UnlockError::NotPassphrase
    );
    let with_nonce = [file(&scrypt), vec![0; 16 + 16]].concat();
    assert_eq!(unlocked(&with_nonce), UnlockError::Work { found: 21 });
}
