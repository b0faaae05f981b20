//! The window of a lane: publications and acknowledgments that were started and have no answer yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::{AcknowledgmentSink, ConfirmSink, Error, ErrorKind, Position, Unconfirmed};
use tokio::sync::Notify;

/// One answer: which message of the lane it belongs to, and what failed. Thousands wait together, so that they are small.
pub(crate) type Answer = (u64, Option<Box<Unconfirmed>>);

/// Collects the answers for one lane; any thread may bring them.
#[derive(Debug, Default)]
pub(crate) struct Window {
    answers: Mutex<Vec<Answer>>,
    /// Whether there are some: asked for each message, and mostly not so.
    any: AtomicBool,
    arrived: Notify,
}

impl Window {
    /// Waits until there may be answers. Cancel safe.
    pub(crate) async fn arrived(&self) {
        self.arrived.notified().await;
    }

    /// Moves the answers that are there into `into`, which is empty.
    pub(crate) fn take(&self, into: &mut Vec<Answer>) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *answers, into);
        self.any.store(false, Ordering::Release);
    }

    fn answer(&self, token: u64, result: Result<(), Unconfirmed>) {
        let failed = result.err().map(Box::new);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.push((token, failed));
        if answers.len() == 1 {
            self.any.store(true, Ordering::Release);
            self.arrived.notify_one();
        }
    }
}

impl ConfirmSink for Window {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        self.answer(token, result.map(|_| ()));
    }
}

/// The acknowledgment of one message, answered into its lane's window.
pub(crate) struct ManualAcknowledgment {
    window: Arc<Window>,
    token: u64,
    /// A listener may take two of them: the message has one answer, the first.
    answered: AtomicBool,
}

impl ManualAcknowledgment {
    pub(crate) fn new(window: Arc<Window>, token: u64) -> Self {
        Self {
            window,
            token,
            answered: AtomicBool::new(false),
        }
    }

    fn answer(&self, result: Result<(), Error>) {
        if !self.answered.swap(true, Ordering::AcqRel) {
            self.window.answer(self.token, result.map_err(Unconfirmed::from));
        }
    }
}

impl AcknowledgmentSink for ManualAcknowledgment {
    fn acknowledge(&self) {
        self.answer(Ok(()));
    }

    fn reject(&self, reason: String) {
        self.answer(Err(Error::temporary(ErrorKind::Handler, reason)));
    }
}
