//! What isn't confirmed comes back as it was given: payload and key by way of the client library's copy, the rest kept.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery_core::{Confirm, ConfirmSink, ErrorKind, OutboundRecord, Position, Producer, Unconfirmed};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use serde_json::{Value, json};

use crate::support::*;

#[derive(Default)]
struct Answers(Mutex<Vec<(u64, Result<Position, Unconfirmed>)>>);

impl ConfirmSink for Answers {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        self.0.lock().unwrap().push((token, result));
    }
}

/// Sends the records, none of which can be confirmed, and returns what comes back, in the order of the records.
async fn send_in_vain(
    producer: &dyn Producer,
    records: &[OutboundRecord],
) -> Vec<(ErrorKind, Option<OutboundRecord>)> {
    let answers = Arc::new(Answers::default());
    for (token, record) in (0..).zip(records) {
        let confirm = Confirm::new(answers.clone(), token);
        producer.send(record.clone().into(), confirm).unwrap();
    }
    came_back(&answers, records.len()).await
}

/// What comes back of `count` records, in their order.
async fn came_back(answers: &Answers, count: usize) -> Vec<(ErrorKind, Option<OutboundRecord>)> {
    eventually("every record to be answered", || {
        answers.0.lock().unwrap().len() == count
    })
    .await;
    let mut answers = std::mem::take(&mut *answers.0.lock().unwrap());
    answers.sort_by_key(|(token, _)| *token);
    let unconfirmed = answers.into_iter().map(|(_, result)| result.unwrap_err());
    unconfirmed
        .map(|unconfirmed| (unconfirmed.error.kind(), unconfirmed.record.map(|record| *record)))
        .collect()
}

/// Records that differ in what the library has of them.
fn various() -> Vec<OutboundRecord> {
    let mut full = record("full");
    full.key = Some("k".into());
    full.partition = Some(0);
    full.routing_key = Some("r".into());
    full.headers.insert("contentType", "text/plain");
    full.headers.insert("retries", 3);
    let mut tombstone = record("");
    tombstone.payload = None;
    tombstone.key = Some("k".into());
    let mut directed = record("directed by its headers");
    directed.headers.insert("kafka_messageKey", "from a header");
    directed.headers.insert("kafka_timestamp", 1_000_000_i64);
    directed.headers.insert("kafka_partitionId", 0);
    let mut empty_key = record("");
    empty_key.key = Some("".into());
    vec![full, tombstone, directed, empty_key]
}

type Cluster = MockCluster<'static, DefaultProducerContext>;

async fn producer_of(cluster: &Cluster, extra: Value) -> Arc<dyn Producer> {
    let binder = binder_with(json!({"brokers": [cluster.bootstrap_servers()]}));
    let mut spec = producer("t", None, extra);
    spec.confirm_timeout = Duration::from_secs(1);
    binder.bind_producer(&spec).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_delivered_in_time_comes_back() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let producer = producer_of(&cluster, json!({})).await;
    send_at_last(&producer, record("before")).await;
    cluster.broker_down(1).unwrap();
    let expected: Vec<_> = various()
        .into_iter()
        .map(|record| (ErrorKind::Timeout, Some(record)))
        .collect();
    assert_eq!(send_in_vain(&*producer, &various()).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_at_once_comes_back() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let small = json!({"use-topic-header": true, "configuration": {"message.max.bytes": "1000"}});
    let producer = producer_of(&cluster, small).await;
    let mut large = record(&"x".repeat(2_000));
    large.key = Some("k".into());
    let mut nowhere = record("for a topic that can't be");
    nowhere.headers.insert("kafka_topic", "no such/topic");
    let came_back = send_in_vain(&*producer, &[large.clone(), nowhere.clone()]).await;
    let expected = [
        (ErrorKind::Payload, Some(large)),
        (ErrorKind::Configuration, Some(nowhere)),
    ];
    assert_eq!(came_back, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_producer_leaves_unconfirmed_comes_back() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let binder = binder_with(json!({"brokers": [cluster.bootstrap_servers()]}));
    let spec = producer("t", None, json!({"close-timeout": 1}));
    let producer = binder.bind_producer(&spec).await.unwrap();
    send(&producer, record("before")).await.unwrap();
    cluster.broker_down(1).unwrap();
    let answers = Arc::new(Answers::default());
    for (token, record) in (0..).zip(various()) {
        producer
            .send(record.into(), Confirm::new(answers.clone(), token))
            .unwrap();
    }
    within(producer.close()).await;
    drop(producer);
    drop(binder);
    let expected: Vec<_> = various()
        .into_iter()
        .map(|record| (ErrorKind::Unavailable, Some(record)))
        .collect();
    assert_eq!(came_back(&answers, expected.len()).await, expected);
}
