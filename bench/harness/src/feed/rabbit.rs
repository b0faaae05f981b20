//! Feeds and drains RabbitMQ. The broker's address is in `RABBITMQ_ADDRESSES`; each command prints one line of JSON.

mod broker;
mod drain;
mod fill;
mod outbox;

use anyhow::Result;
use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use super::Keys;
pub use super::tally::{Drained, Latency};

/// What to do with RabbitMQ.
#[derive(Debug, Subcommand)]
pub enum RabbitCommand {
    /// Declares the queue and fills it as fast as it goes.
    RabbitFill {
        /// The queue.
        #[command(flatten)]
        queue: Queue,
        /// How many messages; 0 only declares and empties.
        #[arg(long)]
        count: u64,
        /// The number of the first message; unless it is 0, the queue is not emptied before.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// The keys.
        #[command(flatten)]
        keys: Keys,
    },
    /// Publishes at a steady rate, whoever reads or not, until SIGTERM or for so many seconds.
    RabbitPace {
        /// The queue.
        #[command(flatten)]
        queue: Queue,
        /// The number of the first message; unless it is 0, the queue is not emptied before.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Messages per second.
        #[arg(long)]
        rate: u64,
        /// For how many seconds.
        #[arg(long)]
        seconds: u64,
    },
    /// Declares the exchange with its queue `<exchange>.drain` and empties that, or reads it until it is empty.
    RabbitDrain {
        /// The exchange that the measured program publishes to.
        #[arg(long)]
        exchange: String,
        /// Declares and empties; reads nothing.
        #[arg(long, conflicts_with = "live")]
        declare: bool,
        /// Reads until SIGTERM and then until the queue is empty, and records how long the messages were on their way.
        #[arg(long)]
        live: bool,
    },
    /// How many messages a queue holds whose consumers have gone.
    RabbitLeft {
        /// The queue.
        #[arg(long)]
        queue: String,
    },
    /// Deletes queues and exchanges; what is not there is no error.
    RabbitDrop {
        /// A queue that was filled, and its exchange with it.
        #[arg(long)]
        queue: Option<String>,
        /// An exchange that was drained, and its queue with it.
        #[arg(long)]
        exchange: Option<String>,
    },
}

/// A queue to feed.
#[derive(Debug, Args)]
pub struct Queue {
    /// `<destination>.<group>`; the exchange has the name of the destination.
    #[arg(long = "queue")]
    name: String,
    /// What kind of queue it is.
    #[arg(long = "type", default_value = "classic")]
    kind: QueueKind,
    /// How large a message is.
    #[arg(long, default_value_t = 512)]
    bytes: usize,
}

/// Kinds of queues.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum QueueKind {
    /// A durable classic queue.
    Classic,
    /// A quorum queue.
    Quorum,
}

#[derive(Serialize)]
struct Left {
    left: u32,
}

/// Does it.
///
/// # Errors
/// When RabbitMQ does not do its part.
pub fn run(command: &RabbitCommand) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(execute(command))
}

async fn execute(command: &RabbitCommand) -> Result<()> {
    let connection = broker::connect().await?;
    // Held to the end: the library refuses to close a connection while a dropped channel is closing.
    let channel = connection.create_channel().await?;
    match command {
        RabbitCommand::RabbitFill {
            queue,
            count,
            from,
            keys,
        } => {
            broker::declare_input(&channel, queue, *from == 0).await?;
            say(&fill::fill(&channel, queue, *from..*from + *count, *keys).await?)?;
        }
        RabbitCommand::RabbitPace {
            queue,
            from,
            rate,
            seconds,
        } => {
            broker::declare_input(&channel, queue, *from == 0).await?;
            say(&fill::pace(&channel, queue, *from, *rate, *seconds).await?)?;
        }
        RabbitCommand::RabbitDrain {
            exchange,
            declare: true,
            ..
        } => broker::declare_output(&channel, exchange).await?,
        RabbitCommand::RabbitDrain { exchange, live, .. } => {
            say(&drain::drain(&channel, exchange, *live).await?)?;
        }
        RabbitCommand::RabbitLeft { queue } => {
            let left = broker::left(&channel, queue).await?;
            say(&Left { left })?;
        }
        RabbitCommand::RabbitDrop { queue, exchange } => {
            if let Some(queue) = queue {
                broker::delete(&channel, queue, broker::destination(queue)?).await?;
            }
            if let Some(exchange) = exchange {
                broker::delete(&channel, &broker::drain_queue(exchange), exchange).await?;
            }
        }
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}

fn say(result: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(result)?);
    Ok(())
}
