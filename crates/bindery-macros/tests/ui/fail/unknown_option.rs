//! Options are known ones, each once, with a value; all mistakes are reported at once.
use bindery::prelude::*;

#[stream_listener(inputs = "orders", topic = "orders")]
async fn unknown(_order: u32) {}

#[stream_listener(input = "orders", input = "more")]
async fn twice(_order: u32) {}

#[stream_listener(input)]
async fn without_value(_order: u32) {}

#[stream_listener("orders")]
async fn without_name(_order: u32) {}

fn main() {}
