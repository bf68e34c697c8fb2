//! Looking for texts as the auditor does (`hafan-audit canary`), for the demonstration and for tests.

pub use hafan_search::{Form, Hit, files_under, forms, search_bytes, search_files, search_memory};
use memchr::memmem;

/// Where bytes first stand in other bytes.
#[must_use]
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memmem::find(bytes, needle)
}
