//! What is on the wire of one channel: publications, the broker's answers to them, and who is told.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bindery_core::{Error, ErrorKind};
use lapin::Confirmation;
use lapin::message::BasicReturnMessage;
use lapin::types::ShortString;
use tokio::time::Instant;

use crate::confirms::{Confirms, Identity, Returned, Verdict};
use crate::error::Refusal;
use crate::obligation::Obligation;
use crate::publisher::temporary;

/// The answer to one publication. It is polled until it is ready, and not again.
pub(crate) type Answer = Pin<Box<dyn Future<Output = lapin::Result<Confirmation>> + Send>>;

/// A publication on the wire.
struct Flying {
    answer: Answer,
    entry: Entry,
    /// Whether a return was taken off its answer already.
    carried: bool,
}

/// What is needed to complete a publication.
pub(crate) struct Entry {
    /// Taken when the caller was told already.
    pub(crate) obligation: Option<Obligation>,
    /// Set when the publication can be returned.
    pub(crate) identity: Option<Identity>,
    pub(crate) deadline: Instant,
    pub(crate) size_bytes: usize,
    pub(crate) routing_key: ShortString,
}

/// The publications of one channel that are not completed, in their order.
pub(crate) struct OnWire {
    flying: VecDeque<Flying>,
    confirms: Confirms<Entry>,
}

impl OnWire {
    pub(crate) fn new() -> Self {
        Self {
            flying: VecDeque::new(),
            confirms: Confirms::new(),
        }
    }

    /// How many publications have no answer yet, as far as was looked.
    pub(crate) fn len(&self) -> usize {
        self.flying.len()
    }

    /// Whether every publication has its answer.
    pub(crate) fn is_empty(&self) -> bool {
        self.flying.is_empty()
    }

    /// Publishes: the first poll hands the frames over; the answer is read when it is this one's turn.
    pub(crate) fn publish(&mut self, mut answer: Answer, entry: Entry) {
        if let Some(early) = poll_once(&mut answer) {
            answer = Box::pin(std::future::ready(early));
        }
        self.confirms.published();
        self.flying.push_back(Flying {
            answer,
            entry,
            carried: false,
        });
    }

    /// Waits for the answer to the oldest publication; [`OnWire::answered`] takes it. Cancel safe.
    pub(crate) async fn first_answer(&mut self) -> lapin::Result<Confirmation> {
        match self.flying.front_mut() {
            Some(flying) => flying.answer.as_mut().await,
            None => std::future::pending().await,
        }
    }

    /// Takes the oldest publication's answer and all others that have come since, in order, and completes what is
    /// certain. Tells how many publications are done, and whether the channel is lost.
    pub(crate) fn answered(&mut self, first: lapin::Result<Confirmation>) -> (usize, Option<Refusal>) {
        let mut lost = None;
        let mut next = Some(first);
        while let Some(answer) = next.take() {
            let confirmation = match answer {
                Ok(confirmation) => confirmation,
                Err(error) => {
                    lost = Some(Refusal::from(error));
                    if let Some(flying) = self.flying.front_mut() {
                        flying.answer = Box::pin(std::future::pending());
                    }
                    break;
                }
            };
            let Some(Flying { entry, carried, .. }) = self.flying.pop_front() else {
                break;
            };
            self.confirmed(entry, confirmation, carried);
            if let Some(flying) = self.flying.front_mut() {
                next = poll_once(&mut flying.answer);
            }
        }
        (self.complete_certain(), lost)
    }

    fn complete_certain(&mut self) -> usize {
        let mut done = 0;
        while let Some((entry, verdict)) = self.confirms.certain() {
            done += 1;
            complete(entry, verdict);
        }
        while self.confirms.is_due(self.flying.len()) {
            self.collect_returns();
            self.confirms.looked();
            while let Some((entry, verdict)) = self.confirms.settled() {
                done += 1;
                complete(entry, verdict);
            }
        }
        done
    }

    fn confirmed(&mut self, mut entry: Entry, confirmation: Confirmation, carried: bool) {
        let (acked, returned) = match confirmation {
            Confirmation::Ack(returned) => (true, returned),
            Confirmation::Nack(returned) => (false, returned),
            // The channel was opened with confirmations on; without one nothing is known.
            Confirmation::NotRequested => (false, None),
        };
        let bare = returned.is_none() && !carried;
        if let Some(message) = returned {
            self.confirms.returned(returned_message(&message));
        }
        let identity = entry.identity.take();
        self.confirms.confirmed(entry, identity, acked, bare);
    }

