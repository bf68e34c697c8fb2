//! The right edge of a tree that grows. Source: RFC 6962 section 2.1.

use crate::hash::{Hash, empty_root, node_hash};

/// Largest tree size that is read or written: 2^62, so that sums cannot overflow and Go's signed
/// 64-bit sizes can hold it.
pub const TREE_SIZE_MAX: u64 = 1 << 62;

/// The perfect subtrees of a tree from leaf 0, the largest first: all that is needed to let the
/// tree grow and to know its root. One hash for each bit set in the size, at most 63.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    hashes: Vec<Hash>,
}

/// Why a size and hashes are not a frontier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// The size is over [`TREE_SIZE_MAX`].
    #[error("tree size is {found}, want at most {TREE_SIZE_MAX}")]
    Size {
        /// The size given.
        found: u64,
    },
    /// Not one hash for each bit set in the size.
    #[error("tree of {size} leaves has {found} subtree hashes, want {wanted}")]
    Hashes {
        /// The size given.
        size: u64,
        /// Number of hashes given.
        found: usize,
        /// Number of bits set in the size.
        wanted: u32,
    },
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: 0,
            hashes: Vec::new(),
        }
    }

    /// The frontier with this size and these subtree hashes, the largest subtree first.
    ///
    /// The hashes themselves cannot be checked here: compare [`Self::root`] with a signed one.
    ///
    /// # Errors
    ///
    /// The size is too large, or the number of hashes is not the number of bits set in it.
    pub fn from_parts(size: u64, hashes: Vec<Hash>) -> Result<Self, FrontierError> {
        if size > TREE_SIZE_MAX {
            return Err(FrontierError::Size { found: size });
        }
        let wanted = size.count_ones();
        if u32::try_from(hashes.len()) != Ok(wanted) {
            return Err(FrontierError::Hashes {
                size,
                found: hashes.len(),
                wanted,
            });
        }
        Ok(Self { size, hashes })
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Hashes of the perfect subtrees, the largest first.
    #[must_use]
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// Adds one leaf at the right, by its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // Each trailing one of the size is a perfect subtree as large as what stands right of it.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.hashes.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.hashes.push(hash);
        self.size += 1;
    }

    /// The root of the tree, `MTH(D[0:size])`.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.hashes
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }
}

impl Default for Frontier {
    fn default() -> Self {
        Self::new()
    }
}

impl Extend<Hash> for Frontier {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.push(leaf);
        }
    }
}

impl FromIterator<Hash> for Frontier {
    fn from_iter<I: IntoIterator<Item = Hash>>(leaves: I) -> Self {
        let mut frontier = Self::new();
        frontier.extend(leaves);
        frontier
    }
}
