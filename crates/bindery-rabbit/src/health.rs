//! The health of one thing that may have several parts. The log has a line when it changes, not for each attempt.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_core::{Health, Status};
use tokio::time::Instant;

use crate::error::Refusal;

/// Health of a connection, a producer, or a consumer with one part for each of its channels.
pub(crate) struct HealthBoard {
    label: String,
    state: Mutex<State>,
}

struct State {
    parts: Vec<Health>,
    whole: Health,
    trouble: Option<Trouble>,
}

/// What is told of a trouble when it ends.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    attempts: u32,
    /// Whether only a person can end it.
    needs_a_person: bool,
    /// Whether somebody else tells of it.
    is_told_elsewhere: bool,
}

/// How a trouble is told.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    is_attempt: bool,
    needs_a_person: bool,
    is_told_elsewhere: bool,
}

impl HealthBoard {
    /// A board for `parts` parts of which nothing is known yet.
    pub(crate) fn new(label: impl Into<String>, parts: usize) -> Self {
        Self {
            label: label.into(),
            state: Mutex::new(State {
                parts: vec![Health::unknown(); parts.max(1)],
                whole: Health::unknown(),
                trouble: None,
            }),
        }
    }

    /// The health of the whole: that of its worst part.
    pub(crate) fn whole(&self) -> Health {
        self.lock().whole.clone()
    }

    /// A part works.
    pub(crate) fn up(&self, part: usize) {
        let mut state = self.lock();
        let before = state.whole.status;
        state.set(part, Health::up());
        if before == Status::Unknown {
            tracing::info!("{} is up", self.label);
        }
        if state.whole.status != Status::Up {
            return;
        }
        let Some(trouble) = state.trouble.take() else {
            return;
        };
        drop(state);
        let (label, took, attempts) = (&self.label, trouble.since.elapsed(), trouble.attempts);
        if trouble.is_told_elsewhere {
            tracing::debug!("{label} is up again");
        } else {
            let millis = took.as_millis() as u64;
            tracing::info!(
                attempts,
                lasted.ms = millis,
                "{label} is up again after {took:.1?}"
            );
        }
    }

    /// A part works in part.
    pub(crate) fn degraded(&self, part: usize, reason: &str) {
        self.trouble(part, Health::degraded(reason), Told::default());
    }

    /// A part doesn't work; it is tried again after `next`.
    pub(crate) fn down(&self, part: usize, refusal: &Refusal, next: Option<Duration>) {
        let told = Told {
            is_attempt: next.is_some(),
            needs_a_person: refusal.needs_a_person(),
            ..Told::default()
        };
        self.trouble(part, self.refused(refusal, next), told);
    }

    /// A part doesn't work because its connection doesn't, which is told by the connection.
    pub(crate) fn down_with_connection(&self, part: usize, refusal: &Refusal) {
        let told = Told {
            is_told_elsewhere: true,
            needs_a_person: refusal.needs_a_person(),
            ..Told::default()
        };
        self.trouble(part, self.refused(refusal, None), told);
    }

    fn refused(&self, refusal: &Refusal, next: Option<Duration>) -> Health {
        let attempt = self.lock().trouble.map_or(0, |trouble| trouble.attempts) + 1;
        let message = &refusal.message;
        Health::down(match next {
            Some(next) => format!("{message}, attempt {attempt}, next in {next:.1?}"),
            None => message.clone(),
        })
    }

    fn trouble(&self, part: usize, health: Health, told: Told) {
        let mut state = self.lock();
        let before = state.whole.status;
        state.set(part, health);
        let known = state.trouble;
        let trouble = Trouble {
            since: known.map_or_else(Instant::now, |known| known.since),
            attempts: known.map_or(0, |known| known.attempts) + u32::from(told.is_attempt),
            needs_a_person: told.needs_a_person,
            is_told_elsewhere: told.is_told_elsewhere && known.is_none_or(|known| known.is_told_elsewhere),
        };
        state.trouble = Some(trouble);
        let whole = state.whole.clone();
        drop(state);
        let (label, reason) = (&self.label, whole.reason.as_deref().unwrap_or_default());
        let is_new = before != whole.status
            || known.is_none_or(|known| {
                (known.needs_a_person, known.is_told_elsewhere)
                    != (trouble.needs_a_person, trouble.is_told_elsewhere)
            });
        if !is_new || trouble.is_told_elsewhere {
            tracing::debug!(attempt = trouble.attempts, "{label}: {reason}");
        } else if whole.status == Status::Degraded {
            tracing::warn!("{label} is degraded: {reason}");
        } else {
            tracing::warn!("{label} is down: {reason}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn set(&mut self, part: usize, next: Health) {
        if let Some(known) = self.parts.get_mut(part) {
            *known = known.followed_by(next);
        }
        if let Some(whole) = Health::of_parts(self.parts.iter().cloned()) {
            self.whole = whole;
        }
    }
}

impl fmt::Debug for HealthBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthBoard")
            .field("label", &self.label)
            .field("whole", &self.whole())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::ErrorKind;

    use super::*;

    fn refused() -> Refusal {
        Refusal::temporary(ErrorKind::Unavailable, "connection refused")
    }

    #[test]
    fn the_whole_is_as_well_as_its_worst_part() {
        let board = HealthBoard::new("consumer `in`", 2);
        assert_eq!(board.whole().status, Status::Unknown);
        board.up(0);
        assert_eq!(board.whole().status, Status::Up);
        board.down(1, &refused(), None);
        assert_eq!(board.whole().reason.as_deref(), Some("connection refused"));
        board.up(1);
        assert_eq!((board.whole().status, board.whole().reason), (Status::Up, None));
    }

    #[test]
    fn a_trouble_that_lasts_counts_its_attempts_and_keeps_its_time() {
        let board = HealthBoard::new("connection `rabbit`", 1);
        board.down(0, &refused(), Some(Duration::from_secs(1)));
        let since = board.whole().since;
        board.down(0, &refused(), Some(Duration::from_secs(2)));
        let health = board.whole();
        assert_eq!(
            health.reason.as_deref(),
            Some("connection refused, attempt 2, next in 2.0s")
        );
        assert_eq!(health.since, since);
        board.up(0);
        assert!(board.whole().since > since);
    }
}
