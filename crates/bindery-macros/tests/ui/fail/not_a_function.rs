//! The attribute belongs on a function.
use bindery::prelude::*;

#[stream_listener]
struct Order;

fn main() {
    let _ = Order;
}
