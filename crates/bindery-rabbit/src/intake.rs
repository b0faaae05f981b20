//! One channel that consumes: deliveries are handed over, and the broker is told what was settled.

mod closing;
mod idle;
pub(crate) mod pace;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bindery_core::{Delivery, DeliveryBatch, ErrorKind, Source, fail_point};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use lapin::Channel;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::idle::Idle;
use self::pace::{Pace, REST};
use crate::acks::Action;
use crate::connection::{Live, RPC_LIMIT};
use crate::convert::Inbound;
use crate::error::{Refusal, is_unreadable, within};
use crate::lane::{Ended, Lane, LaneContext, Started};
use crate::provision::{declare, short};

/// How many deliveries travel together at most.
const BATCH: usize = 256;
/// How long settlements wait for others to be told with them.
const TELL_WITHIN: Duration = Duration::from_millis(5);
/// How long accepted deliveries wait behind an open one before they are told one by one.
const APART_AFTER: Duration = Duration::from_millis(250);

/// How long a lane stays there without losing it.
const QUARANTINE_FOR: Duration = Duration::from_secs(60);

/// Consumes on one channel until the consumer is closed or the channel is lost.
pub(crate) async fn session(
    lane: &Lane,
    context: &LaneContext,
    live: &Live,
    apart: bool,
    deliveries: &mut Option<mpsc::Sender<DeliveryBatch>>,
    started: &mut Option<Started>,
) -> Ended {
    let prefetch = if apart { 1 } else { context.prefetch };
    let opened = open(lane, context, live, prefetch).await;
    // Held until the channel is closed: dropped earlier, it would be cancelled earlier.
    let (channel, mut consumer, queue) = match opened {
        Ok(opened) => opened,
        Err(refusal) => return Ended::Lost(refusal),
    };
    let generation = lane.renew();
    let source = Source::new(lane.id, generation, queue.clone(), context.partition);
    context.health.up(lane.index());
    if let Some(started) = started.take() {
        // Nobody waits when the bind was cancelled; then the consumer is dropped and closes.
        let _ = started.send(Ok(()));
    }
    let inbound = (context.inbound)(&queue);
    let session = Session {
        lane,
        context,
        live,
        channel,
        source: source.clone(),
        prefetch,
        // Apart, a lane ends by itself soon enough.
        renew_idle_after: context.renew_idle_after.filter(|_| !apart),
        inbound,
    };
    let ended = tokio::select! {
        ended = session.run(&mut consumer, deliveries) => ended,
        () = tokio::time::sleep(QUARANTINE_FOR), if apart => Ended::Released,
    };
    let unsettled = lane.lock().open();
    source.revoked.cancel();
    lane.renew();
    if let Ended::Lost(refusal) = ended {
        return Ended::Lost(refusal.after_it_worked());
    }
    if matches!(ended, Ended::Closed | Ended::Idle) {
        session.await_acknowledgements(&mut consumer, unsettled).await;
        let closing = session.channel.close(200, "OK".into());
        // What isn't settled goes back when the channel ends, one way or the other.
        let _ = within(RPC_LIMIT, "closing a channel", closing).await;
    }
    ended
}

async fn open(
    lane: &Lane,
    context: &LaneContext,
    live: &Live,
    prefetch: u16,
) -> Result<(Channel, lapin::Consumer, String), Refusal> {
    let plan = context.plans.of_connection(live.generation);
    declare(live, &plan.topology).await?;
    let channel = live.channel().await?;
    let qos = channel.basic_qos(prefetch, BasicQosOptions { global: false });
    within(RPC_LIMIT, "setting the prefetch", qos).await?;
    let mut arguments = FieldTable::default();
    if let Some(priority) = context.priority {
        let priority = i32::try_from(priority).unwrap_or(i32::MAX);
        arguments.insert("x-priority".into(), AMQPValue::LongInt(priority));
    }
    let options = BasicConsumeOptions {
        exclusive: context.exclusive,
        ..BasicConsumeOptions::default()
    };
    let tag = match &context.tag_prefix {
        Some(prefix) => format!("{prefix}#{}", lane.id),
        None => String::new(),
    };
    let what = format!("consuming queue `{}`", plan.queue);
    let queue = short(&plan.queue, "queue")?;
    let consuming = channel.basic_consume(queue, short(&tag, "consumer tag")?, options, arguments);
    let consumer = within(RPC_LIMIT, &what, consuming).await?;
    Ok((channel, consumer, plan.queue.clone()))
}

