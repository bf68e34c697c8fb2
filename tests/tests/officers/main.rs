//! The officers' tool against what may come on a stick, what may happen to a machine, and a whole day's work.
#![cfg(test)]

#[path = "../keys/office.rs"]
#[expect(dead_code, reason = "other drills use the rest")]
mod office;

mod access;
mod hostile_bundles;
mod hostile_reports;

mod stick;
