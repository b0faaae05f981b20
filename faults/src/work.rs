//! The messages of the bench: what each one asks of the handler.

use serde::{Deserialize, Serialize};

/// One message: who it is, and what its handling is like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Unique in a run.
    pub id: u64,
    /// The partition key.
    pub key: u32,
    /// The place among the messages of its key, from 0, without gaps.
    pub seq: u64,
    /// How long the handler takes, in microseconds.
    #[serde(default)]
    pub micros: u64,
    /// What the handler does besides.
    #[serde(default)]
    pub conduct: Conduct,
    /// How many bytes the output is padded to.
    #[serde(default)]
    pub output_bytes: usize,
    /// Brings the message to its size.
    #[serde(default)]
    pub pad: String,
}

/// How a handler behaves for one message.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conduct {
    /// It succeeds.
    #[default]
    Succeed,
    /// It fails this many times with an error worth another attempt, then succeeds.
    FailTimes(u32),
    /// It always fails with an error worth another attempt.
    FailAlways,
    /// It fails at once with an error that another attempt does not mend.
    Refuse,
    /// It panics.
    Panic,
    /// It does not return before the service's gate file exists.
    WaitForGate,
}

/// What the service publishes for one message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// The message that caused it.
    pub cause: u64,
    /// Its key.
    pub key: u32,
    /// Its place among the messages of its key.
    pub seq: u64,
    /// Brings the output to the size that was asked for.
    #[serde(default)]
    pub pad: String,
}
