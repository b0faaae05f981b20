//! The generator for Kafka: an idempotent producer, so that the order of each key survives the broker's death.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use rdkafka::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::pace::Pace;
use super::{Book, Handle, Load, Sequences, Works};
use crate::brokers::Kafka;
use crate::ledger::{Outcome, Writer};
use crate::work::Work;

/// How many messages may be unanswered, well below what the client queues.
const WINDOW: u32 = 20_000;
/// Longer than any case keeps the broker away.
const ANSWER_WITHIN: &str = "300000";

/// Sends `load` to `topic`; `shape` says what each message asks of its handler.
///
/// # Errors
/// When the client can't be made.
pub fn start(
    kafka: &Kafka,
    topic: &str,
    load: Load,
    sequences: Sequences,
    ledger: Arc<Writer>,
    shape: impl FnMut(&mut Work) + Send + 'static,
) -> Result<Handle> {
    let mut config = kafka.config();
    config
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", ANSWER_WITHIN)
        .set("message.max.bytes", "20000000")
        // A case may add partitions.
        .set("topic.metadata.refresh.interval.ms", "2000")
        .set("linger.ms", "5");
    let book = Book::new(ledger);
    let producer: ThreadedProducer<Answers> = config.create_with_context(Answers(book.clone()))?;
    let stop = CancellationToken::new();
    let task = tokio::spawn(send(
        producer,
        topic.to_owned(),
        Works::new(load, sequences, shape),
        book.clone(),
        stop.clone(),
    ));
    Ok(Handle {
        counters: book.counters,
        stop,
        task,
    })
}

async fn send<S: FnMut(&mut Work)>(
    producer: ThreadedProducer<Answers>,
    topic: String,
    mut works: Works<S>,
    book: Book,
    stop: CancellationToken,
) -> Result<()> {
    let mut pace = Pace::new(works.load.per_second);
    let window = Arc::new(Semaphore::new(WINDOW as usize));
    'sending: loop {
        let due = tokio::select! {
            due = pace.due(500) => due,
            () = stop.cancelled() => break,
        };
        for _ in 0..due {
            let room = window.clone().acquire_owned().await?;
            let Some((work, payload)) = works.next() else {
                break 'sending;
            };
            book.intent(&work)?;
            let key = work.key.to_string();
            let record = BaseRecord::with_opaque_to(&topic, Box::new((work.id, room)))
                .key(&key)
                .payload(&payload)
                .headers(content_type());
            if let Err((error, _)) = producer.send(record) {
                book.answer(work.id, outcome(&error))?;
            }
        }
    }
    // Every answer gives its room back.
    let _all = window.acquire_many(WINDOW).await?;
    tokio::task::spawn_blocking(move || producer.flush(Duration::from_secs(10))).await??;
    Ok(())
}

fn content_type() -> OwnedHeaders {
    OwnedHeaders::new().insert(Header {
        key: "contentType",
        value: Some("application/json"),
    })
}

/// Writes the broker's answers down, on the client's own thread.
struct Answers(Book);

impl ClientContext for Answers {}

impl ProducerContext for Answers {
    type DeliveryOpaque = Box<(u64, OwnedSemaphorePermit)>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Self::DeliveryOpaque) {
        let outcome = match result {
            Ok(_) => Outcome::Ok,
            Err((error, _)) => outcome(error),
        };
        // A ledger that can't be written makes the run fall short of answers, which the checker tells.
        self.0.answer(sent.0, outcome).ok();
    }
}

/// Only these say that the broker does not have the message.
fn outcome(error: &KafkaError) -> Outcome {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::QueueFull,
        ) => Outcome::Fail,
        _ => Outcome::Unknown,
    }
}
