//! The signed directory of a force: intake keys, couriers, log key; parse and verify.
