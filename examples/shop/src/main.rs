//! `cargo run -p shop`.

fn main() {}
