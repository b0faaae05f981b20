//! What a consumer hands over: batches of messages of one source, each with a receipt to settle it by.

use std::sync::Arc;

use crate::{RawMessage, Signal};

/// One ordered source of a consumer: an assigned Kafka partition, a RabbitMQ queue on one channel.
///
/// A source lives as long as one assignment. When it is taken away the binder cancels `revoked`; from then on no
/// message of it is started, and receipts that come late are dropped by the binder.
#[derive(Debug)]
pub struct Source {
    /// The number of the source within its consumer; used again by a later assignment of the same place.
    pub id: u32,
    /// The number of the assignment; a receipt of an older one settles nothing.
    pub generation: u32,
    /// A name for people, for example `orders-3` or `orders.inventory`.
    pub name: Arc<str>,
    /// The partition, where the broker has them.
    pub partition: Option<i32>,
    /// Cancelled when the assignment ends.
    pub revoked: Signal,
}

impl Source {
    /// A source of the given assignment.
    pub fn new(id: u32, generation: u32, name: impl Into<Arc<str>>, partition: Option<i32>) -> Arc<Self> {
        Arc::new(Self {
            id,
            generation,
            name: name.into(),
            partition,
            revoked: Signal::new(),
        })
    }

    /// The receipt of the message at `position`. Only the binder that delivers the message makes one.
    pub fn receipt(&self, position: u64) -> Receipt {
        Receipt {
            source: self.id,
            generation: self.generation,
            position,
        }
    }
}

/// The one value by which a delivered message is settled: not `Clone`, consumed by [`Settler::settle`].
///
/// [`Settler::settle`]: crate::Settler::settle
#[derive(Debug)]
#[must_use = "a receipt that is dropped leaves its message unsettled until the source is assigned anew"]
pub struct Receipt {
    /// The source's number.
    pub source: u32,
    /// The assignment's number.
    pub generation: u32,
    /// The offset or delivery tag.
    pub position: u64,
}

/// What becomes of a delivered message at its broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It is done: its effects are confirmed. Kafka: the offset may be committed; AMQP: ack.
    Accept,
    /// It was not processed and goes back: Kafka: the offset stays uncommitted; AMQP: requeue.
    Release,
    /// The broker shall dead-letter it itself. Only where the consumer's dead letter is native.
    Reject,
}

/// A message and its receipt: the only value that can be settled.
#[derive(Debug)]
pub struct Delivery {
    /// The message.
    pub message: RawMessage,
    /// Its receipt.
    pub receipt: Receipt,
}

/// Deliveries of one source, in its order.
#[derive(Debug)]
pub struct DeliveryBatch {
    /// The source of every delivery in the batch.
    pub source: Arc<Source>,
    /// The deliveries.
    pub deliveries: Vec<Delivery>,
}
