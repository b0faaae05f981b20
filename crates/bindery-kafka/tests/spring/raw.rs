//! A Kafka client of its own: it publishes what the JVM's program was given, and reads what came of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::record::Record;

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The timestamp of every published record, in milliseconds since the epoch.
pub(crate) const TIMESTAMP: i64 = 1_700_000_000_123;

pub(crate) fn brokers() -> String {
    std::env::var("KAFKA_BROKERS").unwrap_or_else(|_| {
        panic!("KAFKA_BROKERS is not set: run `cargo xtask test`, or `cargo xtask brokers up` and set what it prints")
    })
}

fn config(group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers())
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    config
}

/// Publishes one record to partition 0, and waits until the broker has it.
pub(crate) async fn publish(topic: &str, key: Option<&str>, value: &str, headers: &[(&str, &[u8])]) {
    let producer: FutureProducer = config("none").create().unwrap();
    let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
        headers.insert(Header {
            key,
            value: Some(*value),
        })
    });
    let mut record = FutureRecord::to(topic)
        .partition(0)
        .timestamp(TIMESTAMP)
        .payload(value)
        .headers(headers);
    record.key = key;
    producer.send(record, DEADLINE).await.unwrap();
}

/// Topics whose names begin so, with their numbers of partitions.
pub(crate) fn topics(prefix: &str) -> BTreeMap<String, usize> {
    let consumer: BaseConsumer = config("reader").create().unwrap();
    let metadata = consumer.fetch_metadata(None, DEADLINE).unwrap();
    // Dead letter topics are named after the topic.
    let ours = metadata
        .topics()
        .iter()
        .filter(|topic| topic.name().contains(prefix));
    ours.map(|topic| (topic.name().to_owned(), topic.partitions().len()))
        .collect()
}

/// What a group has committed.
pub(crate) fn committed(topic: &str, group: &str, partition: i32) -> Option<i64> {
    let consumer: BaseConsumer = config(group).create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, partition);
    let committed = consumer.committed_offsets(list, DEADLINE).unwrap();
    match committed.elements()[0].offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }
}

/// Every record of a topic, sorted by value, once there are as many as expected.
pub(crate) fn read(topic: &str, expected: usize) -> Vec<Record> {
    let consumer: BaseConsumer = config("reader").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&list).unwrap();
    // Another client asks how many there are: its questions don't wait behind a fetch.
    let asking: BaseConsumer = config("reader").create().unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < expected || records.len() < written(&asking, &list) {
        assert!(
            Instant::now() < deadline,
            "`{topic}` has {} records, not {expected}: {records:#?}",
            records.len()
        );
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            records.push(record(&message.unwrap()));
        }
    }
    assert_eq!(records.len(), expected, "`{topic}`: {records:#?}");
    records.sort();
    records
}

/// How many records there are now.
fn written(consumer: &BaseConsumer, list: &TopicPartitionList) -> usize {
    let end = |topic: &str, partition| consumer.fetch_watermarks(topic, partition, DEADLINE).unwrap().1;
    let ends = list
        .elements()
        .iter()
        .map(|place| end(place.topic(), place.partition()))
        .sum::<i64>();
    usize::try_from(ends).unwrap()
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
            .collect()
    });
    Record::new(message.partition(), message.key(), message.payload(), headers)
}
