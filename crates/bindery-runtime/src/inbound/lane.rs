//! A lane: messages that are processed one after the other, in order, while others go on beside it.
//!
//! A message's way through its lane, and the one place that tells the order of the steps:
//!
//! 1. *call*: arguments are decoded and the handler runs, bounded by `handler-timeout`; a panic is a failure;
//! 2. *publish*: outputs become records, which go to their producers in runs, in [`unsent`](super::unsent), and the lane
//!    goes on with the next message;
//! 3. *settle*: when every output is confirmed, in [`settle`];
//! 4. after a failure, *decide*: wait and call again, or
//! 5. *dead letter*: confirmed before the original is settled; without one, `on-exhausted` says what happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Call, FailureReason, HandlerError, ListenerContext, Settlement, Source};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::Shared;
use super::blocked::Blocked;
use super::failure::{Decision, Progress, decide, describe};
use super::give_up;
use super::load::SourceLoad;
use super::outstanding::{Outstanding, Pending};
use super::queue::Queue;
use super::records::Records;
use super::settle::settle;
use super::watch::Watched;
use super::work::Work;
use crate::binding::Note;
use crate::outbound::Copied;

/// How long a lane goes on without sending, settling, looking at confirmations, or letting others have the thread.
const LONGEST_RUN: Duration = Duration::from_millis(1);

/// Runs one lane until its queue ends.
pub(crate) struct Lane {
    pub(crate) shared: Arc<Shared>,
    pub(crate) source: Arc<Source>,
    pub(crate) load: Arc<SourceLoad>,
    pub(super) context: Arc<ListenerContext>,
    pub(super) outstanding: Outstanding,
    pub(super) queue: Queue,
    /// What can't go on and what waits behind it, where that leaves other lanes room.
    pub(super) blocked: Option<Blocked>,
    pub(super) watched: Watched,
    /// Singles of a batch of which one message is poisoned; they go before anything new.
    singles: VecDeque<(Work, Progress)>,
    /// Exhausted messages that have no dead letter: nothing new is started while there is one.
    pub(super) held: Vec<(Work, Note)>,
    pub(super) call: Call,
    pub(super) copied: Copied,
    /// When the latest message was done with, unless the lane has waited since.
    pub(super) clock: Option<Instant>,
    /// Since when the lane has not waited.
    pub(super) running_since: Option<Instant>,
    /// Set when the lane ends and something of it went back: what follows may not overtake that.
    pub(super) gave_back: bool,
    /// Bounds how many lanes of a keyed source run their handler at once.
    permits: Option<Arc<Semaphore>>,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Waited {
    /// The time passed.
    Elapsed,
    /// The source was taken away or the binding stops: what isn't done goes back.
    Ending,
}

impl Lane {
    pub(crate) fn new(
        shared: Arc<Shared>,
        source: Arc<Source>,
        load: Arc<SourceLoad>,
        context: Arc<ListenerContext>,
        permits: Option<Arc<Semaphore>>,
        queue: Queue,
    ) -> Self {
        let call = Call::new(std::future::pending());
        let watched = shared.watch.lane(source.clone());
        Self {
            shared,
            source,
            load,
            context,
            outstanding: Outstanding::new(),
            queue,
            blocked: None,
            watched,
            singles: VecDeque::new(),
            held: Vec::new(),
            call,
            copied: Copied::default(),
            clock: None,
            running_since: None,
            gave_back: false,
            permits,
        }
    }

    /// Processes everything that comes through the queue, in order.
    pub(crate) async fn run(mut self) {
        loop {
            if self.clock.is_none() {
                self.outstanding.absorb(&self.shared, &self.load);
            }
            if let Some((since, failed)) = self.outstanding.next_failed() {
                self.flush().await;
                self.recover(since, failed).await;
                continue;
            }
            if !self.held.is_empty() {
                self.flush().await;
                self.hold().await;
                continue;
            }
            let has_room = self.outstanding.len() < self.shared.settings.window;
            if has_room && let Some((work, progress)) = self.next_work() {
                self.process(work, progress).await;
                if self.has_run_long() {
                    self.flush().await;
                    // A handler that never waits must not keep the thread from everybody else.
                    tokio::task::yield_now().await;
                }
                continue;
            }
            let sends = self.outstanding.has_unsent();
            self.flush().await;
            if sends {
                continue;
            }
            match (has_room && !self.queue.is_closed(), self.outstanding.len() > 0) {
                (true, true) => tokio::select! {
                    () = self.queue.arrived() => {}
                    () = self.outstanding.arrived() => {}
                },
                (_, true) => self.outstanding.arrived().await,
                (_, false) if self.queue.end_if_idle() => return,
                (_, false) => self.queue.arrived().await,
            }
        }
    }

    /// Sends and settles what is there to be sent and settled. Whatever waits is preceded by it.
    pub(super) async fn flush(&mut self) {
        self.send().await;
        self.settle_handled();
    }

    /// Settles what is handled.
    pub(super) fn settle_handled(&mut self) {
        self.outstanding.handled.flush(&self.shared, &self.load);
        self.clock = None;
        self.running_since = None;
    }

    /// Whether others have to have their turn, and those who wait for what is handled or confirmed theirs.
    fn has_run_long(&self) -> bool {
        let too_long = |(now, since): (Instant, Instant)| now - since >= LONGEST_RUN;
        self.outstanding.handled.is_full() || self.clock.zip(self.running_since).is_some_and(too_long)
    }

    fn next_work(&mut self) -> Option<(Work, Progress)> {
        self.singles.pop_front().or_else(|| {
            let work = self.queue.take(self.shared.settings.batch)?;
            Some((work, Progress::default()))
        })
    }

