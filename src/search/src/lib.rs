//! Looks for a text in files and in memory, in every form in which a program may have kept it.
//!
//! The auditor's, and the tests'. Nothing that is looked at links it, so it is the one crate of ours that the auditor has.

mod forms;
mod places;

pub use forms::{Form, Hit, forms, search_bytes};
pub use places::{Unreadable, files_under, search_file, search_files, search_memory};
