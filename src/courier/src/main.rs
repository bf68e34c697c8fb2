//! Carries ciphertext from the server to removable media.

fn main() {}
