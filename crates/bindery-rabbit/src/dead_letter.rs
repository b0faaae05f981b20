//! Dead letters that are republished: the original body and properties with the headers that Spring adds.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{
    Confirm, ConsumerSpec, DeadLetterPublisher, Error, ErrorKind, Failure, HeaderValue, Headers, RawMessage,
    Result, iso_8601,
};
use lapin::BasicProperties;
use lapin::types::ShortString;

use crate::connection::Link;
use crate::error::Refusal;
use crate::provision::short;
use crate::publisher::{Limits, NoSlot, Publication, Publisher, closed_producer};
use crate::render::{copy, size_bytes};
use crate::topology::{DeadLetterPlace, Topology};

const STACK_TRACE: &str = "x-exception-stacktrace";
const MESSAGE: &str = "x-exception-message";
const RETRY_COUNT: &str = "retry-count";
/// The frame size that both sides agree on unless one is configured to less.
const FRAME_MAX_BYTES: usize = 131_072;
/// How long the sentence of an error may get: it is for people, and its frame holds other headers too.
const MESSAGE_MAX_BYTES: usize = 8 * 1024;
const WINDOW: usize = 256;
const CONFIRM_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// Where and how a consumer's dead letters are published.
#[derive(Clone, Debug)]
pub(crate) struct RepublishTarget {
    pub(crate) place: DeadLetterPlace,
    pub(crate) topology: Topology,
    pub(crate) delivery_mode: u8,
    pub(crate) headroom_bytes: usize,
}

/// Publishes the dead letters of one consumer.
pub(crate) struct Republisher {
    publisher: Arc<Publisher>,
    target: RepublishTarget,
}

impl Republisher {
    pub(crate) fn start(link: Arc<Link>, target: RepublishTarget, spec: &ConsumerSpec) -> Arc<Self> {
        let limits = Limits {
            window: WINDOW,
            confirm_timeout: CONFIRM_TIMEOUT,
        };
        // Only what the dead letter needs: an anonymous work queue belongs to the consuming connection.
        let topology = Topology {
            exchanges: target
                .topology
                .exchanges
                .iter()
                .filter(|exchange| exchange.name == target.place.exchange)
                .cloned()
                .collect(),
            queues: target
                .topology
                .queues
                .iter()
                .filter(|queue| queue.name == target.place.queue)
                .cloned()
                .collect(),
            bindings: target
                .topology
                .bindings
                .iter()
                .filter(|binding| binding.queue == target.place.queue)
                .cloned()
                .collect(),
        };
        let label = format!("dead letter publisher of `{}`", spec.binding);
        Arc::new(Self {
            publisher: Publisher::start(link, topology, limits, label),
            target,
        })
    }

    pub(crate) async fn close(&self) {
        self.publisher.close().await;
    }

    fn publication(&self, message: &RawMessage, failure: &Failure) -> Result<Publication, Refusal> {
        let place = &self.target.place;
        // The default exchange routes by the queue's own name only.
        let key = if place.exchange.is_empty() {
            &place.queue
        } else {
            &place.routing_key
        };
        Ok(Publication {
            exchange: short(&place.exchange, "exchange")?,
            routing_key: short(key, "routing key")?,
            properties: dead_letter_properties(
                message,
                failure,
                self.target.delivery_mode,
                self.target.headroom_bytes,
            ),
            body: message.payload.clone().unwrap_or_default(),
            mandatory: true,
        })
    }
}

/// The properties of a dead letter: the stack trace is cut so that all of them fit into a frame.
pub(crate) fn dead_letter_properties(
    message: &RawMessage,
    failure: &Failure,
    delivery_mode: u8,
    headroom_bytes: usize,
) -> BasicProperties {
    let key = message.key.as_ref();
    let mut headers = with_failure(message, failure);
    let without_trace = size_bytes(&copy(&headers, key, delivery_mode));
    let room = FRAME_MAX_BYTES
        .saturating_sub(headroom_bytes)
        .min(FRAME_MAX_BYTES.saturating_sub(without_trace + 1024));
    headers.insert(STACK_TRACE, truncated(&failure.trace, room));
    copy(&headers, key, delivery_mode)
}

/// The message's headers with what is known of its failure, but the stack trace.
fn with_failure(message: &RawMessage, failure: &Failure) -> Headers {
    let mut headers = message.headers.clone();
    let retries = headers
        .get(RETRY_COUNT)
        .and_then(HeaderValue::as_i64)
        .unwrap_or(0);
    let routing_key = message.origin.routing_key.clone().unwrap_or_else(|| "".into());
    headers.insert(MESSAGE, truncated(&failure.message, MESSAGE_MAX_BYTES));
    headers.insert("x-original-exchange", message.origin.destination.clone());
    headers.insert("x-original-routingKey", routing_key);
    headers.insert(RETRY_COUNT, retries.max(0).saturating_add(1));
    headers.insert("x-bindery-reason", failure.reason.as_str());
    headers.insert(
        "x-bindery-attempts",
        i32::try_from(failure.attempts).unwrap_or(i32::MAX),
    );
    headers.insert("x-bindery-binding", failure.binding.clone());
    headers.insert("x-bindery-group", failure.group.clone());
    headers.insert("x-bindery-first-failure", iso_8601(failure.first_failure));
    headers
}

fn truncated(text: &str, most_bytes: usize) -> &str {
    let mut end = text.len().min(most_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl Drop for Republisher {
    fn drop(&mut self) {
        self.publisher.shut();
    }
}

#[async_trait]
impl DeadLetterPublisher for Republisher {
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> Result<()> {
        let publication = self.publication(message, failure).map_err(Error::from)?;
        let slot = loop {
            match self.publisher.reserve() {
                Ok(slot) => break slot,
                Err(NoSlot::Full) => self.publisher.ready().await,
                Err(NoSlot::Closed) => return Err(closed_producer()),
            }
        };
        let (confirm, answer) = Confirm::channel();
        slot.fill(publication, confirm.into());
        answer
            .await
            .map(drop)
            .map_err(|error| error.with("dead letter", &self.target.place.queue))
    }
}

/// The wire name of a routing key.
pub(crate) fn routing_key(text: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| {
        Error::new(
            ErrorKind::Payload,
            format!(
                "the routing key `{text:.40}…` has {} bytes; at most 255 fit",
                text.len()
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_are_iso_8601_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_767_225_599, "2025-12-31T23:59:59.000Z"),
            (1_795_308_328, "2026-11-22T00:45:28.000Z"),
        ] {
            assert_eq!(iso_8601(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(truncated("aé", 2), "a");
        assert_eq!(truncated("aé", 3), "aé");
    }
}
