//! Dead letters: the record as it came, with Spring's headers and ours behind its own.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bindery_core::{
    Confirm, DeadLetterPublisher, Error, ErrorKind, Failure, RawMessage, Result, TRUNCATED_FROM,
    shorter_bodies,
};
use bytes::Bytes;

use crate::headers::UNREADABLE_HEADERS;
use crate::headers::encoded::{self, Flags, TimestampType};
use crate::headers::patterns::Patterns;
use crate::headers::render;
use crate::producer::client::{Outgoing, ProducerClient};
use crate::producer::in_flight::InFlight;
use crate::producer::owned;
use crate::producer::window::Window;
use crate::time;

/// How long the longest text of a dead letter's headers may be when the whole record was too large.
const SHORT_TEXT: usize = 1024;

/// Publishes the dead letters of one input.
pub(crate) struct DeadLetters {
    pub(crate) partitions: u32,
    /// `dlq-partitions`, where it is set.
    pub(crate) configured_partitions: Option<u32>,
    pub(crate) client: Arc<ProducerClient>,
    pub(crate) window: Arc<Window>,
    pub(crate) confirm_timeout: Duration,
}

#[async_trait]
impl DeadLetterPublisher for DeadLetters {
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> Result<()> {
        let whole = message.bytes();
        let published = self
            .publish_with(message, whole, &headers(message, failure, None))
            .await;
        if !is_too_large(&published) {
            return published;
        }
        // The record's own size may be the topic's limit already; what we add has to shrink first.
        let mut short = headers(message, failure, Some(SHORT_TEXT));
        let mut published = self.publish_with(message, whole, &short).await;
        short.push((TRUNCATED_FROM.to_owned(), Some(whole.len().to_string().into())));
        // The topic takes less than the source's does. The source keeps the whole, and the headers say where.
        for length in shorter_bodies(whole.len()) {
            if !is_too_large(&published) || whole.is_empty() {
                break;
            }
            published = self.publish_with(message, &whole[..length], &short).await;
        }
        published
    }
}

impl DeadLetters {
    /// Publishes a copy with the given body to the original's partition, or, when there is none such any more, to any.
    async fn publish_with(&self, message: &RawMessage, body: &[u8], headers: &[Pair]) -> Result<()> {
        let partition = Some(self.partition(message));
        match self.publish_to(partition, message, body, headers).await {
            // The topic was made anew with fewer partitions.
            Err(error) if error.message().ends_with("unknown partition") => {
                self.publish_to(None, message, body, headers).await
            }
            other => other,
        }
    }

    async fn publish_to(
        &self,
        partition: Option<i32>,
        message: &RawMessage,
        body: &[u8],
        headers: &[Pair],
    ) -> Result<()> {
        let bytes = message.size_bytes();
        while !self.window.enter(bytes) {
            self.window.ready().await;
        }
        let (confirm, answer) = Confirm::channel();
        let in_flight = InFlight::new(confirm, self.window.clone(), bytes);
        let outgoing = Outgoing {
            topic: &self.window.topic,
            partition,
            timestamp: None,
            key: message.key.as_deref(),
            payload: message.payload.as_ref().map(|_| body),
            headers: owned(
                headers
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_deref())),
            ),
        };
        if let Err((error, mut in_flight)) = self.client.send(outgoing, in_flight) {
            in_flight.fail(&error, None, None);
        }
        match tokio::time::timeout(self.confirm_timeout, answer).await {
            Ok(result) => result.map(|_| ()),
            Err(_) => Err(Error::temporary(
                ErrorKind::Timeout,
                format!(
                    "the dead letter to `{}` was not confirmed in time",
                    self.window.topic
                ),
            )),
        }
    }

    /// The partition of the original, as far as the topic has it; with `dlq-partitions: 1` the first.
    fn partition(&self, message: &RawMessage) -> i32 {
        let original = message.origin.partition.unwrap_or(0);
        if self.configured_partitions.is_some_and(|count| count <= 1) {
            return 0;
        }
        let count = self
            .configured_partitions
            .unwrap_or(self.partitions)
            .min(self.partitions);
        original
            .checked_rem(i32::try_from(count).unwrap_or(i32::MAX))
            .unwrap_or(0)
    }
}

fn is_too_large(published: &Result<()>) -> bool {
    matches!(published, Err(error) if error.kind() == ErrorKind::Payload)
}

type Pair = (String, Option<Bytes>);

/// The original's headers, byte for byte and in order, then Spring's eight, then ours. With `limit`, the trace is left
/// out and the message is cut to so many bytes.
pub(crate) fn headers(message: &RawMessage, failure: &Failure, limit: Option<usize>) -> Vec<Pair> {
    let mut pairs = original(message);
    if flags(message).unreadable {
        pairs.push((UNREADABLE_HEADERS.to_owned(), Some(Bytes::from_static(b"true"))));
    }
    let mut add = |name: &str, value: Bytes| pairs.push((name.to_owned(), Some(value)));
    let origin = &message.origin;
    let offset = i64::try_from(origin.position).unwrap_or(i64::MAX);
    add("x-original-topic", text(&origin.destination));
    add(
        "x-original-partition",
        copy(&origin.partition.unwrap_or(-1).to_be_bytes()),
    );
    add("x-original-offset", copy(&offset.to_be_bytes()));
    add(
        "x-original-timestamp",
        copy(&origin.timestamp.unwrap_or(-1).to_be_bytes()),
    );
    add(
        "x-original-timestamp-type",
        text(flags(message).timestamp.as_str()),
    );
    add("x-exception-fqcn", text(&failure.error_type));
    match limit {
        None => {
            add("x-exception-message", text(&failure.message));
            add("x-exception-stacktrace", text(&failure.trace));
        }
        Some(limit) => add("x-exception-message", text(cut(&failure.message, limit))),
    }
    add("x-bindery-reason", text(failure.reason.as_str()));
    add("x-bindery-attempts", text(&failure.attempts.to_string()));
    add("x-bindery-binding", text(&failure.binding));
    add("x-bindery-group", text(&failure.group));
    add(
        "x-bindery-first-failure",
        text(&time::format(millis(failure.first_failure))),
    );
    pairs
}

fn original(message: &RawMessage) -> Vec<Pair> {
    match message.headers.encoded() {
        Some(encoded) => encoded::pairs(&encoded.bytes)
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        // Somebody changed the headers, so the bytes are gone: they are written as on any way out.
        None => render(&message.headers, &Patterns::new(&[]))
            .pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Some(value.into_owned().into())))
            .collect(),
    }
}

fn flags(message: &RawMessage) -> Flags {
    let timestamp = match message.origin.timestamp {
        Some(_) => TimestampType::Create,
        None => TimestampType::None,
    };
    match message.headers.encoded() {
        Some(encoded) => encoded::flags(&encoded.bytes),
        None => Flags {
            timestamp,
            unreadable: message.headers.get(UNREADABLE_HEADERS).is_some(),
        },
    }
}

fn text(text: &str) -> Bytes {
    copy(text.as_bytes())
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// The longest start of `text` that has at most `limit` bytes and ends between characters.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
#[path = "dead_letter_tests.rs"]
mod tests;
