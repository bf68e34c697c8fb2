//! The directory of a force: its public keys, signed by its root key; the request signatures of the
//! couriers that it names; and the releases of the site, which with directories are the operator's log.
//!
//! Pure: the date and the time come in as arguments. It must never hold a key that opens a report,
//! and names no key encapsulation: a recipient is checked as text. It trusts no input: only what
//! was signed is parsed, and there is one way to write a directory. The bytes are those of
//! docs/protocol.md, sections 7 and 9.

mod directory;
mod force;
mod recipient;
mod seen;
mod wire;

pub mod operator;
pub mod release;
pub mod request;

pub use directory::{
    Contact, Contents, ContentsError, DIRECTORY_SIZE_BYTES_MAX, DateError, Directory, OpenError,
    REPLY_KEYS_MAX, SignError, root_key_name,
};
pub use force::{FORCE_SIZE_BYTES_MAX, Force, ForceError};
pub use recipient::{RECIPIENT_KEY_SIZE_BYTES, Recipient, RecipientError};
pub use seen::{Seen, SeenError};
pub use wire::{IntakeKey, WireError};
