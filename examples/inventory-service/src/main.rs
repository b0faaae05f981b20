//! Runs the inventory service as it is configured in `config/inventory`.

use std::io::{self, IsTerminal};

use inventory_service::Warehouse;
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> bindery::Result {
    log();
    inventory_service::application(Warehouse::stocked(1))
        .config_directory("config/inventory")
        .run()
        .await
}

/// Logs to standard error what `RUST_LOG` asks for, or what matters.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(io::stderr)
        .init();
}
