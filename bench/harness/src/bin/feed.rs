//! `bench-feed`: fills topics and queues for the program that is measured, and drains what it has published.

use anyhow::Result;
use bench_harness::feed::kafka::{self, KafkaCommand};
use bench_harness::feed::rabbit::{self, RabbitCommand};
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Kafka(KafkaCommand),
    #[command(flatten)]
    Rabbit(RabbitCommand),
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Kafka(command) => kafka::run(&command),
        Command::Rabbit(command) => rabbit::run(&command),
    }
}
