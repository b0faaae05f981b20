//! What the poll thread shares with everybody who settles, pauses or reads: one place for each partition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::thread::Thread;
use std::time::Duration;

use bindery_core::{DeliveryBatch, Health, Receipt, Settlement, Source};
use tokio::sync::watch;

use super::brake::wants_pause;
use super::held_back::HeldBack;
use crate::context::Reports;
use crate::offsets::OffsetTracker;

/// The state of one consumer.
pub(crate) struct Shared {
    pub(crate) topic: Arc<str>,
    pub(crate) reports: Reports,
    pub(crate) held_back: HeldBack,
    /// Set when the topic has got partitions that no instance takes.
    growth: Mutex<Option<Health>>,
    /// How long a revocation waits for started work.
    pub(crate) drain: Duration,
    places: RwLock<Vec<Arc<Place>>>,
    /// Whether anything was settled since it was last looked at.
    settled: AtomicBool,
    stopping: AtomicBool,
    closing: AtomicBool,
    /// Whether the poll thread waits for room in the channel.
    pub(crate) waiting: AtomicBool,
    thread: OnceLock<Thread>,
    lag: AtomicU64,
    pub(crate) stage: watch::Sender<Stage>,
    /// Counts assignments and revocations, so that the poll thread notices that its current source ended.
    pub(crate) rebalances: AtomicU64,
}

/// How far a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Joining,
    Assigned,
    Closed,
}

/// One partition.
pub(crate) struct Place {
    pub(crate) partition: i32,
    /// Whether the runtime wants no more messages for the moment.
    pub(crate) pause_wanted: AtomicBool,
    /// Whether librdkafka has the partition paused. Written by the poll thread only.
    pub(crate) paused: AtomicBool,
    /// Whether the partition is assigned. Written by the poll thread only.
    pub(crate) assigned: AtomicBool,
    state: Mutex<PlaceState>,
}

#[derive(Default)]
struct PlaceState {
    generation: u32,
    source: Option<Arc<Source>>,
    revoking: bool,
    tracker: OffsetTracker,
    /// The offset of the last message that was polled.
    polled: Option<i64>,
}

/// Stands for a lag that isn't known.
const UNKNOWN_LAG: u64 = u64::MAX;

impl Shared {
    pub(crate) fn new(topic: Arc<str>, reports: Reports, drain: Duration) -> Arc<Self> {
        Arc::new(Self {
            topic,
            reports,
            held_back: HeldBack::default(),
            growth: Mutex::default(),
            drain,
            places: RwLock::default(),
            settled: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            thread: OnceLock::new(),
            lag: AtomicU64::new(UNKNOWN_LAG),
            stage: watch::Sender::new(Stage::Joining),
            rebalances: AtomicU64::new(0),
        })
    }

    // Called by everybody.

    /// Settles deliveries of one source; those of an ended assignment are dropped.
    pub(crate) fn settle(&self, receipts: &[Receipt], settlement: Settlement) {
        let Some(place) = receipts.first().and_then(|receipt| self.place(receipt.source)) else {
            return;
        };
        let mut state = place.lock();
        for receipt in receipts {
            if state.generation != receipt.generation || state.source.is_none() {
                tracing::debug!(
                    source = receipt.source,
                    "a settlement of an ended assignment was dropped"
                );
                continue;
            }
            let offset = i64::try_from(receipt.position).unwrap_or(i64::MAX);
            state.tracker.settle(offset, settlement == Settlement::Accept);
        }
        let drained = state.revoking && state.tracker.unsettled() == 0;
        drop(state);
        self.settled.store(true, Ordering::Release);
        if drained {
            self.wake();
        }
    }

    /// Records that the runtime took a batch. A batch of a revoked assignment is refused: nothing of it may start.
    pub(crate) fn hand_out(&self, batch: &DeliveryBatch) -> bool {
        let Some(place) = self.place(batch.source.id) else {
            return false;
        };
        let mut state = place.lock();
        if state.revoking || state.source.is_none() || state.generation != batch.source.generation {
            return false;
        }
        for delivery in &batch.deliveries {
            let offset = i64::try_from(delivery.receipt.position).unwrap_or(i64::MAX);
            state.tracker.hand_out(offset);
        }
        true
    }

    pub(crate) fn want_pause(&self, source: u32, wanted: bool) {
        if let Some(place) = self.place(source)
            && place.pause_wanted.swap(wanted, Ordering::AcqRel) != wanted
        {
            self.wake();
        }
    }

