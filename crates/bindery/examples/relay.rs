//! A service that passes messages on, a little slowly: what the fault tests kill and restart.
//!
//! Its bindings come from arguments: `--stream.bindings.relay-in-0.destination=in` and so on.

use std::time::Duration;

use bindery::prelude::*;

#[stream_listener]
async fn relay(number: u64) -> u64 {
    tokio::time::sleep(Duration::from_micros(number % 7 * 300)).await;
    number
}

#[bindery::main]
async fn main() -> bindery::Result {
    Application::new()
        .config_directory("no-files")
        .listeners(listeners![relay])
        .run()
        .await
}
