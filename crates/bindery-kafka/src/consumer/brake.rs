//! Holding back what a paused source still delivers.
//!
//! Pausing a partition in the library throws away what was fetched ahead, and resuming fetches it again. A pause of
//! the runtime is mostly short, so for a moment its messages are kept here instead.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bindery_core::{Delivery, DeliveryBatch};

use super::shared::Place;

/// How many bytes of one source are held before the library pauses it: as much as it may be ahead of the others.
const SOURCE_BYTES: usize = 8 << 20;
/// The same of all sources together: what the library fetches ahead at most, once more.
const ALL_BYTES: usize = 16 << 20;
/// How long a source is stopped before it is worth telling.
const LONG: Duration = Duration::from_millis(200);
/// What a message costs besides what it carries.
const MESSAGE_BYTES: usize = size_of::<Delivery>();
/// How far the first unsettled message may lag behind the last one handed out, in offsets.
pub(crate) const WINDOW: usize = 10_000;

/// The sources that are paused, and what they delivered since.
#[derive(Default)]
pub(crate) struct Brake {
    held: BTreeMap<i32, Held>,
    bytes: usize,
}

struct Held {
    since: Instant,
    batches: VecDeque<DeliveryBatch>,
    bytes: usize,
}

impl Held {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            batches: VecDeque::new(),
            bytes: 0,
        }
    }
}

impl Brake {
    /// Takes note of what is paused by now, and gives back what was held of sources that are not.
    pub(crate) fn update<'a>(
        &mut self,
        places: impl Iterator<Item = &'a Arc<Place>>,
    ) -> VecDeque<DeliveryBatch> {
        let mut released = VecDeque::new();
        for place in places {
            let assigned = place.assigned.load(Ordering::Acquire);
            if assigned && wants_pause(place) {
                self.held.entry(place.partition).or_insert_with(Held::new);
            } else if let Some(held) = self.held.remove(&place.partition) {
                self.bytes -= held.bytes;
                if assigned {
                    released.extend(held.batches);
                }
            }
        }
        released
    }

    /// Keeps a batch of a source that is paused; gives others back. Batches of a source come in their order.
    pub(crate) fn hold(&mut self, batch: DeliveryBatch, paused: bool) -> Option<DeliveryBatch> {
        let Some(partition) = batch.source.partition else {
            return Some(batch);
        };
        // What follows a held batch may not overtake it, even if its source was resumed meanwhile.
        if !paused && !self.held.contains_key(&partition) {
            return Some(batch);
        }
        let bytes = bytes(&batch);
        self.bytes += bytes;
        let held = self.held.entry(partition).or_insert_with(Held::new);
        held.bytes += bytes;
        held.batches.push_back(batch);
        None
    }

    /// Whether the library shall pause a source.
    pub(crate) fn is_pulled(&self, place: &Place) -> bool {
        let is_full = |held: &Held| held.bytes >= SOURCE_BYTES || held.bytes > 0 && self.bytes >= ALL_BYTES;
        self.held.get(&place.partition).is_some_and(is_full)
    }

    /// Whether a source is held back because too much of it can't be committed, and not for a moment only.
    pub(crate) fn holds_back(&self, place: &Place) -> bool {
        let is_long = |held: &Held| held.since.elapsed() >= LONG;
        over_window(place) && self.held.get(&place.partition).is_some_and(is_long)
    }

    /// Whether any source is paused.
    pub(crate) fn is_touched(&self) -> bool {
        !self.held.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn bytes(batch: &DeliveryBatch) -> usize {
    let sizes = batch
        .deliveries
        .iter()
        .map(|delivery| MESSAGE_BYTES + delivery.message.size_bytes());
    sizes.sum()
}

/// Whether nothing more of a source shall be delivered: the runtime has enough of it, or too much of it can't be
/// committed yet.
pub(crate) fn wants_pause(place: &Place) -> bool {
    place.pause_wanted.load(Ordering::Acquire) || over_window(place)
}

/// One stuck message must not let the window behind it grow without bound.
fn over_window(place: &Place) -> bool {
    let paused = place.paused.load(Ordering::Acquire);
    place.span() > if paused { WINDOW / 2 } else { WINDOW }
}

#[cfg(test)]
mod tests {
    use bindery_core::{Headers, Origin, RawMessage, Source};

    use super::*;

    fn place(paused: bool) -> Arc<Place> {
        let place = Place::new(0);
        place.assigned.store(true, Ordering::Release);
        place.pause_wanted.store(paused, Ordering::Release);
        Arc::new(place)
    }

    fn batch_of(source: &Arc<Source>, positions: std::ops::Range<u64>) -> DeliveryBatch {
        let delivery = |position| Delivery {
            message: RawMessage {
                payload: Some("0123456789".into()),
                key: None,
                headers: Headers::new(),
                origin: Origin::default(),
            },
            receipt: source.receipt(position),
        };
        DeliveryBatch {
            source: source.clone(),
            deliveries: positions.map(delivery).collect(),
        }
    }

    fn batch() -> DeliveryBatch {
        batch_of(&Source::new(0, 1, "t-0", Some(0)), 0..1)
    }

    fn hold(brake: &mut Brake, batch: DeliveryBatch) -> Option<DeliveryBatch> {
        brake.hold(batch, false)
    }

    #[test]
    fn what_a_paused_source_delivers_is_held_until_it_is_resumed() {
        let mut brake = Brake::default();
        let place = place(true);
        assert!(hold(&mut brake, batch()).is_some());
        assert!(brake.update([&place].into_iter()).is_empty());
        assert!(hold(&mut brake, batch()).is_none() && brake.is_touched() && !brake.is_pulled(&place));
        place.pause_wanted.store(false, Ordering::Release);
        assert_eq!(brake.update([&place].into_iter()).len(), 1);
        assert!(!brake.is_touched());
    }

    #[test]
    fn what_is_held_of_a_source_that_was_taken_away_is_dropped() {
        let mut brake = Brake::default();
        let place = place(true);
        brake.update([&place].into_iter());
        assert!(hold(&mut brake, batch()).is_none());
        place.assigned.store(false, Ordering::Release);
        assert!(brake.update([&place].into_iter()).is_empty());
    }

    #[test]
    fn what_follows_a_held_batch_stays_behind_it() {
        let mut brake = Brake::default();
        let place = place(true);
        let source = Source::new(0, 1, "t-0", Some(0));
        assert!(brake.hold(batch_of(&source, 0..3), true).is_none());
        assert!(
            brake.hold(batch_of(&source, 3..5), false).is_none(),
            "it would overtake"
        );
        place.pause_wanted.store(false, Ordering::Release);
        let released = brake.update([&place].into_iter());
        let first = |batch: &DeliveryBatch| batch.deliveries[0].receipt.position;
        assert_eq!(released.iter().map(first).collect::<Vec<_>>(), [0, 3]);
        assert_eq!(brake.bytes, 0);
    }

    #[test]
    fn the_library_pauses_a_source_when_too_much_is_held() {
        let mut brake = Brake::default();
        let place = place(true);
        let source = Source::new(0, 1, "t-0", Some(0));
        let mut position = 0;
        while brake.bytes < SOURCE_BYTES {
            assert!(!brake.is_pulled(&place));
            brake.hold(batch_of(&source, position..position + 256), true);
            position += 256;
        }
        assert!(brake.is_pulled(&place) && position > 10_000);
    }
}
