//! Topics that change while they are consumed: partitions are added, records or the whole topic deleted.

use std::collections::BTreeSet;
use std::time::Duration;

use bindery_core::{Consumer, ConsumerSpec, ErrorKind, Status};
use futures_util::StreamExt;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};
use serde_json::{Value, json};

use crate::support::*;
use crate::wire::{Lag, delete_topic};

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .create()
        .unwrap()
}

async fn add_partitions(topic: &str, count: usize) {
    let wanted = NewPartitions::new(topic, count);
    let results = within(admin().create_partitions([&wanted], &AdminOptions::new())).await;
    assert!(results.unwrap().iter().all(Result::is_ok));
    eventually("the partitions are there", || {
        crate::wire::partitions(topic) == count
    })
    .await;
}

/// Deletes the records of partition 0 below `offset`.
async fn delete_records(topic: &str, offset: i64) {
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(topic, 0, Offset::Offset(offset))
        .unwrap();
    let deleted = within(admin().delete_records(&list, &AdminOptions::new())).await;
    assert!(
        deleted
            .unwrap()
            .elements()
            .iter()
            .all(|element| element.error().is_ok())
    );
}

/// An input that notices within a second what changes.
fn attentive(topic: &str, group: Option<&str>, extra: Value) -> ConsumerSpec {
    let mut options = json!({"configuration": {
        "metadata.max.age.ms": "1000", "statistics.interval.ms": "500", "session.timeout.ms": "6000",
    }});
    if let (Value::Object(options), Value::Object(extra)) = (&mut options, extra) {
        options.extend(extra);
    }
    consumer(topic, group, options)
}

