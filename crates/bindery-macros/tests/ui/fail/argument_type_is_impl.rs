//! An argument has one type.
use bindery::prelude::*;

#[stream_listener]
async fn log(_text: impl ToString) {}

fn main() {}
