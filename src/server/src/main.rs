//! The server: takes envelopes, keeps them, and publishes the log.

fn main() {}
