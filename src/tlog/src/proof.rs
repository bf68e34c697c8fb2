//! Inclusion and consistency proofs: made from a reader of subtree hashes, verified from bytes.
//!
//! Source: RFC 6962 section 2.1 (how they are made), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (how
//! they are verified). Whoever sends a proof is not trusted: its length is checked before it is used.

use crate::hash::{Hash, empty_root, node_hash};
use crate::tree::TREE_SIZE_MAX;

/// Gives the hashes of perfect subtrees: what tiles hold.
pub trait HashReader {
    /// The hash of the perfect subtree of 2^`level` leaves that begins at leaf `index` × 2^`level`,
    /// or nothing when the tree does not have it whole.
    fn subtree(&self, level: u32, index: u64) -> Option<Hash>;
}

/// Leaf hashes in memory, from leaf 0. Each question hashes its subtree again.
impl HashReader for [Hash] {
    fn subtree(&self, level: u32, index: u64) -> Option<Hash> {
        let width = 1_usize
            .checked_shl(level)
            .filter(|width| *width <= self.len())?;
        let first = usize::try_from(index).ok()?.checked_mul(width)?;
        perfect_root(self.get(first..first.checked_add(width)?)?)
    }
}

/// The root of a perfect tree over these hashes, when their number is a power of two.
#[must_use]
pub fn perfect_root(hashes: &[Hash]) -> Option<Hash> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut row = hashes.to_vec();
    while row.len() > 1 {
        row = row
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    row.first().copied()
}

/// Why a proof cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MakeError {
    /// The leaf is not in a tree of this size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index {
        /// Leaf index asked for.
        index: u64,
        /// Size of the tree asked for.
        size: u64,
    },
    /// The older tree is larger than the newer one, or the newer over [`TREE_SIZE_MAX`].
    #[error(
        "tree sizes are {old} and {new}, want the older first and both at most {TREE_SIZE_MAX}"
    )]
    Sizes {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// The reader has no such subtree.
    #[error("no hash at level {level}, index {index}: a tile is missing or too narrow")]
    Missing {
        /// The subtree has 2^level leaves.
        level: u32,
        /// How many such subtrees stand left of it.
        index: u64,
    },
}

/// Why a proof does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The leaf is not in a tree of this size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    Index {
        /// Leaf index claimed.
        index: u64,
        /// Size of the tree claimed.
        size: u64,
    },
    /// The older tree is larger than the newer one, or the newer over [`TREE_SIZE_MAX`].
    #[error(
        "tree sizes are {old} and {new}, want the older first and both at most {TREE_SIZE_MAX}"
    )]
    Sizes {
        /// Size of the older tree.
        old: u64,
        /// Size of the newer tree.
        new: u64,
    },
    /// Not the number of hashes that a proof for these numbers has.
    #[error("proof has {found} hashes, want {wanted}")]
    Length {
        /// Number of hashes in the proof.
        found: usize,
        /// Number of hashes that it must have.
        wanted: usize,
    },
    /// The proof leads to another root of the newer (or only) tree.
    #[error("proof leads to another root than the checkpoint's")]
    Root,
    /// The proof leads to another root of the older tree: the log was rewritten.
    #[error("proof leads to another root than the older checkpoint's: the log was rewritten")]
    OldRoot,
}

