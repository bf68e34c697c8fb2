#![no_main]
//! A signed note, and the key that would verify it.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(hafan_tlog::note::open(data, &[&hafan_fuzz::ROOT.verifier()]).is_ok());
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(verifier) = text.parse::<hafan_tlog::Verifier>() {
        assert_eq!(verifier.to_string(), text);
    }
});
