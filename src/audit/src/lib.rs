//! The auditor: what an auditor of a force, or an ombudsman, asks of a system, each with one command and an exit code.
//!
//! Nobody's word is taken. It shares no code with the programs that it looks at: hashes, trees, notes, directories,
//! envelopes, frames and records are read here by code of its own, so that one bug cannot hide itself. It holds no key,
//! and changes nothing that it looks at; `canary plant` alone sends something, as a person does.

pub mod checkpoint;
pub mod directory;
pub mod entry;
pub mod envelope;
pub mod merkle;
pub mod note;
pub mod published;

pub mod client;
pub mod failure;
pub mod files;
pub mod progress;
pub mod report;
pub mod workers;

pub mod access;
pub mod canary;
pub mod log;
pub mod site;
pub mod store;
