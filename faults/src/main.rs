//! The bench itself: `cargo xtask faults` runs it.

fn main() {}
