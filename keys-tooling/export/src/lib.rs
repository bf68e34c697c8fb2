//! What is shown of a report on a terminal, and what is exported of it: a sheet, a print-ready document, tables, a package.
//!
//! Must never write a file, print, or open what a stranger sent. It trusts nothing: every word, name and byte of a
//! report may have been chosen by an attacker.

pub mod continuity;
mod font;
pub mod kind;
mod layout;
pub mod package;
pub mod pdf;
pub mod rows;
pub mod sheet;
pub mod table;
pub mod text;
pub mod thread;
pub mod words;
