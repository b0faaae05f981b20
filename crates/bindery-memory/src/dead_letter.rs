//! Dead letters: a copy of the message with what is known of its failure, under the names that Spring's Kafka binder
//! uses and our own.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{
    DeadLetterPublisher, Error, ErrorKind, Failure, HeaderValue, Headers, OutboundRecord, RawMessage, Result,
    TRUNCATED_FROM, iso_8601, shorter_bodies,
};

use crate::broker::Shared;
use crate::topic::{Refusal, Topic};

/// Publishes the dead letters of one consumer.
#[derive(Debug)]
pub(crate) struct MemoryDeadLetters {
    shared: Arc<Shared>,
    topic: Arc<Topic>,
}

impl MemoryDeadLetters {
    pub(crate) fn new(shared: Arc<Shared>, topic: Arc<Topic>) -> Self {
        Self { shared, topic }
    }

    /// Publishes a copy with the headers that say where it came from and what `add` says.
    fn copy(&self, message: &RawMessage, add: impl FnOnce(&mut Headers)) -> Result<()> {
        self.shared.link.check()?;
        self.shared.faults.check_dead_letter(&self.topic.name)?;
        self.shared
            .faults
            .check_size(&self.topic.name, message.bytes().len())?;
        let mut headers = message.headers.clone();
        add_origin(&mut headers, message);
        add(&mut headers);
        let record = OutboundRecord {
            payload: message.payload.clone(),
            key: message.key.clone(),
            headers,
            partition: self.partition(message),
            routing_key: message.origin.routing_key.clone(),
        };
        // A dead letter is never told to wait for a group that is behind.
        match self.topic.append(record, u64::MAX) {
            Ok(_) => Ok(()),
            Err(Refusal::Full | Refusal::NoPartition(_)) => Err(Error::temporary(
                ErrorKind::Publish,
                format!("the dead letter was not taken by `{}`", self.topic.name),
            )),
        }
    }

    /// The message's own partition where the dead letter topic has it, else the first.
    fn partition(&self, message: &RawMessage) -> Option<i32> {
        let own = message.origin.partition?;
        let exists = u32::try_from(own).is_ok_and(|own| own < self.topic.partition_count());
        Some(if exists { own } else { 0 })
    }

    /// Dead-letters a message that was rejected, as a broker does by itself.
    pub(crate) fn reject(&self, message: &RawMessage, group: &Arc<str>) -> Result<()> {
        self.copy(message, |headers| {
            headers.append("x-bindery-reason", "rejected");
            headers.append("x-bindery-group", group.clone());
        })
    }
}

#[async_trait]
impl DeadLetterPublisher for MemoryDeadLetters {
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> Result<()> {
        self.shared.faults.dead_letter_arrived(&self.topic.name).await?;
        let copied = self.copy(message, |headers| add_failure(headers, failure));
        let mut too_large = match copied {
            Err(error) if error.kind() == ErrorKind::Payload => error,
            other => return other,
        };
        let whole = message.bytes().len();
        for length in shorter_bodies(whole) {
            let mut cut = message.clone();
            cut.payload = message.payload.as_ref().map(|payload| payload.slice(..length));
            let copied = self.copy(&cut, |headers| {
                headers.append(TRUNCATED_FROM, whole.to_string());
                add_failure(headers, failure);
            });
            match copied {
                Err(error) if error.kind() == ErrorKind::Payload => too_large = error,
                other => return other,
            }
        }
        Err(too_large)
    }
}

fn add_origin(headers: &mut Headers, message: &RawMessage) {
    let origin = &message.origin;
    headers.append("x-original-topic", origin.destination.clone());
    headers.append("x-original-partition", origin.partition.unwrap_or(0));
    headers.append(
        "x-original-offset",
        i64::try_from(origin.position).unwrap_or(i64::MAX),
    );
    if let Some(timestamp) = origin.timestamp {
        headers.append("x-original-timestamp", timestamp);
        headers.append("x-original-timestamp-type", "CreateTime");
    }
}

fn add_failure(headers: &mut Headers, failure: &Failure) {
    headers.append("x-exception-fqcn", failure.error_type.as_str());
    headers.append("x-exception-message", failure.message.as_str());
    headers.append("x-exception-stacktrace", failure.trace.as_str());
    headers.append("x-bindery-reason", failure.reason.as_str());
    headers.append(
        "x-bindery-attempts",
        HeaderValue::Int(i32::try_from(failure.attempts).unwrap_or(i32::MAX)),
    );
    headers.append("x-bindery-binding", failure.binding.clone());
    headers.append("x-bindery-group", failure.group.clone());
    headers.append("x-bindery-first-failure", iso_8601(failure.first_failure));
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn times_are_written_in_utc() {
        let check = |seconds, text: &str| {
            assert_eq!(iso_8601(UNIX_EPOCH + Duration::from_millis(seconds)), text);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_007, "2000-02-29T00:00:00.007Z");
        check(1_735_689_599_999, "2024-12-31T23:59:59.999Z");
    }
}
