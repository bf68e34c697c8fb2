//! The only decryption in the repository: bundles, identities, envelopes, sealed contacts.
//!
//! Runs on officers' machines without a network. It holds secret keys for as long as a call takes,
//! wipes what it opened when dropped, and gives out plaintext only when all of it is right. It
//! opens no socket and starts no program. Everything it reads is hostile: whoever has a force's
//! public key can seal anything.
//!
//! Source: docs/protocol.md sections 3 and 8; C2SP age.

pub mod bundle;
pub mod contact;
mod envelope;
mod hybrid;
mod identity;
mod leaves;
mod overlap;
pub mod quorum;
pub mod reply;
pub mod shamir;
mod stream;
mod threads;
pub mod tree;

pub use envelope::{OpenError, Unlocked, open_bytes, open_envelope, open_owned, unlock_envelope};
pub use hybrid::{Identity, IdentityError};
pub use identity::{LockError, UnlockError, WORK_FACTOR, WORK_FACTOR_MAX, lock, unlock};
pub use threads::share;
