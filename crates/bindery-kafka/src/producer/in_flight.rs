//! What travels with a record through the client library, and what its answer ends.

use std::sync::Arc;

use bindery_core::{Confirm, Error, ErrorKind, Headers, OutboundRecord, Position, Unconfirmed};
use bytes::Bytes;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::window::Window;
use crate::error::{by_code, failed};

/// What the library doesn't keep of a record, or not as it was. Payload and key it has a copy of, so that a second one
/// would only take the processor's cache from others: where a delivery fails they come from there.
pub(crate) struct Kept {
    pub(crate) headers: Headers,
    pub(crate) partition: Option<i32>,
    pub(crate) routing_key: Option<Arc<str>>,
    /// Whether the key is the record's own, and not one of its headers'.
    pub(crate) has_key: bool,
}

impl Kept {
    fn record(self, payload: Option<&[u8]>, key: Option<&[u8]>) -> OutboundRecord {
        OutboundRecord {
            payload: payload.map(Bytes::copy_from_slice),
            key: key.filter(|_| self.has_key).map(Bytes::copy_from_slice),
            headers: self.headers,
            partition: self.partition,
            routing_key: self.routing_key,
        }
    }
}

/// A record on its way.
pub(crate) struct InFlight {
    confirm: Option<Confirm>,
    window: Arc<Window>,
    bytes: usize,
    /// Nothing for what doesn't come back, as a dead letter.
    kept: Option<Kept>,
    /// The topic that the record asks for, where that isn't the output's.
    elsewhere: Option<Arc<str>>,
    /// Whether the record asks for a topic or partition that the output doesn't have.
    strays: bool,
}

impl InFlight {
    /// `window` has room for `bytes` already.
    pub(crate) fn new(confirm: Confirm, window: Arc<Window>, bytes: usize) -> Box<Self> {
        Box::new(Self {
            confirm: Some(confirm),
            window,
            bytes,
            kept: None,
            elsewhere: None,
            strays: false,
        })
    }

    /// The record comes back when it isn't confirmed.
    pub(crate) fn keep(&mut self, kept: Kept) {
        self.kept = Some(kept);
    }

    /// The record asks for a topic of its own, or a partition that the output doesn't have: that it isn't there is its
    /// own fault.
    pub(crate) fn stray(&mut self, elsewhere: Option<Arc<str>>, strays: bool) {
        self.strays = strays || elsewhere.is_some();
        self.elsewhere = elsewhere;
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        self.elsewhere.as_ref().unwrap_or(&self.window.topic)
    }

    pub(crate) fn confirmed(&mut self, position: Position) {
        if let Some(confirm) = self.confirm.take() {
            confirm.complete(Ok(position));
        }
    }

    /// The record isn't confirmed: it comes back with the payload and key that it was sent with.
    pub(crate) fn fail(&mut self, error: &KafkaError, payload: Option<&[u8]>, key: Option<&[u8]>) {
        let error = self.describe(error);
        let record = self.kept.take().map(|kept| Box::new(kept.record(payload, key)));
        if let Some(confirm) = self.confirm.take() {
            confirm.complete(Err(Unconfirmed { error, record }));
        }
    }

    fn describe(&self, error: &KafkaError) -> Error {
        let what = format!("could not publish to `{}`", self.topic());
        match error.rdkafka_error_code() {
            // A topic that was deleted says nothing about the record, which waits until it is there again.
            Some(code) if is_missing(code) && !self.strays => {
                let error = by_code(&what, code);
                Error::temporary(ErrorKind::Unavailable, error.message())
            }
            Some(code) => by_code(&what, code),
            None => failed(&what, error),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // First the answer, then the room: whoever waits for an empty window has all answers.
        drop(self.confirm.take());
        self.window.leave(self.bytes);
    }
}

/// Whether a topic or partition isn't there.
pub(crate) fn is_missing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
    )
}
