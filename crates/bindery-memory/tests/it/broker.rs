//! What is the memory binder's own: retention, back-pressure of producers, faults, draining.

use std::time::Duration;

use bindery_core::{ErrorKind, Options, Settlement, Status};
use bindery_memory::MemoryBroker;
use futures_util::{FutureExt, StreamExt};

use crate::support::*;

#[tokio::test]
async fn a_topic_without_groups_keeps_only_the_newest_messages() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, options([("retention-messages", 3.into())]));
    let producer = binder.bind_producer(&output("quiet")).await.unwrap();
    for number in 0..100 {
        let (confirm, answer) = confirm();
        producer
            .send(record(&number.to_string()).into(), confirm)
            .unwrap();
        answer.await.unwrap();
    }
    let kept: Vec<_> = broker
        .messages("quiet")
        .iter()
        .map(|message| message.origin.position)
        .collect();
    assert_eq!(kept, [97, 98, 99]);
}

#[tokio::test]
async fn what_a_group_needs_is_kept_and_then_dropped() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, options([("retention-messages", 1.into())]));
    let mut consumer = binder.bind_consumer(&input("orders", Some("g"))).await.unwrap();
    for number in 0..10 {
        publish(&broker, "orders", &number.to_string());
    }
    assert_eq!(broker.messages("orders").len(), 10);
    for delivery in take(&mut consumer.deliveries, 10).await {
        consumer.settler.settle(delivery.receipt, Settlement::Accept);
    }
    assert_eq!(broker.messages("orders").len(), 1);
    assert_eq!(broker.lag("orders", "g"), Some(0));
}

#[tokio::test]
async fn a_producer_waits_for_a_group_that_is_too_far_behind() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, options([("max-backlog", 2.into())]));
    let mut consumer = binder.bind_consumer(&input("orders", Some("g"))).await.unwrap();
    let producer = binder.bind_producer(&output("orders")).await.unwrap();
    for text in ["a", "b"] {
        producer.send(record(text).into(), confirm().0).unwrap();
    }
    let full = producer.send(record("c").into(), confirm().0).unwrap_err();
    assert_eq!(producer.health().status, Status::Degraded);
    assert!(producer.ready().now_or_never().is_none());
    let first = take(&mut consumer.deliveries, 2).await.remove(0);
    let ready = producer.ready();
    consumer.settler.settle(first.receipt, Settlement::Accept);
    tokio::time::timeout(DEADLINE, ready).await.unwrap();
    assert_eq!(producer.health().status, Status::Up);
    producer.send(full.record, full.confirm).unwrap();
}

#[tokio::test]
async fn an_anonymous_group_ends_with_its_consumer() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let consumer = binder.bind_consumer(&input("orders", None)).await.unwrap();
    assert_eq!(broker.groups("orders"), std::slice::from_ref(&consumer.group));
    drop(consumer);
    assert!(broker.groups("orders").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_is_not_drained_in_time_is_taken_away() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, options([("drain-timeout", 5000.into())]));
    let mut spec = input("orders", Some("g"));
    spec.concurrency = 2;
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    for number in 0..4 {
        publish(&broker, "orders", &number.to_string());
    }
    let held = take(&mut first.deliveries, 4).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    let before = tokio::time::Instant::now();
    let came = take(&mut second.deliveries, 2).await;
    assert_eq!(before.elapsed().as_secs(), 5);
    assert!(came.iter().all(|delivery| delivery.message.origin.redelivered));
    for delivery in held {
        first.settler.settle(delivery.receipt, Settlement::Accept);
    }
    assert_eq!(broker.lag("orders", "g"), Some(2), "late receipts settle nothing");
    for delivery in came {
        second.settler.settle(delivery.receipt, Settlement::Accept);
    }
    assert_eq!(broker.lag("orders", "g"), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_partition_moves_as_soon_as_it_is_drained() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let mut spec = input("orders", Some("g"));
    spec.concurrency = 2;
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    for number in 0..4 {
        publish(&broker, "orders", &number.to_string());
    }
    let mut sources = Vec::new();
    let mut held = Vec::new();
    for _ in 0..2 {
        let batch = first.deliveries.next().await.unwrap();
        sources.push(batch.source);
        held.extend(batch.deliveries);
    }
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(
        sources
            .iter()
            .filter(|source| source.revoked.is_cancelled())
            .count(),
        1
    );
    let before = tokio::time::Instant::now();
    for delivery in held {
        first.settler.settle(delivery.receipt, Settlement::Accept);
    }
    assert_eq!(broker.lag("orders", "g"), Some(0));
    for number in 4..8 {
        publish(&broker, "orders", &number.to_string());
    }
    assert_eq!(take(&mut first.deliveries, 2).await.len(), 2);
    assert_eq!(take(&mut second.deliveries, 2).await.len(), 2);
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_broken_connection_ends_assignments_and_redelivers() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let mut consumer = binder.bind_consumer(&input("orders", Some("g"))).await.unwrap();
    let producer = binder.bind_producer(&output("orders")).await.unwrap();
    publish(&broker, "orders", "a");
    let batch = consumer.deliveries.next().await.unwrap();
    broker.disconnect();
    assert!(batch.source.revoked.is_cancelled());
    assert_eq!(binder.health().status, Status::Down);
    let (confirm, answer) = confirm();
    producer.send(record("b").into(), confirm).unwrap();
    assert!(answer.await.unwrap_err().is_temporary());
    assert!(
        binder
            .bind_producer(&output("x"))
            .await
            .unwrap_err()
            .is_temporary()
    );
    broker.reconnect();
    for delivery in batch.deliveries {
        consumer.settler.settle(delivery.receipt, Settlement::Accept);
    }
    let again = consumer.deliveries.next().await.unwrap();
    assert!(again.source.generation > batch.source.generation);
    assert_eq!(
        again.deliveries.iter().map(text).collect::<Vec<_>>(),
        ["a"],
        "the receipt of the broken connection settled nothing"
    );
}

