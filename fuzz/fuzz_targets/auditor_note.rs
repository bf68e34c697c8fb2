#![no_main]
//! Keys, signed notes, heads and directories, as the auditor reads them.
use hafan_audit::checkpoint::Checkpoint;
use hafan_audit::directory::Directory;
use hafan_audit::note::{Note, Vkey};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    std::hint::black_box(Note::parse(data, 1 << 16).is_ok());
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(key) = Vkey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    std::hint::black_box(Checkpoint::parse(text).is_ok());
    std::hint::black_box(Directory::parse(text).is_ok());
});
