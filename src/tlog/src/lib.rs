//! A C2SP transparency log as bytes and hashes: entries, tree, proofs, notes, checkpoints, tiles.
//!
//! Pure: no clock, no disk, no network, no randomness; all of them come in as arguments. It must
//! never write a signing key or the seed of an epoch anywhere. It trusts nobody's input: what comes
//! from a server, a courier or a stick is bounded before it is read, and only what was signed is
//! parsed. The bytes are those of docs/protocol.md, sections 4 and 5.

pub mod entry;
mod hash;
mod key;
mod tree;

pub mod checkpoint;
pub mod cosignature;
pub mod note;
pub mod proof;
pub mod tile;

pub use checkpoint::{Checkpoint, log_origin, operator_origin};
pub use cosignature::{Cosigned, cosign, open_cosigned};
pub use entry::{ENTRY_SIZE_BYTES, Entry, EntryKind, Seed, decoy};
pub use hash::{HASH_SIZE_BYTES, Hash, empty_root, labelled_hash, leaf_hash, node_hash};
pub use note::{Signer, Verifier};
pub use tile::TilePath;
pub use tree::{Frontier, FrontierError, TREE_SIZE_MAX};
