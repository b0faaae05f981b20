//! What the broker does to a consumer by itself: a cancelled consumer, a queue that is gone, a message that was delivered
//! too often.

use bindery_core::{Settlement, Status};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_consumer_is_noticed_and_its_neighbours_are_not_disturbed() {
    let binder = named_binder("cancelled");
    let (gone, stays) = (unique("gone"), unique("stays"));
    let mut gone_input = binder
        .bind_consumer(&consumer(&gone, Some("g"), json!({})))
        .await
        .unwrap();
    let mut stays_input = binder
        .bind_consumer(&consumer(&stays, Some("g"), json!({})))
        .await
        .unwrap();
    let gone_output = binder.bind_producer(&producer(&gone, json!({}))).await.unwrap();
    let stays_output = binder.bind_producer(&producer(&stays, json!({}))).await.unwrap();
    send(&*gone_output, record("a")).await.unwrap();
    send(&*stays_output, record("b")).await.unwrap();
    let taken = soon("a delivery", gone_input.deliveries.next()).await.unwrap();
    let neighbour = soon("a delivery", stays_input.deliveries.next()).await.unwrap();
    let deleted = std::time::Instant::now();
    manage("DELETE", &format!("queues/%2F/{gone}.g"), None).await;
    soon(
        "the end of the cancelled source",
        taken.source.revoked.cancelled(),
    )
    .await;
    println!("noticed after {:?}", deleted.elapsed());
    // The queue is declared again, empty; what it held went with it.
    until("a published message", || async {
        send(&*gone_output, record("after")).await.is_ok()
    })
    .await;
    let again = soon("a delivery", gone_input.deliveries.next()).await.unwrap();
    assert!(again.source.generation > taken.source.generation);
    assert_eq!(text(&again.deliveries[0]), "after");
    assert!(!neighbour.source.revoked.is_cancelled());
    assert_eq!(gone_input.control.health().status, Status::Up);
    gone_input.control.close().await;
    stays_input.control.close().await;
    binder.close().await;
    for destination in [gone, stays] {
        manage("DELETE", &format!("queues/%2F/{destination}.g"), None).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_ours_to_declare_is_waited_for_with_health_down() {
    let binder = named_binder("waiting");
    let name = unique("foreign");
    let declared = json!({"durable": true, "auto_delete": false, "arguments": {}});
    let path = format!("queues/%2F/{name}");
    manage("PUT", &path, Some(declared.clone())).await;
    let not_ours = json!({"queue-name-group-only": true, "declare-exchange": false, "bind-queue": false});
    let mut input = binder
        .bind_consumer(&consumer(&name, Some(&name), not_ours))
        .await
        .unwrap();
    publish_raw("amq.default", &name, json!({}), "before").await;
    let batch = soon("a delivery", input.deliveries.next()).await.unwrap();
    manage("DELETE", &path, None).await;
    soon("the end of the source", batch.source.revoked.cancelled()).await;
    until("the consumer to be down", || async {
        input.control.health().status == Status::Down
    })
    .await;
    until("the reason to name the queue", || async {
        let reason = input.control.health().reason.unwrap_or_default();
        reason.contains(&name) && !reason.contains('\n')
    })
    .await;
    assert!(queue(&name).await.is_none(), "it was not declared");
    manage("PUT", &path, Some(declared)).await;
    publish_raw("amq.default", &name, json!({}), "after").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    assert_eq!(accept(&input, delivery), "after");
    assert_eq!(input.control.health().status, Status::Up);
    input.control.close().await;
    binder.close().await;
    manage("DELETE", &path, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quorum_queue_evicts_what_was_delivered_too_often_and_keeps_its_neighbour() {
    let binder = named_binder("limit");
    let destination = unique("limit");
    let limited = json!({
        "quorum.enabled": true,
        "quorum.delivery-limit": 3,
        "auto-bind-dlq": true,
        "dlq-quorum.enabled": true,
        "prefetch": 1,
    });
    let mut spec = consumer(&destination, Some("g"), limited);
    spec.max_in_flight = 1;
    let name = format!("{destination}.g");
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    send(&*output, record("poison")).await.unwrap();
    send(&*output, record("neighbour")).await.unwrap();
    // Every consumer that takes the poison ends without having settled it, as one that crashes does.
    let mut deliveries = 0;
    loop {
        let delivery = receive(&mut input, 1).await.remove(0);
        if text(&delivery) == "neighbour" {
            assert_eq!(accept(&input, delivery), "neighbour");
            break;
        }
        deliveries += 1;
        assert!(deliveries <= 4, "the limit is 3 deliveries after the first");
        if deliveries % 2 == 0 {
            input.settler.settle(delivery.receipt, Settlement::Release);
        } else {
            input.control.close().await;
            input = binder.bind_consumer(&spec).await.unwrap();
        }
    }
    let dead_letters = format!("{name}.dlq");
    until("the poison in the dead letter queue", || async {
        queue(&dead_letters).await.unwrap()["messages"] == json!(1)
    })
    .await;
    let dead = get(&dead_letters).await.unwrap();
    assert_eq!(dead["payload"], json!("poison"));
    let death = &dead["properties"]["headers"]["x-death"][0];
    assert_eq!(death["reason"], json!("delivery_limit"));
    input.control.close().await;
    output.close().await;
    binder.close().await;
    for queue in [name, dead_letters] {
        manage("DELETE", &format!("queues/%2F/{queue}"), None).await;
    }
}
