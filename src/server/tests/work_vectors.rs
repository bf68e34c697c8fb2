//! The work that pages do (web/src/work.ts) is taken, and no other: every vector of `tests/vectors/work`.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

use std::fs;

use hafan::work::Proof;
use hafan_envelope::submission::Digest;
use serde_json::Value;

fn bytes(value: &Value) -> [u8; 32] {
    hex::decode(value.as_str().unwrap())
        .unwrap()
        .try_into()
        .unwrap()
}

#[test]
fn the_work_of_each_vector_is_done_for_its_challenge_and_submission_and_for_no_other() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/work");
    let mut count = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let vector: Value = serde_json::from_str(&text).unwrap();
        let proof = Proof::parse(vector["proof"].as_str().unwrap()).unwrap();
        let (challenge, h) = (bytes(&vector["challenge"]), Digest(bytes(&vector["h"])));
        assert!(proof.holds(&challenge, &h), "{text}");
        for bit in 0..256 {
            let flip = |mut of: [u8; 32]| {
                of[bit / 8] ^= 1 << (bit % 8);
                of
            };
            assert!(
                !proof.holds(&flip(challenge), &h),
                "bit {bit} of the challenge"
            );
            assert!(
                !proof.holds(&challenge, &Digest(flip(h.0))),
                "bit {bit} of h"
            );
        }
        count += 1;
    }
    assert!(count > 0);
}
