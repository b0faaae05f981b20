//! What becomes of a failed attempt: the one place where retry, dead letter and discard are decided.

use std::time::{Duration, SystemTime};

use bindery_core::{Failure, FailureClass, FailureReason, HandlerError};
use tokio::time::Instant;

use super::Shared;
use crate::config::NextAttempt;

/// How far a message has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    /// Deliveries to the handler so far.
    pub(crate) attempts: u32,
    /// When the first of them began, once it has ended: for the deadline.
    pub(crate) first_delivery: Option<Instant>,
    /// When the first of them failed: for the dead letter.
    pub(crate) first_failure: Option<SystemTime>,
    /// The delay before the latest attempt, for strategies that build on it.
    pub(crate) previous_delay: Option<Duration>,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Decision {
    /// Wait, then hand the message to the handler again.
    Retry(Duration),
    /// To the dead letter.
    GiveUp(FailureReason),
    /// Settle it as done.
    Discard,
}

/// Decides, in this order: the class that the error has, the number of attempts, the deadline.
pub(crate) fn decide(error: &HandlerError, progress: &mut Progress, shared: &Shared) -> Decision {
    progress.first_failure.get_or_insert_with(SystemTime::now);
    match error.class() {
        FailureClass::Discard => return Decision::Discard,
        FailureClass::Permanent => return Decision::GiveUp(FailureReason::Permanent),
        FailureClass::Undecodable => return Decision::GiveUp(FailureReason::Undecodable),
        FailureClass::Retryable => {}
    }
    let elapsed = progress
        .first_delivery
        .map(|first| first.elapsed())
        .unwrap_or_default();
    let previous = progress.previous_delay.unwrap_or_default();
    match shared
        .settings
        .retry
        .next(progress.attempts, elapsed, previous, &mut rand::rng())
    {
        NextAttempt::Exhausted => Decision::GiveUp(FailureReason::Exhausted),
        NextAttempt::DeadlinePassed => Decision::GiveUp(FailureReason::Deadline),
        NextAttempt::After(delay) => {
            progress.previous_delay = Some(delay);
            Decision::Retry(delay)
        }
    }
}

/// What the dead letter says.
pub(crate) fn describe(
    error: &HandlerError,
    reason: FailureReason,
    progress: Progress,
    shared: &Shared,
) -> Failure {
    let first_failure = progress.first_failure.unwrap_or_else(SystemTime::now);
    Failure {
        reason,
        error_type: error.error_type().to_owned(),
        message: error.to_string(),
        trace: error.trace(),
        attempts: progress.attempts,
        first_failure,
        binding: shared.binding.shared(),
        group: shared.group.clone(),
    }
}
