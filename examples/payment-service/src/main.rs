//! Runs the payment service as it is configured in `config/payment`.

use std::io::{self, IsTerminal};

use payment_service::{Ledger, Provider};
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> bindery::Result {
    log();
    payment_service::application(Ledger::opened(1), Provider::default())
        .config_directory("config/payment")
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
