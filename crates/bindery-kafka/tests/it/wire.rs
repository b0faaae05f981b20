//! A client of its own: what is on the broker, and records that the library can't write.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::support::{DEADLINE, brokers};

fn config(group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers())
        .set("group.id", group)
        .set("enable.auto.commit", "false");
    config
}

/// One record as it is on the broker.
pub(crate) struct Raw {
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) payload: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

impl Raw {
    pub(crate) fn header(&self, name: &str) -> &[u8] {
        &self
            .headers
            .iter()
            .find(|(known, _)| known == name)
            .expect("the header is there")
            .1
    }
}

/// The first record of a partition.
pub(crate) fn read_one(topic: &str, partition: i32) -> Raw {
    let consumer: BaseConsumer = config("reader").create().unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, partition, Offset::Beginning)
        .unwrap();
    consumer.assign(&list).unwrap();
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "no record came");
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let headers = message.headers().map_or_else(Vec::new, |headers| {
            headers
                .iter()
                .map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec()))
                .collect()
        });
        return Raw {
            key: message.key().map(<[u8]>::to_vec),
            payload: message.payload().map(<[u8]>::to_vec),
            headers,
        };
    }
}

/// How many partitions a topic has.
pub(crate) fn partitions(topic: &str) -> usize {
    let consumer: BaseConsumer = config("reader").create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
    metadata.topics()[0].partitions().len()
}

/// The committed offset of a group.
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

/// How far a group is behind.
pub(crate) struct Lag {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Lag {
    pub(crate) fn new(topic: &str, group: &str, partitions: i32) -> Self {
        Self {
            consumer: config(group).create().unwrap(),
            topic: topic.to_owned(),
            partitions,
        }
    }

    /// Whether everything is committed.
    pub(crate) fn is_zero(&self) -> bool {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition(&self.topic, partition);
        }
        let committed = self.consumer.committed_offsets(list, DEADLINE).unwrap();
        committed.elements().iter().all(|element| {
            let (_, end) = self
                .consumer
                .fetch_watermarks(&self.topic, element.partition(), DEADLINE)
                .unwrap();
            element.offset() == Offset::Offset(end)
        })
    }
}

pub(crate) async fn delete_topic(topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config("admin").create().unwrap();
    admin.delete_topics(&[topic], &AdminOptions::new()).await.unwrap();
}

/// Writes one record to partition 0, headers as given, by speaking the protocol: the library only takes names that are
/// UTF-8. A new topic's leader may take a moment, so it is asked until the broker takes the record.
pub(crate) fn produce(topic: &str, value: &[u8], headers: &[(&[u8], &[u8])]) {
    let deadline = Instant::now() + DEADLINE;
    let batch = record_batch(value, headers);
    loop {
        let code = produce_once(topic, &batch);
        if code == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "the broker answers with code {code}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn produce_once(topic: &str, batch: &[u8]) -> i16 {
    let mut body = Vec::new();
    body.extend(0_i16.to_be_bytes()); // Produce
    body.extend(3_i16.to_be_bytes()); // version
    body.extend(1_i32.to_be_bytes()); // correlation
    string(&mut body, "test");
    body.extend((-1_i16).to_be_bytes()); // no transaction
    body.extend((-1_i16).to_be_bytes()); // all acknowledgements
    body.extend(10_000_i32.to_be_bytes());
    body.extend(1_i32.to_be_bytes());
    string(&mut body, topic);
    body.extend(1_i32.to_be_bytes());
    body.extend(0_i32.to_be_bytes()); // partition
    body.extend(i32::try_from(batch.len()).unwrap().to_be_bytes());
    body.extend(batch);
    let mut stream = TcpStream::connect(brokers().split(',').next().unwrap()).unwrap();
    stream
        .write_all(&i32::try_from(body.len()).unwrap().to_be_bytes())
        .unwrap();
    stream.write_all(&body).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    // correlation, one topic, its name, one partition, its number
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    i16::from_be_bytes([answer[at], answer[at + 1]])
}

fn string(into: &mut Vec<u8>, text: &str) {
    into.extend(i16::try_from(text.len()).unwrap().to_be_bytes());
    into.extend(text.as_bytes());
}

fn record_batch(value: &[u8], headers: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut record = vec![0]; // attributes
    varint(&mut record, 0); // timestamp delta
    varint(&mut record, 0); // offset delta
    varint(&mut record, -1); // no key
    sized(&mut record, value);
    varint(&mut record, i64::try_from(headers.len()).unwrap());
    for (name, value) in headers {
        sized(&mut record, name);
        sized(&mut record, value);
    }
    let mut checked = Vec::new();
    checked.extend(0_i16.to_be_bytes()); // attributes
    checked.extend(0_i32.to_be_bytes()); // last offset delta
    checked.extend(1_i64.to_be_bytes()); // first timestamp
    checked.extend(1_i64.to_be_bytes()); // last timestamp
    checked.extend((-1_i64).to_be_bytes()); // producer
    checked.extend((-1_i16).to_be_bytes());
    checked.extend((-1_i32).to_be_bytes());
    checked.extend(1_i32.to_be_bytes()); // records
    sized(&mut checked, &record);
    let mut batch = Vec::new();
    batch.extend(0_i64.to_be_bytes()); // first offset
    batch.extend(i32::try_from(checked.len() + 9).unwrap().to_be_bytes());
    batch.extend((-1_i32).to_be_bytes()); // leader epoch
    batch.push(2); // magic
    batch.extend(crc32c(&checked).to_be_bytes());
    batch.extend(checked);
    batch
}

fn sized(into: &mut Vec<u8>, bytes: &[u8]) {
    varint(into, i64::try_from(bytes.len()).unwrap());
    into.extend(bytes);
}

fn varint(into: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        into.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
        rest >>= 7;
    }
    into.push(u8::try_from(rest).unwrap());
}

fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}