async fn health_of(consumer: &Consumer, status: Status, part: &str) {
    let what = format!("health is {status:?} and says `{part}`");
    eventually(&what, || {
        let health = consumer.control.health();
        health.status == status && health.reason.unwrap_or_default().contains(part)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_added_are_consumed_from_their_beginning() {
    let binder = binder();
    // An anonymous group gets what is sent from its bind on, wherever it is sent to.
    for group in [Some("g"), None] {
        let (topic, old) = topic(&binder, "grow", 2).await;
        let mut member = binder
            .bind_consumer(&attentive(&topic, group, json!({})))
            .await
            .unwrap();
        send_to(&old, 1, "before").await;
        let taken = take(&mut member, 1).await;
        assert_eq!(payloads(&taken), ["before"]);
        accept_all(&member, taken);
        add_partitions(&topic, 4).await;
        let new = binder
            .bind_producer(&producer(&topic, Some(4), json!({})))
            .await
            .unwrap();
        let mut expected = BTreeSet::new();
        for partition in 0..4 {
            for number in 0..5 {
                let text = format!("{partition}.{number}");
                send_to(&new, partition, &text).await;
                expected.insert(text);
            }
        }
        let mut seen = BTreeSet::new();
        while seen.len() < expected.len() {
            let batch = within(member.deliveries.next()).await.unwrap();
            seen.extend(payloads(&batch.deliveries));
            // The partitions are shared out anew meanwhile, which waits for what is started.
            accept_all(&member, batch.deliveries);
        }
        assert_eq!(seen, expected);
        close(member).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_no_instance_takes_are_told_by_health() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "shares", 2).await;
    let mut spec = attentive(&topic, Some("g"), json!({"auto-rebalance-enabled": false}));
    (spec.instance_count, spec.instance_index) = (2, 1);
    let mut member = binder.bind_consumer(&spec).await.unwrap();
    add_partitions(&topic, 4).await;
    health_of(&member, Status::Degraded, "has 4 partitions and had 2").await;
    send_to(&producer, 1, "ours").await;
    assert_eq!(payloads(&take(&mut member, 1).await), ["ours"]);
    close(member).await;
    // Started again, it takes its share of all.
    let mut member = binder.bind_consumer(&spec).await.unwrap();
    let producer = binder
        .bind_producer(&crate::support::producer(&topic, Some(4), json!({})))
        .await
        .unwrap();
    send_to(&producer, 3, "ours too").await;
    let mut seen = Vec::new();
    while !seen.contains(&"ours too".to_owned()) {
        let batch = within(member.deliveries.next()).await.unwrap();
        seen.extend(payloads(&batch.deliveries));
    }
    assert_eq!(member.control.health().status, Status::Up);
    close(member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_instances_than_partitions_are_refused_where_nobody_shares_them_out() {
    let binder = binder();
    let (topic, _producer) = topic(&binder, "few", 2).await;
    let mut spec = consumer(&topic, Some("g"), json!({"auto-rebalance-enabled": false}));
    (spec.instance_count, spec.instance_index) = (4, 3);
    let error = binder.bind_consumer(&spec).await.unwrap_err();
    assert!(
        error.message().contains('2') && error.message().contains('4'),
        "{error}"
    );
    spec.instance_index = 4;
    let error = binder.bind_consumer(&spec).await.unwrap_err();
    assert!(error.message().contains("`instance-index` 4"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_offset_was_deleted_goes_on_with_what_is_left() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "range", 1).await;
    send_all(&producer, numbers(0..20)).await;
    let spec = attentive(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let taken = take(&mut first, 20).await;
    for delivery in taken.into_iter().take(5) {
        accept(&first, delivery);
    }
    close(first).await;
    delete_records(&topic, 12).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    let taken = take(&mut second, 8).await;
    assert_eq!(payloads(&taken), numbers(12..20));
    accept_all(&second, taken);
    let lag = Lag::new(&topic, &group_of(&topic, "g"), 1);
    eventually("everything is committed", || lag.is_zero()).await;
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_must_not_guess_where_to_go_on_says_so() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "guess", 1).await;
    send_all(&producer, numbers(0..3)).await;
    let spec = attentive(
        &topic,
        Some("g"),
        json!({"configuration": {"auto.offset.reset": "none"}}),
    );
    let member = binder.bind_consumer(&spec).await.unwrap();
    health_of(&member, Status::Down, &topic).await;
    close(member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_deleted_is_told_by_health_until_it_is_there_again() {
    let binder = binder();
    let (topic, old) = topic(&binder, "deleted", 1).await;
    let mut member = binder
        .bind_consumer(&attentive(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    send_to(&old, 0, "before").await;
    let taken = take(&mut member, 1).await;
    accept_all(&member, taken);
    delete_topic(&topic).await;
    health_of(&member, Status::Down, &topic).await;
    let new = within(async {
        loop {
            // The broker may take a moment to forget the old one.
            let spec = producer(&topic, Some(1), json!({}));
            if let Ok(new) = binder.bind_producer(&spec).await
                && send(&new, record("after")).await.is_ok()
            {
                return new;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    send_all(&new, numbers(0..3)).await;
    let taken = take(&mut member, 4).await;
    assert_eq!(payloads(&taken), ["after", "0", "1", "2"]);
    health_of(&member, Status::Up, "").await;
    close(member).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn records_for_a_topic_that_was_deleted_may_be_sent_again_until_it_is_there_again() {
    let binder = binder();
    let topic = unique("gone");
    // Soon the library knows that the topic is gone, and no longer waits for it by itself.
    let configuration = json!({"configuration": {
        "metadata.max.age.ms": "1000", "topic.metadata.propagation.max.ms": "100",
    }});
    let mut spec = producer(&topic, Some(1), configuration);
    spec.confirm_timeout = Duration::from_secs(2);
    let producer = binder.bind_producer(&spec).await.unwrap();
    send_at_last(&producer, record("before")).await;
    delete_topic(&topic).await;
    within(async {
        loop {
            // A record may still reach the topic on its way out.
            let Err(error) = send(&producer, record("meanwhile")).await else {
                continue;
            };
            // Neither says anything about the record, so the same one is sent again and nothing is given up.
            let kinds = [ErrorKind::Unavailable, ErrorKind::Timeout];
            assert!(error.is_temporary() && kinds.contains(&error.kind()), "{error:?}");
            if error.kind() == ErrorKind::Unavailable {
                return;
            }
        }
    })
    .await;
    let other = binder_with(json!({}));
    within(async {
        while other.bind_producer(&spec).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    send_at_last(&producer, record("after")).await;
}
