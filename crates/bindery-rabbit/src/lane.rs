//! One of the consumers that a binding has: a task that starts anew when its channel or connection is lost, and the
//! place where its deliveries are settled.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_core::{DeliveryBatch, Receipt, Settlement};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::acks::{Action, Tracker};
use crate::connection::{Link, backoff_after};
use crate::convert::Inbound;
use crate::error::Refusal;
use crate::health::HealthBoard;
use crate::intake::session;
use crate::plans::Plans;

/// After how many settlements the broker is told at once, unless the prefetch is small.
const TELL_AFTER: usize = 64;
/// Which part of the prefetch may be accepted behind an open delivery without the broker knowing.
const CROWDED_SHARE: u16 = 4;

/// What all lanes of a consumer share.
pub(crate) struct LaneContext {
    /// The consumer, for people.
    pub(crate) name: String,
    pub(crate) link: Arc<Link>,
    pub(crate) plans: Plans,
    pub(crate) health: Arc<HealthBoard>,
    pub(crate) prefetch: u16,
    pub(crate) exclusive: bool,
    /// How long a lane goes without messages until it consumes anew.
    pub(crate) renew_idle_after: Option<Duration>,
    /// The queue gives its messages to one of its consumers, and to the next one when that is gone.
    pub(crate) single_active: bool,
    pub(crate) priority: Option<i64>,
    pub(crate) tag_prefix: Option<String>,
    pub(crate) partition: Option<i32>,
    pub(crate) inbound: Box<dyn Fn(&str) -> Inbound + Send + Sync>,
    /// No more deliveries are wanted; settling goes on.
    pub(crate) stopping: CancellationToken,
    /// Tell what was settled, and leave.
    pub(crate) closing: CancellationToken,
}

/// The part of a lane that others reach: settling and pausing.
pub(crate) struct Lane {
    pub(crate) id: u32,
    generation: AtomicU32,
    tracker: Mutex<Tracker>,
    /// With so many accepted behind an open delivery they are told one by one at once: the broker sends no more than the
    /// prefetch ahead.
    crowded: usize,
    /// After how many settlements the broker is told at once.
    enough: usize,
    /// Whether settlements are being collected: what is not yet enough needs to wake nobody. Changes under the tracker's
    /// lock only.
    collecting: AtomicBool,
    pub(crate) settled: Notify,
    pub(crate) paused: tokio::sync::watch::Sender<bool>,
}

impl Lane {
    pub(crate) fn new(id: u32, prefetch: u16) -> Arc<Self> {
        let crowded = usize::from(prefetch / CROWDED_SHARE).max(1);
        Arc::new(Self {
            id,
            generation: AtomicU32::new(0),
            tracker: Mutex::default(),
            crowded,
            enough: crowded.min(TELL_AFTER),
            collecting: AtomicBool::new(false),
            settled: Notify::new(),
            paused: tokio::sync::watch::Sender::new(false),
        })
    }

    /// Settles deliveries of the current generation; others are dropped, the broker delivers them again.
    pub(crate) fn settle(&self, receipts: &[Receipt], settlement: Settlement) {
        let mut tracker = self.lock();
        // The generation changes under this lock only.
        let generation = self.generation.load(Ordering::Acquire);
        let (before, fresh_before) = (tracker.untold(), tracker.fresh());
        // What waited behind the oldest delivery can be told once that one is settled.
        let mut was_oldest = false;
        for receipt in receipts {
            let is_oldest = tracker.oldest_open() == Some(receipt.position);
            if receipt.generation == generation && tracker.settle(receipt.position, settlement) {
                was_oldest |= is_oldest;
            }
        }
        let untold = tracker.untold();
        if untold == before {
            return;
        }
        let is_enough = fresh_before < self.enough && tracker.fresh() >= self.enough;
        let is_crowded = before < self.crowded && untold >= self.crowded;
        let begins = (was_oldest || before == 0) && !self.collecting.load(Ordering::Relaxed);
        let wake = is_enough || is_crowded || begins;
        drop(tracker);
        if wake {
            self.settled.notify_one();
        }
    }

