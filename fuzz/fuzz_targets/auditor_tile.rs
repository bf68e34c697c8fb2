#![no_main]
//! Bundles of entries, as the auditor reads them from a server.
use hafan_audit::entry::{Entry, entries};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for entry in entries(data).unwrap_or_default() {
        std::hint::black_box(Entry::parse(entry).is_ok());
    }
});
