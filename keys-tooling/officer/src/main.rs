//! The officers' offline tool: ceremony, import, list, read.

fn main() {}
