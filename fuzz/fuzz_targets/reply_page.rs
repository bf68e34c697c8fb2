#![no_main]
//! A page of answers as a courier, or whoever has its key, brings it: records of what comes in, again and again.
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(Page::parse(data).is_ok());
    let page: Vec<u8> = data.iter().copied().cycle().take(PAGE_SIZE_BYTES).collect();
    if let Ok(page) = Page::parse(&page) {
        std::hint::black_box((page.digest(), page.index_digest(), page.index_part()));
    }
});
