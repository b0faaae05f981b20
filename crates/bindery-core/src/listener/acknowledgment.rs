//! Manual acknowledgement: the handler says when its message is done.

use std::fmt;
use std::sync::Arc;

/// Where the runtime learns what a handler decided.
pub trait AcknowledgmentSink: Send + Sync {
    /// The message is done.
    fn acknowledge(&self);

    /// The message failed, for the given reason; it is retried or dead-lettered like after an `Err`.
    fn reject(&self, reason: String);
}

/// The handler's duty to acknowledge its message, in manual mode: an argument of a listener.
///
/// A listener with this argument settles by hand: the message is settled when `acknowledge` was called and its
/// outputs are confirmed. The value may be moved elsewhere and used after the function returned. One that is dropped
/// without a decision counts as a failure of the message, so that nothing is forgotten.
#[must_use = "a message whose acknowledgment is dropped counts as failed"]
pub struct Acknowledgment {
    sink: Option<Arc<dyn AcknowledgmentSink>>,
}

impl Acknowledgment {
    /// An acknowledgment that reports to `sink`.
    pub fn new(sink: Arc<dyn AcknowledgmentSink>) -> Self {
        Self { sink: Some(sink) }
    }

    /// Says that the message is done.
    pub fn acknowledge(mut self) {
        if let Some(sink) = self.sink.take() {
            sink.acknowledge();
        }
    }

    /// Says that the message failed; it is retried or dead-lettered like after an `Err`.
    pub fn reject(mut self, reason: impl Into<String>) {
        if let Some(sink) = self.sink.take() {
            sink.reject(reason.into());
        }
    }
}

impl Drop for Acknowledgment {
    fn drop(&mut self) {
        if let Some(sink) = self.sink.take() {
            sink.reject("the acknowledgment was dropped without a decision".to_owned());
        }
    }
}

impl fmt::Debug for Acknowledgment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Acknowledgment")
    }
}
