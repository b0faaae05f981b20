//! A listener has one type for each argument.
use bindery::prelude::*;

#[stream_listener]
async fn log<T: serde::de::DeserializeOwned>(_value: T) {}

fn main() {}
