//! The end of a message that can't be processed: its dead letter, confirmed before the original is settled.

use std::time::Duration;

use bindery_core::{DeadLetterRoute, Failure, Settlement, fail_point};

use super::lane::{Lane, Waited};
use super::settle::settle;
use super::work::Work;
use crate::config::OnExhausted;

/// The first and the longest pause between two attempts to publish a dead letter: at most five a second.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// Gives a message up, or every message of a batch.
pub(crate) async fn give_up(lane: &mut Lane, work: Work, failure: Failure) {
    let shared = lane.shared.clone();
    match &shared.dead_letter {
        DeadLetterRoute::Publish { destination, .. } => {
            if publish_all(lane, &work, &failure).await == Waited::Ending {
                return settle(&shared, &lane.load, work, Settlement::Release);
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
                lane.keep(work, shared.status.hold(reason));
            }
        },
    }
}

async fn publish_all(lane: &mut Lane, work: &Work, failure: &Failure) -> Waited {
    for message in work.messages() {
        let mut pause = BACK_OFF.0;
        let shared = lane.shared.clone();
        let DeadLetterRoute::Publish {
            destination,
            publisher,
        } = &shared.dead_letter
        else {
            break;
        };
        let mut trouble = None;
        while let Err(error) = publisher.publish(message, failure).await {
            if trouble.is_none() {
                tracing::error!(
                    binding.name = %shared.binding, dead_letter = %destination, error = %error.report(),
                    "the dead letter is refused; the message stays unsettled and is tried again"
                );
            }
            let reason = format!("the dead letter `{destination}` is refused: {}", error.report());
            trouble = Some(shared.status.degraded(reason));
            if lane.wait(pause).await == Waited::Ending {
                return Waited::Ending;
            }
            pause = (pause * 2).min(BACK_OFF.1);
        }
        if trouble.take().is_some() {
            tracing::info!(binding.name = %shared.binding, dead_letter = %destination, "the dead letter is accepted again");
        }
    }
    Waited::Elapsed
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
