#![no_main]
//! What the officers saw, as a page of answers ends with it: a checkpoint, signed by its log and cosigned.
use hafan_fuzz::ANSWERS;
use hafan_tlog::open_cosigned;

libfuzzer_sys::fuzz_target!(|note: &[u8]| {
    std::hint::black_box(ANSWERS.open_seen(note).is_ok());
    if let Ok(log) = ANSWERS.log_verifier(2026) {
        std::hint::black_box(open_cosigned(note, &log, &ANSWERS.contents().replies).is_ok());
    }
});
