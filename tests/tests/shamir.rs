//! Shares dealt by Rust combine with npm `shamir-secret-sharing`, and the other way round.
#![cfg(test)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use hafan_open::shamir::{Share, combine, split};
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, RngCore as _};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// A secret, and how it is to be shared.
struct Case {
    secret: Vec<u8>,
    threshold: u8,
    count: u8,
}

/// Asks npm `shamir-secret-sharing`.
fn npm(asked: &Value) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let package = root.join("node_modules/shamir-secret-sharing");
    assert!(
        package.is_dir(),
        "{} is missing: run npm ci",
        package.display()
    );
    let mut node = Command::new("node")
        .arg(root.join("tests/interop/shamir.mjs"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = node.stdin.take().unwrap();
    stdin.write_all(asked.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn combined(shares: &[&str]) -> String {
    let shares: Vec<Share> = shares
        .iter()
        .map(|text| Share::from_bytes(Zeroizing::new(hex::decode(text).unwrap())).unwrap())
        .collect();
    hex::encode(&*combine(&shares).unwrap())
}

/// Both sides share every case; each side combines what `choose` takes of the other's shares.
fn both_ways(cases: &[Case], choose: impl Fn(&Case, &[String]) -> Vec<Vec<String>>) -> usize {
    let ours: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            let shares = split(&case.secret, case.threshold, case.count, &mut OsRng).unwrap();
            shares.iter().map(|s| hex::encode(s.as_bytes())).collect()
        })
        .collect();
    let mut wanted = Vec::new();
    let mut to_combine = Vec::new();
    for (case, shares) in cases.iter().zip(&ours) {
        for chosen in choose(case, shares) {
            to_combine.push(chosen);
            wanted.push(hex::encode(&case.secret));
        }
    }
    let to_split: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({"secret": hex::encode(&case.secret), "threshold": case.threshold, "count": case.count})
        })
        .collect();
    let told = npm(&json!({"split": to_split, "combine": to_combine}));
    assert!(texts(&told["combine"]) == wanted);
    let mut seen = 0;
    for (case, theirs) in cases.iter().zip(told["split"].as_array().unwrap()) {
        for chosen in choose(case, &texts(theirs)) {
            let chosen: Vec<&str> = chosen.iter().map(String::as_str).collect();
            assert!(combined(&chosen) == hex::encode(&case.secret));
            seen += 1;
        }
    }
    assert_eq!(seen, wanted.len());
    seen
}

#[test]
fn a_thousand_random_cases_agree_both_ways() {
    let cases: Vec<Case> = (0..1000)
        .map(|_| {
            let count = OsRng.gen_range(2..=20);
            let mut secret = vec![0; OsRng.gen_range(1..=100)];
            OsRng.fill_bytes(&mut secret);
            Case {
                secret,
                threshold: OsRng.gen_range(2..=count),
                count,
            }
        })
        .collect();
    let compared = both_ways(&cases, |case, shares| {
        let chosen = shares.choose_multiple(&mut OsRng, usize::from(case.threshold));
        vec![chosen.cloned().collect()]
    });
    assert_eq!(compared, 1000);
}

#[test]
fn every_k_of_n_up_to_seven_agrees_both_ways() {
    let mut cases = Vec::new();
    for count in 2..=7 {
        for threshold in 2..=count {
            let mut secret = vec![0; 77];
            OsRng.fill_bytes(&mut secret);
            cases.push(Case {
                secret,
                threshold,
                count,
            });
        }
    }
    // Every subset of n shares that has k of them, by the bits of its number.
    let compared = both_ways(&cases, |case, shares| {
        (0..1_u32 << case.count)
            .filter(|chosen| chosen.count_ones() == u32::from(case.threshold))
            .map(|chosen| {
                let is_in = |at: &usize| chosen >> at & 1 == 1;
                let at = (0..shares.len()).filter(is_in);
                at.map(|at| shares[at].clone()).collect()
            })
            .collect()
    });
    // The sum over n of all subsets but those of none and of one.
    assert_eq!(compared, (2..=7).map(|n| (1 << n) - 1 - n).sum::<usize>());
}
