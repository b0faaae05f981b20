//! The end of a message that can't be processed: its dead letter, confirmed before the original is settled.

use std::time::Duration;

use bindery_core::{
    DeadLetterPublisher, DeadLetterRoute, ErrorKind, Failure, RawMessage, Settlement, fail_point,
};

use super::lane::{Lane, Waited};
use super::settle::settle;
use super::work::Work;
use crate::binding::{Cause, Note};
use crate::config::OnExhausted;

/// How long a dead letter may be on its way before its message is reported as waiting.
const SLOW: Duration = Duration::from_secs(5);
/// How long a dead letter that is on its way when its message shall go back is still waited for.
const GRACE: Duration = Duration::from_secs(5);

/// Gives a message up, or every message of a batch.
pub(crate) async fn give_up(lane: &mut Lane, work: Work, failure: Failure) {
    let shared = lane.shared.clone();
    match &shared.dead_letter {
        DeadLetterRoute::Publish { destination, .. } => {
            if publish_all(lane, &work, &failure).await == Waited::Ending {
                return lane.give_back(work);
            }
            fail_point!("after-dead-letter-before-settle");
            log_dead_letter(&failure, destination, &work);
            shared.metrics.dead_lettered(work.len() as u64);
            settle(&shared, &lane.load, work, Settlement::Accept);
        }
        DeadLetterRoute::Native { destination } => {
            log_dead_letter(&failure, destination, &work);
            shared.metrics.dead_lettered(work.len() as u64);
            settle(&shared, &lane.load, work, Settlement::Reject);
        }
        DeadLetterRoute::None => match shared.settings.on_exhausted {
            OnExhausted::Skip => {
                tracing::error!(
                    binding.name = %shared.binding, message.position = position(&work), reason = failure.reason.as_str(),
                    attempts = failure.attempts, error = %failure.message,
                    "a message is skipped: it can't be processed, there is no dead letter, and `on-exhausted` is `skip`"
                );
                settle(&shared, &lane.load, work, Settlement::Accept);
            }
            OnExhausted::Hold => {
                let reason = format!(
                    "message {} of `{}` is held after {} attempts ({}): configure a dead letter, or `on-exhausted: skip`",
                    position(&work),
                    lane.source.name,
                    failure.attempts,
                    failure.message
                );
                tracing::error!(binding.name = %shared.binding, reason = failure.reason.as_str(), "{reason}");
                let note = shared.status.note(Cause::Held, work.len() as u64, reason);
                lane.keep(work, note);
            }
        },
    }
}

async fn publish_all(lane: &mut Lane, work: &Work, failure: &Failure) -> Waited {
    let shared = lane.shared.clone();
    let DeadLetterRoute::Publish {
        destination,
        publisher,
    } = &shared.dead_letter
    else {
        return Waited::Elapsed;
    };
    lane.block(work);
    let mut letter = Letter {
        lane,
        cause: Cause::DeadLetter(destination.clone()),
        messages: work.len() as u64,
        note: None,
    };
    let mut published = Waited::Elapsed;
    for message in work.messages() {
        published = letter.publish(&**publisher, message, failure).await;
        if published == Waited::Ending {
            break;
        }
    }
    lane.unblock();
    published
}

/// The dead letters of one piece of work, on their way.
struct Letter<'a> {
    lane: &'a mut Lane,
    cause: Cause,
    messages: u64,
    /// Tells that they wait, from when they do.
    note: Option<Note>,
}

impl Letter<'_> {
    /// Publishes one dead letter, however long it takes, in turn with those of other lanes.
    async fn publish(
        &mut self,
        publisher: &dyn DeadLetterPublisher,
        message: &RawMessage,
        failure: &Failure,
    ) -> Waited {
        let shared = self.lane.shared.clone();
        let mut pace = &shared.pace;
        loop {
            if !pace.is_open() {
                self.waits("it was refused");
            }
            let Some(turn) = self.patiently(pace.turn(), Duration::ZERO).await else {
                return Waited::Ending;
            };
            let Some(published) = self.patiently(publisher.publish(message, failure), GRACE).await else {
                return Waited::Ending;
            };
            let Err(error) = published else {
                pace.accepted();
                return Waited::Elapsed;
            };
            // What is refused for itself waits for others of its kind, and not in the way of those that fit.
            pace = match error.kind() {
                ErrorKind::Payload => &shared.unfit_pace,
                _ => &shared.pace,
            };
            let next = pace.refused(&turn);
            drop(turn);
            self.waits(&error.report()).again(error.report(), next);
        }
    }

    /// Waits for `doing`, at most for `grace` after the message shall go back; says so in health when it takes long.
    async fn patiently<T>(&mut self, doing: impl Future<Output = T>, grace: Duration) -> Option<T> {
        let mut doing = std::pin::pin!(doing);
        let soon = tokio::time::timeout(SLOW, doing.as_mut());
        match self.lane.unless_ending(soon).await {
            Some(Ok(done)) => return Some(done),
            Some(Err(_)) => {
                self.waits("it is not confirmed");
                if let Some(done) = self.lane.unless_ending(doing.as_mut()).await {
                    return Some(done);
                }
            }
            None => {}
        }
        tokio::time::timeout(grace, doing).await.ok()
    }

    fn waits(&mut self, reason: &str) -> &Note {
        let Self {
            lane,
            cause,
            messages,
            note,
        } = self;
        note.get_or_insert_with(|| {
            lane.shared
                .status
                .note(cause.clone(), *messages, reason.to_owned())
        })
    }
}

fn position(work: &Work) -> u64 {
    work.messages()
        .first()
        .map_or(0, |message| message.origin.position)
}

fn log_dead_letter(failure: &Failure, destination: &str, work: &Work) {
    tracing::warn!(
        binding.name = %failure.binding, message.position = position(work), reason = failure.reason.as_str(),
        attempts = failure.attempts, dead_letter = %destination, error = %failure.message, "message dead-lettered"
    );
}
