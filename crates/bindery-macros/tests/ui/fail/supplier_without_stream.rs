//! A supplier that isn't async returns a stream.
use bindery::prelude::*;

#[stream_supplier]
fn tick() -> u32 {
    1
}

fn main() {}
