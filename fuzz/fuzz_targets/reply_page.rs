#![no_main]
//! A page of answers as a courier, or whoever has its key, brings it: records of what comes in, again and again, and a note.
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page, SEEN_SIZE_BYTES};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(Page::parse(data).is_ok());
    let records = PAGE_SIZE_BYTES - SEEN_SIZE_BYTES;
    let mut page: Vec<u8> = data.iter().copied().cycle().take(records).collect();
    page.extend(b"seen\n");
    page.resize(PAGE_SIZE_BYTES, 0);
    if let Ok(page) = Page::parse(&page) {
        std::hint::black_box((page.digest(), page.index_digest(), page.index_part(), page.seen()));
    }
});
