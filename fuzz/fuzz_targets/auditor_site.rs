#![no_main]
//! A manifest, and a page whose scripts are looked for.
use hafan_audit::site::compare::scripts;
use hafan_audit::site::manifest::Manifest;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (manifest, page) = data.split_at(data.iter().position(|b| *b == 0).unwrap_or(data.len()));
    if let Ok(manifest) = Manifest::parse(manifest) {
        std::hint::black_box(scripts(&manifest, page).len());
    }
});
