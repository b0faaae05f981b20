//! Feeds and drains Kafka. The brokers are those of `KAFKA_BROKERS`.

mod drain;
mod fill;
mod pace;
mod publisher;
mod topics;

use std::env;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use rdkafka::ClientConfig;
use serde::Serialize;

use super::Keys;

/// What to do with Kafka.
#[derive(Debug, Subcommand)]
pub enum KafkaCommand {
    /// Makes a topic unless it is there.
    KafkaCreate(Topic),
    /// Fills a topic as fast as possible, in turn over its partitions; what is there already counts.
    KafkaFill {
        /// The topic.
        #[command(flatten)]
        topic: Topic,
        /// How many messages there shall be.
        #[arg(long)]
        count: u64,
        /// The size of a payload.
        #[arg(long, default_value_t = 512)]
        bytes: usize,
        /// The keys.
        #[command(flatten)]
        keys: Keys,
        /// The number that orders of the first partition bear, where one program reads several topics.
        #[arg(long, default_value_t = 0)]
        first_partition: u32,
    },
    /// Publishes at a steady rate, whether anybody keeps up or not, behind what is there; `sent` is when a message was
    /// meant to be sent. SIGTERM ends it early.
    KafkaPace {
        /// The topic.
        #[command(flatten)]
        topic: Topic,
        /// Messages a second.
        #[arg(long)]
        rate: u64,
        /// For how long.
        #[arg(long)]
        seconds: u64,
        /// The size of a payload.
        #[arg(long, default_value_t = 512)]
        bytes: usize,
    },
    /// Reads a topic from its start to its end and checks the order.
    KafkaDrain {
        /// The topic.
        #[arg(long)]
        topic: String,
        /// Fails unless there are exactly so many different messages, in order.
        #[arg(long)]
        expect: Option<u64>,
        /// Reads on until SIGTERM, and tells how long the messages were on their way.
        #[arg(long)]
        live: bool,
    },
    /// Tells what a group has committed: the sum of its offsets.
    KafkaCommitted {
        /// The consumer group.
        #[arg(long)]
        group: String,
        /// The topics.
        #[arg(long = "topic", required = true)]
        topics: Vec<String>,
    },
    /// Deletes topics that are there.
    KafkaDrop {
        /// The topics.
        #[arg(long = "topic", required = true)]
        topics: Vec<String>,
    },
}

/// A topic and its shape.
#[derive(Args, Clone, Debug)]
pub struct Topic {
    /// The topic.
    #[arg(long = "topic")]
    pub name: String,
    /// How many partitions it has.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub partitions: u32,
}

/// What the orders of a topic are like.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    bytes: usize,
    keys: Keys,
    /// The number that orders of the first partition bear.
    first_partition: u32,
}

impl Topic {
    /// The partition and place of a message: they take turns.
    fn place(&self, id: u64) -> (u32, u64) {
        let partitions = u64::from(self.partitions);
        (
            u32::try_from(id % partitions).unwrap_or(u32::MAX),
            id / partitions,
        )
    }
}

/// Does it.
///
/// # Errors
/// When Kafka does not do its part, or a drained topic is not as it must be.
pub fn run(command: &KafkaCommand) -> Result<()> {
    match command {
        KafkaCommand::KafkaCreate(topic) => topics::create(topic),
        KafkaCommand::KafkaFill {
            topic,
            count,
            bytes,
            keys,
            first_partition,
        } => {
            let shape = Shape {
                bytes: *bytes,
                keys: *keys,
                first_partition: *first_partition,
            };
            fill::run(topic, *count, shape)
        }
        KafkaCommand::KafkaPace {
            topic,
            rate,
            seconds,
            bytes,
        } => pace::run(topic, *rate, *seconds, *bytes),
        KafkaCommand::KafkaDrain { topic, expect, live } => drain::run(topic, *expect, *live),
        KafkaCommand::KafkaCommitted { group, topics } => topics::committed(group, topics),
        KafkaCommand::KafkaDrop { topics } => topics::delete(topics),
    }
}

/// What every client begins with.
fn config() -> Result<ClientConfig> {
    let brokers = env::var("KAFKA_BROKERS").context("`KAFKA_BROKERS` is missing")?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    Ok(config)
}

/// One line for the harness.
fn tell(report: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(report)?);
    Ok(())
}
