//! Runs the order service as it is configured in `config/order`, with its HTTP API at `SERVER_ADDRESS:SERVER_PORT`
//! (127.0.0.1:8080).

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal};

use order_service::{OrderBook, Orders};
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    log();
    let book = OrderBook::default();
    let running = order_service::application(book.clone())
        .config_directory("config/order")
        .start()
        .await?;
    let router = order_service::router(Orders::new(book, running.stream_bridge()));

    let address = env::var("SERVER_ADDRESS").unwrap_or_else(|_| "127.0.0.1".to_owned());
    let port = env::var("SERVER_PORT").unwrap_or_else(|_| "8080".to_owned());
    let listener = TcpListener::bind(format!("{address}:{port}")).await?;
    tracing::info!(address = %listener.local_addr()?, "taking orders");
    axum::serve(listener, router)
        .with_graceful_shutdown(bindery::terminated())
        .await?;

    running.shutdown().await?;
    Ok(())
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
