//! Consuming: a thread that polls, a bounded channel of batches, and the settler that keeps the offsets.

mod batch;
mod brake;
mod commit;
mod committer;
mod held_back;
mod pace;
mod poll;
mod rebalance;
mod shared;
#[cfg(test)]
mod shared_properties;
mod statistics;

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::{
    ConsumerControl, Deliveries, DeliveryBatch, Error, ErrorKind, Health, Receipt, Result, Settlement,
    Settler,
};
use futures_core::Stream;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};
use tokio::sync::mpsc;

use self::committer::Committer;
use self::poll::{Connect, Poller};
use self::rebalance::ConsumeContext;
pub(crate) use self::rebalance::FirstPosition;
use self::shared::{Shared, Stage};
use crate::context::Reports;
use crate::error::failed;

/// How many batches wait between the poll thread and the runtime.
const CHANNEL: usize = 8;
/// How long closing takes at most before the thread is left to itself.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a bind waits for the first assignment where it matters.
const ASSIGN_TIMEOUT: Duration = Duration::from_secs(10);

/// What to consume, and how.
pub(crate) struct Plan {
    pub(crate) topic: Arc<str>,
    pub(crate) config: ClientConfig,
    /// How often offsets are committed at most.
    pub(crate) commit_interval: Duration,
    pub(crate) first_position: FirstPosition,
    /// How many partitions the topic has.
    pub(crate) partitions: u32,
    /// The partitions to take without a group's rebalancing.
    pub(crate) fixed_partitions: Option<Vec<i32>>,
    pub(crate) reports: Reports,
}

/// A consumer that runs.
pub(crate) struct Running {
    pub(crate) deliveries: Deliveries,
    pub(crate) handle: Arc<Handle>,
}

/// Starts to consume. Blocks while the client is made, so it isn't called on an async worker.
pub(crate) fn start(plan: Plan) -> Result<Running> {
    let drain = drain_timeout(&plan.config);
    let shared = Shared::new(plan.topic.clone(), plan.reports, drain);
    let known = Arc::new(Mutex::default());
    let mut connect = connector(
        shared.clone(),
        plan.config,
        plan.first_position,
        i32::try_from(plan.partitions).unwrap_or(i32::MAX),
        plan.fixed_partitions,
        known,
    );
    let first = connect()?;
    let (sender, receiver) = mpsc::channel(CHANNEL);
    let poller = Poller::new(shared.clone(), sender, plan.commit_interval);
    thread::Builder::new()
        .name(format!("kafka-poll-{}", shared.topic))
        .spawn(move || poller.run(first, connect))
        .map_err(|error| {
            Error::temporary(ErrorKind::Unavailable, "the poll thread could not be started").caused_by(error)
        })?;
    let handle = Arc::new(Handle { shared });
    Ok(Running {
        deliveries: Box::pin(Batches {
            receiver,
            handle: handle.clone(),
        }),
        handle,
    })
}

fn connector(
    shared: Arc<Shared>,
    config: ClientConfig,
    first_position: FirstPosition,
    partitions_at_bind: i32,
    fixed: Option<Vec<i32>>,
    known: Arc<Mutex<BTreeSet<i32>>>,
) -> Connect {
    let mut is_first = true;
    Box::new(move || {
        let topic = shared.topic.clone();
        let what = format!("could not consume from `{topic}`");
        let context = ConsumeContext {
            shared: shared.clone(),
            first_position,
            partitions_at_bind,
            is_fixed: fixed.is_some(),
            known: known.clone(),
            committer: Committer::default(),
            leaving: Mutex::default(),
            ending: AtomicBool::new(false),
        };
        let consumer: BaseConsumer<ConsumeContext> = config
            .create_with_context(context)
            .map_err(|error| failed(&what, &error))?;
        match &fixed {
            Some(partitions) => take_partitions(&consumer, &shared, partitions),
            None => consumer.subscribe(&[&*topic]),
        }
        .map_err(|error| failed(&what, &error))?;
        // One that is made anew works when it is a member of its group again.
        if std::mem::take(&mut is_first) || fixed.is_some() {
            shared.reports.connected();
        }
        Ok(consumer)
    })
}

