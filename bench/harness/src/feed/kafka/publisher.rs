//! Publishes orders into the partitions that the feeder chooses, each once and in order.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bench_common::Order;
use rdkafka::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::{Shape, config};

/// How long the brokers have for the last messages.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a full queue rests.
const REST: Duration = Duration::from_millis(1);

pub(super) struct Publisher<'a> {
    producer: ThreadedProducer<Failure>,
    topic: &'a str,
    order: Order,
    json: Vec<u8>,
    shape: Shape,
}

impl<'a> Publisher<'a> {
    /// One that has met the brokers already. `linger` is in milliseconds.
    pub(super) fn new(topic: &'a str, shape: Shape, linger: &str) -> Result<Self> {
        let producer: ThreadedProducer<_> = config()?
            .set("enable.idempotence", "true")
            .set("linger.ms", linger)
            // A feeder that is faster than the broker shall not fill the memory.
            .set("queue.buffering.max.kbytes", "65536")
            .create_with_context(Failure::default())?;
        producer.client().fetch_metadata(Some(topic), PATIENCE)?;
        Ok(Self {
            producer,
            topic,
            order: Order::sample(0, 0, 0, 0, 0),
            json: Vec::with_capacity(shape.bytes),
            shape,
        })
    }

    /// Publishes the order of this number, partition and place.
    pub(super) fn publish(&mut self, id: u64, partition: u32, sequence: u64, sent: u64) -> Result<()> {
        self.producer.context().judge()?;
        self.order.id = id;
        self.order.partition = self.shape.first_partition + partition;
        self.order.sequence = sequence;
        self.order.sent = sent;
        let key = match self.shape.keys.of(id) {
            Some(key) => {
                self.order.customer.clone_from(&key);
                key
            }
            None => self.order.key(),
        };
        padded(&self.order, self.shape.bytes, &mut self.json)?;
        let mut record = BaseRecord::to(self.topic)
            .partition(i32::try_from(partition)?)
            .key(&key)
            .payload(&self.json)
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

/// Writes an order that has an empty note so that it has that many bytes. The feeder shares its machine with the program
/// that is measured, so it spares the work of making each order anew.
fn padded(order: &Order, bytes: usize, json: &mut Vec<u8>) -> Result<()> {
    const END: &[u8] = b"\"}";
    json.clear();
    serde_json::to_writer(&mut *json, order)?;
    ensure!(
        json.ends_with(b"\"note\":\"\"}"),
        "the note is not the last field of an order"
    );
    let filled = bytes.max(json.len()) - END.len();
    json.truncate(json.len() - END.len());
    json.resize(filled, b'x');
    json.extend_from_slice(END);
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_order_has_its_size_and_its_fields() {
        let mut json = vec![1, 2, 3];
        for (id, bytes) in [(7, 512), (12_345_678, 512), (1, 100 * 1_024)] {
            let mut order = Order::sample(id, 3, id / 4, 1_764_000_000_000_000, 0);
            padded(&order, bytes, &mut json).expect("an order can be written");
            assert_eq!(json.len(), bytes);
            let mut back: Order = serde_json::from_slice(&json).expect("what was written is read");
            assert!(back.note.bytes().all(|letter| letter == b'x'));
            back.note.clear();
            order.note.clear();
            assert_eq!(back, order);
        }
    }

    #[test]
    fn an_order_that_is_longer_stays_whole() {
        let mut json = Vec::new();
        let order = Order::sample(0, 0, 0, 0, 0);
        padded(&order, 10, &mut json).expect("an order can be written");
        assert_eq!(serde_json::from_slice::<Order>(&json).ok(), Some(order));
    }
}
