#![no_main]
//! What lies in a store: headers of frames, their payloads, and what is behind the last one.
use hafan_audit::store::frame::{FrameKind, judge_tail, parse_header};
use hafan_audit::store::payload;
use hafan_audit::store::statistics::Noise;
use hafan_audit::store::torn::first_stray;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(data.first_chunk().and_then(parse_header));
    std::hint::black_box(judge_tail(8, data));
    std::hint::black_box(first_stray(8, data));
    for kind in [FrameKind::Intake, FrameKind::Epoch, FrameKind::Page] {
        let mut noise = Noise::default();
        std::hint::black_box(payload::parse(kind, data, &mut noise).is_ok());
    }
});
