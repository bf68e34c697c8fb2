//! The officers' tool against what may come on a stick, what may happen to a machine, and a whole day's work.
#![cfg(test)]

#[path = "../keys/office.rs"]
mod office;

mod access;
mod answer_keys;
mod answers;
mod export;
mod hostile_bundles;
mod hostile_reports;
mod pages;

#[path = "../../oracles/mod.rs"]
#[expect(
    dead_code,
    reason = "a package is verified here, logs and records elsewhere"
)]
mod oracles;
#[path = "../small_disk/mod.rs"]
mod small_disk;
mod stick;
