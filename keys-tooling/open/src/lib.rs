//! The only decryption in the repository: bundles, identities, envelopes.
