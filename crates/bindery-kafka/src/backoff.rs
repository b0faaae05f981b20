//! Delays between attempts to replace a client that can't go on.

use std::time::{Duration, Instant};

use rand::Rng;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// A client that went on for so long was a success: the next failure begins anew.
const SUCCESS: Duration = Duration::from_secs(60);

/// Doubled delays up to 30 s, with jitter.
#[derive(Debug)]
pub(crate) struct Backoff {
    ceiling: Duration,
    last: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self {
            ceiling: FIRST,
            last: None,
        }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let now = Instant::now();
        if self.last.replace(now).is_some_and(|last| now - last > SUCCESS) {
            self.ceiling = FIRST;
        }
        let ceiling = self.ceiling;
        self.ceiling = (ceiling * 2).min(LONGEST);
        ceiling.mul_f64(rand::rng().random_range(0.1..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit() {
        let mut backoff = Backoff::new();
        for expected in [200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            assert!(backoff.next() <= Duration::from_millis(expected));
        }
    }
}
