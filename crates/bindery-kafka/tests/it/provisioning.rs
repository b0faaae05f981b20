//! Topics: created as configured, never altered, and one clear error when they don't fit.

use std::time::{Duration, Instant};

use bindery_core::ErrorKind;
use serde_json::json;

use crate::support::*;
use crate::wire::partitions;

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_creates_its_topic_and_dead_letter_topic() {
    let topic = unique("create");
    let mut spec = consumer(
        &topic,
        Some("g"),
        json!({"enable-dlq": true, "topic.properties": {"retention.ms": "60000"}}),
    );
    spec.instance_count = 2;
    spec.concurrency = 3;
    let bound = binder().bind_consumer(&spec).await.unwrap();
    assert_eq!(partitions(&topic), 6);
    assert_eq!(partitions(&dead_letters_of(&topic)), 6);
    assert_eq!(
        bound.dead_letter.destination(),
        Some(dead_letters_of(&topic).as_str())
    );
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letter_topics_have_the_configured_partitions() {
    let topic = unique("dlq");
    let parked = unique("parked");
    let mut spec = consumer(
        &topic,
        Some("g"),
        json!({"enable-dlq": true, "dlq-name": parked, "dlq-partitions": 1}),
    );
    spec.concurrency = 3;
    let bound = binder().bind_consumer(&spec).await.unwrap();
    assert_eq!((partitions(&topic), partitions(&parked)), (3, 1));
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_producer_creates_its_topic_and_knows_the_actual_number_of_partitions() {
    let binder = binder_with(json!({"min-partition-count": 3}));
    let topic = unique("producer");
    let bound = binder
        .bind_producer(&producer(&topic, Some(5), json!({})))
        .await
        .unwrap();
    assert_eq!((partitions(&topic), bound.partition_count()), (5, Some(5)));
    let bound = binder
        .bind_producer(&producer(&topic, Some(2), json!({})))
        .await
        .unwrap();
    assert_eq!(bound.partition_count(), Some(5));
    let floor = unique("floor");
    let bound = binder
        .bind_producer(&producer(&floor, None, json!({})))
        .await
        .unwrap();
    assert_eq!(bound.partition_count(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_partitions_are_an_error_for_a_producer_and_name_both_numbers() {
    let binder = binder();
    let (topic, _producer) = topic(&binder, "few", 2).await;
    let error = binder
        .bind_producer(&producer(&topic, Some(4), json!({})))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Topology, false));
    assert!(
        error.message().contains("has 2 partitions") && error.message().contains("4 are configured"),
        "{error}"
    );
    let mut spec = consumer(&topic, Some("g"), json!({}));
    spec.concurrency = 4;
    close(binder.bind_consumer(&spec).await.unwrap()).await;
    spec.options = options(json!({"auto-rebalance-enabled": false}));
    let error = binder.bind_consumer(&spec).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Topology, false));
    assert_eq!(partitions(&topic), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_added_when_that_is_allowed() {
    let (topic, _producer) = topic(&binder(), "add", 2).await;
    let binder = binder_with(json!({"auto-add-partitions": true}));
    let bound = binder
        .bind_producer(&producer(&topic, Some(4), json!({})))
        .await
        .unwrap();
    assert_eq!((partitions(&topic), bound.partition_count()), (4, Some(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_an_error_when_it_may_not_be_created() {
    let binder = binder_with(json!({"auto-create-topics": false}));
    let topic = unique("missing");
    let error = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Topology, true));
    assert!(
        error.message().contains(&topic) && error.message().contains("auto-create-topics"),
        "{error}"
    );
    let error = binder
        .bind_producer(&producer(&topic, None, json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
}

#[tokio::test(flavor = "multi_thread")]
async fn topic_properties_that_the_broker_refuses_are_a_permanent_error() {
    let topic = unique("refused");
    let spec = producer(
        &topic,
        None,
        json!({"topic.properties": {"no.such.property": "1"}}),
    );
    let error = binder().bind_producer(&spec).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Topology, false));
    assert!(error.message().contains(&topic), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_cannot_be_reached_are_a_quick_temporary_error_with_address_and_reason() {
    let binder = binder_with(json!({"brokers": ["127.0.0.1:9"]}));
    let started = Instant::now();
    let error = binder
        .bind_producer(&producer("t", None, json!({})))
        .await
        .unwrap_err();
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "it took {:?}",
        started.elapsed()
    );
    assert_eq!(
        (error.kind(), error.is_temporary()),
        (ErrorKind::Unavailable, true)
    );
    assert!(
        error.message().contains("127.0.0.1:9") && error.message().contains("refused"),
        "{error}"
    );
    assert!(!error.message().contains('\n'));
}