/// Takes partitions that configuration gives to this instance, without asking a group.
fn take_partitions(
    consumer: &BaseConsumer<ConsumeContext>,
    shared: &Shared,
    partitions: &[i32],
) -> rdkafka::error::KafkaResult<()> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for partition in partitions {
        list.add_partition_offset(&shared.topic, *partition, Offset::Stored)?;
    }
    consumer.client().context().position(consumer, &mut list);
    for partition in partitions {
        shared.assign(*partition);
    }
    consumer.assign(&list)?;
    shared.stage.send_replace(Stage::Assigned);
    Ok(())
}

/// `min(30 s, max.poll.interval / 2)`: a longer drain would cost the membership that it is meant to save.
fn drain_timeout(config: &ClientConfig) -> Duration {
    let millis = config
        .get("max.poll.interval.ms")
        .and_then(|millis| millis.parse().ok())
        .unwrap_or(300_000);
    Duration::from_millis(millis / 2).min(Duration::from_secs(30))
}

/// The consumer as the runtime holds it. When the last of stream, settler and control is dropped, the thread closes
/// the consumer; nobody waits for it then.
pub(crate) struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Waits until the first partitions are assigned, or a deadline.
    pub(crate) async fn assigned(&self) {
        let mut stage = self.shared.stage.subscribe();
        let assigned = stage.wait_for(|stage| *stage >= Stage::Assigned);
        if tokio::time::timeout(ASSIGN_TIMEOUT, assigned).await.is_err() {
            tracing::warn!(
                topic = &*self.shared.topic,
                "no partition was assigned yet: what is sent until then may be missed"
            );
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Settler for Handle {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        self.shared.settle(&[receipt], settlement);
    }

    fn accept_all(&self, receipts: &mut Vec<Receipt>) {
        self.shared.settle(receipts, Settlement::Accept);
        receipts.clear();
    }
}

#[async_trait]
impl ConsumerControl for Handle {
    fn pause(&self, source: u32) {
        self.shared.want_pause(source, true);
    }

    fn resume(&self, source: u32) {
        self.shared.want_pause(source, false);
    }

    fn health(&self) -> Health {
        let own = self.shared.reports.health();
        let held_back = self.shared.held_back.health(&self.shared.topic, brake::WINDOW);
        Health::of_parts(held_back.into_iter().chain(self.shared.growth()).chain([own]))
            .unwrap_or_else(Health::unknown)
    }

    fn lag(&self) -> Option<u64> {
        self.shared.lag()
    }

    fn stop(&self) {
        self.shared.stop();
    }

    async fn close(&self) {
        let mut stage = self.shared.stage.subscribe();
        self.shared.close();
        let closed = stage.wait_for(|stage| *stage == Stage::Closed);
        if tokio::time::timeout(CLOSE_TIMEOUT, closed).await.is_err() {
            tracing::warn!(
                topic = &*self.shared.topic,
                "the consumer did not close in time; its thread is left behind"
            );
        }
    }
}

/// The stream of batches.
struct Batches {
    receiver: mpsc::Receiver<DeliveryBatch>,
    handle: Arc<Handle>,
}

impl Stream for Batches {
    type Item = DeliveryBatch;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<DeliveryBatch>> {
        loop {
            let Some(batch) = ready!(self.receiver.poll_recv(context)) else {
                return Poll::Ready(None);
            };
            let shared = &self.handle.shared;
            if shared.waiting.load(Ordering::SeqCst) {
                shared.wake();
            }
            if shared.hand_out(&batch) {
                return Poll::Ready(Some(batch));
            }
        }
    }
}
