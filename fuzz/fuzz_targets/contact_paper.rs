#![no_main]
//! A request or an approval: there is one way to write each.
use hafan_open::quorum::Paper;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(paper) = Paper::parse(text)
    {
        assert_eq!(paper.encode(), text);
    }
});
