//! Publishes orders into the partitions that the feeder chooses, each once and in order.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bench_common::Order;
use rdkafka::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::config;

/// How long the brokers have for the last messages.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a full queue rests.
const REST: Duration = Duration::from_millis(1);

pub(super) struct Publisher<'a> {
    producer: ThreadedProducer<Failure>,
    topic: &'a str,
    bytes: usize,
}

impl<'a> Publisher<'a> {
    /// `linger` is in milliseconds.
    pub(super) fn new(topic: &'a str, bytes: usize, linger: &str) -> Result<Self> {
        let producer = config()?
            .set("enable.idempotence", "true")
            .set("linger.ms", linger)
            // A feeder that is faster than the broker shall not fill the memory.
            .set("queue.buffering.max.kbytes", "65536")
            .create_with_context(Failure::default())?;
        Ok(Self {
            producer,
            topic,
            bytes,
        })
    }

    /// Publishes the order of this number, partition and place.
    pub(super) fn publish(&self, id: u64, partition: u32, sequence: u64, sent: u64) -> Result<()> {
        self.producer.context().judge()?;
        let order = Order::sample(id, partition, sequence, sent, self.bytes);
        let key = order.key();
        let json = serde_json::to_vec(&order)?;
        let mut record = BaseRecord::to(self.topic)
            .partition(i32::try_from(partition)?)
            .key(&key)
            .payload(&json)
            .headers(OwnedHeaders::new_with_capacity(1).insert(Header {
                key: "contentType",
                value: Some("application/json"),
            }));
        while let Err((error, refused)) = self.producer.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(error).context("a message was refused");
            }
            record = refused;
            thread::sleep(REST);
        }
        Ok(())
    }

    /// Waits until everything is confirmed.
    pub(super) fn finish(&self) -> Result<()> {
        self.producer.flush(PATIENCE)?;
        self.producer.context().judge()
    }
}

/// The first message that was not delivered.
#[derive(Default)]
struct Failure(OnceLock<String>);

impl Failure {
    fn judge(&self) -> Result<()> {
        match self.0.get() {
            Some(failure) => bail!("a message was not delivered: {failure}"),
            None => Ok(()),
        }
    }
}

impl ClientContext for Failure {}

impl ProducerContext for Failure {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            self.0.get_or_init(|| error.to_string());
        }
    }
}
