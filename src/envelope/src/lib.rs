//! Ciphertext world: the structure of a sealed envelope, size classes, submissions and bundles.
