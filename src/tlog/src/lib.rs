//! A pure C2SP transparency log: leaves, tree, proofs, notes, checkpoints, tiles.
