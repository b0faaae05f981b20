//! A bound input: its lanes, their deliveries as one stream, and control over them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::{
    Consumer, ConsumerControl, ConsumerSpec, DeadLetterRoute, Health, Receipt, Settlement, Settler,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::connection::Link;
use crate::convert::Inbound;
use crate::dead_letter::{RepublishTarget, Republisher};
use crate::error::Refusal;
use crate::health::HealthBoard;
use crate::lane::{Lane, LaneContext, run};
use crate::options::ConsumerOptions;
use crate::plans::Plans;
use crate::provision::declare;

/// How many batches may wait to be taken, for each lane; the prefetch bounds the messages in them.
const WAITING_BATCHES: usize = 4;
/// How long closing may take: what was settled is told and the channels are closed.
const CLOSE_LIMIT: Duration = Duration::from_secs(15);

/// Connects, declares and consumes.
///
/// # Errors
/// What is wrong with the broker or with what exists there.
pub(crate) async fn bind(
    consuming: &Arc<Link>,
    publishing: &Arc<Link>,
    spec: &ConsumerSpec,
) -> Result<Consumer, Refusal> {
    let options = ConsumerOptions::read(&spec.options);
    let live = consuming.first().await?;
    let plans = Plans::new(spec.clone(), options.clone(), live.generation);
    let plan = plans.of_connection(live.generation);
    // Declared once here, so that what doesn't fit is told before any lane starts.
    declare(&live, &plan.topology).await?;

    let prefetch = options
        .prefetch
        .unwrap_or_else(|| u16::try_from(spec.max_in_flight.max(1)).unwrap_or(u16::MAX));
    let lanes: Vec<Arc<Lane>> = (0..spec.concurrency.max(1))
        .map(|id| Lane::new(id, prefetch))
        .collect();
    let health = Arc::new(HealthBoard::new(
        format!("consumer `{}`", spec.binding),
        lanes.len(),
    ));
    let partition = spec
        .partitioned
        .then(|| i32::try_from(spec.instance_index).unwrap_or(i32::MAX));
    let stopping = CancellationToken::new();
    let closing = CancellationToken::new();
    let context = Arc::new(LaneContext {
        name: format!("consumer `{}`", spec.binding),
        link: consuming.clone(),
        plans,
        health: health.clone(),
        prefetch,
        exclusive: options.exclusive,
        // Other queues cancel their consumers when they are deleted.
        renew_idle_after: options
            .renew_idle_after
            .filter(|_| options.destination.queue.quorum),
        single_active: options.destination.queue.single_active_consumer,
        priority: options.consumer_priority,
        tag_prefix: options.consumer_tag_prefix.clone(),
        partition,
        inbound: inbound(spec, &options, partition),
        stopping: stopping.clone(),
        closing: closing.clone(),
    });
    let (sender, mut receiver) = mpsc::channel(lanes.len() * WAITING_BATCHES);
    let mut tasks = Vec::new();
    let mut starts = Vec::new();
    for lane in &lanes {
        let (started, start) = oneshot::channel();
        tasks.push(tokio::spawn(run(
            lane.clone(),
            context.clone(),
            sender.clone(),
            started,
        )));
        starts.push(start);
    }
    drop(sender);
    let requeues = options.requeues_failures(spec.max_attempts);
    let control = Arc::new(Control {
        lanes,
        requeues,
        health,
        link: consuming.clone(),
        stopping,
        closing,
        tasks: Mutex::new(tasks),
        republisher: Mutex::new(None),
    });
    for start in starts {
        let started = start.await.unwrap_or_else(|_| {
            Err(Refusal::temporary(
                bindery_core::ErrorKind::Closed,
                "the consumer ended while it started",
            ))
        });
        if let Err(refusal) = started {
            control.close().await;
            return Err(refusal);
        }
    }
    let dead_letter = match &plan.dead_letter {
        _ if requeues => DeadLetterRoute::Native {
            destination: plan.queue.as_str().into(),
        },
        None => DeadLetterRoute::None,
        Some(place) if options.republish_to_dlq => {
            let target = RepublishTarget {
                place: place.clone(),
                topology: plan.topology.clone(),
                delivery_mode: options.republish_delivery_mode,
                headroom_bytes: options.frame_max_headroom,
            };
            let republisher = Republisher::start(publishing.clone(), target, spec);
            *control.republisher.lock().unwrap_or_else(PoisonError::into_inner) = Some(republisher.clone());
            DeadLetterRoute::Publish {
                destination: place.queue.as_str().into(),
                publisher: republisher,
            }
        }
        Some(place) => DeadLetterRoute::Native {
            destination: place.queue.as_str().into(),
        },
    };
    let guard = StopOnDrop(control.clone());
    let deliveries = futures_util::stream::poll_fn(move |cx| {
        let _held = &guard;
        receiver.poll_recv(cx)
    });
    Ok(Consumer {
        deliveries: Box::pin(deliveries),
        settler: control.clone(),
        control,
        dead_letter,
        group: plan.group.as_str().into(),
    })
}

