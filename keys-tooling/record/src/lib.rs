//! The access record: each opening, export, approval, rotation and retirement as one signed entry.
//!
//! An entry is a line: a DSSE envelope over an in-toto Statement, signed by the officer who did it. The
//! lines are the leaves of an RFC 6962 tree; each entry holds the root of the tree before it, and the head
//! is a C2SP signed note by the officer who appended last. docs/protocol.md section 10 has the bytes.
//!
//! It must never hold a word of a report, and must never say that an entry is written before it is on the
//! disk. What it reads back is not trusted: whoever has the disk may have changed it. Officers are those
//! whom a directory signed by the force's root key names.

mod dsse;
mod event;
mod finding;
mod head;
mod material;
mod officers;
mod reason;
mod record;
mod statement;
mod verify;

pub use dsse::{LINE_SIZE_BYTES_MAX, PAYLOAD_TYPE, pae};
pub use event::{AnswerLanguage, Event, Hex32, Hex32Error, WeekId, WeekIdError};
pub use finding::{Finding, Notice};
pub use head::{Head, HeadError, origin};
pub use material::{Material, MaterialError};
pub use officers::{Officers, OfficersError};
pub use reason::{Reason, ReasonCode, ReasonError, WORDS_CHARACTERS_MAX, Words};
pub use record::{Appended, Context, Place, Record, RecordError};
pub use statement::{Entry, EntryError, PREDICATE_TYPE};
pub use verify::{KnownHead, Verification, verify};

/// The largest record in bytes: over 150,000 entries, more than a force's officers can make by hand.
pub const RECORD_SIZE_BYTES_MAX: u64 = 256 * 1024 * 1024;
