//! What is settled is not delivered again, what isn't is, in whatever order it was settled.

use bindery_core::Settlement;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_delivery_goes_on_at_the_first_unsettled_message() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "unsettled", 1).await;
    send_all(&producer, numbers(0..10)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let mut deliveries = take(&mut first, 10).await;
    deliveries.reverse();
    for delivery in deliveries {
        if payload(&delivery) != "4" {
            accept(&first, delivery);
        }
    }
    close(first).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 6).await), numbers(4..10));
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_in_any_order_does_not_come_again() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "settled", 1).await;
    send_all(&producer, numbers(0..10)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let mut deliveries = take(&mut first, 10).await;
    deliveries.sort_by_key(|delivery| delivery.receipt.position % 3);
    accept_all(&first, deliveries);
    close(first).await;
    send_all(&producer, ["new".to_owned()]).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 1).await), ["new"]);
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_message_comes_again_after_a_restart() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "released", 1).await;
    send_all(&producer, numbers(0..3)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    for delivery in take(&mut first, 3).await {
        let settlement = if payload(&delivery) == "1" {
            Settlement::Release
        } else {
            Settlement::Accept
        };
        first.settler.settle(delivery.receipt, settlement);
    }
    close(first).await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 2).await), numbers(1..3));
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn offsets_are_committed_while_the_consumer_runs() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "cadence", 1).await;
    send_all(&producer, numbers(0..5)).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut running = binder.bind_consumer(&spec).await.unwrap();
    let deliveries = take(&mut running, 5).await;
    accept_all(&running, deliveries);
    let lag = || running.control.lag();
    eventually("the lag is known to be zero", || lag() == Some(0)).await;
    // The consumer isn't closed: what it committed so far is all there is.
    let committed = crate::wire::committed(&topic, &group_of(&topic, "g"), 0);
    assert_eq!(committed, Some(5));
    close(running).await;
}
