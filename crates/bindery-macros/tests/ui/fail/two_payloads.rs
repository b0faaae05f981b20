//! There is one payload.
use bindery::prelude::*;

#[stream_listener]
async fn charge(_order: u32, _headers: Headers, _customer: String) {}

fn main() {}
