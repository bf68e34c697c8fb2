//! Leaf and node hashes. Source: RFC 6962 section 2.1 (the same as RFC 9162 section 2.1.1).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Size of a hash in bytes: SHA-256.
pub const HASH_SIZE_BYTES: usize = 32;

/// A SHA-256 hash of a leaf, of a node or of a whole tree.
///
/// It is shown in base64, as in a checkpoint (C2SP tlog-checkpoint).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash(pub [u8; HASH_SIZE_BYTES]);

impl Hash {
    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HASH_SIZE_BYTES] {
        &self.0
    }
}

impl From<[u8; HASH_SIZE_BYTES]> for Hash {
    fn from(bytes: [u8; HASH_SIZE_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({})", hex::encode(self.0))
    }
}

/// Hashes one log entry: `SHA-256(0x00 || entry)`.
///
/// The prefix keeps leaves and nodes apart. Source: RFC 6962 section 2.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0x00])
            .chain_update(entry)
            .finalize()
            .into(),
    )
}

/// Hashes two subtrees into their parent: `SHA-256(0x01 || left || right)`.
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash(
        Sha256::new()
            .chain_update([0x01])
            .chain_update(left.0)
            .chain_update(right.0)
            .finalize()
            .into(),
    )
}

/// Hashes bytes under a label that says what they are: `SHA-256(label || 00 || bytes)`.
///
/// Source: docs/protocol.md section 4.
#[must_use]
pub fn labelled_hash(label: &str, bytes: &[u8]) -> [u8; HASH_SIZE_BYTES] {
    Sha256::new()
        .chain_update(label)
        .chain_update([0x00])
        .chain_update(bytes)
        .finalize()
        .into()
}

/// The root of the tree without leaves: `SHA-256("")`.
///
/// Source: RFC 6962 section 2.1.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(Sha256::digest(b"").into())
}
