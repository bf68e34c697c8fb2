#![no_main]
//! A release's text, signed here so that the signature does not stop it: there is one encoding of each.
use hafan_directory::release::Release;
use hafan_fuzz::RELEASER;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(signed) = hafan_tlog::note::sign(text, &[&*RELEASER]) else {
        return;
    };
    if let Ok(release) = Release::open(&signed, &[RELEASER.verifier()]) {
        assert!(release.sign(&[&*RELEASER]).is_ok_and(|again| again == signed));
    }
});
