#![no_main]
//! Shares of a secret, each behind its length: what combines is as long as they are without x.
use hafan_open::shamir::{Share, combine};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut shares = Vec::new();
    let mut rest = data;
    while let Some((size, behind)) = rest.split_first() {
        let (share, behind) = behind.split_at(usize::from(*size).min(behind.len()));
        shares.extend(Share::from_bytes(share.to_vec().into()));
        rest = behind;
    }
    if let Ok(secret) = combine(&shares) {
        assert!(shares.iter().all(|share| share.as_bytes().len() == secret.len() + 1));
    }
});
