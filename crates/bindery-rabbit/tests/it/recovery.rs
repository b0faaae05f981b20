//! Connections that end: what was in flight is told, comes again, and nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bindery_core::{DeliveryBatch, ErrorKind, Producer, Settlement, Status};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

/// Closes every connection whose name contains `part`, as an operator would; returns how many there were.
async fn close_connections(part: &str) -> usize {
    let connections = manage("GET", "connections", None).await.unwrap();
    let mut closed = 0;
    for connection in connections.as_array().unwrap() {
        let name = connection["client_properties"]["connection_name"]
            .as_str()
            .unwrap_or_default();
        if name.contains(part) {
            let id = connection["name"]
                .as_str()
                .unwrap()
                .replace(' ', "%20")
                .replace('>', "%3E");
            closed += usize::from(
                manage("DELETE", &format!("connections/{id}"), None)
                    .await
                    .is_some(),
            );
        }
    }
    closed
}

/// Publishes every number until its publication is confirmed.
async fn publish_all(output: Arc<dyn Producer>, numbers: std::ops::Range<u32>) {
    let mut pending: Vec<u32> = numbers.collect();
    while !pending.is_empty() {
        let mut answers = Vec::new();
        for number in pending {
            answers.push((number, enqueue(&*output, record(number.to_string())).await));
        }
        pending = Vec::new();
        for (number, answer) in answers {
            if let Err(error) = soon("an answer", answer).await {
                let says_nothing_of_the_message =
                    matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
                assert!(error.is_temporary() && says_nothing_of_the_message, "{error:?}");
                pending.push(number);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_closed_under_load_lose_nothing() {
    const ROUND: u32 = 1_000;
    let name = unique("closed");
    let binder = named_binder(&name);
    let mut spec = consumer(&name, Some("g"), json!({}));
    spec.concurrency = 2;
    spec.max_in_flight = 200;
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    let mut output_spec = producer(&name, json!({}));
    output_spec.max_in_flight = 128;
    let output = binder.bind_producer(&output_spec).await.unwrap();
    let closed = Arc::new(AtomicUsize::new(0));
    let closing = tokio::spawn({
        let (name, closed) = (name.clone(), closed.clone());
        async move {
            while closed.load(Ordering::Acquire) < 6 {
                closed.fetch_add(close_connections(&name).await, Ordering::AcqRel);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    });
    // The load goes on for as long as connections are closed, and a round longer.
    let publishing = tokio::spawn({
        let (output, closed) = (output.clone(), closed.clone());
        async move {
            let mut next = 0;
            loop {
                let is_last = closed.load(Ordering::Acquire) >= 6;
                publish_all(output.clone(), next..next + ROUND).await;
                next += ROUND;
                if is_last {
                    return next;
                }
            }
        }
    });
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    let mut generations = BTreeMap::new();
    let mut published = None;
    let mut publishing = publishing;
    while published != Some(u32::try_from(seen.len()).unwrap()) {
        let batch = tokio::select! {
            batch = soon("deliveries", input.deliveries.next()) => batch.unwrap(),
            count = &mut publishing, if published.is_none() => {
                published = Some(count.unwrap());
                continue;
            }
        };
        let DeliveryBatch { source, deliveries } = batch;
        let known = generations.entry(source.id).or_insert(source.generation);
        assert!(source.generation >= *known);
        *known = source.generation;
        for delivery in deliveries {
            let number: u32 = accept(&input, delivery).parse().unwrap();
            *seen.entry(number).or_default() += 1;
        }
    }
    soon("the end of the closing", closing).await.unwrap();
    assert!(
        generations.values().any(|generation| *generation > 2),
        "{generations:?}"
    );
    assert!(seen.keys().copied().eq(0..published.unwrap()));
    // What is left in the queue are copies that the broker delivers again.
    input.control.close().await;
    output.close().await;
    manage("DELETE", &format!("queues/%2F/{name}.g"), None).await;
    binder.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_revokes_its_sources_and_comes_back() {
    let name = unique("revoked");
    let binder = named_binder(&name);
    let mut input = binder
        .bind_consumer(&consumer(&name, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder.bind_producer(&producer(&name, json!({}))).await.unwrap();
    send(&*output, record("x")).await.unwrap();
    let batch = soon("a delivery", input.deliveries.next()).await.unwrap();
    let source = batch.source.clone();
    assert!(!source.revoked.is_cancelled());
    until("the connections to be closed", || async {
        close_connections(&name).await > 0
    })
    .await;
    soon("the revocation", source.revoked.cancelled()).await;
    // A receipt of the old connection settles nothing, neither now nor later.
    for delivery in batch.deliveries {
        accept(&input, delivery);
    }
    let again = soon("the message again", input.deliveries.next()).await.unwrap();
    assert_eq!(again.source.id, source.id);
    assert!(again.source.generation > source.generation);
    assert!(again.deliveries[0].message.origin.redelivered);
    assert_eq!(input.control.health().status, Status::Up);
    for delivery in again.deliveries {
        accept(&input, delivery);
    }
    let queue_name = format!("{name}.g");
    until("an empty queue", || async {
        queue(&queue_name).await.unwrap()["messages"] == json!(0)
    })
    .await;
    until("the producer's connection to be back", || async {
        send(&*output, record("y")).await.is_ok()
    })
    .await;
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_queue_is_declared_and_consumed_again() {
    let binder = binder();
    let destination = unique("deleted");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    let name = format!("{destination}.g");
    manage("DELETE", &format!("queues/%2F/{name}"), None).await;
    // Until the queue is back the message reaches none, which is reported.
    until("a published message", || async {
        send(&*output, record("x")).await.is_ok()
    })
    .await;
    let delivery = receive(&mut input, 1).await.remove(0);
    assert_eq!(accept(&input, delivery), "x");
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

/// Deletes a quorum queue and declares it again at once, as whoever changes its arguments does.
async fn declare_anew(name: &str) {
    let properties = lapin::ConnectionProperties::default();
    let uri = format!("amqp://{}", address());
    let connecting = lapin::Connection::connect(&uri, properties);
    let connection = soon("a connection", connecting).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel
        .queue_delete(name.into(), Default::default())
        .await
        .unwrap();
    let durable = lapin::options::QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    let mut arguments = lapin::types::FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        lapin::types::AMQPValue::LongString("quorum".into()),
    );
    let declaring = channel.queue_declare(name.into(), durable, arguments);
    soon("the queue", declaring).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_that_is_deleted_and_at_once_declared_again_is_consumed() {
    let binder = binder();
    let destination = unique("anew");
    let values = json!({ "quorum.enabled": true, "renew-idle-after": 1_000 });
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), values))
        .await
        .unwrap();
    let name = format!("{destination}.g");
    // Before RabbitMQ 4.0 most rounds, not all, leave the consumer untold and without messages.
    for round in 0..4 {
        publish_raw("amq.default", &name, json!({}), &format!("{round} before")).await;
        let delivery = receive(&mut input, 1).await.remove(0);
        assert_eq!(accept(&input, delivery), format!("{round} before"));
        declare_anew(&name).await;
        publish_raw("amq.default", &name, json!({}), &format!("{round} after")).await;
        let delivery = receive(&mut input, 1).await.remove(0);
        assert_eq!(accept(&input, delivery), format!("{round} after"));
    }
    input.control.close().await;
    binder.close().await;
    manage("DELETE", &format!("queues/%2F/{name}"), None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_consumer_comes_back_with_another_queue() {
    let name = unique("anon-back");
    let binder = named_binder(&name);
    let mut input = binder
        .bind_consumer(&consumer(&name, None, json!({})))
        .await
        .unwrap();
    let output = binder.bind_producer(&producer(&name, json!({}))).await.unwrap();
    let first = format!("{name}.{}", input.group);
    until("the connections to be closed", || async {
        close_connections(&name).await > 0
    })
    .await;
    until("the first queue to go", || async {
        queue(&first).await.is_none()
    })
    .await;
    // Until the new queue is bound the message reaches no queue, which is reported.
    until("a published message", || async {
        send(&*output, record("x")).await.is_ok()
    })
    .await;
    let delivery = receive(&mut input, 1).await.remove(0);
    assert_eq!(accept(&input, delivery), "x");
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_exchange_fails_its_publications_and_is_declared_again() {
    let binder = binder();
    let destination = unique("exchange");
    let output = binder
        .bind_producer(&producer(&destination, json!({"mandatory": false})))
        .await
        .unwrap();
    send(&*output, record("x")).await.unwrap();
    manage("DELETE", &format!("exchanges/%2F/{destination}"), None).await;
    let error = send(&*output, record("x")).await.unwrap_err();
    assert!(
        error.is_temporary() && error.report().contains("NOT_FOUND"),
        "{error:?}"
    );
    send(&*output, record("x")).await.unwrap();
    output.close().await;
    binder.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_has_its_order_after_a_consumer_was_closed() {
    let binder = named_binder("order");
    let destination = unique("order");
    let spec = consumer(&destination, Some("g"), json!({ "quorum.enabled": true }));
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    input.control.close().await;
    let count = 8_000;
    publish_all(output.clone(), 0..count).await;
    // The broker sends more while a part of it is handled, and the consumer is closed in the middle of that.
    let mut handled = Vec::new();
    while handled.len() < count as usize {
        input = binder.bind_consumer(&spec).await.unwrap();
        let until = handled.len() + 1_500;
        while handled.len() < until.min(count as usize) {
            let batch = soon("deliveries", input.deliveries.next()).await.unwrap();
            for delivery in batch.deliveries {
                handled.push(accept(&input, delivery).parse::<u32>().unwrap());
            }
        }
        input.control.stop();
        while let Some(batch) = soon("the end of the stream", input.deliveries.next()).await {
            for delivery in batch.deliveries {
                input.settler.settle(delivery.receipt, Settlement::Release);
            }
        }
        input.control.close().await;
    }
    let jumps: Vec<_> = handled.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    assert!(jumps.is_empty(), "out of order: {jumps:?}");
    output.close().await;
    binder.close().await;
    manage("DELETE", &format!("queues/%2F/{destination}.g"), None).await;
}
