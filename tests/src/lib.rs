//! Whole-system proofs.
