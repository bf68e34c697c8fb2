#![no_main]
//! A checkpoint's text: there is one encoding of each.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = hafan_tlog::Checkpoint::parse(text) {
        assert_eq!(checkpoint.encode(), text);
    }
});
