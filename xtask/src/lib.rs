//! What the developer commands and the whole-system tests share.
//!
//! Here: starting and ending programs, fetching what is missing, building, laying out a demonstration, and looking for a
//! text in every form. Nothing here is part of a shipped program.

use std::path::{Path, PathBuf};

pub mod binaries;
pub mod deb;
pub mod demo;
pub mod deps;
pub mod http;
pub mod process;
pub mod search;
pub mod site;
pub mod tools;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The four forces of the pilot, in the order of `forces/`.
pub const FORCES: [&str; 4] = ["btp", "dyfed-powys", "leicestershire", "merseyside"];

/// Base64 without padding (RFC 4648 section 4), as age writes it.
#[must_use]
pub fn base64_unpadded(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(bytes)
}
