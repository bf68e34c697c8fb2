//! Trees and proofs against the definitions of RFC 6962, written out plainly here.

use hafan_tlog::proof::{
    self, HashReader as _, MakeError, VerifyError, verify_consistency, verify_inclusion,
};
use hafan_tlog::{Frontier, FrontierError, Hash, TREE_SIZE_MAX, empty_root, leaf_hash, node_hash};
use proptest::prelude::*;

/// `MTH(D[n])`, RFC 6962 section 2.1.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(naive_split(leaves.len()));
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// `PATH(m, D[n])`, RFC 6962 section 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    if index < split {
        [naive_path(index, left), vec![naive_root(right)]].concat()
    } else {
        [naive_path(index - split, right), vec![naive_root(left)]].concat()
    }
}

/// `SUBPROOF(m, D[n], b)`, RFC 6962 section 2.1.2.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole {
            Vec::new()
        } else {
            vec![naive_root(leaves)]
        };
    }
    let split = naive_split(leaves.len());
    let (left, right) = leaves.split_at(split);
    if old <= split {
        [naive_subproof(old, left, whole), vec![naive_root(right)]].concat()
    } else {
        [
            naive_subproof(old - split, right, false),
            vec![naive_root(left)],
        ]
        .concat()
    }
}

/// The largest power of two below `size`.
fn naive_split(size: usize) -> usize {
    let mut split = 1;
    while split * 2 < size {
        split *= 2;
    }
    split
}

fn leaves(count: u16) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(&index.to_be_bytes()))
        .collect()
}

fn size_of(leaves: &[Hash]) -> u64 {
    u64::try_from(leaves.len()).expect("64 bits hold every size")
}

fn changed(hash: &Hash) -> Hash {
    let mut bytes = hash.0;
    bytes[31] ^= 1;
    Hash(bytes)
}

/// The tree of eight leaves that the tests of Certificate Transparency use.
#[test]
fn roots_match_those_of_certificate_transparency() {
    let data = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut tree = Frontier::new();
    assert_eq!(hex::encode(tree.root().0), roots[0]);
    for (entry, root) in data.iter().zip(&roots[1..]) {
        tree.push(leaf_hash(&hex::decode(entry).unwrap()));
        assert_eq!(hex::encode(tree.root().0), *root);
    }
}

#[test]
fn frontier_has_the_root_of_the_definition_at_every_size() {
    let leaves = leaves(600);
    let mut tree = Frontier::new();
    for (size, leaf) in leaves.iter().enumerate() {
        assert_eq!(tree.root(), naive_root(&leaves[..size]));
        let again = Frontier::from_parts(tree.size(), tree.hashes().to_vec()).unwrap();
        assert_eq!(again, tree);
        tree.push(*leaf);
    }
}

#[test]
fn frontier_refuses_a_wrong_number_of_hashes_and_a_size_too_large() {
    let hash = empty_root();
    assert_eq!(
        Frontier::from_parts(5, vec![hash]),
        Err(FrontierError::Hashes {
            size: 5,
            found: 1,
            wanted: 2
        })
    );
    assert_eq!(
        Frontier::from_parts(0, vec![hash]),
        Err(FrontierError::Hashes {
            size: 0,
            found: 1,
            wanted: 0
        })
    );
    assert_eq!(
        Frontier::from_parts(TREE_SIZE_MAX + 1, vec![hash; 2]),
        Err(FrontierError::Size {
            found: TREE_SIZE_MAX + 1
        })
    );
    assert!(Frontier::from_parts(TREE_SIZE_MAX, vec![hash]).is_ok());
}

#[test]
fn every_inclusion_proof_of_small_trees_is_that_of_the_definition() {
    let leaves = leaves(70);
    for size in 1..=leaves.len() {
        let tree = &leaves[..size];
        let root = naive_root(tree);
        for (index, leaf) in tree.iter().enumerate() {
            let (at, count) = (u64::try_from(index).unwrap(), size_of(tree));
            let proof = proof::inclusion(tree, at, count).unwrap();
            assert_eq!(proof, naive_path(index, tree));
            assert_eq!(verify_inclusion(leaf, at, count, &proof, &root), Ok(()));
        }
    }
}

