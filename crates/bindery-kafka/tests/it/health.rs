//! Health: what is known of the brokers, told with reason and address.

use bindery_core::Status;
use rdkafka::mocking::MockCluster;
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
