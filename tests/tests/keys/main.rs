//! Keys from the ceremony to their end, and the contact that no one opens alone: the program as officers run it.
#![cfg(test)]

mod ceremony;
mod contact;
mod interrupted;
mod office;
mod officers;
mod reseal;
mod retire;
#[path = "../small_disk/mod.rs"]
mod small_disk;
mod stock;
