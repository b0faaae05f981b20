//! Publications on their way: sent without waiting, confirmed in order.

use std::collections::VecDeque;
use std::future::{Future, ready};
use std::pin::Pin;

use anyhow::{Result, bail};
use bench_common::meter;
use futures_util::FutureExt;
use lapin::options::BasicPublishOptions;
use lapin::protocol::basic::AMQPProperties;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};
use uuid::Builder;

const PERSISTENT: u8 = 2;

type Confirming = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// From the generator of this thread: that of the operating system is a call of it for each message.
fn message_id() -> String {
    let id = Builder::from_random_bytes(rand::random()).into_uuid();
    id.to_string()
}

/// Publishes to one exchange, mandatory and persistent; remembers with each publication a `T`.
///
/// A message has the properties that Spring and Bindery give it, an id of its own among them: the client library hands a
/// returned message over with the confirmation of any other, and only its id tells which one it was.
pub(crate) struct Window<T> {
    channel: Channel,
    exchange: ShortString,
    properties: AMQPProperties,
    on_wire: VecDeque<(T, Confirming)>,
}

impl<T> Window<T> {
    /// `channel` is in confirm mode.
    pub(crate) fn new(channel: Channel, exchange: &str) -> Self {
        Self {
            channel,
            exchange: exchange.into(),
            properties: AMQPProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT)
                .with_priority(0),
            on_wire: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.on_wire.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.on_wire.is_empty()
    }

    /// Hands a message to the library, which writes many with one call of the system.
    ///
    /// The frames are queued when the future is polled first. Waiting until they are written would wake the library's
    /// thread and ours once for each message.
    pub(crate) fn publish(&mut self, body: Vec<u8>, about: T) {
        let channel = self.channel.clone();
        let exchange = self.exchange.clone();
        let properties = self
            .properties
            .clone()
            .with_message_id(message_id().into())
            .with_timestamp(meter::now() / 1_000_000);
        let mut confirming: Confirming = Box::pin(async move {
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            channel
                .basic_publish(exchange.clone(), exchange, options, &body, properties)
                .await?
                .await
        });
        if let Some(early) = confirming.as_mut().now_or_never() {
            confirming = Box::pin(ready(early));
        }
        self.on_wire.push_back((about, confirming));
    }

    /// Waits until the oldest publication is confirmed. Cancel safe. Pending for ever when there is none.
    pub(crate) async fn confirmed(&mut self) -> Result<T> {
        let Some((_, confirming)) = self.on_wire.front_mut() else {
            return std::future::pending().await;
        };
        let confirmation = confirming.await?;
        let Some((about, _)) = self.on_wire.pop_front() else {
            bail!("a confirmation of nothing");
        };
        match confirmation {
            Confirmation::Ack(None) => Ok(about),
            other => bail!("the broker did not take a message: {other:?}"),
        }
    }
}
