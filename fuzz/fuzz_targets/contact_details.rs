#![no_main]
//! The plaintext of a sealed contact, whose length is filled up here: what is taken has answers with ids.
use hafan_open::contact::{DETAILS_SIZE_BYTES, Details};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut plain = data.to_vec();
    plain.resize(DETAILS_SIZE_BYTES, b' ');
    if let Ok(details) = Details::parse(&plain) {
        assert!(details.answers.iter().all(|answer| !answer.id.is_empty()));
    }
});
