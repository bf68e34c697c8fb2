//! The server: takes envelopes, keeps them, and publishes the log.
//!
//! It holds ciphertext, public keys and Merkle trees, and links nothing that could open an envelope.
//! Read in the order of a report: accept, connection, router, submit, store, sequencer, read, courier.

pub mod accept;
mod clock;
pub mod config;
mod connection;
mod courier;
pub mod directories;
pub mod headers;
pub mod keyfile;
pub mod limits;
mod metrics;
pub mod problem;
pub mod process;
mod read;
pub mod router;
pub mod sequencer;
pub mod site;
pub mod start;
pub mod store;
pub mod submit;
pub mod telemetry;
