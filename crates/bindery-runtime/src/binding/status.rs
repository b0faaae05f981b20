//! The state and the health of one binding, for whoever asks.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bindery_core::{BindingName, Health, Status};
use tokio::sync::watch;

use super::trouble::{Cause, Troubles};

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

/// State, health and troubles of one binding.
pub(crate) struct BindingStatus {
    name: BindingName,
    state: watch::Sender<BindingState>,
    inner: Mutex<Inner>,
}

struct Inner {
    health: Health,
    /// What troubles single messages at present.
    troubles: Troubles,
}

impl BindingStatus {
    /// Of a binding that starts by itself, or waits until somebody starts it. The first is starting from the beginning:
    /// readiness is asked before its task has run.
    pub(crate) fn new(name: BindingName, auto_startup: bool) -> Arc<Self> {
        let state = if auto_startup {
            BindingState::Starting
        } else {
            BindingState::Stopped
        };
        let inner = Inner {
            health: Health::unknown(),
            troubles: Troubles::default(),
        };
        Arc::new(Self {
            name,
            state: watch::Sender::new(state),
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

    /// So many messages wait for the given reason; the note lasts as long as the guard.
    pub(crate) fn note(self: &Arc<Self>, cause: Cause, messages: u64, reason: String) -> Note {
        let number = self.inner().troubles.add(&self.name, &cause, messages, reason);
        Note {
            status: self.clone(),
            cause,
            number,
        }
    }

    /// So many messages more, or fewer, wait behind those that can't go on.
    pub(crate) fn wait_behind(&self, more: u64, fewer: u64) {
        self.inner().troubles.wait_behind(more, fewer);
    }

    /// The health: trouble degrades what is otherwise up.
    pub(crate) fn health(&self) -> Health {
        let inner = self.inner();
        let mut health = inner.health.clone();
        if health.status >= Status::Degraded {
            return health;
        }
        if let Some((since, reason)) = inner.troubles.describe() {
            return Health {
                status: Status::Degraded,
                reason: Some(reason),
                since,
            };
        }
        if health.status == Status::Up
            && let Some(ended) = inner.troubles.ended
        {
            health.since = health.since.max(ended);
        }
        health
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
    cause: Cause,
    number: u64,
}

impl Note {
    /// Tells the reason anew.
    pub(crate) fn renew(&self, reason: String) {
        let status = &self.status;
        status.inner().troubles.renew(&self.cause, self.number, reason);
    }

    /// Another attempt to go on failed, and the next follows after `next`.
    pub(crate) fn again(&self, reason: String, next: Duration) {
        self.status.inner().troubles.again(&self.cause, reason, next);
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let status = &self.status;
        status
            .inner()
            .troubles
            .remove(&status.name, &self.cause, self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> Arc<BindingStatus> {
        let status = BindingStatus::new(BindingName::new("in"), true);
        status.set(BindingState::Running, Health::up());
        status
    }

    #[test]
    fn a_note_degrades_what_is_up_and_goes_with_its_guard() {
        let status = running();
        let note = status.note(Cause::Held, 1, "message 7 is held".to_owned());
        assert_eq!(status.health().status, Status::Degraded);
        drop(note);
        assert_eq!(status.health().status, Status::Up);
        status.fail("gone");
        let _note = status.note(Cause::Held, 1, "message 8 is held".to_owned());
        assert_eq!(status.health().reason.as_deref(), Some("gone"));
    }

    #[test]
    fn messages_that_wait_for_the_same_are_told_as_one_with_their_number_and_the_last_reason() {
        let status = running();
        let cause = Cause::DeadLetter("dlq".into());
        let first = status.note(cause.clone(), 1, "full".to_owned());
        let second = status.note(cause, 2, "full".to_owned());
        first.again("gone".to_owned(), Duration::from_secs(2));
        second.again("gone".to_owned(), Duration::from_secs(2));
        status.wait_behind(40, 0);
        assert_eq!(
            status.health().reason.as_deref(),
            Some(
                "3 messages wait for the dead letter `dlq`: gone, attempt 1, next in 2.0s; 40 messages wait behind"
            )
        );
    }

    #[test]
    fn a_recovery_begins_when_the_trouble_ended() {
        let status = running();
        let before = status.health().since;
        drop(status.note(Cause::Stalled, 1, "the handler is stalled".to_owned()));
        let health = status.health();
        assert_eq!((health.status, health.reason), (Status::Up, None));
        assert!(health.since > before);
    }
}
