//! Messages of a lane whose handler is done and whose outputs or acknowledgment are not confirmed yet.

use std::collections::VecDeque;
use std::sync::Arc;

use bindery_core::{Error, ErrorKind, Settlement, Unconfirmed, fail_point};
use slab::Slab;
use tokio::time::Instant;

use super::Shared;
use super::failure::Progress;
use super::handled::Handled;
use super::load::SourceLoad;
use super::records::Records;
use super::settle::settle;
use super::unsent::Unsent;
use super::window::{Answer, Window};
use super::work::Work;
use crate::binding::Note;

/// One message between its handler and its settlement. Thousands wait together: what few of them have is apart.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) work: Work,
    pub(crate) progress: Progress,
    /// Answers that are still to come.
    pub(crate) remaining: u32,
    /// What is published, and published again after an outage.
    pub(crate) records: Records,
    pub(crate) error: Option<Box<Error>>,
    /// Set when the source was taken away while publishing: it goes back, whatever the answers are.
    pub(crate) abandoned: bool,
    /// Tells, while the broker of an output is away, that this message waits for it.
    pub(crate) note: Option<Box<Note>>,
}

impl Pending {
    /// Notes what went wrong first; but what says something about the message counts more than a broker that was away.
    fn fail(&mut self, unconfirmed: Unconfirmed) {
        if let Some(record) = unconfirmed.record {
            self.records.come_back(record);
        }
        if self.error.is_none() || self.was_away() {
            self.error = Some(Box::new(unconfirmed.error));
        }
    }

    /// Whether the broker was away, which says nothing about the message: publishing the same records again is the remedy, and
    /// not another attempt.
    pub(crate) fn was_away(&self) -> bool {
        self.error.as_ref().is_some_and(|error| {
            error.is_temporary()
                && matches!(
                    error.kind(),
                    ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Closed
                )
        })
    }
}

/// The outstanding messages of one lane.
pub(crate) struct Outstanding {
    pub(crate) window: Arc<Window>,
    pub(super) slots: Slab<(u32, Pending)>,
    /// What is to be sent next, oldest first.
    pub(super) unsent: VecDeque<Unsent>,
    /// Makes tokens unique: an answer that comes late must not be taken for one to the slot's next message.
    counter: u32,
    answers: Vec<Answer>,
    /// What is done and to be settled.
    pub(crate) handled: Handled,
    /// Messages all of whose answers came, one of them bad: to be processed before anything new.
    failed: VecDeque<(Instant, Pending)>,
}

impl Outstanding {
    pub(crate) fn new() -> Self {
        Self {
            window: Arc::default(),
            slots: Slab::new(),
            unsent: VecDeque::new(),
            counter: 0,
            answers: Vec::new(),
            handled: Handled::default(),
            failed: VecDeque::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Adds a message; the token names it in its answers.
    pub(crate) fn insert(&mut self, pending: Pending) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        let slot = self.slots.insert((self.counter, pending));
        u64::from(self.counter) << 32 | slot as u64
    }

    /// A message that is outstanding.
    pub(crate) fn get_mut(&mut self, token: u64) -> Option<&mut Pending> {
        let (counter, pending) = self.slots.get_mut(slot(token))?;
        (u64::from(*counter) == token >> 32).then_some(pending)
    }

    /// Takes a message out that needs no more answers.
    pub(crate) fn remove(&mut self, token: u64) -> Option<Pending> {
        self.get_mut(token)?;
        Some(self.slots.remove(slot(token)).1)
    }

    /// The oldest message that failed after its handler was done, and when it did.
    pub(crate) fn next_failed(&mut self) -> Option<(Instant, Pending)> {
        self.failed.pop_front()
    }

    /// Waits until there may be answers. Cancel safe.
    pub(crate) async fn arrived(&self) {
        self.window.arrived().await;
    }

    /// Takes in the answers that came, and settles the messages that are complete.
    pub(crate) fn absorb(&mut self, shared: &Shared, load: &SourceLoad) {
        let mut answers = std::mem::take(&mut self.answers);
        self.window.take(&mut answers);
        if !answers.is_empty() {
            for (token, failed) in answers.drain(..) {
                self.answered(token, failed, shared, load);
            }
            self.handled.flush(shared, load);
        }
        self.answers = answers;
    }

    /// The lane's own answer: everything of this message that could be sent is sent.
    pub(crate) fn complete(&mut self, token: u64, shared: &Shared, load: &SourceLoad) {
        self.answered(token, None, shared, load);
    }

    fn answered(&mut self, token: u64, failed: Option<Box<Unconfirmed>>, shared: &Shared, load: &SourceLoad) {
        let Some(pending) = self.get_mut(token) else {
            return;
        };
        pending.remaining -= 1;
        if let Some(unconfirmed) = failed {
            pending.fail(*unconfirmed);
        }
        if pending.remaining > 0 {
            return;
        }
        let (_, pending) = self.slots.remove(slot(token));
        if pending.abandoned {
            settle(shared, load, pending.work, Settlement::Release);
        } else if pending.error.is_some() {
            self.failed.push_back((Instant::now(), pending));
        } else {
            if pending.records.len() > 0 {
                fail_point!("after-output-confirmed");
            }
            for output in pending.records.outputs() {
                self.handled.confirmed(output);
            }
            self.handled.add(pending.work);
        }
    }
}

pub(super) fn slot(token: u64) -> usize {
    (token & u64::from(u32::MAX)) as usize
}

#[cfg(test)]
mod tests {
    use super::super::lane;
    use super::*;

    fn away() -> Error {
        Error::temporary(ErrorKind::Unavailable, "the broker is away")
    }

    #[test]
    fn what_says_something_about_the_message_counts_more_than_a_broker_that_was_away() {
        let mut pending = lane::pending(Work::batch(Vec::new()), Progress::default(), 1);
        pending.fail(away().into());
        pending.fail(Error::new(ErrorKind::Payload, "too large").into());
        pending.fail(away().into());
        assert_eq!(pending.error.map(|error| error.kind()), Some(ErrorKind::Payload));
    }
}
