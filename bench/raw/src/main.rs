//! The twins.
fn main() {}
