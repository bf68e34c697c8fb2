#![no_main]
//! A message to somebody who has words: there is one way to write each.
use hafan_report::Message;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(message) = Message::parse(text)
    {
        assert_eq!(message.encode().as_str(), text);
    }
});
