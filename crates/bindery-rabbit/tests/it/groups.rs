//! Groups, anonymous groups, partitions, concurrency, and the queues they need.

use std::collections::BTreeSet;

use bindery_core::{BinderFactory, ErrorKind};
use bindery_rabbit::RabbitBinderFactory;
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn the_topology_is_there_as_configured() {
    let binder = binder();
    let destination = unique("topology");
    let options = json!({
        "auto-bind-dlq": true, "quorum.enabled": true, "quorum.delivery-limit": 5, "ttl": 60000, "dlq-ttl": 5000,
        "max-length": 100, "overflow-behavior": "reject-publish", "single-active-consumer": true, "prefix": "p.",
    });
    let input = binder
        .bind_consumer(&consumer(&destination, Some("g"), options))
        .await
        .unwrap();
    assert_eq!(
        input.dead_letter.destination(),
        Some(format!("p.{destination}.g.dlq").as_str())
    );
    let name = format!("p.{destination}.g");
    let work = queue(&name).await.unwrap();
    assert_eq!(
        work["arguments"],
        json!({
            "x-dead-letter-exchange": "p.DLX", "x-dead-letter-routing-key": name, "x-overflow": "reject-publish",
            "x-single-active-consumer": true, "x-message-ttl": 60000, "x-max-length": 100, "x-queue-type": "quorum",
            "x-delivery-limit": 5,
        })
    );
    let dlq = queue(&format!("{name}.dlq")).await.unwrap();
    assert_eq!(arguments(&dlq), json!({"x-message-ttl": 5000}));
    let exchange = manage("GET", &format!("exchanges/%2F/p.{destination}"), None)
        .await
        .unwrap();
    assert_eq!(
        (&exchange["type"], &exchange["durable"]),
        (&json!("topic"), &json!(true))
    );
    let bindings = manage("GET", &format!("bindings/%2F/e/p.DLX/q/{name}.dlq"), None)
        .await
        .unwrap();
    assert_eq!(bindings[0]["routing_key"], json!(name));
    input.control.close().await;
    binder.close().await;
}

