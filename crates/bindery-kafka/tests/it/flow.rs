//! Back-pressure, pausing, windows.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Confirm, ConfirmSink, Position, Unconfirmed};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_source_delivers_nothing_new_until_it_is_resumed() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "pause", 2).await;
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    send_to(&producer, 0, "first").await;
    let first = take(&mut consumer, 1).await.remove(0);
    let source = first.receipt.source;
    consumer.control.pause(source);
    // What is fetched already may still come; after this long the pause has reached the client.
    tokio::time::sleep(Duration::from_secs(1)).await;
    send_to(&producer, 0, "held").await;
    send_to(&producer, 1, "other").await;
    let other = take(&mut consumer, 1).await.remove(0);
    assert_eq!(payload(&other), "other");
    let nothing = tokio::time::timeout(Duration::from_secs(1), consumer.deliveries.next()).await;
    assert!(nothing.is_err(), "a paused source delivered");
    consumer.control.resume(source);
    assert_eq!(payloads(&take(&mut consumer, 1).await), ["held"]);
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_slow_loses_and_repeats_nothing() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "slow", 1).await;
    let count = 12_000;
    let text = |number: usize| format!("{number:06}-{}", "x".repeat(200));
    for chunk in 0..count / 4000 {
        send_all(&producer, (chunk * 4000..(chunk + 1) * 4000).map(text)).await;
    }
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let mut next = 0;
    while next < count {
        let batch = within(consumer.deliveries.next()).await.unwrap();
        for delivery in batch.deliveries {
            assert_eq!(payload(&delivery), text(next));
            next += 1;
            accept(&consumer, delivery);
        }
        // Long enough, now and then, that the binder stops polling and pauses.
        let pause = if next % 2048 < 256 { 400 } else { 1 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
    close(consumer).await;
}

#[derive(Default)]
struct Count(std::sync::Mutex<Vec<(u64, bool)>>);

impl ConfirmSink for Count {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        self.0.lock().unwrap().push((token, result.is_ok()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_window_gives_the_confirm_back_and_has_room_again() {
    let binder = binder();
    let topic = unique("window");
    let mut spec = producer(&topic, None, json!({}));
    spec.max_in_flight = 10;
    let producer = binder.bind_producer(&spec).await.unwrap();
    let count = Arc::new(Count::default());
    let mut full = 0;
    for token in 0..500 {
        let mut record = Box::new(record(&token.to_string()));
        let mut confirm = Confirm::new(count.clone(), token);
        while let Err(given_back) = producer.send(record, confirm) {
            full += 1;
            within(producer.ready()).await;
            (record, confirm) = (given_back.record, given_back.confirm);
        }
    }
    within(producer.close()).await;
    let confirmed = count.0.lock().unwrap().clone();
    assert!(full > 0, "the window was never full");
    assert_eq!(confirmed.len(), 500);
    assert!(confirmed.iter().all(|(_, ok)| *ok));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_one_sender_keep_their_order() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "order", 1).await;
    send_all(&producer, numbers(0..2000)).await;
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let mut seen = Vec::new();
    while seen.len() < 2000 {
        seen.extend(payloads(
            &within(consumer.deliveries.next()).await.unwrap().deliveries,
        ));
    }
    assert_eq!(seen, numbers(0..2000));
    close(consumer).await;
}
