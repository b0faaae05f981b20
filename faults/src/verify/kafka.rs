//! The verifier for Kafka: every partition from where it stopped to its end, committed records only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::topic_partition_list::Offset;

use super::{Drained, Notes, Seen, What};
use crate::brokers::Kafka;
use crate::ledger::Writer;

const PATIENCE: Duration = Duration::from_secs(60);

/// Reads one case's outputs and dead letters.
#[derive(Debug)]
pub struct KafkaVerifier {
    kafka: Kafka,
    topics: [(What, String); 2],
    notes: Notes,
    /// Where the next drain begins.
    next: BTreeMap<(String, i32), i64>,
}

impl KafkaVerifier {
    /// Reads `outputs` and `dead_letters`, from their beginning; a topic that does not exist holds nothing.
    pub fn new(kafka: &Kafka, outputs: &str, dead_letters: &str, ledger: Arc<Writer>) -> Self {
        Self {
            kafka: kafka.clone(),
            topics: [
                (What::Output, outputs.to_owned()),
                (What::DeadLetter, dead_letters.to_owned()),
            ],
            notes: Notes::new(ledger),
            next: BTreeMap::new(),
        }
    }

    /// Reads to the end of both.
    ///
    /// # Errors
    /// When the broker is away, or an output is none of the service's.
    pub async fn drain(&mut self) -> Result<Drained> {
        for index in 0..self.topics.len() {
            let (what, topic) = self.topics[index].clone();
            let ends = self.kafka.ends(&topic).await?;
            let mut from = BTreeMap::new();
            for (partition, end) in ends {
                let known = self.next.get(&(topic.clone(), partition)).copied();
                // A topic that was deleted and made again begins anew.
                let next = known.filter(|next| *next <= end).unwrap_or_default();
                if next < end {
                    from.insert(partition, next);
                }
            }
            if from.is_empty() {
                continue;
            }
            let config = config(&self.kafka);
            let reading = topic.clone();
            let read = tokio::task::spawn_blocking(move || read(&config, &reading, &from)).await??;
            for (partition, next) in read.next {
                self.next.insert((topic.clone(), partition), next);
            }
            for seen in read.seen {
                self.notes.take(what, seen)?;
            }
        }
        Ok(self.notes.finish())
    }
}

fn config(kafka: &Kafka) -> ClientConfig {
    let mut config = kafka.config();
    config
        // The client wants a group's name also where nothing is committed.
        .set("group.id", "bench-verifier")
        .set("enable.auto.commit", "false")
        .set("isolation.level", "read_committed")
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest")
        .set("fetch.message.max.bytes", "20000000");
    config
}

struct Read {
    seen: Vec<Seen>,
    next: BTreeMap<i32, i64>,
}

/// Reads each partition until the broker says that there is no more; a transaction's marker at the end is no record,
/// so the number of records does not tell.
fn read(config: &ClientConfig, topic: &str, from: &BTreeMap<i32, i64>) -> Result<Read> {
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for (partition, offset) in from {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset))?;
    }
    consumer.assign(&list)?;
    let mut read = Read {
        seen: Vec::new(),
        next: from.clone(),
    };
    let mut open: Vec<i32> = from.keys().copied().collect();
    let deadline = Instant::now() + PATIENCE;
    while !open.is_empty() {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                read.next.insert(message.partition(), message.offset() + 1);
                read.seen.push(seen(topic, &message)?);
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => open.retain(|other| *other != partition),
            // The client goes on by itself after an error.
            Some(Err(_)) | None => {}
        }
        if Instant::now() >= deadline {
            bail!("`{topic}`: the ends of partitions {open:?} were not reached within {PATIENCE:?}");
        }
    }
    Ok(read)
}

fn seen(topic: &str, message: &BorrowedMessage<'_>) -> Result<Seen> {
    let mut headers = BTreeMap::new();
    if let Some(all) = message.headers() {
        for index in 0..all.count() {
            // The client panics at a name that is not UTF-8; a dead letter may keep one.
            let Ok(header) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| all.get(index))) else {
                continue;
            };
            let value = String::from_utf8_lossy(header.value.unwrap_or_default()).into_owned();
            headers.insert(header.key.to_owned(), value);
        }
    }
    Ok(Seen {
        source: format!("{topic}/{}", message.partition()),
        position: u64::try_from(message.offset()).context("a record has an offset below 0")?,
        payload: message.payload().unwrap_or_default().to_vec(),
        headers,
    })
}
