//! How eagerly deliveries are taken: each at once while few come, many together while they come fast.
//!
//! Whoever takes each delivery as it comes is woken for each, and so is the lane behind it: on a busy queue that takes
//! as much of the processor as reading and decoding. A short rest between two batches ends it, as network drivers do it.

use std::time::Duration;

use tokio::time::Instant;

/// How long a rest is, the least that a timer has.
pub(crate) const REST: Duration = Duration::from_millis(1);
/// From how many deliveries a second on they come fast: below, each is worth its wake-up, and has no rest added to its
/// latency.
const FAST: u128 = 20_000;
/// Over how long that is counted.
const WINDOW: Duration = Duration::from_millis(20);
/// With a smaller prefetch the broker would have nothing to send for the better part of a rest.
const LEAST_PREFETCH: u16 = 256;

/// The pace of one consumer.
#[derive(Debug)]
pub(super) struct Pace {
    /// How many of the prefetch may be unacknowledged for a rest to be no hindrance; the broker sends the others meanwhile.
    most_unacknowledged: usize,
    since: Instant,
    count: u128,
    is_fast: bool,
}

impl Pace {
    /// `prefetch` as the broker takes it: 0 is without a bound.
    pub(super) fn new(prefetch: u16, now: Instant) -> Self {
        let most_unacknowledged = match prefetch {
            0 => usize::MAX,
            small if small < LEAST_PREFETCH => 0,
            bounded => usize::from(bounded / 2),
        };
        Self {
            most_unacknowledged,
            since: now,
            count: 0,
            is_fast: false,
        }
    }

    /// Whether to rest after a batch of `taken` deliveries, of which there may have been `most`: after a full one there is
    /// more to take. `unacknowledged` is asked only where it matters.
    pub(super) fn rests(
        &mut self,
        taken: usize,
        most: usize,
        now: Instant,
        unacknowledged: impl FnOnce() -> usize,
    ) -> bool {
        self.count += taken as u128;
        let elapsed = now - self.since;
        if elapsed >= WINDOW {
            self.is_fast = self.count * 1_000_000 >= FAST * elapsed.as_micros();
            self.count = 0;
            self.since = now;
        }
        self.is_fast && taken < most && unacknowledged() < self.most_unacknowledged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `taken` deliveries each `gap` while `unacknowledged` are, and tells how often it rested.
    fn rests(prefetch: u16, gap: Duration, taken: usize, unacknowledged: usize) -> usize {
        let begin = Instant::now();
        let mut pace = Pace::new(prefetch, begin);
        let times = (1..=100).map(|number| begin + gap * number);
        times
            .filter(|now| pace.rests(taken, 256, *now, || unacknowledged))
            .count()
    }

    #[test]
    fn who_gets_few_deliveries_never_rests() {
        assert_eq!(rests(1_000, Duration::from_millis(1), 19, 0), 0);
        assert_eq!(rests(1_000, Duration::from_millis(60), 1_000, 0), 0);
    }

    #[test]
    fn who_gets_many_rests_after_the_first_window() {
        assert_eq!(rests(1_000, Duration::from_millis(1), 20, 499), 81);
        assert_eq!(rests(0, Duration::from_millis(1), 50, 1_000_000), 81);
    }

    #[test]
    fn nobody_rests_while_the_broker_has_little_room_to_send_more() {
        assert_eq!(rests(1_000, Duration::from_millis(1), 50, 500), 0);
        for prefetch in [1, 20, 100, 255] {
            assert_eq!(rests(prefetch, Duration::from_millis(1), 50, 0), 0);
        }
        assert_eq!(rests(256, Duration::from_millis(1), 50, 0), 81);
    }

    #[test]
    fn nobody_rests_while_there_is_more_to_take() {
        let begin = Instant::now();
        let mut pace = Pace::new(1_000, begin);
        let at = |millis| begin + Duration::from_millis(millis);
        assert!(!pace.rests(256, 256, at(10), || 0));
        assert!(!pace.rests(256, 256, at(20), || 0), "full, but counted");
        assert!(pace.rests(10, 256, at(21), || 0));
    }
}
