//! The access record: whatever is done to it is named, whatever cuts it is survived, and its bytes are those of the vectors.
#![cfg(test)]

mod cuts;
mod office;
mod tampering;
mod vectors;