/// Why nothing more is read.
enum Read {
    /// The consumer is stopped.
    Stopped,
    /// Nothing came for long enough to consume anew.
    Idle,
}

struct Session<'a> {
    lane: &'a Lane,
    context: &'a LaneContext,
    live: &'a Live,
    channel: Channel,
    source: Arc<Source>,
    prefetch: u16,
    renew_idle_after: Option<Duration>,
    inbound: Inbound,
}

impl Session<'_> {
    async fn run(
        &self,
        consumer: &mut lapin::Consumer,
        deliveries: &mut Option<mpsc::Sender<DeliveryBatch>>,
    ) -> Ended {
        let reading = self.read_until_stopped(consumer, deliveries);
        let telling = self.tell_until_closed();
        tokio::pin!(reading, telling);
        let mut drained = false;
        loop {
            tokio::select! {
                read = &mut reading, if !drained => match read {
                    Ok(Read::Stopped) => drained = true,
                    Ok(Read::Idle) => return Ended::Idle,
                    Err(refusal) => return Ended::Lost(refusal),
                },
                told = &mut telling => return match told {
                    Ok(()) => Ended::Closed,
                    Err(refusal) => Ended::Lost(refusal),
                },
                () = self.live.lost.cancelled() => {
                    return Ended::Lost(Refusal::temporary(ErrorKind::Unavailable, "the connection was lost"));
                }
            }
        }
    }

    /// Hands deliveries over until the consumer is stopped.
    ///
    /// It isn't cancelled then: the broker would make another consumer the active one of the queue, which would get later
    /// messages while earlier ones are still being finished here. What is never handed over, and what is given back
    /// meanwhile, returns to its place when the channel is closed.
    async fn read_until_stopped(
        &self,
        consumer: &mut lapin::Consumer,
        deliveries: &mut Option<mpsc::Sender<DeliveryBatch>>,
    ) -> Result<Read, Refusal> {
        let Some(sender) = deliveries.clone() else {
            return Ok(Read::Stopped);
        };
        let mut paused = self.lane.paused.subscribe();
        let mut pace = Pace::new(self.prefetch, Instant::now());
        let mut idle = Idle::new(self.renew_idle_after, Instant::now());
        loop {
            while *paused.borrow_and_update() && !self.context.stopping.is_cancelled() {
                tokio::select! {
                    // The sender lives as long as the lane.
                    _ = paused.changed() => {}
                    () = self.context.stopping.cancelled() => {}
                }
            }
            let next = tokio::select! {
                biased;
                () = self.context.stopping.cancelled() => break,
                // A pause holds from the next message on, not from the one after it.
                _ = paused.changed() => continue,
                next = consumer.next() => next,
                () = idle.lasts() => {
                    if self.unacknowledged() == 0 {
                        return Ok(Read::Idle);
                    }
                    idle.ends(Instant::now());
                    continue;
                }
            };
            let first = match next {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return Err(self.broken(error)),
                None => {
                    let why = "the broker cancelled the consumer, perhaps because its queue was deleted";
                    return Err(Refusal::temporary(ErrorKind::Unavailable, why));
                }
            };
            let mut batch = vec![first];
            // What was read with it is taken apart meanwhile, and goes on together.
            tokio::task::yield_now().await;
            while batch.len() < BATCH {
                // An end or an error comes again with the next call.
                match consumer.next().now_or_never() {
                    Some(Some(Ok(delivery))) => batch.push(delivery),
                    Some(Some(Err(error))) => {
                        self.hand_over(&sender, batch).await;
                        return Err(self.broken(error));
                    }
                    Some(None) | None => break,
                }
            }
            let taken = batch.len();
            self.hand_over(&sender, batch).await;
            let now = Instant::now();
            idle.ends(now);
            if pace.rests(taken, BATCH, now, || self.unacknowledged()) {
                tokio::select! {
                    () = tokio::time::sleep(REST) => {}
                    () = self.context.stopping.cancelled() => {}
                }
            }
        }
        drop(sender);
        *deliveries = None;
        Ok(Read::Stopped)
    }

    /// How many deliveries the broker knows no settlement of.
    fn unacknowledged(&self) -> usize {
        let tracker = self.lane.lock();
        tracker.open() + tracker.untold()
    }

    fn broken(&self, error: lapin::Error) -> Refusal {
        if is_unreadable(&error) {
            self.live.mark_unreadable();
        }
        Refusal::from(error)
    }

    async fn hand_over(&self, sender: &mpsc::Sender<DeliveryBatch>, batch: Vec<lapin::message::Delivery>) {
        let handed = self.track(batch);
        if handed.is_empty() {
            return;
        }
        let deliveries = handed
            .into_iter()
            .map(|delivery| Delivery {
                receipt: self.source.receipt(delivery.delivery_tag),
                message: self.inbound.message(delivery),
            })
            .collect();
        let batch = DeliveryBatch {
            source: self.source.clone(),
            deliveries,
        };
        if sender.send(batch).await.is_err() {
            tracing::debug!(source = %self.source.name, "deliveries dropped: nobody takes them any more");
        }
    }

    /// Notes deliveries as handed over. What was buffered when the channel died can't be settled, and comes again.
    fn track(&self, mut batch: Vec<lapin::message::Delivery>) -> Vec<lapin::message::Delivery> {
        batch.retain(|delivery| delivery.acker.usable());
        let mut tracker = self.lane.lock();
        for delivery in &batch {
            tracker.delivered(delivery.delivery_tag);
        }
        batch
    }

    /// Tells the broker what was settled, until the consumer is closed.
    async fn tell_until_closed(&self) -> Result<(), Refusal> {
        loop {
            let left_since = self.lane.lock().left_since();
            let apart_at = left_since.map(|since| since + APART_AFTER);
            tokio::select! {
                () = self.lane.settled.notified() => self.lane.collect(self.prefetch, async {
                    tokio::select! {
                        () = tokio::time::sleep(TELL_WITHIN) => {}
                        () = self.context.closing.cancelled() => {}
                    }
                }).await,
                () = sleep_until(apart_at) => {
                    let actions = self.lane.lock().take_all();
                    self.tell(&actions).await?;
                    continue;
                }
                () = self.context.closing.cancelled() => {
                    let actions = self.lane.lock().take_all();
                    return self.tell(&actions).await;
                }
            }
            let actions = self.lane.take_due();
            self.tell(&actions).await?;
        }
    }

    /// Tells the broker, and waits until all of it is written.
    async fn tell(&self, actions: &[Action]) -> Result<(), Refusal> {
        let telling = async {
            let written = FuturesUnordered::new();
            for action in actions {
                // A frame is queued when its call is first polled: here, so the order is kept, and none waits until the
                // one before is written.
                let mut told = Box::pin(self.tell_one(*action));
                match poll_fn(|task| Poll::Ready(told.as_mut().poll(task))).await {
                    Poll::Ready(done) => done?,
                    Poll::Pending => written.push(told),
                }
            }
            written.try_collect().await
        };
        within(RPC_LIMIT, "settling deliveries", telling).await
    }

    async fn tell_one(&self, action: Action) -> lapin::Result<()> {
        fail_point!("before-ack");
        match action {
            Action::AckThrough(tag) => {
                let options = BasicAckOptions { multiple: true };
                self.channel.basic_ack(tag, options).await?;
            }
            Action::Ack(tag) => {
                let options = BasicAckOptions { multiple: false };
                self.channel.basic_ack(tag, options).await?;
            }
            Action::Requeue(tag) => {
                let options = BasicNackOptions {
                    multiple: false,
                    requeue: true,
                };
                self.channel.basic_nack(tag, options).await?;
            }
            Action::Reject(tag) => {
                let options = BasicRejectOptions { requeue: false };
                self.channel.basic_reject(tag, options).await?;
            }
        }
        fail_point!("after-ack");
        Ok(())
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
