//! A listener is async.
use bindery::prelude::*;

#[stream_listener]
fn log(_text: String) {}

fn main() {
    listeners![log];
}
