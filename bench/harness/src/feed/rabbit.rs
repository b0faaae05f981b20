//! Feeds and drains RabbitMQ.

use anyhow::Result;
use clap::Subcommand;

/// What to do with RabbitMQ.
#[derive(Debug, Subcommand)]
pub enum RabbitCommand {}

/// Does it.
///
/// # Errors
/// When RabbitMQ does not do its part.
pub fn run(command: &RabbitCommand) -> Result<()> {
    match *command {}
}