    /// Whether work that isn't done goes back to the broker.
    pub(super) fn is_ending(&self) -> bool {
        self.source.revoked.is_cancelled() || self.shared.draining.is_cancelled()
    }

    /// Takes one piece of work to its settlement, or to the point where only confirmations are missing.
    pub(super) async fn process(&mut self, mut work: Work, mut progress: Progress) {
        loop {
            let turn = self.turn(&work).await;
            if !self.may_start(&work) {
                // What was started before goes its way first.
                self.flush().await;
                return self.give_back(work);
            }
            progress.attempts += 1;
            let error = match self.attempt(work, &mut progress, turn).await {
                Ok(()) => return,
                Err((unsettled, error)) => {
                    work = unsettled;
                    error
                }
            };
            self.flush().await;
            if self.gave_back {
                return self.give_back(work);
            }
            match self.next_step(work, &error, &mut progress).await {
                Some(again) => work = again,
                None => return,
            }
        }
    }

    /// Whether the handler may be called for this work: always, until the lane ends; then only where a gap before work
    /// that was started already would be left, and only as long as nothing before it in this lane went back.
    fn may_start(&self, work: &Work) -> bool {
        !self.gave_back && self.load.frontier.may_start(work.position(), self.is_ending())
    }

    /// Gives work back to the broker because the lane ends, and with it everything that follows in this lane.
    pub(super) fn give_back(&mut self, work: Work) {
        self.gave_back = true;
        self.settle_handled();
        settle(&self.shared, &self.load, work, Settlement::Release);
    }

    /// Waits until this lane may run its handler, where it is bounded how many do, for as long as it may start anything.
    async fn turn(&mut self, work: &Work) -> Option<OwnedSemaphorePermit> {
        let permits = self.permits.clone()?;
        self.flush().await;
        let mut acquired = std::pin::pin!(permits.acquire_owned());
        while !self.is_ending() || self.may_start(work) {
            tokio::select! {
                turn = &mut acquired => return turn.ok(),
                () = self.ending(), if !self.is_ending() => {}
                () = self.outstanding.arrived() => self.outstanding.absorb(&self.shared, &self.load),
            }
        }
        None
    }

    /// A message failed after its handler was done: a confirmation was refused, or its acknowledgment was.
    async fn recover(&mut self, since: Instant, failed: Pending) {
        let mut failed = failed;
        if failed.was_away() {
            return self.publish_again(since, failed).await;
        }
        let error = match failed.error.take() {
            Some(error) if error.is_temporary() => HandlerError::retryable(*error),
            Some(error) => HandlerError::permanent(*error),
            None => HandlerError::retryable("the message failed for an unknown reason"),
        };
        if let Some(again) = self.next_step(failed.work, &error, &mut failed.progress).await {
            self.process(again, failed.progress).await;
        }
    }

    /// What follows a failed attempt. Gives the work back when it shall be tried again.
    async fn next_step(&mut self, work: Work, error: &HandlerError, progress: &mut Progress) -> Option<Work> {
        let decision = decide(error, progress, &self.shared);
        self.shared.metrics.failed(error.class(), decision);
        let reason = match decision {
            Decision::Retry(delay) => {
                tracing::debug!(binding.name = %self.shared.binding, attempt = progress.attempts, delay_ms = delay.as_millis() as u64, %error, "the handler failed; the message is tried again");
                if self.wait(delay).await == Waited::Ending {
                    self.give_back(work);
                    return None;
                }
                return Some(work);
            }
            Decision::Discard => {
                tracing::warn!(binding.name = %self.shared.binding, %error, "the handler discarded a message");
                settle(&self.shared, &self.load, work, Settlement::Accept);
                return None;
            }
            Decision::GiveUp(reason) => reason,
        };
        let isolates = matches!(reason, FailureReason::Permanent | FailureReason::Undecodable);
        if isolates && work.len() > 1 {
            // In front of what an earlier batch left, and with what was tried: the call of the batch counts.
            for single in work.split().into_iter().rev() {
                self.singles.push_front((single, *progress));
            }
            return None;
        }
        let failure = describe(error, reason, *progress, &self.shared);
        give_up::give_up(self, work, failure).await;
        None
    }

    /// Waits for `delay` while confirmations of earlier messages are taken in.
    pub(super) async fn wait(&mut self, delay: Duration) -> Waited {
        match self.unless_ending(tokio::time::sleep(delay)).await {
            Some(()) => Waited::Elapsed,
            None => Waited::Ending,
        }
    }

    /// Waits for `doing` while confirmations of earlier messages are taken in; `None` when what isn't done goes back.
    pub(super) async fn unless_ending<T>(&mut self, doing: impl Future<Output = T>) -> Option<T> {
        let mut doing = std::pin::pin!(doing);
        loop {
            if self.is_ending() {
                return None;
            }
            let Self {
                shared,
                source,
                load,
                outstanding,
                queue,
                blocked,
                ..
            } = self;
            let (behind, bytes) = tokio::select! {
                done = &mut doing => return Some(done),
                () = source.revoked.cancelled() => return None,
                () = shared.draining.cancelled() => return None,
                () = outstanding.arrived() => {
                    outstanding.absorb(shared, load);
                    continue;
                }
                backlog = queue.backlog(), if blocked.is_some() => backlog,
            };
            self.block_more(0, behind, bytes);
        }
    }

    pub(super) async fn ending(&self) {
        tokio::select! {
            () = self.source.revoked.cancelled() => {}
            () = self.shared.draining.cancelled() => {}
        }
    }
}

pub(super) fn pending(work: Work, progress: Progress, remaining: u32) -> Pending {
    Pending {
        work,
        progress,
        remaining,
        records: Records::none(),
        error: None,
        abandoned: false,
        note: None,
    }
}