fn inbound(
    spec: &ConsumerSpec,
    options: &ConsumerOptions,
    partition: Option<i32>,
) -> Box<dyn Fn(&str) -> Inbound + Send + Sync> {
    let exchange: Arc<str> = format!("{}{}", options.destination.prefix, spec.destination).into();
    let patterns = options.header_patterns.clone();
    let max_decompressed_bytes = options.max_decompressed_bytes;
    Box::new(move |queue| Inbound {
        queue: queue.into(),
        exchange: exchange.clone(),
        partition,
        patterns: patterns.clone(),
        max_decompressed_bytes,
    })
}

struct Control {
    lanes: Vec<Arc<Lane>>,
    /// Rejected messages go back to their queue.
    requeues: bool,
    health: Arc<HealthBoard>,
    link: Arc<Link>,
    stopping: CancellationToken,
    closing: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    republisher: Mutex<Option<Arc<Republisher>>>,
}

impl Control {
    fn lane(&self, id: u32) -> Option<&Arc<Lane>> {
        self.lanes.get(usize::try_from(id).ok()?)
    }
}

impl Settler for Control {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        let settlement = match settlement {
            Settlement::Reject if self.requeues => Settlement::Release,
            other => other,
        };
        // Sent back now, a message would be delivered to this consumer again; it returns to its place, with all others
        // that aren't accepted, when the channel is closed.
        let waits_for_the_close = settlement == Settlement::Release && self.stopping.is_cancelled();
        if let Some(lane) = self.lane(receipt.source)
            && !waits_for_the_close
        {
            lane.settle(&[receipt], settlement);
        }
    }

    fn accept_all(&self, receipts: &mut Vec<Receipt>) {
        if let Some(lane) = receipts.first().and_then(|receipt| self.lane(receipt.source)) {
            lane.settle(receipts, Settlement::Accept);
        }
        receipts.clear();
    }
}

#[async_trait]
impl ConsumerControl for Control {
    fn pause(&self, source: u32) {
        if let Some(lane) = self.lane(source) {
            lane.set_paused(true);
        }
    }

    fn resume(&self, source: u32) {
        if let Some(lane) = self.lane(source) {
            lane.set_paused(false);
        }
    }

    fn health(&self) -> Health {
        // The connection knows better why it is down, so it comes last among equals.
        let parts = [self.health.whole(), self.link.health()];
        Health::of_parts(parts).unwrap_or_else(Health::unknown)
    }

    fn stop(&self) {
        self.stopping.cancel();
    }

    async fn close(&self) {
        self.stopping.cancel();
        self.closing.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        let aborts: Vec<_> = tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(tasks);
        if tokio::time::timeout(CLOSE_LIMIT, all).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        let republisher = self
            .republisher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(republisher) = republisher {
            republisher.close().await;
        }
    }
}

/// Ends the lanes of a consumer that nobody holds any more, or whose bind was cancelled.
impl Drop for Control {
    fn drop(&mut self) {
        self.stopping.cancel();
        self.closing.cancel();
    }
}

/// Ends the intake of a consumer whose stream nobody reads any more.
struct StopOnDrop(Arc<Control>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stopping.cancel();
    }
}