#[tokio::test]
async fn groups_have_copies_and_members_of_one_share_them() {
    let binder = binder();
    let destination = unique("groups");
    let mut first = binder
        .bind_consumer(&consumer(&destination, Some("a"), json!({})))
        .await
        .unwrap();
    let mut second = binder
        .bind_consumer(&consumer(&destination, Some("a"), json!({})))
        .await
        .unwrap();
    let mut other = binder
        .bind_consumer(&consumer(&destination, Some("b"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    for number in 0..100 {
        send(&*output, record(number.to_string())).await.unwrap();
    }
    let all: BTreeSet<String> = (0..100).map(|number: i32| number.to_string()).collect();
    let copies: BTreeSet<_> = receive(&mut other, 100).await.iter().map(text).collect();
    assert_eq!(copies, all);
    let mut shared = BTreeSet::new();
    let mut counts = [0, 0];
    while shared.len() < 100 {
        let (member, batch) = soon("deliveries", async {
            tokio::select! {
                batch = first.deliveries.next() => (0, batch.unwrap()),
                batch = second.deliveries.next() => (1, batch.unwrap()),
            }
        })
        .await;
        counts[member] += batch.deliveries.len();
        shared.extend(batch.deliveries.iter().map(text));
    }
    assert_eq!(counts[0] + counts[1], 100);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    for input in [first, second, other] {
        input.control.close().await;
    }
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn an_anonymous_group_gets_new_messages_only_and_leaves_nothing_behind() {
    let binder = binder();
    let destination = unique("anonymous");
    let output = binder
        .bind_producer(&producer(&destination, json!({"mandatory": false})))
        .await
        .unwrap();
    send(&*output, record("before")).await.unwrap();
    let mut spec = consumer(&destination, None, json!({}));
    spec.concurrency = 2;
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    assert!(
        input.group.starts_with("anonymous.") && input.group.len() == 32,
        "{}",
        input.group
    );
    let name = format!("{destination}.{}", input.group);
    let state = queue(&name).await.unwrap();
    assert_eq!(
        (&state["exclusive"], &state["auto_delete"], &state["durable"]),
        (&json!(true), &json!(true), &json!(false))
    );
    send(&*output, record("after")).await.unwrap();
    let delivery = receive(&mut input, 1).await.remove(0);
    assert_eq!(accept(&input, delivery), "after");
    input.control.close().await;
    until("the queue to go", || async { queue(&name).await.is_none() }).await;
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn partitions_are_queues_with_an_index() {
    let binder = binder();
    let destination = unique("partitions");
    let mut inputs = Vec::new();
    for index in 0..2 {
        let mut spec = consumer(&destination, Some("g"), json!({}));
        spec.partitioned = true;
        spec.instance_count = 2;
        spec.instance_index = index;
        inputs.push(binder.bind_consumer(&spec).await.unwrap());
    }
    let mut spec = producer(&destination, json!({}));
    spec.partition_count = Some(2);
    let output = binder.bind_producer(&spec).await.unwrap();
    for number in 0..10 {
        let mut record = record(number.to_string());
        record.partition = Some(number % 2);
        record.headers.insert("scst_partition", number % 2);
        send(&*output, record).await.unwrap();
    }
    for (index, input) in inputs.iter_mut().enumerate() {
        let batch = receive(input, 5).await;
        for delivery in batch {
            assert_eq!(text(&delivery).parse::<usize>().unwrap() % 2, index);
            assert_eq!(delivery.message.origin.partition, i32::try_from(index).ok());
            assert_eq!(delivery.message.headers.get("scst_partition"), None);
            let key = delivery.message.origin.routing_key.as_deref().unwrap();
            assert_eq!(key, format!("{destination}-{index}"));
        }
        input.control.close().await;
    }
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn required_groups_have_their_messages_before_they_consume() {
    let binder = binder();
    let destination = unique("required");
    let mut spec = producer(&destination, json!({"auto-bind-dlq": true}));
    spec.required_groups = vec!["x".into(), "y".into()];
    let output = binder.bind_producer(&spec).await.unwrap();
    send(&*output, record("early")).await.unwrap();
    for group in ["x", "y"] {
        // The consumer's own options agree with those of the producer that declared the queue.
        let mut input = binder
            .bind_consumer(&consumer(
                &destination,
                Some(group),
                json!({"auto-bind-dlq": true}),
            ))
            .await
            .unwrap();
        let delivery = receive(&mut input, 1).await.remove(0);
        assert_eq!(accept(&input, delivery), "early");
        input.control.close().await;
    }
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn concurrency_is_that_many_consumers_each_a_source() {
    let binder = binder();
    let destination = unique("concurrency");
    let mut spec = consumer(&destination, Some("g"), json!({"prefetch": 1}));
    spec.concurrency = 3;
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    for number in 0..9 {
        send(&*output, record(number.to_string())).await.unwrap();
    }
    // With a prefetch of 1 each consumer has one message, until it is settled.
    let first = receive(&mut input, 3).await;
    let sources: BTreeSet<_> = first.iter().map(|delivery| delivery.receipt.source).collect();
    assert_eq!(sources, BTreeSet::from([0, 1, 2]));
    let mut seen: BTreeSet<_> = first
        .into_iter()
        .map(|delivery| accept(&input, delivery))
        .collect();
    while seen.len() < 9 {
        let delivery = receive(&mut input, 1).await.remove(0);
        seen.insert(accept(&input, delivery));
    }
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_paused_source_holds_its_messages_back() {
    let binder = binder();
    let destination = unique("pause");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    send(&*output, record("0")).await.unwrap();
    let delivery = receive(&mut input, 1).await.remove(0);
    input.control.pause(0);
    input.control.pause(0);
    accept(&input, delivery);
    for number in 1..=3 {
        send(&*output, record(number.to_string())).await.unwrap();
    }
    let taken = tokio::time::timeout(std::time::Duration::from_millis(300), input.deliveries.next()).await;
    assert!(taken.is_err(), "{taken:?} came though the source is paused");
    input.control.resume(0);
    receive(&mut input, 3).await;
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

#[test]
fn what_rabbit_can_not_honour_is_refused_before_anything_is_connected() {
    let factory = RabbitBinderFactory;
    let mut input = consumer("in", None, json!({}));
    input.partitioned = true;
    let error = factory.check_consumer(&input).unwrap_err();
    assert!(
        error.kind() == ErrorKind::Configuration && error.to_string().contains("`group`"),
        "{error}"
    );
    let mut output = producer("out", json!({"routing-key-expression": "'rk'"}));
    output.partition_count = Some(2);
    assert!(factory.check_producer(&output).is_ok());
    output.required_groups = vec!["g".into()];
    let error = factory.check_producer(&output).unwrap_err();
    assert!(error.to_string().contains("`out-<partition>`"), "{error}");
    let with_dlq = consumer("in", Some("g"), json!({"auto-bind-dlq": true, "prefix": "p."}));
    assert_eq!(
        factory.dead_letter_destination(&with_dlq).as_deref(),
        Some("p.in.g.dlq")
    );
    assert_eq!(
        factory.dead_letter_destination(&consumer("in", Some("g"), json!({}))),
        None
    );
}
