//! The project's own chores, run as `cargo xtask <command>`: brokers for development, the one test command, the
//! checks of CI, and the house rules that no other tool knows.

mod brokers;
mod paths;
mod process;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Chores of this workspace",
    disable_help_subcommand = true
)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Start, stop or look at a real Kafka and a real RabbitMQ on private ports.
    Brokers {
        #[command(subcommand)]
        action: brokers::Action,
    },
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Brokers { action } => brokers::run(&action),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
