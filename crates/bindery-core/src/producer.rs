//! Publishing: a producer takes a record at once and says later, through a [`Confirm`], what its broker answered. What
//! isn't confirmed comes back.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::{Error, ErrorKind, Health, OutboundRecord};

/// Where a confirmed record ended up, as far as its broker tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The partition.
    pub partition: Option<i32>,
    /// The offset.
    pub offset: Option<i64>,
}

/// A record that isn't confirmed, and why.
#[derive(Debug)]
pub struct Unconfirmed {
    /// What went wrong.
    pub error: Error,
    /// The record, to be sent again where the error is temporary. A producer gives back what it was given; nothing is here
    /// when the obligation was dropped, and in answers to what is no [`OutboundRecord`], as a dead letter or an
    /// acknowledgment.
    pub record: Option<Box<OutboundRecord>>,
}

impl Unconfirmed {
    /// A record that comes back.
    pub fn new(error: Error, record: Box<OutboundRecord>) -> Self {
        Self {
            error,
            record: Some(record),
        }
    }
}

impl From<Error> for Unconfirmed {
    fn from(error: Error) -> Self {
        Self { error, record: None }
    }
}

/// Takes the broker's answers to publications: one call for each record, in any order, from any thread.
///
/// Implementations are quick and never block: they are called on a client library's thread.
pub trait ConfirmSink: Send + Sync {
    /// The record sent with `token` was confirmed, or failed.
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>);
}

/// The obligation to tell what became of one record: completed exactly once.
///
/// A confirm that is dropped reports a temporary [`ErrorKind::Unavailable`] error: a record whose fate nobody knows is made
/// and published again, never taken as done.
#[must_use]
pub struct Confirm {
    sink: Option<Arc<dyn ConfirmSink>>,
    token: u64,
}

impl Confirm {
    /// A confirm that reports `token` to `sink`.
    pub fn new(sink: Arc<dyn ConfirmSink>, token: u64) -> Self {
        Self {
            sink: Some(sink),
            token,
        }
    }

    /// A confirm together with the future of its answer; a record that comes back is dropped. Dropping the future loses
    /// the answer, not the record.
    pub fn channel() -> (
        Self,
        impl Future<Output = Result<Position, Error>> + Send + 'static,
    ) {
        let (sender, receiver) = oneshot::channel();
        let sink = OneShot(std::sync::Mutex::new(Some(sender)));
        let confirm = Self::new(Arc::new(sink), 0);
        (confirm, async move {
            receiver.await.unwrap_or_else(|_| Err(unknown_fate()))
        })
    }

    /// Completes the obligation.
    pub fn complete(mut self, result: Result<Position, Unconfirmed>) {
        if let Some(sink) = self.sink.take() {
            sink.confirmed(self.token, result);
        }
    }

    /// Completes the obligation for a record that isn't confirmed and comes back.
    pub fn fail(self, error: Error, record: Box<OutboundRecord>) {
        self.complete(Err(Unconfirmed::new(error, record)));
    }

    /// Gives the obligation back to the caller without completing it: nothing was sent.
    pub fn dissolve(mut self) {
        self.sink = None;
    }
}

impl Drop for Confirm {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.confirmed(self.token, Err(unknown_fate().into()));
        }
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirm")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

fn unknown_fate() -> Error {
    Error::temporary(
        ErrorKind::Unavailable,
        "the publication ended without an answer from the broker",
    )
}

struct OneShot(std::sync::Mutex<Option<oneshot::Sender<Result<Position, Error>>>>);

impl ConfirmSink for OneShot {
    fn confirmed(&self, _token: u64, result: Result<Position, Unconfirmed>) {
        let sender = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .take();
        if let Some(sender) = sender {
            // The caller may have given up waiting.
            let _ = sender.send(result.map_err(|unconfirmed| unconfirmed.error));
        }
    }
}

/// The producer has no room for a record at present: it comes back, with its confirm not completed.
#[derive(Debug)]
pub struct Full {
    /// The record.
    pub record: Box<OutboundRecord>,
    /// Its confirm.
    pub confirm: Confirm,
}

impl Full {
    /// There is no room for this record.
    pub fn new(record: Box<OutboundRecord>, confirm: Confirm) -> Self {
        Self { record, confirm }
    }
}

/// Publishes records to one destination.
#[async_trait]
pub trait Producer: Send + Sync + fmt::Debug {
    /// Hands a record over without waiting. Records are published in the order of the calls of one caller. The record
    /// is boxed, as it passes through several hands, back and forth.
    ///
    /// The producer has the record until it is confirmed, in whatever form: who sends it need not keep it. Every failure but a
    /// full queue is told through `confirm`, and gives the record back, as it was, to be sent again.
    ///
    /// # Errors
    /// [`Full`] when the producer's window is full: the record comes back at once; await [`Producer::ready`] and send again.
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full>;

    /// Waits until there may be room. Cancel safe.
    async fn ready(&self);

    /// How many partitions the destination has, where the broker has them.
    fn partition_count(&self) -> Option<u32> {
        None
    }

    /// How the producer is.
    fn health(&self) -> Health;

    /// Flushes what was sent and closes. What isn't confirmed in time fails through its confirm.
    async fn close(&self);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_dropped_confirm_is_a_temporary_failure() {
        let (confirm, answer) = Confirm::channel();
        drop(confirm);
        let says_nothing_of_the_message =
            |error: Error| error.is_temporary() && error.kind() == ErrorKind::Unavailable;
        assert!(answer.await.is_err_and(says_nothing_of_the_message));
    }

    #[derive(Default)]
    struct GivenBack(std::sync::Mutex<Vec<(u64, Option<Box<OutboundRecord>>)>>);

    impl ConfirmSink for GivenBack {
        fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
            let record = result.expect_err("nothing is confirmed").record;
            self.0.lock().unwrap().push((token, record));
        }
    }

    #[test]
    fn a_record_that_fails_comes_back_and_that_of_a_dropped_confirm_does_not() {
        let sink = Arc::new(GivenBack::default());
        let record = Box::new(OutboundRecord {
            payload: Some("a".into()),
            key: None,
            headers: crate::Headers::new(),
            partition: Some(1),
            routing_key: None,
        });
        let error = Error::temporary(ErrorKind::Timeout, "too late");
        Confirm::new(sink.clone(), 1).fail(error, record.clone());
        drop(Confirm::new(sink.clone(), 2));
        assert_eq!(*sink.0.lock().unwrap(), [(1, Some(record)), (2, None)]);
    }

    #[tokio::test]
    async fn a_completed_confirm_reports_once() {
        let (confirm, answer) = Confirm::channel();
        confirm.complete(Ok(Position {
            partition: Some(1),
            offset: Some(2),
        }));
        assert_eq!(answer.await.map(|position| position.offset).ok(), Some(Some(2)));
    }
}
