#![no_main]
//! The two header fields that sign a courier's request, one a line.
use hafan_directory::request::{Target, verify};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (input, signature) = text.split_once('\n').unwrap_or((text, ""));
    let target = Target {
        method: "GET",
        path: "/v1/forces/btp/drops",
        query: "after=0",
    };
    let verified = verify(
        &hafan_fuzz::COURIERS,
        &target,
        Some(input),
        Some(signature),
        1_798_000_000,
    );
    std::hint::black_box(verified.is_ok());
});
