#![no_main]
//! The header field with the work that a busy server asked for.
use hafan::work::Proof;
use hafan_envelope::submission::Digest;

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Some(proof) = Proof::parse(text) {
        assert_eq!(proof.to_string(), text);
        std::hint::black_box(proof.holds(&[7; 32], &Digest([7; 32])));
    }
});
