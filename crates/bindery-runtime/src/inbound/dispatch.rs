//! Dispatch: which lane takes a delivery. One lane per source, per key, or per message.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use bindery_core::{
    ConsumerControl, Delivery, DeliveryBatch, ListenerContext, RawMessage, Settlement, Source, fail_point,
};
use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Shared;
use super::lane::Lane;
use super::load::{Limits, SourceLoad};
use super::queue::{Keys, Queue};
use crate::config::Ordering;

/// How deliveries of a source are spread over lanes.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    pub(crate) ordering: Ordering,
    /// How many handlers of a source run at once; `None` is bounded by what is in flight.
    pub(crate) parallel: Option<usize>,
}

/// The lanes of one consumer.
pub(crate) struct Lanes {
    shared: Arc<Shared>,
    control: Arc<dyn ConsumerControl>,
    spread: Spread,
    limits: Limits,
    sources: HashMap<u32, SourceLanes>,
    tasks: TaskTracker,
    abort: CancellationToken,
    counter: u64,
}

/// The lanes of one assignment of a source.
struct SourceLanes {
    source: Arc<Source>,
    load: Arc<SourceLoad>,
    /// What listeners are called with, not shared with other sources.
    context: Arc<ListenerContext>,
    feed: Feed,
}

enum Feed {
    Whole(UnboundedSender<DeliveryBatch>),
    Keyed {
        keys: Keys,
        permits: Option<Arc<Semaphore>>,
    },
}

impl Lanes {
    pub(crate) fn new(
        shared: Arc<Shared>,
        control: Arc<dyn ConsumerControl>,
        spread: Spread,
        limits: Limits,
    ) -> Self {
        Self {
            shared,
            control,
            spread,
            limits,
            sources: HashMap::new(),
            tasks: TaskTracker::new(),
            abort: CancellationToken::new(),
            counter: 0,
        }
    }

    /// Hands a batch to its lanes. Never waits: what is in flight is bounded by pausing the source.
    pub(crate) fn dispatch(&mut self, batch: DeliveryBatch) {
        fail_point!("after-receive");
        let id = batch.source.id;
        let known = self
            .sources
            .get(&id)
            .is_some_and(|lanes| Arc::ptr_eq(&lanes.source, &batch.source));
        if !known && batch.source.revoked.is_cancelled() {
            return self.give_back(batch);
        }
        if !known {
            if let Some(ended) = self.sources.remove(&id) {
                ended.load.retire();
            }
            let lanes = self.open(batch.source.clone());
            self.sources.insert(id, lanes);
        }
        let Some(lanes) = self.sources.get(&id) else {
            return;
        };
        let bytes = batch
            .deliveries
            .iter()
            .map(|delivery| delivery.message.size_bytes() as u64)
            .sum();
        self.shared.metrics.received(batch.deliveries.len() as u64);
        lanes.load.delivered(batch.deliveries.len() as u64, bytes);
        match &lanes.feed {
            // The lane lives as long as its sender does.
            Feed::Whole(sender) => drop(sender.send(batch)),
            Feed::Keyed { keys, permits } => {
                for delivery in batch.deliveries {
                    self.counter += 1;
                    let key = lane_key(&self.spread, &delivery.message, self.counter);
                    self.dispatch_keyed(lanes, keys, permits, key, delivery);
                }
            }
        }
    }

    /// Gives back what comes of an ended source: lanes of the source that followed it may run already, and a source has
    /// one set of lanes.
    fn give_back(&self, batch: DeliveryBatch) {
        let count = batch.deliveries.len() as u64;
        self.shared.metrics.received(count);
        for delivery in batch.deliveries {
            self.shared.settler.settle(delivery.receipt, Settlement::Release);
        }
        self.shared.metrics.settled(Settlement::Release, count);
    }

    fn dispatch_keyed(
        &self,
        lanes: &SourceLanes,
        keys: &Keys,
        permits: &Option<Arc<Semaphore>>,
        key: u64,
        delivery: Delivery,
    ) {
        let mut open = keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = open.get(&key) {
            drop(sender.send(delivery));
            return;
        }
        let (sender, messages) = unbounded_channel();
        drop(sender.send(delivery));
        open.insert(key, sender);
        drop(open);
        let lane = Lane::new(
            self.shared.clone(),
            lanes.source.clone(),
            lanes.load.clone(),
            lanes.context.clone(),
            permits.clone(),
            Queue::key(messages, key, keys.clone()),
        );
        self.spawn(lane);
    }

    fn open(&self, source: Arc<Source>) -> SourceLanes {
        let load = SourceLoad::new(
            source.clone(),
            self.limits,
            self.control.clone(),
            self.shared.status.clone(),
        );
        let context = Arc::new(self.shared.context.unshared());
        let feed = match self.spread.ordering {
            Ordering::Partition => {
                let (sender, batches) = unbounded_channel();
                // What is acknowledged by hand may be so in any order.
                let queue = Queue::source(batches, !self.shared.settings.manual);
                let lane = Lane::new(
                    self.shared.clone(),
                    source.clone(),
                    load.clone(),
                    context.clone(),
                    None,
                    queue,
                );
                self.spawn(lane);
                Feed::Whole(sender)
            }
            Ordering::Key { .. } | Ordering::None => {
                let permits = self
                    .spread
                    .parallel
                    .map(|parallel| Arc::new(Semaphore::new(parallel)));
                Feed::Keyed {
                    keys: Keys::default(),
                    permits,
                }
            }
        };
        SourceLanes {
            source,
            load,
            context,
            feed,
        }
    }

    fn spawn(&self, lane: Lane) {
        let shared = self.shared.clone();
        let abort = self.abort.clone();
        self.tasks.spawn(async move {
            let running = AssertUnwindSafe(lane.run()).catch_unwind();
            tokio::select! {
                ended = running => if ended.is_err() {
                    tracing::error!(binding.name = %shared.binding, "a lane ended unexpectedly; its messages stay unsettled");
                    shared.status.fail("a lane ended unexpectedly; restart the binding");
                },
                () = abort.cancelled() => {}
            }
        });
    }

    /// Lets every lane finish what it has.
    ///
    /// # Cancel safety
    /// The lanes of a dropped call go on until [`Lanes::abort`].
    pub(crate) async fn finish(&mut self) {
        self.sources.clear();
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Ends every lane where it stands; what isn't settled stays unsettled.
    pub(crate) fn abort(&self) {
        self.abort.cancel();
    }
}

/// The number of the lane: messages without a key share one, so that their order is kept.
fn lane_key(spread: &Spread, message: &RawMessage, counter: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    match &spread.ordering {
        Ordering::Key {
            expression: Some(expression),
        } => {
            if let Ok(key) = expression.evaluate_json(message.bytes(), &message.headers) {
                key.to_string().hash(&mut hasher);
            }
        }
        Ordering::Key { expression: None } => message.key.hash(&mut hasher),
        Ordering::Partition | Ordering::None => return counter,
    }
    hasher.finish()
}
