//! The exchanges and queues of a run, declared as a service declares them that follows Spring's names.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use lapin::options::{
    ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
    QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, ExchangeKind};
use tokio::time::{Instant, sleep};

use super::{Queue, QueueKind};

/// How long a queue may take to get back what its consumers held.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);
/// How long its count has to stay the same.
const STEADY_FOR: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(super) async fn connect() -> Result<Connection> {
    let address = std::env::var("RABBITMQ_ADDRESSES").context("`RABBITMQ_ADDRESSES` is missing")?;
    let uri = format!("amqp://guest:guest@{address}/%2f?heartbeat=30");
    Connection::connect(&uri, ConnectionProperties::default())
        .await
        .with_context(|| format!("can't connect to RabbitMQ at `{address}`"))
}

/// The destination of a queue `<destination>.<group>`.
pub(super) fn destination(queue: &str) -> Result<&str> {
    match queue.rsplit_once('.') {
        Some((destination, _)) => Ok(destination),
        None => bail!("queue `{queue}` is not named `<destination>.<group>`"),
    }
}

/// The queue that takes what is published to an exchange.
pub(super) fn drain_queue(exchange: &str) -> String {
    format!("{exchange}.drain")
}

/// Declares a queue that a program consumes, and empties it if that is wanted.
pub(super) async fn declare_input(channel: &Channel, queue: &Queue, empty: bool) -> Result<()> {
    let mut arguments = FieldTable::default();
    if matches!(queue.kind, QueueKind::Quorum) {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    }
    declare(channel, destination(&queue.name)?, &queue.name, arguments).await?;
    if empty {
        purge(channel, &queue.name).await?;
    }
    Ok(())
}

/// Declares an exchange that a program publishes to, with an empty queue.
pub(super) async fn declare_output(channel: &Channel, exchange: &str) -> Result<()> {
    let queue = drain_queue(exchange);
    declare(channel, exchange, &queue, FieldTable::default()).await?;
    purge(channel, &queue).await
}

async fn declare(channel: &Channel, exchange: &str, queue: &str, arguments: FieldTable) -> Result<()> {
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let none = FieldTable::default;
    channel
        .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, none())
        .await?;
    channel
        .queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments)
        .await?;
    let bind = QueueBindOptions::default();
    channel
        .queue_bind(queue.into(), exchange.into(), "#".into(), bind, none())
        .await?;
    Ok(())
}

async fn purge(channel: &Channel, queue: &str) -> Result<()> {
    channel
        .queue_purge(queue.into(), QueuePurgeOptions::default())
        .await?;
    Ok(())
}

/// How many messages are ready in a queue, and how many consumers it has.
pub(super) async fn look(channel: &Channel, queue: &str) -> Result<(u32, u32)> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await?;
    Ok((queue.message_count(), queue.consumer_count()))
}

/// How many messages a queue holds once its consumers are gone and what they held is back.
///
/// Only ready messages are counted, and a queue takes back the others some time after the connection of their consumer
/// has ended: the count is read until it stays the same.
pub(super) async fn left(channel: &Channel, queue: &str) -> Result<u32> {
    let began = Instant::now();
    let mut count = None;
    let mut since = began;
    while began.elapsed() < SETTLE_LIMIT {
        let (ready, consumers) = look(channel, queue).await?;
        if consumers > 0 || count != Some(ready) {
            count = Some(ready);
            since = Instant::now();
        } else if since.elapsed() >= STEADY_FOR {
            return Ok(ready);
        }
        sleep(LOOK_EVERY).await;
    }
    bail!("queue `{queue}` still changes after {SETTLE_LIMIT:?}")
}

/// Deletes a queue and its exchange.
pub(super) async fn delete(channel: &Channel, queue: &str, exchange: &str) -> Result<()> {
    channel
        .queue_delete(queue.into(), QueueDeleteOptions::default())
        .await?;
    channel
        .exchange_delete(exchange.into(), ExchangeDeleteOptions::default())
        .await?;
    Ok(())
}
