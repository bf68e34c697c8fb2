//! Plaintext world: what a person tells, its canonical encoding, and packing into a padded tar.
//!
//! Everything here is the worst thing that ever happened to somebody. No type has `Debug`, none
//! can be cloned, all wipe what they hold when dropped, and no error repeats a word of it.
//! Reading trusts nothing: whoever has a public key can seal anything at all.
//!
//! Source: docs/protocol.md section 2.

mod check;
mod name;
mod padded;
mod report;

pub use check::{Date, Thread, ValueError};
pub use name::{FILE_NAME_SIZE_BYTES_MAX, clean_file_name, member_name};
pub use padded::{
    Attachment, FILES_MAX, PackError, Padded, PaddedError, REPORT_SIZE_BYTES_MAX, SIZE_CLASSES,
    UnpackError,
};
pub use report::{
    Answer, AnswerValue, Empty, FileEntry, Language, Metadata, Promise, QuestionSet, Report,
    ReportError, Route, VERSION,
};
