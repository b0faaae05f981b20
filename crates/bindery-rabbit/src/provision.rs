//! Declaring a topology: on a channel of its own, because a declaration that doesn't fit kills its channel.

use bindery_core::ErrorKind;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind};

use crate::connection::{Live, RPC_LIMIT};
use crate::error::{Refusal, within};
use crate::topology::{Argument, Binding, Exchange, Queue, Topology};

/// Declares everything that isn't there yet. Nothing that exists is altered.
///
/// # Errors
/// Permanent, with the broker's text, when something exists with other properties.
pub(crate) async fn declare(live: &Live, topology: &Topology) -> Result<(), Refusal> {
    let channel = live.channel().await?;
    let declared = declare_all(&channel, topology).await;
    if declared.is_ok() {
        // Nothing depends on this channel any more; if the close fails the connection is broken and found so elsewhere.
        let _ = within(RPC_LIMIT, "closing a channel", channel.close(200, "OK".into())).await;
    }
    declared
}

async fn declare_all(channel: &Channel, topology: &Topology) -> Result<(), Refusal> {
    for exchange in &topology.exchanges {
        declare_exchange(channel, exchange).await?;
    }
    for queue in &topology.queues {
        declare_queue(channel, queue).await?;
    }
    for binding in &topology.bindings {
        bind(channel, binding).await?;
    }
    Ok(())
}

async fn declare_exchange(channel: &Channel, exchange: &Exchange) -> Result<(), Refusal> {
    let kind = match exchange.kind.as_str() {
        "topic" => ExchangeKind::Topic,
        "direct" => ExchangeKind::Direct,
        "fanout" => ExchangeKind::Fanout,
        "headers" => ExchangeKind::Headers,
        other => ExchangeKind::Custom(other.to_owned()),
    };
    let options = ExchangeDeclareOptions {
        durable: exchange.durable,
        auto_delete: exchange.auto_delete,
        ..ExchangeDeclareOptions::default()
    };
    let what = format!("declaring exchange `{}`", exchange.name);
    let name = short(&exchange.name, "exchange")?;
    within(
        RPC_LIMIT,
        &what,
        channel.exchange_declare(name, kind, options, FieldTable::default()),
    )
    .await
}

async fn declare_queue(channel: &Channel, queue: &Queue) -> Result<(), Refusal> {
    let options = QueueDeclareOptions {
        durable: queue.durable,
        exclusive: queue.exclusive,
        auto_delete: queue.auto_delete,
        ..QueueDeclareOptions::default()
    };
    let mut arguments = FieldTable::default();
    for (name, value) in &queue.arguments {
        arguments.insert(short(name, "argument")?, argument(value));
    }
    let what = format!("declaring queue `{}`", queue.name);
    let name = short(&queue.name, "queue")?;
    within(RPC_LIMIT, &what, channel.queue_declare(name, options, arguments))
        .await
        .map(drop)
}

async fn bind(channel: &Channel, binding: &Binding) -> Result<(), Refusal> {
    let mut arguments = FieldTable::default();
    for (name, value) in &binding.arguments {
        arguments.insert(
            short(name, "argument")?,
            AMQPValue::LongString(value.as_str().into()),
        );
    }
    let what = format!(
        "binding queue `{}` to exchange `{}` with `{}`",
        binding.queue, binding.exchange, binding.routing_key
    );
    let queue = short(&binding.queue, "queue")?;
    let exchange = short(&binding.exchange, "exchange")?;
    let key = short(&binding.routing_key, "routing key")?;
    let call = channel.queue_bind(queue, exchange, key, QueueBindOptions::default(), arguments);
    within(RPC_LIMIT, &what, call).await
}

fn argument(value: &Argument) -> AMQPValue {
    match value {
        Argument::Text(text) => AMQPValue::LongString(text.as_str().into()),
        Argument::Flag(flag) => AMQPValue::Boolean(*flag),
        Argument::Integer(value) => match i32::try_from(*value) {
            Ok(small) => AMQPValue::LongInt(small),
            Err(_) => AMQPValue::LongLongInt(*value),
        },
    }
}

/// A name for the wire, where 255 bytes are the limit.
pub(crate) fn short(text: &str, what: &str) -> Result<ShortString, Refusal> {
    ShortString::try_new(text).map_err(|_| {
        Refusal::permanent(
            ErrorKind::Topology,
            format!("{what} `{:.40}…` has {} bytes; at most 255 fit", text, text.len()),
        )
    })
}
