//! Every developer command: cargo xtask demo, test, bench, site, fuzz.

fn main() {}
