//! Ciphertext world: the structure of a sealed envelope, size classes, submissions, bundles and pages of answers.
//!
//! An envelope is an age v1 file with exactly one `mlkem768x25519` stanza and one of ten sizes.
//! This crate tells whether bytes have that structure; it holds no cipher and no key, and cannot
//! tell whether an envelope opens. What it reads comes from the network: it trusts nothing,
//! never panics, and its errors say what and where but never repeat a byte of the input.
//!
//! Source: docs/protocol.md sections 3, 4, 8 and 14; C2SP age.

pub mod bundle;
mod envelope;
pub mod header;
pub mod reply;
pub mod submission;

pub use envelope::{
    ENVELOPE_SIZE_BYTES_MAX, ENVELOPE_SIZE_BYTES_MIN, Envelope, EnvelopeError, HEADER_SIZE_BYTES,
    SIZE_CLASSES, SizeClass, check_header, envelope_size_bytes, size_class_of,
};
pub use submission::{SALT_SIZE_BYTES, SUBMISSION_SIZE_BYTES_MAX, TAG_SIZE_BYTES};
