//! Consuming: a stream of delivery batches, a place to settle them, and control over their sources.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use async_trait::async_trait;
use futures_core::Stream;

use crate::{DeadLetterRoute, DeliveryBatch, Health, Receipt, Settlement};

/// The deliveries of one consumer. The stream ends when the consumer is closed; a broken connection doesn't end it:
/// the binder reconnects, and says so in [`ConsumerControl::health`].
pub type Deliveries = Pin<Box<dyn Stream<Item = DeliveryBatch> + Send>>;

/// The one place through which a consumer's deliveries are settled.
///
/// Settling is a quick call that never blocks: the binder coalesces (stored offsets, `multiple` acks) and makes sure
/// that nothing is acknowledged beyond the first unsettled message of a source. Receipts of an ended assignment are
/// dropped: the broker delivers their messages again.
pub trait Settler: Send + Sync {
    /// Settles one delivery.
    fn settle(&self, receipt: Receipt, settlement: Settlement);

    /// Accepts deliveries of one source, mostly in its order, and leaves `receipts` empty. A binder whose settling takes
    /// a lock takes it once here.
    fn accept_all(&self, receipts: &mut Vec<Receipt>) {
        for receipt in receipts.drain(..) {
            self.settle(receipt, Settlement::Accept);
        }
    }
}

/// What the runtime can do with a bound consumer.
#[async_trait]
pub trait ConsumerControl: Send + Sync {
    /// Stops fetching from one source; what is on its way still arrives. Quick, never blocks, idempotent.
    fn pause(&self, source: u32);

    /// Fetches from a paused source again. Quick, never blocks, idempotent.
    fn resume(&self, source: u32);

    /// How the consumer is.
    fn health(&self) -> Health;

    /// How many messages of the group wait at the broker, if it is known.
    fn lag(&self) -> Option<u64> {
        None
    }

    /// Stops intake: no further delivery is fetched, settling still works. The stream ends once what was fetched
    /// has been taken from it.
    fn stop(&self);

    /// Settles what was accepted so far, leaves the group and closes. Unsettled messages go back to the broker.
    async fn close(&self);
}

/// A bound consumer, as a binder hands it over.
pub struct Consumer {
    /// The deliveries.
    pub deliveries: Deliveries,
    /// Where they are settled.
    pub settler: Arc<dyn Settler>,
    /// Control over the consumer.
    pub control: Arc<dyn ConsumerControl>,
    /// What happens to a message that can't be processed.
    pub dead_letter: DeadLetterRoute,
    /// The name of the consumer group at the broker; anonymous groups have a generated one.
    pub group: Arc<str>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("group", &self.group)
            .field("dead_letter", &self.dead_letter)
            .finish_non_exhaustive()
    }
}
