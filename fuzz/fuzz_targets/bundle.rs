#![no_main]
//! What the officers' workstation reads from a stick.
use hafan_envelope::bundle::BundleReader;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok((_head, mut bundle)) = BundleReader::open(data) else {
        return;
    };
    while let Ok(Some(blob)) = bundle.next_blob() {
        assert!(
            bundle
                .read_blob()
                .is_ok_and(|bytes| bytes.len() as u64 == blob.size)
                || blob.size > 0
        );
    }
});
