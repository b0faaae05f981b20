//! What the tests share: a broker, names that meet nobody else's, and waits with a deadline.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Binder, BinderFactory, BinderSpec, BindingName, Confirm, Consumer, ConsumerSpec, Delivery, Headers,
    Options, OutboundRecord, Position, Producer, ProducerSpec, Result, Settlement,
};
use bindery_kafka::KafkaBinderFactory;
use futures_util::StreamExt;
use serde_json::{Value, json};

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn brokers() -> String {
    std::env::var("KAFKA_BROKERS").expect(
        "KAFKA_BROKERS is not set: run `cargo xtask test`, or `cargo xtask brokers up` and set what it prints",
    )
}

pub(crate) fn options(value: Value) -> Options {
    let Value::Object(entries) = value else {
        panic!("options are a map")
    };
    Options(entries.into_iter().collect())
}

pub(crate) fn binder_with(extra: Value) -> Arc<dyn Binder> {
    let mut options = options(extra);
    options
        .0
        .entry("brokers".to_owned())
        .or_insert_with(|| json!(brokers()));
    KafkaBinderFactory
        .create(&BinderSpec {
            name: "kafka".into(),
            kind: "kafka".into(),
            options,
            connection: Options::default(),
            consumers: 1,
        })
        .unwrap()
}

pub(crate) fn binder() -> Arc<dyn Binder> {
    binder_with(json!({}))
}

/// A topic name of its own.
pub(crate) fn unique(name: &str) -> String {
    format!("it-{name}-{}", uuid::Uuid::new_v4().simple())
}

/// The name that a test's group has on the broker: groups of different tests must not rebalance each other.
pub(crate) fn group_of(topic: &str, group: &str) -> String {
    format!("{group}-{topic}")
}

/// The dead letter topic of group `g`.
pub(crate) fn dead_letters_of(topic: &str) -> String {
    format!("error.{topic}.{}", group_of(topic, "g"))
}

pub(crate) fn consumer(topic: &str, group: Option<&str>, extra: Value) -> ConsumerSpec {
    ConsumerSpec {
        binding: BindingName::new("sink-in-0"),
        destination: topic.into(),
        group: group.map(|group| group_of(topic, group).into()),
        concurrency: 1,
        partitioned: false,
        instance_count: 1,
        instance_index: 0,
        batch: None,
        max_in_flight: 2048,
        max_attempts: 3,
        options: options(extra),
    }
}

pub(crate) fn producer(topic: &str, partitions: Option<u32>, extra: Value) -> ProducerSpec {
    ProducerSpec {
        binding: BindingName::new("probe-out-0"),
        destination: topic.into(),
        partition_count: partitions,
        required_groups: Vec::new(),
        max_in_flight: 10_000,
        confirm_timeout: Duration::from_secs(30),
        awaited: false,
        options: options(extra),
    }
}

pub(crate) fn record(payload: &str) -> OutboundRecord {
    OutboundRecord {
        payload: Some(payload.to_owned().into()),
        key: None,
        headers: Headers::new(),
        partition: None,
        routing_key: None,
    }
}

/// Sends and waits for the confirmation.
pub(crate) async fn send(producer: &Arc<dyn Producer>, record: OutboundRecord) -> Result<Position> {
    let (confirm, answer) = Confirm::channel();
    producer.send(record.into(), confirm).unwrap();
    within(answer).await
}

/// Sends a record until it is confirmed: to connect, and to be given an id as an idempotent producer, may take longer than a
/// record has.
pub(crate) async fn send_at_last(producer: &Arc<dyn Producer>, record: OutboundRecord) {
    within(async {
        while send(producer, record.clone()).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

pub(crate) async fn send_all(producer: &Arc<dyn Producer>, payloads: impl IntoIterator<Item = String>) {
    let mut answers = Vec::new();
    for payload in payloads {
        let (confirm, answer) = Confirm::channel();
        producer.send(record(&payload).into(), confirm).unwrap();
        answers.push(answer);
    }
    for answer in answers {
        within(answer).await.unwrap();
    }
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it takes too long")
}

/// The next `count` deliveries.
pub(crate) async fn take(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let batch = within(consumer.deliveries.next())
            .await
            .expect("the stream ended");
        taken.extend(batch.deliveries);
    }
    assert_eq!(taken.len(), count, "more messages came than were expected");
    taken
}

pub(crate) fn payload(delivery: &Delivery) -> String {
    String::from_utf8_lossy(delivery.message.bytes()).into_owned()
}

pub(crate) fn accept(consumer: &Consumer, delivery: Delivery) {
    consumer.settler.settle(delivery.receipt, Settlement::Accept);
}

pub(crate) fn payloads(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(payload).collect()
}

/// `0`, `1`, … as payloads.
pub(crate) fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

pub(crate) fn accept_all(consumer: &Consumer, deliveries: Vec<Delivery>) {
    for delivery in deliveries {
        accept(consumer, delivery);
    }
}

/// Settles, leaves the group, and waits until that is done.
pub(crate) async fn close(consumer: Consumer) {
    within(consumer.control.close()).await;
}

/// A topic with so many partitions, and a producer for it.
pub(crate) async fn topic(
    binder: &Arc<dyn Binder>,
    name: &str,
    partitions: u32,
) -> (String, Arc<dyn Producer>) {
    let topic = unique(name);
    let producer = binder
        .bind_producer(&producer(&topic, Some(partitions), json!({})))
        .await
        .unwrap();
    (topic, producer)
}

/// Sends a payload to a partition.
pub(crate) async fn send_to(producer: &Arc<dyn Producer>, partition: i32, payload: &str) {
    let mut record = record(payload);
    record.partition = Some(partition);
    send(producer, record).await.unwrap();
}

/// Waits until `reached`, looking again and again.
pub(crate) async fn eventually(what: &str, mut reached: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(DEADLINE, async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "{what}: it takes too long");
}
