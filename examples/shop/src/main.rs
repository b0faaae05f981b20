//! `cargo run -p shop`: see `cargo run -p shop -- --help`.

use std::error::Error;
use std::io::{self, IsTerminal};
use std::process::ExitCode;

use shop::options::{Arguments, Command, Options};
use tracing_subscriber::EnvFilter;

#[bindery::main]
async fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    log();

    let arguments = Arguments::read(std::env::args());
    let ok = match &arguments.command {
        Some(Command::Generate(generate)) => shop::remote::generate(generate).await?,
        None => run(&arguments.options).await?,
    };
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn run(options: &Options) -> Result<bool, Box<dyn Error + Send + Sync>> {
    let summary = shop::run(options).await?;
    println!("\n{summary}");
    if options.json {
        println!("{}", serde_json::to_string(&summary)?);
    }
    Ok(summary.ok)
}

/// Logs to standard error what `RUST_LOG` asks for, or what matters.
fn log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(colours)
        .with_writer(io::stderr)
        .init();
}