    /// Whether the source shall deliver nothing for now.
    pub(crate) fn wants_pause(&self, source: u32) -> bool {
        self.place(source).is_some_and(|place| wants_pause(&place))
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn lag(&self) -> Option<u64> {
        Some(self.lag.load(Ordering::Relaxed)).filter(|lag| *lag != UNKNOWN_LAG)
    }

    fn place(&self, id: u32) -> Option<Arc<Place>> {
        let places = self.places.read().unwrap_or_else(PoisonError::into_inner);
        places.get(usize::try_from(id).ok()?).cloned()
    }

    // Called by the poll thread only.

    pub(crate) fn polled_by(&self, thread: Thread) {
        // A consumer that is made anew stays on its thread.
        let _ = self.thread.set(thread);
    }

    /// All partitions that were ever assigned.
    pub(crate) fn places(&self) -> Vec<Arc<Place>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The source of the message that was polled at `offset`, unless the partition is being given back. The log began
    /// anew when the offset lies before one that was polled already: its topic was deleted and made again, or has lost
    /// its end. Then the assignment begins anew, because old offsets mean other messages than new ones.
    pub(crate) fn source_at(&self, partition: i32, offset: i64) -> Option<Arc<Source>> {
        let place = self.place(u32::try_from(partition).ok()?)?;
        let mut state = place.lock();
        let source = state.source.clone().filter(|_| !state.revoking)?;
        if state.polled.is_none_or(|polled| polled < offset) {
            return Some(source);
        }
        tracing::warn!(
            source = &*source.name,
            offset,
            "the log begins anew; what was delivered of the old one can't be settled any more"
        );
        source.revoked.cancel();
        *state = state.next(source.id, partition, source.name.clone());
        place.pause_wanted.store(false, Ordering::Release);
        self.rebalances.fetch_add(1, Ordering::Relaxed);
        state.source.clone()
    }

    /// Notes the last offset of a batch.
    pub(crate) fn polled(&self, partition: i32, offset: i64) {
        if let Some(place) = u32::try_from(partition).ok().and_then(|id| self.place(id)) {
            place.lock().polled = Some(offset);
        }
    }

    /// Begins an assignment of `partition`.
    pub(crate) fn assign(&self, partition: i32) {
        let Ok(id) = u32::try_from(partition) else { return };
        let place = self.place_or_new(id);
        let mut state = place.lock();
        *state = state.next(id, partition, format!("{}-{partition}", self.topic).into());
        drop(state);
        place.pause_wanted.store(false, Ordering::Release);
        place.assigned.store(true, Ordering::Release);
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }

    fn place_or_new(&self, id: u32) -> Arc<Place> {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(id).unwrap_or_default();
        while places.len() <= index {
            let partition = i32::try_from(places.len()).unwrap_or(i32::MAX);
            places.push(Arc::new(Place::new(partition)));
        }
        places[index].clone()
    }

    /// Tells the runtime that assignments end; from here on nothing more of them is handed out.
    pub(crate) fn begin_revoke(&self, partitions: &[i32]) {
        for place in self.revoked_places(partitions) {
            let mut state = place.lock();
            state.revoking = true;
            if let Some(source) = &state.source {
                source.revoked.cancel();
            }
        }
    }

    /// Whether everything that was handed out of these partitions is settled.
    pub(crate) fn is_drained(&self, partitions: &[i32]) -> bool {
        self.revoked_places(partitions)
            .all(|place| !place.has_unsettled())
    }

    /// Ends assignments: receipts that come later settle nothing.
    pub(crate) fn end_revoke(&self, partitions: &[i32]) {
        for place in self.revoked_places(partitions) {
            place.lock().source = None;
            self.held_back.forget(place.partition);
            place.assigned.store(false, Ordering::Release);
        }
        self.rebalances.fetch_add(1, Ordering::Relaxed);
    }

    fn revoked_places(&self, partitions: &[i32]) -> impl Iterator<Item = Arc<Place>> {
        partitions
            .iter()
            .filter_map(|partition| self.place(u32::try_from(*partition).ok()?))
    }

    /// The partitions that are assigned.
    pub(crate) fn assigned(&self) -> Vec<i32> {
        self.places()
            .iter()
            .filter(|place| place.assigned.load(Ordering::Acquire))
            .map(|place| place.partition)
            .collect()
    }

    /// Whether anything was settled since this was last asked. What is settled from here on is told the next time.
    pub(crate) fn take_settled(&self) -> bool {
        self.settled.swap(false, Ordering::AcqRel)
    }

    pub(crate) fn has_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    /// The next offset of each assigned partition where it moved.
    pub(crate) fn committable(&self) -> BTreeMap<i32, i64> {
        self.places()
            .iter()
            .filter(|place| place.assigned.load(Ordering::Acquire))
            .filter_map(|place| Some((place.partition, place.lock().tracker.committable()?)))
            .collect()
    }

    pub(crate) fn mark_stored(&self, partition: i32, next: i64) {
        if let Some(place) = u32::try_from(partition).ok().and_then(|id| self.place(id)) {
            place.lock().tracker.mark_stored(next);
        }
    }

    /// Tells, once, that a topic whose partitions are given out by configuration has more of them now.
    pub(crate) fn note_growth(&self, at_bind: i32, now: i32) {
        let mut growth = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        if now <= at_bind || growth.is_some() {
            return;
        }
        let reason = format!(
            "`{}` has {now} partitions and had {at_bind} when the instances took their shares: nobody takes the new ones until the binding is started again on every instance",
            self.topic
        );
        tracing::warn!(topic = &*self.topic, "{reason}");
        *growth = Some(Health::degraded(reason));
    }

    pub(crate) fn growth(&self) -> Option<Health> {
        self.growth.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_lag(&self, lag: Option<u64>) {
        self.lag.store(lag.unwrap_or(UNKNOWN_LAG), Ordering::Relaxed);
    }
}

impl PlaceState {
    /// The state at the beginning of the next assignment.
    fn next(&self, id: u32, partition: i32, name: Arc<str>) -> Self {
        let generation = self.generation.wrapping_add(1);
        Self {
            generation,
            source: Some(Source::new(id, generation, name, Some(partition))),
            ..Self::default()
        }
    }
}

impl Place {
    pub(crate) fn new(partition: i32) -> Self {
        Self {
            partition,
            pause_wanted: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            assigned: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, PlaceState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anything that was handed out isn't settled.
    pub(crate) fn has_unsettled(&self) -> bool {
        self.lock().tracker.unsettled() > 0
    }

    /// How many offsets lie between the first that may not be committed and the last handed out.
    pub(crate) fn span(&self) -> usize {
        self.lock().tracker.span()
    }
}
