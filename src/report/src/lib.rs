//! Plaintext world: what a person tells, its canonical encoding, and packing into a padded tar.
