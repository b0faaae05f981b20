//! A listener owns what it gets.
use bindery::prelude::*;

#[stream_listener]
async fn log(_text: &str, _state: &State<u32>) {}

fn main() {}
