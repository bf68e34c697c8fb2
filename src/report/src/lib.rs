//! Plaintext world: what a person tells, its canonical encoding, packing into a padded tar; and what a force answers.
//!
//! Everything here is the worst thing that ever happened to somebody. No type has `Debug`, none
//! can be cloned, all wipe what they hold when dropped, and no error repeats a word of it.
//! Reading trusts nothing: whoever has a public key can seal anything at all.
//!
//! Source: docs/protocol.md sections 2 and 14.

mod answer;
mod check;
mod message;
mod name;
mod packing;
mod padded;
mod report;

pub use answer::{Answer, AnswerError, AnswerValue, PARTS_MAX, Part, State};
pub use check::{Date, Thread, ValueError};
pub use message::{
    MESSAGE_SIZE_BYTES, Message, MessageError, MessageState, PaddedMessage, check_text,
};
pub use name::{FILE_NAME_SIZE_BYTES_MAX, clean_file_name, member_name};
pub use packing::{Packing, Pieces};
pub use padded::{
    Attachment, CONTACT_SIZE_BYTES_MAX, FILES_MAX, PackError, Padded, PaddedError,
    REPORT_SIZE_BYTES_MAX, SHARE_SIZE_BYTES_MAX, SHARES_MAX, SIZE_CLASSES, SealedContact,
    UnpackError, Unpacked,
};
pub use report::{
    ANSWERS_MAX, Basis, CODES_MAX, ContactSeal, FileEntry, Language, Metadata, PEOPLE_MAX, Person,
    Promise, Report, ReportError, Role, Route, SealedTo, VERSION,
};
