#![no_main]
//! A note of the operator's log.
use hafan_audit::published::Published;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(published) = Published::read(data) {
        std::hint::black_box(published.leaf(data));
    }
});