#[tokio::test]
async fn injected_faults_happen_as_often_as_told() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    broker.faults().fail_binds(1);
    assert!(binder.bind_producer(&output("orders")).await.is_err());
    let producer = binder.bind_producer(&output("orders")).await.unwrap();
    broker.faults().refuse_publications("orders", 1);
    broker.faults().lose_confirms("orders", 1);
    let mut answers = Vec::new();
    for text in ["refused", "lost", "fine"] {
        let (confirm, answer) = confirm();
        producer.send(record(text).into(), confirm).unwrap();
        answers.push(answer.await.is_ok());
    }
    assert_eq!(answers, [false, false, true]);
    assert_eq!(
        broker.messages("orders").len(),
        2,
        "a lost answer is no lost message"
    );
}

#[tokio::test]
async fn held_confirms_fill_the_window_until_they_are_released() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let mut spec = output("orders");
    spec.max_in_flight = 1;
    let producer = binder.bind_producer(&spec).await.unwrap();
    broker.faults().hold_confirms("orders");
    let (held, answer) = confirm();
    producer.send(record("a").into(), held).unwrap();
    assert!(producer.send(record("b").into(), confirm().0).is_err());
    assert_eq!(broker.faults().held_confirms("orders"), 1);
    broker.faults().release_confirms("orders");
    answer.await.unwrap();
    tokio::time::timeout(DEADLINE, producer.ready()).await.unwrap();
    producer.send(record("b").into(), confirm().0).unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_a_producer_fails_what_is_not_confirmed_in_time() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let producer = binder.bind_producer(&output("orders")).await.unwrap();
    broker.faults().hold_confirms("orders");
    let (held, answer) = confirm();
    producer.send(record("a").into(), held).unwrap();
    producer.close().await;
    assert!(answer.await.unwrap_err().is_temporary());
    let (late, answer) = confirm();
    producer.send(record("b").into(), late).unwrap();
    assert_eq!(answer.await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test]
async fn binders_of_one_name_share_a_broker_and_others_do_not() {
    let factory = bindery_memory::MemoryBinderFactory::default();
    publish(&factory.broker("a"), "orders", "x");
    assert_eq!(factory.broker("a").messages("orders").len(), 1);
    assert!(factory.broker("b").messages("orders").is_empty());
}

#[tokio::test]
async fn waiting_says_what_is_missing() {
    let broker = MemoryBroker::new();
    publish(&broker, "orders", "x");
    let deadline = Duration::from_millis(1);
    let error = broker.await_messages("orders", 2, deadline).await.unwrap_err();
    assert!(error.message().contains("1 of 2"), "{error}");
    let error = broker.await_settled("orders", "g", deadline).await.unwrap_err();
    assert!(error.message().contains("no group `g`"), "{error}");
}
