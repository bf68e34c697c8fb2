//! RFC 6962 trees of our own: hashes, a tree that is appended to, and roots from the roots of whole parts.
//!
//! Shares nothing with the server's tree. Reads no clock, disk or network.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

/// Size of a hash in bytes.
pub const HASH_SIZE_BYTES: usize = 32;

/// The hash of a leaf or of a part of a tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreeHash(pub [u8; HASH_SIZE_BYTES]);

impl fmt::Display for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl fmt::Debug for TreeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TreeHash {
    /// Reads canonical base64.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }
}

/// Hashes one entry: `SHA-256(00 || entry)`. Source: RFC 6962 section 2.1.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> TreeHash {
    let hash = Sha256::new().chain_update([0]).chain_update(entry);
    TreeHash(hash.finalize().into())
}

/// Hashes two parts: `SHA-256(01 || left || right)`.
fn node_hash(left: &TreeHash, right: &TreeHash) -> TreeHash {
    let hash = Sha256::new()
        .chain_update([1])
        .chain_update(left.0)
        .chain_update(right.0);
    TreeHash(hash.finalize().into())
}

/// The root over these hashes in order; of none, that of the empty tree.
///
/// The hashes may be those of leaves, or of parts that are all of one size that is a power of two, but the last, which
/// may be smaller: a part without a partner goes up unchanged, and that is the tree of RFC 6962.
#[must_use]
pub fn root_over(hashes: &[TreeHash]) -> TreeHash {
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        let mut above = Vec::with_capacity(level.len().div_ceil(2));
        for pair in level.chunks(2) {
            match pair {
                [left, right] => above.push(node_hash(left, right)),
                [alone] => above.push(*alone),
                [] | [_, _, ..] => {}
            }
        }
        level = above;
    }
    level
        .first()
        .copied()
        .unwrap_or_else(|| TreeHash(Sha256::digest([]).into()))
}

/// A tree that is appended to: the roots of its whole parts, the largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    parts: Vec<TreeHash>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf.
    pub fn push(&mut self, leaf: TreeHash) {
        let mut hash = leaf;
        let mut size = self.size;
        while size % 2 == 1
            && let Some(left) = self.parts.pop()
        {
            hash = node_hash(&left, &hash);
            size /= 2;
        }
        self.parts.push(hash);
        self.size += 1;
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> TreeHash {
        let mut parts = self.parts.iter().rev();
        let Some(last) = parts.next() else {
            return root_over(&[]);
        };
        parts.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u32) -> Vec<TreeHash> {
        (0..count).map(|at| leaf_hash(&at.to_be_bytes())).collect()
    }

    /// The definition, as RFC 6962 section 2.1 writes it.
    fn mth(leaves: &[TreeHash]) -> TreeHash {
        match leaves {
            [] => TreeHash(Sha256::digest([]).into()),
            [leaf] => *leaf,
            _ => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node_hash(&mth(left), &mth(right))
            }
        }
    }

    #[test]
    fn roots_are_those_of_the_definition_at_every_size() {
        let leaves = leaves(1100);
        let mut tree = Tree::default();
        for size in 0..leaves.len() {
            assert_eq!(tree.root(), mth(&leaves[..size]), "{size}");
            assert_eq!(root_over(&leaves[..size]), tree.root(), "{size}");
            tree.push(leaves[size]);
        }
    }

    #[test]
    fn roots_over_tiles_are_the_roots_over_their_leaves() {
        let leaves = leaves(1100);
        for size in [0, 1, 255, 256, 257, 511, 512, 700, 1024, 1025, 1100] {
            let parts: Vec<_> = leaves[..size].chunks(256).map(root_over).collect();
            assert_eq!(root_over(&parts), mth(&leaves[..size]), "{size}");
        }
    }

    #[test]
    fn the_empty_entry_has_the_leaf_hash_of_rfc_6962() {
        assert_eq!(
            hex::encode(leaf_hash(b"").0),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
    }
}
