//! How often the poll thread looks for offsets to store and commit.

use std::time::{Duration, Instant};

/// The pace of one consumer: `commit-interval`.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    next: Instant,
}

impl Pace {
    pub(crate) fn new(interval: Duration, now: Instant) -> Self {
        Self { interval, next: now }
    }

    /// Whether it is time to look; then the next time is one interval later.
    pub(crate) fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.next;
        if due {
            self.next = now + self.interval;
        }
        due
    }

    /// How long a poll may wait while there is or may soon be something to commit.
    pub(crate) fn patience(&self) -> Duration {
        self.interval.max(Duration::from_millis(1))
    }
}
