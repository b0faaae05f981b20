//! The thread that commits: it waits for the broker's answers, so that the poll thread never does.
//!
//! What was settled and isn't committed comes again after a crash, so commits follow each other closely: the poll
//! thread stores offsets each `commit-interval` while they move, and a commit begins as soon as something new is stored
//! and the last one is answered. That bounds the repeats of a process that is killed by a time, and costs the same at
//! any rate. At most one commit is under way, so none can be overtaken by an older one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::error::KafkaResult;

use super::commit::{is_empty, is_rebalance};

/// The first and the longest pause after a commit that failed; the next one carries the same offsets and more.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// After so many failures in a row it is told: a single one passes with the next commit.
const FAILURES_TO_TELL: u32 = 3;

/// What the poll thread and the committing thread of one consumer say to each other.
#[derive(Debug, Default)]
pub(crate) struct Committer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Something was stored since the last commit began.
    asked: bool,
    under_way: bool,
    /// Somebody else commits; nothing is begun meanwhile.
    held: bool,
    ended: bool,
    /// Commits that failed in a row.
    failures: u32,
}

impl Committer {
    /// Asks for what is stored to be committed.
    pub(crate) fn ask(&self) {
        self.lock().asked = true;
        self.changed.notify_all();
    }

    /// Waits for the answer to the commit under way, and begins none until the hold is dropped.
    pub(crate) fn hold(&self) -> Hold<'_> {
        let mut state = self.lock();
        state.held = true;
        drop(self.wait_while(state, |state| state.under_way));
        Hold(self)
    }

    /// Ends the committing thread; a commit under way is finished.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// Commits when it is asked for, until it is ended. `commit` waits for the broker's answer.
    pub(crate) fn run(&self, topic: &str, mut commit: impl FnMut() -> KafkaResult<()>) {
        while self.begin() {
            let answer = commit();
            let mut state = self.lock();
            state.under_way = false;
            note(&mut state.failures, topic, answer);
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Waits for the next commit to be due. `false` when there is none.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        if state.failures > 0 {
            let pause = RETRY.0 * 2_u32.saturating_pow((state.failures - 1).min(8));
            let waited = self
                .changed
                .wait_timeout_while(state, pause.min(RETRY.1), |state| !state.ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        // What failed is committed again although nothing new was stored.
        state = self.wait_while(state, |state| {
            !state.ended && (state.held || !(state.asked || state.failures > 0))
        });
        if state.ended {
            return false;
        }
        state.asked = false;
        state.under_way = true;
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while<'a>(
        &self,
        state: MutexGuard<'a, State>,
        condition: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        self.changed
            .wait_while(state, condition)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// While it lives, the committing thread begins nothing.
#[derive(Debug)]
pub(crate) struct Hold<'a>(&'a Committer);

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.lock().held = false;
        self.0.changed.notify_all();
    }
}

/// Counts failures: one line when commits keep failing, one when they succeed again.
fn note(failures: &mut u32, topic: &str, answer: KafkaResult<()>) {
    match answer {
        Err(error) if !is_empty(&error) => {
            *failures = failures.saturating_add(1);
            if *failures == FAILURES_TO_TELL && !is_rebalance(&error) {
                tracing::warn!(
                    topic,
                    "offsets can't be committed, what is settled meanwhile comes again after a crash: {error}"
                );
            } else {
                tracing::debug!(topic, failures, "offsets were not committed: {error}");
            }
        }
        Ok(()) | Err(_) => {
            if *failures >= FAILURES_TO_TELL {
                tracing::info!(topic, failures, "offsets are committed again");
            }
            *failures = 0;
        }
    }
}

#[cfg(test)]
#[path = "committer_tests.rs"]
mod tests;
