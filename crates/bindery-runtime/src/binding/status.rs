//! The state and the health of one binding, for whoever asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::{Health, Status};
use tokio::sync::watch;

/// The state of a binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingState {
    /// It isn't started, or was stopped.
    Stopped,
    /// It is being bound, or waits for its broker.
    Starting,
    /// It works.
    Running,
    /// It is bound and takes no messages until it is resumed.
    Paused,
    /// It can't be bound as configured; it is tried again slowly.
    Failed,
}

impl BindingState {
    /// The state as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for BindingState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// State, health and notes of one binding.
pub(crate) struct BindingStatus {
    state: watch::Sender<BindingState>,
    inner: Mutex<Inner>,
}

struct Inner {
    health: Health,
    /// What troubles single lanes at present, by the number of the note.
    notes: BTreeMap<u64, String>,
    counter: u64,
}

impl BindingStatus {
    pub(crate) fn new() -> Arc<Self> {
        let inner = Inner {
            health: Health::unknown(),
            notes: BTreeMap::new(),
            counter: 0,
        };
        Arc::new(Self {
            state: watch::Sender::new(BindingState::Stopped),
            inner: Mutex::new(inner),
        })
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self) -> BindingState {
        *self.state.borrow()
    }

    /// Sees every change of the state.
    pub(crate) fn watch(&self) -> watch::Receiver<BindingState> {
        self.state.subscribe()
    }

    /// Sets the state together with its health.
    pub(crate) fn set(&self, state: BindingState, health: Health) {
        let mut inner = self.inner();
        inner.health = inner.health.followed_by(health);
        drop(inner);
        self.state.send_replace(state);
    }

    /// The binding can't go on by itself.
    pub(crate) fn fail(&self, reason: &str) {
        self.set(BindingState::Failed, Health::down(reason));
    }

    /// A message is held for good; the note lasts as long as the guard.
    pub(crate) fn hold(self: &Arc<Self>, reason: String) -> Note {
        self.note(reason)
    }

    /// Something is refused for now; the note lasts as long as the guard.
    pub(crate) fn degraded(self: &Arc<Self>, reason: String) -> Note {
        self.note(reason)
    }

    fn note(self: &Arc<Self>, reason: String) -> Note {
        let mut inner = self.inner();
        inner.counter += 1;
        let number = inner.counter;
        inner.notes.insert(number, reason);
        Note {
            status: self.clone(),
            number,
        }
    }

    /// The health: a note degrades what is otherwise up.
    pub(crate) fn health(&self) -> Health {
        let inner = self.inner();
        match inner.notes.values().next() {
            Some(note) if inner.health.status < Status::Degraded => {
                let more = inner.notes.len() - 1;
                let reason = if more == 0 {
                    note.clone()
                } else {
                    format!("{note} (and {more} more)")
                };
                Health {
                    status: Status::Degraded,
                    reason: Some(reason),
                    since: inner.health.since,
                }
            }
            _ => inner.health.clone(),
        }
    }
}

impl fmt::Debug for BindingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BindingStatus({})", self.state())
    }
}

/// A note on a binding's health, taken back when it is dropped.
#[derive(Debug)]
#[must_use = "the note is taken back when this is dropped"]
pub(crate) struct Note {
    status: Arc<BindingStatus>,
    number: u64,
}

impl Drop for Note {
    fn drop(&mut self) {
        self.status.inner().notes.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_degrades_what_is_up_and_goes_with_its_guard() {
        let status = BindingStatus::new();
        status.set(BindingState::Running, Health::up());
        let note = status.hold("message 7 is held".to_owned());
        assert_eq!(status.health().status, Status::Degraded);
        drop(note);
        assert_eq!(status.health().status, Status::Up);
        status.fail("gone");
        let _note = status.degraded("refused".to_owned());
        assert_eq!(status.health().reason.as_deref(), Some("gone"));
    }
}
