//! The door without JavaScript. One form comes in, is made into a report as the browser makes it, sealed to the force's key
//! of the day, and passed on as an ordinary submission.
//!
//! It holds what somebody wrote from the first byte of a request to its answer, in locked memory that is wiped when it is freed, and
//! nowhere else: it opens no file for writing, logs nothing of a request, and has no key that opens. It trusts its configuration
//! and its site, whose every byte the manifest names; the server only as far as a directory is signed by the force's root key;
//! and nothing that a browser sends.

mod again;
pub mod answers;
mod coming;
pub mod config;
pub mod connections;
mod dates;
pub mod form;
pub mod forwarded;
pub mod harden;
mod headers;
pub mod questions;
pub mod router;
pub mod sealing;
pub mod site;
pub mod start;
pub mod upstream;