    /// Collects what is settled until it is enough to tell a broker that sends `prefetch` ahead, for as long as `patience`
    /// waits.
    pub(crate) async fn collect(&self, prefetch: u16, patience: impl Future<Output = ()>) {
        let enough = self.enough.min(prefetch.into());
        let mut patience = std::pin::pin!(patience);
        loop {
            if self.has(enough) {
                return;
            }
            tokio::select! {
                () = self.settled.notified() => {}
                () = &mut patience => return,
            }
        }
    }

    fn has(&self, enough: usize) -> bool {
        let tracker = self.lock();
        self.collecting.store(true, Ordering::Relaxed);
        tracker.fresh() >= enough
    }

    /// What to tell the broker now.
    pub(crate) fn take_due(&self) -> Vec<Action> {
        let mut tracker = self.lock();
        self.collecting.store(false, Ordering::Relaxed);
        tracker.take_due(self.crowded)
    }

    pub(crate) fn set_paused(&self, paused: bool) {
        self.paused.send_replace(paused);
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tracker> {
        self.tracker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a new generation: nothing of the old one can be settled any more.
    pub(crate) fn renew(&self) -> u32 {
        let mut tracker = self.lock();
        *tracker = Tracker::default();
        self.collecting.store(false, Ordering::Relaxed);
        self.generation.fetch_add(1, Ordering::AcqRel) + 1
    }
}

/// Reports how the first attempt to consume went.
pub(crate) type Started = oneshot::Sender<Result<(), Refusal>>;

pub(crate) enum Ended {
    /// The consumer is closed.
    Closed,
    /// Nothing came for long enough to consume anew.
    Idle,
    /// The lane has behaved on a connection of its own for long enough.
    Released,
    Lost(Refusal),
}

/// After how many connections lost in a row over something unreadable a lane gets a connection of its own.
const QUARANTINE_AFTER: u32 = 2;
/// After how long the failures before no longer count.
const STEADY_AFTER: Duration = Duration::from_secs(30);
/// Runs a lane until its consumer is closed. When the first attempt fails it is reported and the lane ends.
///
/// A message that the client library can't read ends its connection, each time it is delivered. A lane whose connection
/// ended twice that way goes on with a connection of its own and one message at a time, so that it disturbs no other
/// lane and a queue with a delivery limit gets rid of the right message.
pub(crate) async fn run(
    lane: Arc<Lane>,
    context: Arc<LaneContext>,
    deliveries: mpsc::Sender<DeliveryBatch>,
    started: Started,
) {
    let mut started = Some(started);
    let mut deliveries = Some(deliveries);
    let mut quarantine: Option<Arc<Link>> = None;
    let (mut failures, mut unreadable) = (0, 0);
    loop {
        let link = quarantine.as_ref().unwrap_or(&context.link);
        let live = tokio::select! {
            live = link.steady() => live,
            () = context.stopping.cancelled() => None,
        };
        let Some(live) = live else {
            break;
        };
        let since = Instant::now();
        let apart = quarantine.is_some();
        let ended = session(&lane, &context, &live, apart, &mut deliveries, &mut started).await;
        let refusal = match ended {
            Ended::Closed => break,
            Ended::Idle => continue,
            Ended::Released => {
                leave(&mut quarantine).await;
                unreadable = 0;
                continue;
            }
            Ended::Lost(refusal) => refusal,
        };
        if let Some(started) = started.take() {
            // Nobody waits when the bind was cancelled.
            let _ = started.send(Err(refusal));
            return;
        }
        let was_steady = since.elapsed() > STEADY_AFTER;
        unreadable = match live.was_unreadable() {
            true => unreadable + 1,
            false if was_steady => 0,
            false => unreadable,
        };
        // A connection that was lost costs nothing more here: making the next one has a back-off of its own.
        let is_link_trouble = !live.is_connected() && !live.was_unreadable();
        failures = if was_steady || is_link_trouble {
            0
        } else {
            failures + 1
        };
        if unreadable >= QUARANTINE_AFTER && quarantine.is_none() {
            let name = &context.name;
            tracing::warn!(
                "{name}: goes on with a connection of its own, because messages that can't be read end it"
            );
            quarantine = Some(context.link.apart("quarantine"));
        }
        let pause = backoff_after(&refusal, failures);
        if is_link_trouble {
            context.health.down_with_connection(lane.index(), &refusal);
        } else {
            context.health.down(lane.index(), &refusal, Some(pause));
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = context.stopping.cancelled() => break,
        }
    }
    leave(&mut quarantine).await;
}

async fn leave(quarantine: &mut Option<Arc<Link>>) {
    if let Some(link) = quarantine.take() {
        link.close().await;
    }
}

impl Lane {
    pub(crate) fn index(&self) -> usize {
        usize::try_from(self.id).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::Source;
    use futures_util::FutureExt;

    use super::*;

    /// A lane of the given prefetch to which so many deliveries were handed over, and their source.
    fn lane_with(prefetch: u16, deliveries: u64) -> (Arc<Lane>, Arc<Source>) {
        let lane = Lane::new(0, prefetch);
        let source = Source::new(lane.id, lane.renew(), "orders", None);
        (1..=deliveries).for_each(|tag| lane.lock().delivered(tag));
        (lane, source)
    }

    fn accept(lane: &Lane, source: &Source, tag: u64) {
        lane.settle(&[source.receipt(tag)], Settlement::Accept);
    }

    #[tokio::test]
    async fn settlements_are_collected_until_they_are_enough_for_one_frame() {
        for (prefetch, enough) in [(2_048, 64), (100, 25), (1, 1)] {
            let (lane, source) = lane_with(prefetch, 80);
            let mut collected = std::pin::pin!(lane.collect(prefetch, std::future::pending()));
            for tag in 1..enough {
                accept(&lane, &source, tag);
                assert!(collected.as_mut().now_or_never().is_none(), "{tag} of {prefetch}");
            }
            accept(&lane, &source, enough);
            assert!(collected.now_or_never().is_some(), "{enough} of {prefetch}");
            assert_eq!(lane.take_due(), [Action::AckThrough(enough)]);
            accept(&lane, &source, enough + 1);
            let again = lane.settled.notified().now_or_never();
            assert!(again.is_some(), "what follows is collected anew ({prefetch})");
        }
    }

    #[tokio::test]
    async fn a_broker_that_sends_one_message_at_a_time_is_told_of_it_at_once() {
        let (lane, source) = lane_with(2_048, 1);
        accept(&lane, &source, 1);
        assert!(lane.collect(1, std::future::pending()).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_new_generation_collects_anew() {
        let lane = Lane::new(0, 2_048);
        let old = lane.renew();
        assert!(
            lane.collect(2_048, std::future::pending())
                .now_or_never()
                .is_none()
        );
        let source = Source::new(lane.id, lane.renew(), "orders", None);
        assert_eq!(source.generation, old + 1);
        lane.lock().delivered(1);
        accept(&lane, &source, 1);
        assert!(lane.settled.notified().now_or_never().is_some());
    }

    #[tokio::test]
    async fn what_was_left_behind_an_open_delivery_does_not_count_as_new() {
        let (lane, source) = lane_with(2_048, 300);
        (2..=100).for_each(|tag| accept(&lane, &source, tag));
        assert!(lane.take_due().is_empty());
        let mut collected = std::pin::pin!(lane.collect(2_048, std::future::pending()));
        accept(&lane, &source, 1);
        assert!(collected.as_mut().now_or_never().is_none());
        (101..=163).for_each(|tag| accept(&lane, &source, tag));
        assert!(collected.now_or_never().is_some());
        assert_eq!(lane.take_due(), [Action::AckThrough(163)]);
    }

    #[tokio::test]
    async fn what_is_not_enough_is_told_when_patience_ends() {
        let (lane, source) = lane_with(2_048, 1);
        accept(&lane, &source, 1);
        assert!(lane.settled.notified().now_or_never().is_some());
        lane.collect(2_048, async {}).await;
        assert_eq!(lane.take_due(), [Action::AckThrough(1)]);
    }

    #[test]
    fn who_tells_the_broker_is_woken_before_what_waits_behind_an_open_delivery_takes_the_whole_prefetch() {
        let (lane, source) = lane_with(400, 300);
        let mut woken_after = Vec::new();
        for tag in 2..=300 {
            accept(&lane, &source, tag);
            if lane.settled.notified().now_or_never().is_some() {
                woken_after.push(tag - 1);
            }
        }
        assert_eq!(woken_after, [1, 64, 100]);
    }
}
