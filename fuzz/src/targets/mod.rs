//! The targets: each reads what somebody else wrote, and must survive whatever that is.

pub mod avro;
pub mod config;
pub mod content_type;
pub mod expression;
pub mod kafka_dead_letter;
pub mod kafka_headers;
pub mod placeholder;
pub mod rabbit_dead_letter;
pub mod rabbit_headers;

use std::sync::Arc;
use std::time::SystemTime;

use bindery_core::{Failure, FailureReason};

use crate::pieces::text;

/// A function that must neither panic, nor run for long, nor ask for much memory, whatever it is given.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of its file here, and of its folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Words that mean something to it, for mutation to put in.
    pub words: &'static [&'static str],
    /// Takes one input and panics when a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    avro::TARGET,
    config::TARGET,
    content_type::TARGET,
    expression::TARGET,
    kafka_dead_letter::TARGET,
    kafka_headers::TARGET,
    placeholder::TARGET,
    rabbit_dead_letter::TARGET,
    rabbit_headers::TARGET,
];

/// The target of this name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// A failure whose texts come from outside.
fn failure(error_type: &[u8], message: &[u8], trace: &[u8]) -> Failure {
    Failure {
        reason: FailureReason::Exhausted,
        error_type: text(error_type),
        message: text(message),
        trace: text(trace),
        attempts: 3,
        first_failure: SystemTime::UNIX_EPOCH,
        binding: Arc::from("charge-in-0"),
        group: Arc::from("payment"),
    }
}
