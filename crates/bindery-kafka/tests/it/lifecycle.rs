//! Stopping, closing, dropping.

use bindery_core::{Confirm, ErrorKind};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_stop_the_stream_ends_and_settling_still_counts() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "stop", 1).await;
    send_all(&producer, numbers(0..5)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut consumer = binder.bind_consumer(&spec).await.unwrap();
    let deliveries = take(&mut consumer, 5).await;
    consumer.control.stop();
    assert!(within(consumer.deliveries.next()).await.is_none());
    accept_all(&consumer, deliveries);
    close(consumer).await;
    send_all(&producer, ["new".to_owned()]).await;
    let mut again = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut again, 1).await), ["new"]);
    close(again).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_revokes_the_sources_and_later_receipts_settle_nothing() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "close", 1).await;
    send_all(&producer, numbers(0..2)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let batch = within(first.deliveries.next()).await.unwrap();
    let source = batch.source.clone();
    within(first.control.close()).await;
    assert!(source.revoked.is_cancelled());
    accept_all(&first, batch.deliveries);
    within(first.control.close()).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 2).await), numbers(0..2));
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_consumer_leaves_its_group() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "drop", 1).await;
    send_all(&producer, numbers(0..2)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let _ = take(&mut first, 2).await;
    drop(first);
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 2).await), numbers(0..2));
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_producer_confirms_what_was_sent_and_refuses_more() {
    let binder = binder();
    let (_, producer) = topic(&binder, "closed", 1).await;
    let mut answers = Vec::new();
    for number in numbers(0..100) {
        let (confirm, answer) = Confirm::channel();
        producer.send(record(&number).into(), confirm).unwrap();
        answers.push(answer);
    }
    within(producer.close()).await;
    for answer in answers {
        within(answer).await.unwrap();
    }
    let error = send(&producer, record("late")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}
