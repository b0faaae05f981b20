//! Open-loop pacing: when each message is due, whatever became of the earlier ones.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Counts out a rate from now on.
#[derive(Debug)]
pub(super) struct Pace {
    from: Instant,
    per_second: u64,
    handed_out: u64,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self {
            from: Instant::now(),
            per_second: u64::from(per_second.max(1)),
            handed_out: 0,
        }
    }

    /// Waits until at least one message is due; returns how many are, `most` at most.
    pub(super) async fn due(&mut self, most: u64) -> u64 {
        sleep_until(self.from + self.offset(self.handed_out)).await;
        let passed = u64::try_from(self.from.elapsed().as_micros()).unwrap_or(u64::MAX);
        let owed = passed.saturating_mul(self.per_second) / 1_000_000 + 1;
        let due = owed.saturating_sub(self.handed_out).clamp(1, most);
        self.handed_out += due;
        due
    }

    fn offset(&self, messages: u64) -> Duration {
        Duration::from_micros(messages.saturating_mul(1_000_000) / self.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_kept_and_what_is_late_is_caught_up() {
        let mut pace = Pace::new(1_000);
        let from = Instant::now();
        let mut sent = 0;
        while sent < 500 {
            sent += pace.due(100).await;
        }
        let took = from.elapsed();
        assert!(
            (Duration::from_millis(490)..Duration::from_millis(510)).contains(&took),
            "{took:?}"
        );
        tokio::time::sleep(Duration::from_millis(250)).await;
        let owed = [pace.due(100).await, pace.due(100).await];
        assert_eq!(owed, [100, 100]);
    }
}