/// Makes the inclusion proof of leaf `index` in the tree of the first `size` leaves.
///
/// Source: `PATH(m, D[n])`, RFC 6962 section 2.1.1. At most 62 hashes, from the leaf upwards.
///
/// # Errors
///
/// The leaf is not in the tree, or the reader lacks a hash.
pub fn inclusion<R: HashReader + ?Sized>(
    reader: &R,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, MakeError> {
    if index >= size || size > TREE_SIZE_MAX {
        return Err(MakeError::Index { index, size });
    }
    let (mut first, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - first > 1 {
        let middle = first + split(end - first);
        if index < middle {
            proof.push(range_root(reader, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(reader, first, middle)?);
            first = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// An inclusion proof as a file that stands by itself, with the signed checkpoint that it leads to.
///
/// Source: C2SP tlog-proof, `c2sp.org/tlog-proof@v1`, without extra data. At most 3 KiB and the checkpoint.
#[must_use]
pub fn tlog_proof(index: u64, inclusion: &[Hash], checkpoint: &[u8]) -> Vec<u8> {
    let mut file = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in inclusion {
        file.push_str(&format!("{hash}\n"));
    }
    file.push('\n');
    let mut file = file.into_bytes();
    file.extend_from_slice(checkpoint);
    file
}

/// Makes the proof that the tree of `new` leaves begins with the tree of `old` leaves.
///
/// Empty when `old` is 0 or `new`. Source: `PROOF(m, D[n])`, RFC 6962 section 2.1.2. At most 63
/// hashes.
///
/// # Errors
///
/// `old` is over `new`, or the reader lacks a hash.
pub fn consistency<R: HashReader + ?Sized>(
    reader: &R,
    old: u64,
    new: u64,
) -> Result<Vec<Hash>, MakeError> {
    if old > new || new > TREE_SIZE_MAX {
        return Err(MakeError::Sizes { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut first, mut end) = (0, new);
    let mut proof = Vec::new();
    // Go down to the subtree that ends where the older tree does.
    while end != old {
        let middle = first + split(end - first);
        if old <= middle {
            proof.push(range_root(reader, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(reader, first, middle)?);
            first = middle;
        }
    }
    // When that subtree is the whole older tree, the verifier knows its root already.
    if first != 0 {
        proof.push(range_root(reader, first, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Checks that `leaf` is leaf `index` of the tree of `size` leaves with this root.
///
/// Source: RFC 9162 section 2.1.3.2.
///
/// # Errors
///
/// The index is not in the tree, the proof has a wrong length, or it leads elsewhere.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), VerifyError> {
    if index >= size || size > TREE_SIZE_MAX {
        return Err(VerifyError::Index { index, size });
    }
    check_length(proof, inclusion_length(index, size))?;
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // Climb to the next level where this node has a left sibling.
            let skip = node.trailing_zeros().min(63);
            (node, last) = (node >> skip, last >> skip);
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(VerifyError::Root)
    }
}

/// Checks that the tree of `new` leaves with root `new_root` begins with the tree of `old` leaves
/// with root `old_root`.
///
/// Source: RFC 9162 section 2.1.4.2. From the empty tree, or to the same size, the proof is empty
/// and the roots are compared.
///
/// # Errors
///
/// `old` is over `new`, the proof has a wrong length, or it leads to another root of either tree.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), VerifyError> {
    if old > new || new > TREE_SIZE_MAX {
        return Err(VerifyError::Sizes { old, new });
    }
    check_length(proof, consistency_length(old, new))?;
    if new == 0 && *new_root != empty_root() {
        return Err(VerifyError::Root);
    }
    if old == 0 {
        return if *old_root == empty_root() {
            Ok(())
        } else {
            Err(VerifyError::OldRoot)
        };
    }
    if old == new {
        return if old_root == new_root {
            Ok(())
        } else {
            Err(VerifyError::OldRoot)
        };
    }
    // A perfect older tree is its own first node.
    let (start, rest) = match proof.split_first() {
        Some((first, rest)) if !old.is_power_of_two() => (first, rest),
        _ => (old_root, proof),
    };
    let shift = (old - 1).trailing_ones();
    let (mut node, mut last) = ((old - 1) >> shift, (new - 1) >> shift);
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let skip = node.trailing_zeros().min(63);
            (node, last) = (node >> skip, last >> skip);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if old_hash != *old_root {
        return Err(VerifyError::OldRoot);
    }
    if last == 0 && new_hash == *new_root {
        Ok(())
    } else {
        Err(VerifyError::Root)
    }
}

/// The root of leaves `first..end`, where `first` is as aligned as the recursion of RFC 6962 has it.
fn range_root<R: HashReader + ?Sized>(reader: &R, first: u64, end: u64) -> Result<Hash, MakeError> {
    let mut first = first;
    let mut subtrees = Vec::new();
    while first < end {
        let level = (end - first).ilog2();
        let index = first >> level;
        let hash = reader
            .subtree(level, index)
            .ok_or(MakeError::Missing { level, index })?;
        subtrees.push(hash);
        first += 1 << level;
    }
    let root = subtrees
        .into_iter()
        .rev()
        .reduce(|right, left| node_hash(&left, &right));
    Ok(root.unwrap_or_else(empty_root))
}

/// The largest power of two below `size`, for `size` over 1.
const fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// Number of hashes in the inclusion proof of `index`, below `size`: the levels below the point
/// where the paths of this leaf and of the last one part, then one for each left sibling above it.
const fn inclusion_length(index: u64, size: u64) -> u32 {
    let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
    inner + (index >> inner).count_ones()
}

/// Number of hashes in the consistency proof between these sizes.
const fn consistency_length(old: u64, new: u64) -> u32 {
    if old == 0 || old == new {
        return 0;
    }
    // The path of the older tree's last leaf, without the levels inside its last perfect subtree.
    let path = inclusion_length(old - 1, new) - old.trailing_zeros();
    if old.is_power_of_two() {
        path
    } else {
        path + 1
    }
}

fn check_length(proof: &[Hash], wanted: u32) -> Result<(), VerifyError> {
    // At most 63: it fits in any usize.
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    if proof.len() == wanted {
        Ok(())
    } else {
        Err(VerifyError::Length {
            found: proof.len(),
            wanted,
        })
    }
}
