#![no_main]
//! A tile of log entries: there is one encoding of each.
use hafan_tlog::tile::{decode_entries, encode_entries};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(entries) = decode_entries(data) {
        assert_eq!(encode_entries(&entries), data);
    }
});
