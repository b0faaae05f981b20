//! The health of one thing that may have several parts; every change is one line in the log.

use std::fmt;
use std::sync::Mutex;

use bindery_core::{Health, Status};

/// Health of a connection, a producer, or a consumer with one part for each of its channels.
pub(crate) struct HealthBoard {
    label: String,
    state: Mutex<State>,
}

struct State {
    parts: Vec<Health>,
    whole: Health,
}

impl HealthBoard {
    /// A board for `parts` parts of which nothing is known yet.
    pub(crate) fn new(label: impl Into<String>, parts: usize) -> Self {
        Self {
            label: label.into(),
            state: Mutex::new(State {
                parts: vec![Health::unknown(); parts.max(1)],
                whole: Health::unknown(),
            }),
        }
    }

    /// The health of the whole: that of its worst part.
    pub(crate) fn whole(&self) -> Health {
        self.lock().whole.clone()
    }

    /// Sets the health of one part and logs when that changes the whole.
    pub(crate) fn set(&self, part: usize, next: Health) {
        let mut state = self.lock();
        let Some(known) = state.parts.get_mut(part) else {
            return;
        };
        *known = known.followed_by(next);
        let Some(worst) = worst(&state.parts) else {
            return;
        };
        let changed = worst.status != state.whole.status || worst.reason != state.whole.reason;
        let whole = state.whole.followed_by(worst);
        state.whole = whole.clone();
        drop(state);
        if changed {
            self.log(&whole);
        }
    }

    fn log(&self, health: &Health) {
        let label = self.label.as_str();
        let reason = health.reason.as_deref().unwrap_or_default();
        match health.status {
            Status::Up => tracing::info!("{label} is up"),
            Status::Unknown => tracing::debug!("{label}: nothing is known yet"),
            Status::Degraded => tracing::warn!("{label} is degraded: {reason}"),
            Status::Down => tracing::warn!("{label} is down: {reason}"),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
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

/// The worst health, the last of equals; `Unknown` counts only when nothing else is known.
pub(crate) fn worst(parts: &[Health]) -> Option<Health> {
    let known = parts.iter().filter(|health| health.status != Status::Unknown);
    known
        .max_by_key(|health| health.status)
        .or_else(|| parts.first())
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_as_well_as_its_worst_part() {
        let board = HealthBoard::new("consumer `in`", 2);
        assert_eq!(board.whole().status, Status::Unknown);
        board.set(0, Health::up());
        assert_eq!(board.whole().status, Status::Up);
        board.set(1, Health::down("connection refused"));
        assert_eq!(board.whole().reason.as_deref(), Some("connection refused"));
        board.set(1, Health::up());
        assert_eq!(board.whole().status, Status::Up);
    }
}
