#![no_main]
//! A tar of members: both readers run to their end, and neither panics.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(hafan_ustar::members(data).is_ok());
    let mut archive = hafan_ustar::stream::Reader::new(data);
    while let Ok(Some(header)) = archive.next_member() {
        let read = archive.read_data(1 << 18);
        assert!(read.is_err() || read.is_ok_and(|bytes| bytes.len() as u64 == header.size()));
    }
});
