//! Dead letters: what is known of a failure, and the binder's way to park the message with it.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use crate::{RawMessage, Result};

/// Why a message failed, coarsely: the `reason` of its dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    /// Every attempt failed.
    Exhausted,
    /// The handler said that trying again can't help.
    Permanent,
    /// The payload could not be decoded, or a required header is missing.
    Undecodable,
    /// The deadline for all attempts passed.
    Deadline,
}

impl FailureReason {
    /// The reason as a word, for headers, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Permanent => "permanent",
            Self::Undecodable => "undecodable",
            Self::Deadline => "deadline",
        }
    }
}

/// Everything that a dead letter says about the failure of its message.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Why it was given up.
    pub reason: FailureReason,
    /// The type of the error, as a path: goes where the JVM writes the exception's class name.
    pub error_type: String,
    /// The error's sentence with its causes.
    pub message: String,
    /// The error and its causes, one a line: goes where the JVM writes the stack trace.
    pub trace: String,
    /// How often the message was handed to the handler.
    pub attempts: u32,
    /// When the first attempt failed.
    pub first_failure: SystemTime,
    /// The binding whose handler failed.
    pub binding: Arc<str>,
    /// The consumer group that failed, so that only it is redriven.
    pub group: Arc<str>,
}

/// The header of a dead letter whose body was cut, because its destination takes no message as large as the original:
/// how many bytes the original's body has, in decimal.
pub const TRUNCATED_FROM: &str = "x-bindery-truncated-from";

/// To how many bytes a body of `size` is cut, one after the other until its dead letter is taken: halves, then nothing.
///
/// Only a binder whose source keeps the original cuts bodies.
pub fn shorter_bodies(size: usize) -> impl Iterator<Item = usize> {
    let halves = std::iter::successors(Some(size / 2), |size| Some(size / 2));
    halves.take_while(|size| *size >= 512).chain([0])
}

/// Publishes dead letters of one consumer binding.
#[async_trait]
pub trait DeadLetterPublisher: Send + Sync {
    /// Publishes a copy of `message` with what is known of its failure, and waits for the broker's confirmation.
    ///
    /// The caller settles the original after this returned `Ok`, never before.
    ///
    /// # Errors
    /// When the copy wasn't confirmed. The original stays unsettled, and the caller tries again with back-off.
    ///
    /// # Cancel safety
    /// A cancelled call may have published the copy: the original stays unsettled, so the copy may come twice.
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> Result<()>;
}

/// What happens to a message that can't be processed.
#[derive(Clone)]
pub enum DeadLetterRoute {
    /// There is no dead letter: `on-exhausted` decides.
    None,
    /// A copy is published and confirmed, then the original is settled.
    Publish {
        /// The place for people: a topic or queue name.
        destination: Arc<str>,
        /// The binder's publisher.
        publisher: Arc<dyn DeadLetterPublisher>,
    },
    /// The original is rejected and the broker dead-letters it.
    Native {
        /// The place for people.
        destination: Arc<str>,
    },
}

impl DeadLetterRoute {
    /// The place for people, if there is one.
    pub fn destination(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Publish { destination, .. } | Self::Native { destination } => Some(destination),
        }
    }
}

impl fmt::Debug for DeadLetterRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Publish { destination, .. } => write!(f, "Publish({destination})"),
            Self::Native { destination } => write!(f, "Native({destination})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_cut_by_halves_and_at_last_left_out() {
        assert_eq!(shorter_bodies(5000).collect::<Vec<_>>(), [2500, 1250, 625, 0]);
        assert_eq!(shorter_bodies(0).collect::<Vec<_>>(), [0]);
    }
}
