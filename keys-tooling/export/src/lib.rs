//! What is shown of a report on a terminal.
//!
//! Must never write a file, print, or open what a stranger sent. It trusts nothing: every word, name and byte of a
//! report may have been chosen by an attacker.

pub mod rows;
pub mod sheet;
pub mod text;
pub mod words;
