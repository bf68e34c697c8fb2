//! Releases of the site: the vectors in tests/vectors/release, which an independent program made; both ways of encoding.

use std::error::Error;
use std::fs;

use hafan_directory::operator::{Published, PublishedError};
use hafan_directory::release::{Release, check_keys, release_key_name};
use hafan_tlog::{Signer, Verifier};
use jiff::civil::{Date, date};
use proptest::prelude::*;

fn person(name: &str, seed: u8) -> Signer {
    let name = release_key_name(name).expect("a short name");
    Signer::from_seed(&name, &[seed; 32]).expect("a key name")
}

#[test]
fn every_vector_of_a_release_is_read_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/release");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        let (head, body) = content.split_once("\n\n").unwrap();
        let said = |name: &str| head.lines().find_map(|line| line.strip_prefix(name));
        let keys: Vec<Verifier> = head
            .lines()
            .filter_map(|line| line.strip_prefix("key: "))
            .map(|key| key.parse().unwrap())
            .collect();
        let expected = said("expect: ").unwrap();
        let found = match Release::open(body.as_bytes(), &keys) {
            Ok(release) => {
                let leaf = Published::Release(release).leaf(body.as_bytes()).encode();
                assert_eq!(Some(hex::encode(leaf).as_str()), said("leaf: "));
                let again = Published::read_logged(body.as_bytes()).unwrap();
                assert_eq!(again.leaf(body.as_bytes()).encode(), leaf);
                "success".to_owned()
            }
            Err(error) => chain(&error),
        };
        let as_expected = (found == "success") == (expected == "success");
        assert!(
            as_expected && found.contains(expected),
            "{}: found {found}, want {expected}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen > 40, "only {seen} vectors found");
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let (alys, bryn) = (person("alys", 1), person("bryn", 2));
    let release = Release::new(7, date(2026, 11, 26), &"a".repeat(40), [3; 32]).unwrap();
    let note = release.sign(&[&alys, &bryn]).unwrap();
    let keys = [alys.verifier(), bryn.verifier()];
    assert_eq!(Release::open(&note, &keys).unwrap(), release);
    for bit in 0..note.len() * 8 {
        let mut changed = note.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(Release::open(&changed, &keys).is_err(), "bit {bit}");
    }
}

#[test]
fn a_second_signature_is_put_behind_the_first_and_changes_nothing_else() {
    let (alys, bryn) = (person("alys", 1), person("bryn", 2));
    let release = Release::new(7, date(2026, 11, 26), &"a".repeat(40), [3; 32]).unwrap();
    let one = release.sign(&[&alys]).unwrap();
    let two = Release::add_signature(&one, &[alys.verifier()], &bryn).unwrap();
    assert_eq!(two, release.sign(&[&alys, &bryn]).unwrap());
    assert!(Release::add_signature(&one, &[alys.verifier()], &alys).is_err());
    assert!(Release::add_signature(&one, &[bryn.verifier()], &bryn).is_err());
}

#[test]
fn nine_people_or_nobody_release_nothing() {
    let keys: Vec<Verifier> = (1..=9)
        .map(|seed| person(&format!("p{seed}"), seed).verifier())
        .collect();
    assert!(check_keys(&keys[..8]).is_ok());
    assert!(check_keys(&keys).is_err());
    assert!(check_keys(&[]).is_err());
    assert_eq!(release_key_name("alys").unwrap(), "hafan-release/alys");
    for name in ["", "Alys", "a b", "a/b", &"a".repeat(33)] {
        assert_eq!(release_key_name(name), None, "{name}");
    }
}

#[test]
fn what_is_no_directory_and_no_release_is_no_leaf() {
    let signer = person("alys", 1);
    let note = hafan_tlog::note::sign("hafan message v1\n{}\n", &[&signer]).unwrap();
    assert_eq!(Published::read_logged(&note), Err(PublishedError));
    let note = hafan_tlog::note::sign("hafan directory v1\n{}\n", &[&signer]).unwrap();
    assert_eq!(Published::read_logged(&note), Err(PublishedError));
}

fn any_date() -> impl Strategy<Value = Date> {
    (1_i16..=9999, 1_i8..=12, 1_i8..=28).prop_map(|(year, month, day)| date(year, month, day))
}

proptest! {
    #[test]
    fn what_was_signed_is_what_is_opened(
        sequence in 1_u64..(1 << 53),
        day in any_date(),
        source in "[0-9a-f]{40}|[0-9a-f]{64}",
        manifest: [u8; 32],
    ) {
        let signer = person("alys", 1);
        let release = Release::new(sequence, day, &source, manifest).unwrap();
        let note = release.sign(&[&signer]).unwrap();
        let opened = Release::open(&note, &[signer.verifier()]).unwrap();
        prop_assert_eq!(&opened, &release);
        prop_assert_eq!(opened.sign(&[&signer]).unwrap(), note);
    }

    #[test]
    fn any_text_that_opens_is_the_one_encoding(text in "\\PC{0,80}\n") {
        let signer = person("alys", 1);
        let text = format!("hafan release v1\n{text}");
        let note = hafan_tlog::note::sign(&text, &[&signer]);
        if let Ok(note) = note && let Ok(release) = Release::open(&note, &[signer.verifier()]) {
            prop_assert_eq!(release.sign(&[&signer]).unwrap(), note);
        }
    }
}
