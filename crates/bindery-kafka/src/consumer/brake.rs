//! Holding back what a paused source still delivers.
//!
//! Pausing a partition in the library throws away what was fetched ahead, and resuming fetches it again. A pause of
//! the runtime is mostly short, so for a moment its messages are kept here instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bindery_core::DeliveryBatch;

use super::shared::Place;

/// How long a source is held before the library pauses it.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);
/// How many messages of one source are held before the library pauses it.
const HELD_MESSAGES: usize = 1024;
/// How far the first unsettled message may lag behind the last one handed out, in offsets.
pub(crate) const WINDOW: usize = 10_000;

/// The sources that are paused, and what they delivered since.
#[derive(Default)]
pub(crate) struct Brake(BTreeMap<i32, Held>);

struct Held {
    since: Instant,
    messages: usize,
    batches: Vec<DeliveryBatch>,
}

impl Brake {
    /// Takes note of what is paused by now, and gives back what was held of sources that are not.
    pub(crate) fn update<'a>(&mut self, places: impl Iterator<Item = &'a Arc<Place>>) -> Vec<DeliveryBatch> {
        let mut released = Vec::new();
        for place in places {
            let assigned = place.assigned.load(Ordering::Acquire);
            if assigned && wants_pause(place) {
                self.0.entry(place.partition).or_insert_with(|| Held {
                    since: Instant::now(),
                    messages: 0,
                    batches: Vec::new(),
                });
            } else if let Some(held) = self.0.remove(&place.partition)
                && assigned
            {
                released.extend(held.batches);
            }
        }
        released
    }

    /// Keeps a batch of a paused source; gives others back.
    pub(crate) fn hold(&mut self, batch: DeliveryBatch) -> Option<DeliveryBatch> {
        match batch
            .source
            .partition
            .and_then(|partition| self.0.get_mut(&partition))
        {
            Some(held) => {
                held.messages += batch.deliveries.len();
                held.batches.push(batch);
                None
            }
            None => Some(batch),
        }
    }

    /// Whether the library shall pause a source.
    pub(crate) fn is_pulled(&self, place: &Place) -> bool {
        let exhausted = |held: &Held| held.messages >= HELD_MESSAGES || held.since.elapsed() >= PATIENCE;
        self.0.get(&place.partition).is_some_and(exhausted) || over_window(place)
    }

    /// Whether any source is paused.
    pub(crate) fn is_touched(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

pub(crate) fn wants_pause(place: &Place) -> bool {
    place.pause_wanted.load(Ordering::Acquire)
}

/// One stuck message must not let the window behind it grow without bound.
pub(crate) fn over_window(place: &Place) -> bool {
    let paused = place.paused.load(Ordering::Acquire);
    place.span() > if paused { WINDOW / 2 } else { WINDOW }
}

#[cfg(test)]
mod tests {
    use bindery_core::Source;

    use super::*;

    fn place(paused: bool) -> Arc<Place> {
        let place = Place::new(0);
        place.assigned.store(true, Ordering::Release);
        place.pause_wanted.store(paused, Ordering::Release);
        Arc::new(place)
    }

    fn batch() -> DeliveryBatch {
        DeliveryBatch {
            source: Source::new(0, 1, "t-0", Some(0)),
            deliveries: Vec::new(),
        }
    }

    #[test]
    fn what_a_paused_source_delivers_is_held_until_it_is_resumed() {
        let mut brake = Brake::default();
        let place = place(true);
        assert!(brake.hold(batch()).is_some());
        assert!(brake.update([&place].into_iter()).is_empty());
        assert!(brake.hold(batch()).is_none() && brake.is_touched() && !brake.is_pulled(&place));
        place.pause_wanted.store(false, Ordering::Release);
        assert_eq!(brake.update([&place].into_iter()).len(), 1);
        assert!(!brake.is_touched());
    }

    #[test]
    fn what_is_held_of_a_source_that_was_taken_away_is_dropped() {
        let mut brake = Brake::default();
        let place = place(true);
        brake.update([&place].into_iter());
        assert!(brake.hold(batch()).is_none());
        place.assigned.store(false, Ordering::Release);
        assert!(brake.update([&place].into_iter()).is_empty());
    }
}
