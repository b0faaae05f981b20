//! A listener has few arguments.
use bindery::prelude::*;

#[stream_listener]
async fn charge(
    _order: u32,
    _headers: Headers,
    _key: Key,
    _attempt: Attempt,
    _a: State<u8>,
    _b: State<u16>,
    _c: State<u32>,
    _d: State<u64>,
    _e: State<i8>,
) {
}

fn main() {}
