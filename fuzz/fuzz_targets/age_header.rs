#![no_main]
//! The header of an age file: what is taken encodes to the same bytes.
use hafan_envelope::header;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok((header, rest)) = header::split(data) {
        assert_eq!([header.encode().as_slice(), rest].concat(), data);
    }
});
