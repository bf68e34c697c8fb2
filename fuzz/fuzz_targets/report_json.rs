#![no_main]
//! A report: there is one encoding of each.
use hafan_report::Report;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(report) = Report::parse(data) {
        assert!(report.encode().as_slice() == data);
    }
});
