//! A report, and how it is read, for the tests of this crate.

use hafan_report::Attachment;

pub(crate) const PLAIN: &str = concat!(
    r#"{"version":1,"question_set":"full-1","language":"en","route":"self","force":"btp","#,
    r#""key":{"id":"2026-W48","fingerprint":"85cb 6b5f 11c1 6dea 0c17 8a79 8556 0b3e"},"#,
    r#""promise":{"id":"p","text":"t"},"written_on":"2026-11-23","#,
    r#""answers":[{"id":"a","question":"q","answer":"words","choice":null,"state":"answered","person":1,"#,
    r#""parts":[{"id":"a-b","question":"p","answer":["one","two"],"choice":["x","y"],"person":null}]},"#,
    r#"{"id":"c","question":"d","answer":null,"choice":null,"state":"not-reached","person":null,"parts":[]}],"#,
    r#""people":[{"role":"reported","basis":"told"}],"flags":["danger"],"wishes":["record"],"contact":null,"#,
    r#""files":[{"name":"f.txt","media_type":"text/plain","size":4,"#,
    r#""sha256":"3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7","metadata":"kept"}],"#,
    r#""mailbox":null,"thread":"AAECAwQFBgcICQoLDA0ODw","adds_to":null}"#,
);

pub(crate) const CONTACT: &str = concat!(
    r#""contact":{"threshold":2,"shares":["#,
    r#""1111111111111111111111111111111111111111111111111111111111111111","#,
    r#""2222222222222222222222222222222222222222222222222222222222222222"]}"#,
);

/// The same report with a sealed contact.
pub(crate) fn with_contact() -> String {
    PLAIN.replace(r#""contact":null"#, CONTACT)
}

pub(crate) fn data() -> Attachment {
    Attachment::new(b"data".to_vec())
}