#[test]
fn every_consistency_proof_of_small_trees_is_that_of_the_definition() {
    let leaves = leaves(70);
    for new in 0..=leaves.len() {
        for old in 0..=new {
            let (old_tree, new_tree) = (&leaves[..old], &leaves[..new]);
            let (old_size, new_size) = (size_of(old_tree), size_of(new_tree));
            let proof = proof::consistency(new_tree, old_size, new_size).unwrap();
            if old > 0 {
                assert_eq!(proof, naive_subproof(old, new_tree, true));
            }
            let (old_root, new_root) = (naive_root(old_tree), naive_root(new_tree));
            assert_eq!(
                verify_consistency(old_size, &old_root, new_size, &new_root, &proof),
                Ok(())
            );
        }
    }
}

#[test]
fn proofs_that_are_too_short_or_too_long_are_refused_by_their_length() {
    let leaves = leaves(70);
    let root = naive_root(&leaves);
    let old_root = naive_root(&leaves[..41]);
    let inclusion = proof::inclusion(&leaves[..], 40, 70).unwrap();
    let consistency = proof::consistency(&leaves[..], 41, 70).unwrap();
    let (wanted, wanted_consistency) = (inclusion.len(), consistency.len());
    for found in (0..200).filter(|found| *found != wanted) {
        let mut proof = inclusion.clone();
        proof.resize(found, empty_root());
        assert_eq!(
            verify_inclusion(&leaves[40], 40, 70, &proof, &root),
            Err(VerifyError::Length { found, wanted })
        );
    }
    for found in (0..200).filter(|found| *found != wanted_consistency) {
        let mut proof = consistency.clone();
        proof.resize(found, empty_root());
        assert_eq!(
            verify_consistency(41, &old_root, 70, &root, &proof),
            Err(VerifyError::Length {
                found,
                wanted: wanted_consistency
            })
        );
    }
}

#[test]
fn a_rewritten_log_is_told_from_a_wrong_newer_root() {
    let leaves = leaves(70);
    let (old_root, new_root) = (naive_root(&leaves[..33]), naive_root(&leaves));
    let proof = proof::consistency(&leaves[..], 33, 70).unwrap();
    assert_eq!(
        verify_consistency(33, &changed(&old_root), 70, &new_root, &proof),
        Err(VerifyError::OldRoot)
    );
    assert_eq!(
        verify_consistency(33, &old_root, 70, &changed(&new_root), &proof),
        Err(VerifyError::Root)
    );
}

#[test]
fn the_empty_tree_has_one_root_and_begins_every_log() {
    let root = naive_root(&leaves(3));
    assert_eq!(verify_consistency(0, &empty_root(), 3, &root, &[]), Ok(()));
    assert_eq!(
        verify_consistency(0, &empty_root(), 0, &empty_root(), &[]),
        Ok(())
    );
    assert_eq!(
        verify_consistency(0, &root, 3, &root, &[]),
        Err(VerifyError::OldRoot)
    );
    assert_eq!(
        verify_consistency(0, &root, 0, &root, &[]),
        Err(VerifyError::Root)
    );
    assert_eq!(
        verify_consistency(0, &empty_root(), 3, &root, &[root]),
        Err(VerifyError::Length {
            found: 1,
            wanted: 0
        })
    );
}

