//! Runs the payment service as it is configured in `config/payment`.

use payment_service::{Ledger, Provider};
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> bindery::Result {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    payment_service::application(Ledger::opened(1), Provider::default())
        .config_directory("config/payment")
        .run()
        .await
}
