//! The project's own chores, run as `cargo xtask <command>`: brokers for development, the one test command, the
//! checks of CI, and the house rules that no other tool knows.

mod bench;
mod brokers;
mod ci;
mod faults;
mod fuzz;
mod install;
mod paths;
mod process;
mod test;
mod tidy;

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
    /// Run every test on all three binders, with the brokers that they need.
    Test(test::Arguments),
    /// Run the fuzz targets, guided by coverage where that works.
    Fuzz(fuzz::Arguments),
    /// Kill, freeze and cut off processes and brokers while messages flow, and prove that none is lost.
    Faults(faults::Arguments),
    /// Measure Bindery beside the bare clients, and beside its peers.
    Bench(bench::Arguments),
    /// Run the checks besides the tests: format, clippy, documentation, house rules, licences.
    Ci,
    /// Check the house rules that no other tool knows.
    Tidy,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Brokers { action } => brokers::run(&action),
        Chore::Test(arguments) => test::run(&arguments),
        Chore::Fuzz(arguments) => fuzz::run(&arguments),
        Chore::Faults(arguments) => faults::run(&arguments),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::Ci => ci::run(),
        Chore::Tidy => tidy::run(),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
