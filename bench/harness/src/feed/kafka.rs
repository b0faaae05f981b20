//! Feeds and drains Kafka.

use anyhow::Result;
use clap::Subcommand;

/// What to do with Kafka.
#[derive(Debug, Subcommand)]
pub enum KafkaCommand {}

/// Does it.
///
/// # Errors
/// When Kafka does not do its part.
pub fn run(command: &KafkaCommand) -> Result<()> {
    match *command {}
}
