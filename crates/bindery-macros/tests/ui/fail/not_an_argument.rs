//! An argument comes from the message or the application.
use bindery::prelude::*;

struct Receipt;

#[stream_listener]
async fn charge(_order: u32, _receipt: Receipt) {}

fn main() {}