#[test]
fn leaves_and_sizes_out_of_bounds_are_refused() {
    let leaves = leaves(4);
    let root = naive_root(&leaves);
    assert_eq!(
        proof::inclusion(&leaves[..], 4, 4),
        Err(MakeError::Index { index: 4, size: 4 })
    );
    assert_eq!(
        proof::inclusion(&leaves[..], 0, 8),
        Err(MakeError::Missing { level: 2, index: 1 })
    );
    assert_eq!(
        proof::consistency(&leaves[..], 4, 3),
        Err(MakeError::Sizes { old: 4, new: 3 })
    );
    assert_eq!(
        verify_inclusion(&root, 0, 0, &[], &root),
        Err(VerifyError::Index { index: 0, size: 0 })
    );
    assert_eq!(
        verify_inclusion(&root, 0, u64::MAX, &[], &root),
        Err(VerifyError::Index {
            index: 0,
            size: u64::MAX
        })
    );
    assert_eq!(
        verify_consistency(4, &root, 3, &root, &[]),
        Err(VerifyError::Sizes { old: 4, new: 3 })
    );
    assert_eq!(leaves[..].subtree(3, 0), None);
    assert_eq!(leaves[..].subtree(64, 0), None);
    assert_eq!(leaves[..].subtree(0, u64::MAX), None);
    assert_eq!(proof::perfect_root(&leaves[..3]), None);
    assert_eq!(proof::perfect_root(&[]), None);
}

proptest! {
    #[test]
    fn proofs_of_random_trees_hold_and_no_changed_one_does(
        size in 1_u16..2_000, at in any::<prop::sample::Index>(), other in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let root = Frontier::from_iter(leaves.iter().copied()).root();
        prop_assert_eq!(root, naive_root(&leaves));
        let index = at.index(leaves.len());
        let (at, count) = (u64::try_from(index).unwrap(), size_of(&leaves));
        let proof = proof::inclusion(&leaves[..], at, count).unwrap();
        prop_assert_eq!(verify_inclusion(&leaves[index], at, count, &proof, &root), Ok(()));
        let wrong_leaf = changed(&leaves[index]);
        prop_assert!(verify_inclusion(&wrong_leaf, at, count, &proof, &root).is_err());
        let elsewhere = u64::try_from(other.index(leaves.len())).unwrap();
        let moved = verify_inclusion(&leaves[index], elsewhere, count, &proof, &root);
        prop_assert_eq!(moved.is_ok(), elsewhere == at);
        for place in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[place] = changed(&wrong[place]);
            let found = verify_inclusion(&leaves[index], at, count, &wrong, &root);
            prop_assert_eq!(found, Err(VerifyError::Root));
        }
    }

    #[test]
    fn consistency_of_random_trees_holds_and_no_changed_proof_does(
        size in 1_u16..2_000, at in any::<prop::sample::Index>(),
    ) {
        let leaves = leaves(size);
        let old = at.index(leaves.len()) + 1;
        let (old_size, new_size) = (size_of(&leaves[..old]), size_of(&leaves));
        let (old_root, root) = (naive_root(&leaves[..old]), naive_root(&leaves));
        let proof = proof::consistency(&leaves[..], old_size, new_size).unwrap();
        prop_assert_eq!(verify_consistency(old_size, &old_root, new_size, &root, &proof), Ok(()));
        for place in 0..proof.len() {
            let mut wrong = proof.clone();
            wrong[place] = changed(&wrong[place]);
            prop_assert!(verify_consistency(old_size, &old_root, new_size, &root, &wrong).is_err());
        }
    }

    #[test]
    fn hostile_proofs_never_panic_and_never_hold(
        first in any::<u64>(), second in any::<u64>(),
        proof in prop::collection::vec(any::<[u8; 32]>().prop_map(Hash), 0..130),
    ) {
        let root = leaf_hash(b"a root that no random proof leads to");
        let leaf = leaf_hash(b"leaf");
        prop_assert!(verify_inclusion(&leaf, first, second, &proof, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, second >> 3, first >> 2, &proof, &root).is_err());
        prop_assert!(verify_consistency(first, &leaf, second, &root, &proof).is_err());
        prop_assert!(verify_consistency(first >> 3, &leaf, second >> 2, &root, &proof).is_err());
    }
}
