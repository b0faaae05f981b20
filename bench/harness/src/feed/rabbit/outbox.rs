//! Publishes to a queue: confirmed, persistent, and without waiting for each message.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use anyhow::{Result, bail};
use bench_common::Order;
use futures_util::FutureExt;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::protocol::basic::AMQPProperties;
use lapin::types::ShortString;
use lapin::{Channel, Confirmation};

const PERSISTENT: u8 = 2;

type Confirming = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

pub(super) struct Outbox {
    channel: Channel,
    queue: ShortString,
    properties: AMQPProperties,
    on_wire: VecDeque<Confirming>,
}

impl Outbox {
    pub(super) async fn open(channel: &Channel, queue: &str) -> Result<Self> {
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self {
            channel: channel.clone(),
            queue: queue.into(),
            properties: AMQPProperties::default()
                .with_content_type("application/json".into())
                .with_delivery_mode(PERSISTENT),
            on_wire: VecDeque::new(),
        })
    }

    /// Sends an order through the default exchange, straight into the queue.
    pub(super) fn send(&mut self, order: &Order) -> Result<()> {
        let body = serde_json::to_vec(order)?;
        let channel = self.channel.clone();
        let (queue, properties) = (self.queue.clone(), self.properties.clone());
        let mut confirming: Confirming = Box::pin(async move {
            let options = BasicPublishOptions {
                mandatory: true,
                ..BasicPublishOptions::default()
            };
            channel
                .basic_publish("".into(), queue, options, &body, properties)
                .await?
                .await
        });
        // The frames are queued when the future is polled first, and so the order is kept.
        match confirming.as_mut().now_or_never() {
            Some(confirmation) => check(confirmation?),
            None => {
                self.on_wire.push_back(confirming);
                Ok(())
            }
        }
    }

    /// Waits until at most `count` messages are unconfirmed.
    pub(super) async fn settle(&mut self, count: usize) -> Result<()> {
        while self.on_wire.len() > count {
            if let Some(oldest) = self.on_wire.pop_front() {
                check(oldest.await?)?;
            }
        }
        Ok(())
    }

    /// Looks at what is confirmed already.
    pub(super) fn look(&mut self) -> Result<()> {
        while let Some(confirmation) = self.on_wire.front_mut().and_then(FutureExt::now_or_never) {
            self.on_wire.pop_front();
            check(confirmation?)?;
        }
        Ok(())
    }
}

fn check(confirmation: Confirmation) -> Result<()> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        other => bail!("the broker did not take a message: {other:?}"),
    }
}
