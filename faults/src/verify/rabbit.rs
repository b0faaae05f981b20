//! The verifier for RabbitMQ: consumes its queues until they are empty.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind};
use tokio::time::{Instant, timeout};

use super::{Drained, Notes, Seen, What};
use crate::brokers::Rabbit;
use crate::ledger::Writer;

const PREFETCH: u16 = 500;
/// How long the broker may send nothing before it is asked whether there is more.
const PAUSE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads one case's outputs and dead letters.
#[derive(Debug)]
pub struct RabbitVerifier {
    rabbit: Rabbit,
    queues: Vec<(What, String)>,
    notes: Notes,
    /// How many messages were read from each queue.
    read: BTreeMap<String, u64>,
}

impl RabbitVerifier {
    /// Reads the queues `outputs` and `dead_letters`; one that does not exist holds nothing.
    pub fn new(rabbit: &Rabbit, outputs: &[String], dead_letters: &[String], ledger: Arc<Writer>) -> Self {
        let of = |what: What, names: &[String]| -> Vec<_> {
            names.iter().map(|name| (what, name.clone())).collect()
        };
        let mut queues = of(What::Output, outputs);
        queues.extend(of(What::DeadLetter, dead_letters));
        Self {
            rabbit: rabbit.clone(),
            queues,
            notes: Notes::new(ledger),
            read: BTreeMap::new(),
        }
    }

    /// Reads all of them until they are empty.
    ///
    /// # Errors
    /// When the broker is away, or an output is none of the service's.
    pub async fn drain(&mut self) -> Result<Drained> {
        let connection = self.rabbit.connect("bench-verifier").await?;
        for (what, queue) in self.queues.clone() {
            self.drain_queue(&connection, what, &queue)
                .await
                .with_context(|| format!("draining `{queue}`"))?;
        }
        timeout(PATIENCE, connection.close(200, "OK".into())).await??;
        Ok(self.notes.finish())
    }

    async fn drain_queue(&mut self, connection: &Connection, what: What, queue: &str) -> Result<()> {
        let channel = connection.create_channel().await?;
        match waiting(&channel, queue).await? {
            None => return Ok(()),
            Some(0) => {
                // Left to itself it would be closing while the connection is being closed, which lapin calls an error.
                channel.close(200, "OK".into()).await?;
                return Ok(());
            }
            Some(_) => {}
        }
        channel
            .basic_qos(PREFETCH, BasicQosOptions { global: false })
            .await?;
        let mut deliveries = channel
            .basic_consume(
                queue.into(),
                "bench-verifier".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout(PAUSE, deliveries.next()).await {
                Ok(Some(delivery)) => {
                    let delivery = delivery?;
                    let read = self.read.entry(queue.to_owned()).or_default();
                    self.notes.take(what, seen(queue, *read, &delivery))?;
                    *read += 1;
                    delivery.ack(BasicAckOptions::default()).await?;
                }
                Ok(None) => bail!("the broker ended the consumer"),
                Err(_) if waiting(&channel, queue).await? == Some(0) => break,
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                bail!("not empty after {PATIENCE:?}");
            }
        }
        // The broker takes the acknowledgements in before it answers this.
        channel.close(200, "OK".into()).await?;
        Ok(())
    }
}

/// How many messages a queue holds that nobody has; `None` when there is no such queue, and then the channel is closed.
async fn waiting(channel: &Channel, queue: &str) -> Result<Option<u32>> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    match channel
        .queue_declare(queue.into(), options, FieldTable::default())
        .await
    {
        Ok(queue) => Ok(Some(queue.message_count())),
        Err(error) => match error.kind() {
            ErrorKind::ProtocolError(refusal) if refusal.get_id() == 404 => Ok(None),
            _ => Err(error.into()),
        },
    }
}

fn seen(queue: &str, position: u64, delivery: &Delivery) -> Seen {
    let headers = delivery.properties.headers().as_ref();
    let text = |(name, value): (&lapin::types::ShortString, &AMQPValue)| {
        let value = match value {
            AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
            AMQPValue::ShortString(text) => text.as_str().to_owned(),
            other => format!("{other:?}"),
        };
        (name.as_str().to_owned(), value)
    };
    Seen {
        source: queue.to_owned(),
        position,
        payload: delivery.data.clone(),
        headers: headers
            .map(|table| table.inner().iter().map(text).collect())
            .unwrap_or_default(),
    }
}
