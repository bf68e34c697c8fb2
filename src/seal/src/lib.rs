//! The only encryption in the repository: age with the hybrid recipient.
//!
//! Seals a padded to a force's intake key, small secrets to officers, and answers to the mailboxes of reports. Holds no identity and
//! cannot open what it sealed. An envelope is the same whoever sealed it: the browser's age adds
//! nothing to a file, Rust's adds a random stanza, and that one is taken off here.
//!
//! Trusts the operating system's randomness, and recipients only as far as [`Recipient`] checks
//! them: whether a recipient is the force's is for the signed directory to say.
//!
//! Source: docs/protocol.md sections 3 and 4; C2SP age.

pub mod hybrid;
mod recipient;
pub mod reply;
mod seal;

pub use recipient::{Recipient, RecipientError};
pub use seal::{SealError, seal, seal_bytes, seal_submission, submission};
