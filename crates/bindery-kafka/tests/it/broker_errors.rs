//! Errors that a broker gives rarely and never on demand, from librdkafka's mock of a cluster: nothing is lost, work
//! goes on, and what a refused record means is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery_core::{ErrorKind, Settlement};
use futures_util::StreamExt;
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Code};
use serde_json::json;

use crate::support::*;

type Cluster = MockCluster<'static, DefaultProducerContext>;

const MESSAGES: usize = 50;

fn cluster(topic: &str) -> Cluster {
    let cluster = Cluster::new(1).unwrap();
    cluster.create_topic(topic, 1, 1).unwrap();
    cluster
}

/// Waits until the group has committed `offset`.
async fn await_committed(cluster: &Cluster, topic: &str, offset: i64, what: &str) {
    let observer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", cluster.bootstrap_servers())
        .set("group.id", group_of(topic, "g"))
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(topic, 0);
    eventually(&format!("{what}: {offset} is committed"), || {
        let committed = observer.committed_offsets(list.clone(), Duration::from_secs(5));
        committed.is_ok_and(|committed| {
            committed.find_partition(topic, 0).unwrap().offset() == Offset::Offset(offset)
        })
    })
    .await;
}

/// The broker answers the next commits with `error`: everything is committed in the end, and nothing is missed.
async fn commits_survive(name: &str, error: Code, times: usize) {
    let topic = unique("commits");
    let cluster = cluster(&topic);
    let binder = binder_with(json!({"brokers": cluster.bootstrap_servers()}));
    let producer = binder
        .bind_producer(&producer(&topic, Some(1), json!({})))
        .await
        .unwrap();
    send_all(&producer, numbers(0..MESSAGES)).await;
    // A member that the mock calls unknown stays in its group until its session is over.
    let configuration = json!({"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"});
    let consumer = binder
        .bind_consumer(&consumer(
            &topic,
            Some("g"),
            json!({"configuration": configuration}),
        ))
        .await
        .unwrap();
    cluster.request_errors(Api::OffsetCommit, &vec![error; times]);
    let seen: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    let (mut deliveries, settler) = (consumer.deliveries, consumer.settler.clone());
    let noted = seen.clone();
    let working = tokio::spawn(async move {
        while let Some(batch) = deliveries.next().await {
            for delivery in batch.deliveries {
                *noted.lock().unwrap().entry(payload(&delivery)).or_default() += 1;
                settler.settle(delivery.receipt, Settlement::Accept);
            }
        }
    });
    await_committed(&cluster, &topic, MESSAGES as i64, name).await;
    send_all(&producer, numbers(MESSAGES..2 * MESSAGES)).await;
    await_committed(&cluster, &topic, 2 * MESSAGES as i64, name).await;
    assert_eq!(
        seen.lock().unwrap().len(),
        2 * MESSAGES,
        "{name}: messages are missing"
    );
    within(consumer.control.close()).await;
    within(working).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_survive_every_error_of_the_coordinator() {
    let errors = [
        (
            "rebalance in progress",
            Code::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
        ),
        ("illegal generation", Code::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION),
        ("unknown member", Code::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID),
        ("not the coordinator", Code::RD_KAFKA_RESP_ERR_NOT_COORDINATOR),
        (
            "coordinator loads",
            Code::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
        ),
        (
            "no coordinator",
            Code::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        ),
        ("timed out", Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT),
        (
            "offset metadata",
            Code::RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
        ),
    ];
    let runs = errors.map(|(name, error)| async move {
        for times in [1, 3] {
            commits_survive(name, error, times).await;
        }
    });
    futures_util::future::join_all(runs).await;
}

/// What becomes of a record whose first attempts are answered with an error.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Confirmed,
    Refused(ErrorKind),
}

#[tokio::test(flavor = "multi_thread")]
async fn records_survive_what_passes_and_are_refused_for_what_is_their_own_fault() {
    let cases = [
        (Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, Fate::Confirmed),
        (
            Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            Fate::Confirmed,
        ),
        (Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, Fate::Confirmed),
        (Code::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE, Fate::Confirmed),
        (Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, Fate::Confirmed),
        (
            Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
            Fate::Refused(ErrorKind::Payload),
        ),
    ];
    let runs = cases.map(|(error, fate)| async move {
        let topic = unique("records");
        let cluster = cluster(&topic);
        let binder = binder_with(json!({"brokers": cluster.bootstrap_servers()}));
        let producer = binder
            .bind_producer(&producer(&topic, Some(1), json!({})))
            .await
            .unwrap();
        send(&producer, record("before")).await.unwrap();
        let times = if fate == Fate::Confirmed { 3 } else { 1 };
        cluster.request_errors(Api::Produce, &vec![error; times]);
        let answer = send(&producer, record("it")).await;
        let seen = match &answer {
            Ok(_) => Fate::Confirmed,
            Err(error) => Fate::Refused(error.kind()),
        };
        assert_eq!(seen, fate, "{error:?}: {answer:?}");
        send(&producer, record("after")).await.unwrap();
        let mut consumer = binder
            .bind_consumer(&consumer(&topic, Some("g"), json!({})))
            .await
            .unwrap();
        let expected: &[&str] = match fate {
            Fate::Confirmed => &["before", "it", "after"],
            Fate::Refused(_) => &["before", "after"],
        };
        let taken = take(&mut consumer, expected.len()).await;
        assert_eq!(payloads(&taken), expected, "{error:?}");
        close(consumer).await;
    });
    futures_util::future::join_all(runs).await;
}