    /// Looks at every confirmation that is complete though older ones aren't: a returned message may sit on it.
    fn collect_returns(&mut self) {
        for flying in &mut self.flying {
            let Some(answer) = poll_once(&mut flying.answer) else {
                continue;
            };
            let (answer, returned) = match answer {
                Ok(Confirmation::Ack(returned)) => (Ok(Confirmation::Ack(None)), returned),
                Ok(Confirmation::Nack(returned)) => (Ok(Confirmation::Nack(None)), returned),
                other => (other, None),
            };
            if let Some(message) = returned {
                flying.carried = true;
                self.confirms.returned(returned_message(&message));
            }
            flying.answer = Box::pin(std::future::ready(answer));
        }
    }

    /// Whether a confirmation is missing that should be there by now.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        self.flying
            .front()
            .is_some_and(|flying| flying.entry.deadline <= now)
    }

    /// Tells the callers whose publication isn't confirmed in time, and keeps waiting for the broker.
    pub(crate) fn tell_overdue(&mut self, now: Instant, reason: &str) {
        for flying in self
            .flying
            .iter_mut()
            .take_while(|flying| flying.entry.deadline <= now)
        {
            if let Some(obligation) = flying.entry.obligation.take() {
                obligation.fail(Error::temporary(ErrorKind::Timeout, reason));
            }
        }
    }

    /// Fails everything that isn't completed, in the order of publication: its fate is unknown. Tells how many there
    /// were, and the broker's limit when one of them was larger.
    pub(crate) fn abandon(&mut self, refusal: &Refusal) -> (usize, Option<usize>) {
        let limit = message_limit(&refusal.message);
        let flying = self.flying.drain(..).map(|flying| flying.entry);
        let mut count = 0;
        for entry in self.confirms.abandon().chain(flying) {
            count += 1;
            let error = match limit {
                Some(limit) if entry.size_bytes > limit => too_large(entry.size_bytes, limit),
                // It is known for which message the channel was closed, and this is another.
                Some(_) => Error::temporary(
                    ErrorKind::Unavailable,
                    format!("not confirmed: {}", refusal.message),
                ),
                None => not_confirmed(refusal),
            };
            if let Some(obligation) = entry.obligation {
                obligation.fail(error);
            }
        }
        (count, limit)
    }
}

/// The error of a message that the broker does not take for its size.
pub(crate) fn too_large(bytes: usize, limit: usize) -> Error {
    let text = format!("the message has {bytes} bytes; the broker takes at most {limit}");
    Error::new(ErrorKind::Payload, text)
}

/// The error of a publication whose channel ended before its confirmation. When it was the connection's fault this says
/// nothing of the message; what the channel was closed for may well have been the message.
fn not_confirmed(refusal: &Refusal) -> Error {
    let kind = match refusal.kind {
        ErrorKind::Topology => ErrorKind::Publish,
        _ => ErrorKind::Unavailable,
    };
    Error::temporary(kind, format!("not confirmed: {}", refusal.message))
}

fn complete(entry: Entry, verdict: Verdict) {
    let Some(obligation) = entry.obligation else {
        return;
    };
    match verdict {
        Verdict::Acked => obligation.confirmed(),
        Verdict::Nacked => obligation.fail(temporary(format!(
            "the broker refused the message with routing key `{}` (its queue may be full)",
            entry.routing_key.as_str()
        ))),
        Verdict::Returned(text) => obligation.fail(temporary(text)),
    }
}

/// Polls an answer once, without waiting for it: nobody is woken when it comes, nor when its frames are written.
/// [`OnWire::first_answer`] is what waits.
fn poll_once(answer: &mut Answer) -> Option<lapin::Result<Confirmation>> {
    match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    }
}

fn returned_message(message: &BasicReturnMessage) -> Returned {
    let id = message.properties.message_id().as_ref();
    let routing_key = message.routing_key.as_str();
    Returned {
        identity: (
            id.map(|id| id.as_str().to_owned()).unwrap_or_default(),
            routing_key.to_owned(),
        ),
        text: format!(
            "no queue is bound to exchange `{}` for routing key `{routing_key}` ({})",
            message.exchange.as_str(),
            message.reply_text.as_str()
        ),
    }
}

