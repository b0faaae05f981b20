//! Topics that are deleted and made anew under a consumer that stays.

use serde_json::json;

use crate::support::*;
use crate::wire::{committed, delete_topic};

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_is_made_anew_is_read_from_its_beginning_and_committed_anew() {
    let binder = binder();
    let (topic, old) = topic(&binder, "anew", 1).await;
    send_all(&old, numbers(0..10)).await;
    let mut members = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let mut unsettled = take(&mut members, 10).await;
    let first_generation = unsettled[0].receipt.generation;
    accept_all(&members, unsettled.drain(..5).collect());
    old.close().await;
    delete_topic(&topic).await;
    let spec = producer(&topic, Some(1), json!({}));
    let new = within(async {
        loop {
            // The broker may take a moment to forget the old one.
            if let Ok(new) = binder.bind_producer(&spec).await
                && send(&new, record("first")).await.is_ok()
            {
                return new;
            }
        }
    })
    .await;
    // Only a position beyond the end tells the consumer that the log is another one.
    let mut deliveries = take(&mut members, 1).await;
    assert_eq!(payloads(&deliveries), ["first"]);
    send_all(&new, numbers(1..20)).await;
    deliveries.extend(take(&mut members, 19).await);
    assert_eq!(payloads(&deliveries[1..]), numbers(1..20));
    // Receipts of the old topic say nothing about the new one.
    accept_all(&members, unsettled);
    assert!(deliveries[0].receipt.generation > first_generation);
    accept_all(&members, deliveries);
    eventually("the new offset is committed", || {
        committed(&topic, &group_of(&topic, "g"), 0) == Some(20)
    })
    .await;
    close(members).await;
}
