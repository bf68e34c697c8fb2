#![no_main]
//! What a reporter's browser, or anybody, sends to the server.
use hafan_envelope::{HEADER_SIZE_BYTES, check_header, submission::Submission};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(submission) = Submission::parse(data) {
        std::hint::black_box((submission.digest(), submission.tag_digest()));
    }
    let header = data
        .get(48..)
        .and_then(|rest| rest.first_chunk::<HEADER_SIZE_BYTES>());
    std::hint::black_box(header.map(check_header));
});
