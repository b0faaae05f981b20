//! Health: what is known of the brokers, told with reason and address.

use std::time::{Duration, Instant};

use bindery_core::{Confirm, ErrorKind, Status};
use rdkafka::mocking::MockCluster;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn health_is_up_with_a_broker_and_unknown_before() {
    let binder = binder();
    assert_eq!(binder.health().status, Status::Unknown);
    let (_, producer) = topic(&binder, "health", 1).await;
    send(&producer, record("x")).await.unwrap();
    assert_eq!(
        (binder.health().status, producer.health().status),
        (Status::Up, Status::Up)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_down_and_comes_back_is_told() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let brokers = cluster.bootstrap_servers();
    let binder =
        binder_with(json!({"brokers": [brokers], "configuration": {"statistics.interval.ms": "500"}}));
    let consumer = binder
        .bind_consumer(&consumer("t", Some("g"), json!({})))
        .await
        .unwrap();
    let producer = binder
        .bind_producer(&producer("t", None, json!({})))
        .await
        .unwrap();
    send(&producer, record("x")).await.unwrap();
    assert_eq!(binder.health().status, Status::Up);
    cluster.broker_down(1).unwrap();
    eventually("the consumer is down", || {
        consumer.control.health().status == Status::Down
    })
    .await;
    eventually("the producer is down", || {
        producer.health().status == Status::Down
    })
    .await;
    let health = binder.health();
    assert_eq!(health.status, Status::Down);
    assert!(health.reason.is_some_and(|reason| reason.contains(&brokers)));
    cluster.broker_up(1).unwrap();
    eventually("everything is up again", || binder.health().status == Status::Up).await;
    send(&producer, record("y")).await.unwrap();
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_without_a_broker_ends_in_time() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let binder = binder_with(json!({"brokers": [cluster.bootstrap_servers()]}));
    let mut consumer = binder
        .bind_consumer(&consumer("t", Some("g"), json!({})))
        .await
        .unwrap();
    let producer = binder
        .bind_producer(&producer("t", None, json!({"close-timeout": 1})))
        .await
        .unwrap();
    send(&producer, record("x")).await.unwrap();
    let delivery = take(&mut consumer, 1).await.remove(0);
    cluster.broker_down(1).unwrap();
    eventually("the consumer is down", || {
        consumer.control.health().status == Status::Down
    })
    .await;
    accept(&consumer, delivery);
    let (confirm, answer) = Confirm::channel();
    producer.send(record("never").into(), confirm).unwrap();
    let started = Instant::now();
    within(producer.close()).await;
    close(consumer).await;
    drop(producer);
    let error = within(answer).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert!(
        started.elapsed() < Duration::from_secs(12),
        "it took {:?}",
        started.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_that_cannot_go_on_is_made_anew() {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("t", 1, 1).unwrap();
    let refused = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    let binder = binder_with(json!({"brokers": [cluster.bootstrap_servers()]}));
    let mut spec = producer("t", None, json!({}));
    spec.confirm_timeout = Duration::from_secs(5);
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[refused]);
    let producer = binder.bind_producer(&spec).await.unwrap();
    let error = send(&producer, record("lost")).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    send_at_last(&producer, record("again")).await;
}
