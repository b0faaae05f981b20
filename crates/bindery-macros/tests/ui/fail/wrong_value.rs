//! Values of options are strings.
use bindery::prelude::*;

#[stream_listener(input = 5, output = ["a", "b"])]
async fn number(_order: u32) {}

#[stream_listener(outputs = "reservations")]
async fn no_list(_order: u32) {}

#[stream_listener(output = "a", outputs = ["a", "b"])]
async fn both(_order: u32) -> (u32, u32) {
    (1, 2)
}

#[stream_listener(name = "")]
async fn empty(_order: u32) {}

fn main() {}
