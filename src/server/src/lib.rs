//! The server: takes envelopes, keeps them, and publishes the log.
//!
//! It holds ciphertext, public keys and Merkle trees, and links nothing that could open an envelope.
//! Read in the order of a report: accept, connection, router, body, submit, store, sequencer, read, courier, replies; drafts lie apart.

pub mod accept;
mod body;
mod clock;
pub mod collected;
pub mod config;
pub mod confine;
mod connection;
mod courier;
pub mod directories;
pub mod drafts;
pub mod forwarded;
mod handed;
pub mod headers;
pub mod keep;
pub mod keyfile;
pub mod limits;
mod metrics;
mod openapi;
pub mod problem;
pub mod process;
mod read;
mod release;
pub mod replies;
pub mod router;
pub mod sequencer;
pub mod shares;
mod signals;
pub mod site;
pub mod start;
pub mod store;
pub mod submit;
pub mod telemetry;
pub mod work;
