//! Late binding: a bind that fails is tried again, quickly while the broker is away, slowly when it says no.

use std::time::Duration;

use bindery_core::{BindingName, Error, ErrorKind, Health};
use rand::Rng;
use tokio::time::Instant;

use super::{BindingState, BindingStatus};

/// The first and the longest pause while a broker can't be reached.
const AWAY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// A binding that was bound for so long is steady: what happens then begins anew.
const STEADY: Duration = Duration::from_secs(60);

/// The back-off of one binding, with one line in the log when it begins to wait, when the broker answers and refuses, and
/// when it is bound.
#[derive(Debug)]
pub(crate) struct BindRetry {
    next: Duration,
    /// The pause when the broker answered and refused: trying soon can't help. `None` is for ever.
    refused: Option<Duration>,
    attempt: u32,
    /// Since when it is tried in vain, and whether the broker was away the last time.
    waiting: Option<(Instant, bool)>,
    /// When it was bound the last time.
    bound: Option<Instant>,
    /// Whether the consumer ended by itself since.
    lost: bool,
}

impl BindRetry {
    pub(crate) fn new(refused: Option<Duration>) -> Self {
        Self {
            next: AWAY.0,
            refused,
            attempt: 0,
            waiting: None,
            bound: None,
            lost: false,
        }
    }

    /// Notes a failed bind in health and log, and waits until it is time to try again. Jitter keeps instances apart.
    pub(crate) async fn failed(&mut self, binding: &BindingName, status: &BindingStatus, error: &Error) {
        self.attempt += 1;
        let away = error.is_temporary() && error.kind() != ErrorKind::Unauthorized;
        let pause = if away {
            Some(self.next_pause())
        } else {
            self.refused
        };
        let report = error.report();
        let state = if away {
            BindingState::Starting
        } else {
            BindingState::Failed
        };
        let next = pause
            .map(|pause| format!(", next in {pause:.1?}"))
            .unwrap_or_default();
        let reason = format!("{report}, attempt {}{next}", self.attempt);
        status.set(state, Health::down(reason));
        let attempt = self.attempt;
        match self.waiting {
            // What keeps the broker away may change with every attempt; that is told by health.
            Some((_, was_away)) if was_away == away => {
                tracing::debug!(binding.name = %binding, attempt, error = %report, "still not bound");
            }
            _ if away => {
                tracing::warn!(binding.name = %binding, error = %report, "the binding waits for its broker");
            }
            _ => {
                tracing::error!(binding.name = %binding, error = %report, "the binding can't be bound as configured");
            }
        }
        let since = self.waiting.map_or_else(Instant::now, |(since, _)| since);
        self.waiting = Some((since, away));
        match pause {
            Some(pause) => tokio::time::sleep(pause).await,
            None => std::future::pending().await,
        }
    }

    /// Notes that the bind worked.
    pub(crate) fn succeeded(&mut self, binding: &BindingName) {
        if let Some((since, _)) = self.waiting.take() {
            let took = since.elapsed();
            tracing::info!(
                binding.name = %binding, attempts = self.attempt, lasted.ms = took.as_millis() as u64,
                "the binding is bound after {took:.1?}"
            );
        }
        self.attempt = 0;
        self.bound = Some(Instant::now());
    }

    /// Notes that the consumer ended by itself.
    pub(crate) fn lost(&mut self) {
        self.lost = true;
        if self.bound.is_some_and(|bound| bound.elapsed() > STEADY) {
            self.next = AWAY.0;
        }
    }

    /// Waits after a loss, longer each time: a consumer that ends as soon as it is bound must not be bound in a loop.
    pub(crate) async fn pause_after_loss(&mut self, binding: &BindingName, status: &BindingStatus) {
        if !std::mem::take(&mut self.lost) {
            return;
        }
        let pause = self.next_pause();
        let reason = format!("the consumer ended by itself; the binding is bound again in {pause:.1?}");
        tracing::warn!(binding.name = %binding, "{reason}");
        status.set(BindingState::Starting, Health::down(reason));
        tokio::time::sleep(pause).await;
    }

    /// The next pause: doubled each time, with jitter.
    fn next_pause(&mut self) -> Duration {
        let millis = self.next.as_millis() as u64;
        self.next = (self.next * 2).min(AWAY.1);
        Duration::from_millis(rand::rng().random_range(millis / 2..=millis))
    }
}
