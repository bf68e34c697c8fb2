#![no_main]
//! An exported access record, and a line of one.
use hafan_audit::access::line::Line;
use hafan_audit::access::record::Parts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(Line::parse(data).is_ok());
    let Ok(parts) = Parts::of(data) else {
        return;
    };
    for line in parts.entries.split(|byte| *byte == b'\n') {
        std::hint::black_box(Line::parse(line).is_ok());
    }
});
