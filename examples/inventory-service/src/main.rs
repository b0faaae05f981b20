//! Runs the inventory service as it is configured in `config/inventory`.

use inventory_service::Warehouse;
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> bindery::Result {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();

    inventory_service::application(Warehouse::stocked(1))
        .config_directory("config/inventory")
        .run()
        .await
}
