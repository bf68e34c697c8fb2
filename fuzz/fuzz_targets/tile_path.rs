#![no_main]
//! The path of a tile, as it stands in a request: there is one spelling of each.
libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(path) = text.parse::<hafan_tlog::TilePath>() {
        assert_eq!(path.to_string(), text);
        assert!(path.first() < path.end());
    }
});
