//! Named outputs are parts of the result.
use bindery::prelude::*;

#[stream_listener(output = "reservations")]
async fn nothing(_order: u32) {}

#[stream_listener(outputs = ["accepted", "refused"])]
async fn one(order: u32) -> u32 {
    order
}

fn main() {}
