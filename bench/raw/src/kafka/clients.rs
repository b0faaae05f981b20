//! The clients as all twins set them, and what all of them do with a message.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bench_common::{Order, Settings};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};

/// How long a poll waits when nothing has arrived.
const POLL: Duration = Duration::from_millis(100);

/// A member of the group that reads the input from its start and commits each second what was stored.
pub(super) fn consumer(settings: &Settings) -> Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &settings.kafka)
        .set("group.id", &settings.group)
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "true")
        .set("auto.commit.interval.ms", "1000")
        .set("enable.auto.offset.store", "false")
        // The default of a second starves a fast reader: the fetcher sleeps that long when the local queue was full.
        .set("fetch.queue.backoff.ms", "10")
        // What is fetched ahead is still in the processor's cache when it is read: with the defaults (1 MiB a partition,
        // 64 MiB in all) a small message costs a tenth more, and one of 100 KiB a third.
        .set("fetch.message.max.bytes", "262144")
        .set("queued.min.messages", "10000")
        .set("queued.max.messages.kbytes", "16384")
        .create()?;
    consumer.subscribe(&[&settings.input])?;
    Ok(consumer)
}

/// What publishers share. `linger` is in milliseconds.
pub(super) fn producer(settings: &Settings, linger: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.kafka)
        .set("enable.idempotence", "true")
        .set("linger.ms", linger);
    config
}

/// The next message, `None` when there was none for a while.
pub(super) fn poll(consumer: &BaseConsumer) -> Result<Option<BorrowedMessage<'_>>> {
    poll_for(consumer, POLL)
}

/// The next message, if it comes within this time.
pub(super) fn poll_for(consumer: &BaseConsumer, timeout: Duration) -> Result<Option<BorrowedMessage<'_>>> {
    match consumer.poll(timeout) {
        Some(Ok(message)) => Ok(Some(message)),
        Some(Err(KafkaError::MessageConsumptionFatal(code))) => bail!("the consumer can't go on: {code}"),
        Some(Err(error)) => {
            // The library goes on by itself.
            eprintln!("{error}");
            Ok(None)
        }
        None => Ok(None),
    }
}

/// Reads the headers and decodes the payload.
pub(super) fn order(message: &BorrowedMessage<'_>) -> Result<Order> {
    let is_json = |header: Header<'_, &[u8]>| {
        header.key == "contentType" && header.value == Some(b"application/json".as_slice())
    };
    ensure!(
        message
            .headers()
            .is_some_and(|headers| headers.iter().any(is_json)),
        "the message at offset {} is no JSON",
        message.offset()
    );
    let payload = message.payload().context("a message has no payload")?;
    Ok(serde_json::from_slice(payload)?)
}

/// The headers of everything that is published: the same as Bindery and Spring write, so that their readers know the type.
pub(super) fn headers() -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(2)
        .insert(Header {
            key: "contentType",
            value: Some("application/json"),
        })
        .insert(Header {
            key: "spring_json_header_types",
            value: Some(r#"{"contentType":"java.lang.String"}"#),
        })
}

/// Commits everything that was stored and leaves the group.
pub(super) fn commit(consumer: &BaseConsumer) -> Result<()> {
    match consumer.commit_consumer_state(CommitMode::Sync) {
        // The commit of this second was the last one.
        Ok(()) | Err(KafkaError::ConsumerCommit(RDKafkaErrorCode::NoOffset)) => Ok(()),
        Err(error) => Err(error).context("the last commit failed"),
    }
}