/// The broker's limit, from the text with which it closes the channel of a message that is too large.
fn message_limit(text: &str) -> Option<usize> {
    text.split_once("larger than configured max size ")?
        .1
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bindery_core::{Confirm, ConfirmSink, Position, Unconfirmed};
    use lapin::message::Delivery;

    use super::*;

    /// The publications in the order of their completion, and whether they succeeded.
    #[derive(Default)]
    struct Told(Mutex<Vec<(u64, bool)>>);

    impl ConfirmSink for Told {
        fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
            self.0.lock().unwrap().push((token, result.is_ok()));
        }
    }

    fn entry(told: &Arc<Told>, number: u64, mandatory: bool) -> Entry {
        Entry {
            obligation: Some(Confirm::new(told.clone(), number).into()),
            identity: mandatory.then(|| (format!("m{number}"), "k".to_owned())),
            deadline: Instant::now(),
            size_bytes: 0,
            routing_key: "k".into(),
        }
    }

    fn broken() -> lapin::Error {
        std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()
    }

    #[tokio::test]
    async fn what_was_confirmed_just_before_the_channel_was_lost_is_completed_as_such() {
        let told = Arc::new(Told::default());
        let mut on_wire = OnWire::new();
        let answers = [Ok(Confirmation::Ack(None)), Err(broken()), Err(broken())];
        for (number, answer) in (0..).zip(answers) {
            let answer = Box::pin(std::future::ready(answer));
            on_wire.publish(answer, entry(&told, number, false));
        }
        let first = on_wire.first_answer().await;
        let (done, lost) = on_wire.answered(first);
        let (abandoned, _) = on_wire.abandon(&lost.unwrap());
        assert_eq!((done, abandoned), (1, 2), "the window gets every slot back");
        assert_eq!(*told.0.lock().unwrap(), [(0, true), (1, false), (2, false)]);
    }

    #[tokio::test]
    async fn what_is_abandoned_fails_in_the_order_of_publication() {
        let told = Arc::new(Told::default());
        let mut on_wire = OnWire::new();
        let another = BasicReturnMessage {
            delivery: Delivery::mock(0, "e".into(), "k".into(), false, Vec::new()),
            reply_code: 312,
            reply_text: "NO_ROUTE".into(),
        };
        let confirmed = Box::pin(std::future::ready(Ok(Confirmation::Ack(Some(another)))));
        on_wire.publish(confirmed, entry(&told, 0, true));
        on_wire.publish(Box::pin(std::future::pending()), entry(&told, 1, true));
        let first = on_wire.first_answer().await;
        assert_eq!(
            on_wire.answered(first).0,
            0,
            "its own return may still be on its way to another confirmation"
        );
        on_wire.abandon(&broken().into());
        assert_eq!(*told.0.lock().unwrap(), [(0, false), (1, false)]);
    }

    /// The kinds of errors, in the order in which they were told.
    #[derive(Default)]
    struct Kinds(Mutex<Vec<(u64, Option<ErrorKind>)>>);

    impl ConfirmSink for Kinds {
        fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
            self.0
                .lock()
                .unwrap()
                .push((token, result.err().map(|unconfirmed| unconfirmed.error.kind())));
        }
    }

    #[tokio::test]
    async fn neighbours_of_a_message_that_is_too_large_can_be_published_again() {
        let told = Arc::new(Kinds::default());
        let mut on_wire = OnWire::new();
        for (number, size_bytes) in [(0, 10), (1, 2_000), (2, 1_000)] {
            let entry = Entry {
                obligation: Some(Confirm::new(told.clone(), number).into()),
                size_bytes,
                ..entry(&Arc::default(), number, true)
            };
            on_wire.publish(Box::pin(std::future::pending()), entry);
        }
        let text = "PRECONDITION_FAILED - message size 2000 is larger than configured max size 1000";
        let refusal = Refusal::permanent(ErrorKind::Topology, text);
        assert_eq!(on_wire.abandon(&refusal), (3, Some(1_000)));
        let again = Some(ErrorKind::Unavailable);
        let expected = [(0, again), (1, Some(ErrorKind::Payload)), (2, again)];
        assert_eq!(*told.0.lock().unwrap(), expected);
    }

    #[test]
    fn the_limit_is_read_from_the_brokers_text() {
        let text =
            "PRECONDITION_FAILED - message size 134217729 is larger than configured max size 134217728";
        assert_eq!(message_limit(text), Some(134_217_728));
        assert_eq!(
            message_limit("PRECONDITION_FAILED - unknown delivery tag 1"),
            None
        );
    }
}
