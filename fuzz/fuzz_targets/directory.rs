#![no_main]
//! A directory's text, signed here so that the signature does not stop it: there is one encoding of each.
use hafan_fuzz::ROOT;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(signed) = hafan_tlog::note::sign(text, &[&*ROOT]) else {
        return;
    };
    if let Ok(directory) = hafan_directory::Directory::open(&signed, &ROOT.verifier()) {
        assert!(directory.encode_text().is_ok_and(|again| again == text));
    }
});
