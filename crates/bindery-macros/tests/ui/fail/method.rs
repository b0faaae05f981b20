//! A listener is no method.
use bindery::prelude::*;

struct Warehouse;

impl Warehouse {
    #[stream_listener]
    async fn reserve(&self, _order: u32) {}
}

fn main() {}
