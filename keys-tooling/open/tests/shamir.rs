//! Shares of npm `shamir-secret-sharing` and by hand, in tests/vectors/shamir; and what must hold for any.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;

use hafan_open::shamir::{CombineError, SECRET_SIZE_BYTES_MAX, Share, SplitError, combine, split};
use proptest::prelude::*;
use rand::rngs::OsRng;
use serde_json::Value;
use zeroize::Zeroizing;

fn bytes(hex: &Value) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(hex::decode(hex.as_str().unwrap()).unwrap())
}

/// What combining says, with the refusal of a share for one of all.
fn combined(shares: &[&Value]) -> Result<Zeroizing<Vec<u8>>, String> {
    let shares: Result<Vec<Share>, _> =
        shares.iter().map(|s| Share::from_bytes(bytes(s))).collect();
    combine(&shares.map_err(|e| e.to_string())?).map_err(|e| e.to_string())
}

/// Every choice of `k` among `all`.
fn choices<T: Copy>(all: &[T], k: usize) -> Vec<Vec<T>> {
    let Some((first, rest)) = all.split_first() else {
        return if k == 0 { vec![Vec::new()] } else { Vec::new() };
    };
    let mut chosen = choices(rest, k);
    if k > 0 {
        for mut with in choices(rest, k - 1) {
            with.push(*first);
            chosen.push(with);
        }
    }
    chosen
}

#[test]
fn every_vector_is_combined_or_refused_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/shamir");
    let (mut dealt, mut refused) = (0, 0);
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let vector: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let shares: Vec<&Value> = vector["shares"].as_array().unwrap().iter().collect();
        if let Some(error) = vector["error"].as_str() {
            let why = combined(&shares).map(drop).unwrap_err();
            assert!(why.contains(error), "{}: {why}", path.display());
            refused += 1;
            continue;
        }
        let secret = bytes(&vector["secret"]);
        let threshold = usize::try_from(vector["threshold"].as_u64().unwrap()).unwrap();
        assert!(combined(&shares).unwrap() == secret, "{}", path.display());
        for few in shares.windows(threshold) {
            assert!(combined(few).unwrap() == secret, "{}", path.display());
        }
        for (at, share) in shares.iter().enumerate() {
            let text = share.as_str().unwrap();
            let read = Share::from_bytes(bytes(share)).unwrap();
            assert_eq!(hex::encode(read.as_bytes()), text, "{at}");
            assert!(text.ends_with(&format!("{:02x}", read.x())));
        }
        dealt += 1;
    }
    assert_eq!((dealt, refused), (7, 9));
}

#[test]
fn any_k_of_n_give_the_secret_and_any_fewer_give_another() {
    let secret = b"AGE-SECRET-KEY-PQ-1 and 58 more, of which not one byte may be guessed";
    for n in 2..=7_u8 {
        for k in 2..=n {
            let shares = split(secret, k, n, &mut OsRng).unwrap();
            let of = |chosen: &[&Share]| {
                let copies: Vec<Share> = chosen
                    .iter()
                    .map(|s| Share::from_bytes(Zeroizing::new(s.as_bytes().to_vec())).unwrap())
                    .collect();
                combine(&copies)
            };
            let all: Vec<&Share> = shares.iter().collect();
            for few in 1..=n {
                for chosen in choices(&all, usize::from(few)) {
                    let gives = of(&chosen).is_ok_and(|found| *found == *secret);
                    assert_eq!(gives, few >= k, "{few} shares of {k} of {n}");
                }
            }
        }
    }
}

#[test]
fn every_x_is_used_once_and_none_is_zero() {
    let shares = split(&[7], 2, 255, &mut OsRng).unwrap();
    let xs: BTreeSet<u8> = shares.iter().map(Share::x).collect();
    assert_eq!(xs, (1..=255).collect());
    assert!(shares.windows(2).any(|two| two[0].x() > two[1].x()));
}

/// Exhaustive for one byte and k = 2: with one share known, each secret has exactly one other value at another x.
#[test]
fn one_share_of_two_says_nothing_of_the_secret() {
    let known = Share::from_bytes(Zeroizing::new(vec![0xa7, 3])).unwrap();
    let secrets: BTreeSet<u8> = (0..=u8::MAX)
        .map(|value| {
            let other = Share::from_bytes(Zeroizing::new(vec![value, 9])).unwrap();
            let known = Share::from_bytes(Zeroizing::new(known.as_bytes().to_vec())).unwrap();
            combine(&[known, other]).unwrap()[0]
        })
        .collect();
    assert_eq!(secrets.len(), 256);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let refused = |secret: &[u8], k, n| split(secret, k, n, &mut OsRng).map(drop).unwrap_err();
    assert_eq!(refused(b"", 2, 2), SplitError::Secret { found: 0 });
    let long = vec![0; SECRET_SIZE_BYTES_MAX + 1];
    assert_eq!(refused(&long, 2, 2), SplitError::Secret { found: 4097 });
    for (threshold, count) in [(0, 2), (1, 2), (3, 2), (2, 1), (0, 0), (255, 254)] {
        let wanted = SplitError::Threshold { threshold, count };
        assert_eq!(refused(b"a", threshold, count), wanted);
    }
    let too_many: Vec<Share> = (0..256)
        .map(|x: u16| {
            Share::from_bytes(Zeroizing::new(vec![1, x.to_le_bytes()[0].max(1)])).unwrap()
        })
        .collect();
    assert_eq!(
        combine(&too_many).unwrap_err(),
        CombineError::Count { found: 256 }
    );
}

proptest! {
    #[test]
    fn a_changed_byte_of_any_share_is_another_secret(
        secret in prop::collection::vec(any::<u8>(), 1..100),
        k in 2..8_u8,
        more in 0..8_u8,
        at in any::<prop::sample::Index>(),
        flip in 1..=255_u8,
    ) {
        let mut shares = split(&secret, k, k + more, &mut OsRng).unwrap();
        shares.truncate(usize::from(k));
        prop_assert_eq!(&*combine(&shares).unwrap(), &secret);
        let mut forged = shares.pop().unwrap().as_bytes().to_vec();
        let changed = at.index(secret.len());
        forged[changed] ^= flip;
        shares.push(Share::from_bytes(Zeroizing::new(forged)).unwrap());
        let found = combine(&shares).unwrap();
        prop_assert_ne!(found[changed], secret[changed]);
        prop_assert_eq!(found.len(), secret.len());
    }

    #[test]
    fn no_bytes_are_a_panic(shares in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..6), 0..6)) {
        let shares = shares.into_iter().filter_map(|b| Share::from_bytes(Zeroizing::new(b)).ok());
        let shares: Vec<Share> = shares.collect();
        if let Ok(secret) = combine(&shares) {
            prop_assert_eq!(secret.len() + 1, shares[0].as_bytes().len());
        }
    }
}
