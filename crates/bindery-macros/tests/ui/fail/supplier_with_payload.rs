//! A supplier isn't called with a message.
use bindery::prelude::*;

#[stream_supplier]
async fn tick(_text: String) -> u32 {
    1
}

#[stream_supplier(input = "orders")]
async fn nothing() {}

fn main() {}
