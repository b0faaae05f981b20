//! Dead letters: republished with what is known of the failure, or rejected for the broker to park.

use std::time::SystemTime;

use bindery_core::{DeadLetterRoute, Failure, FailureReason, Settlement};
use serde_json::json;

use crate::support::*;

fn failure() -> Failure {
    Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::Boom".to_owned(),
        message: "boom é".to_owned(),
        trace: "shop::Boom: boom é\nCaused by: it".to_owned(),
        attempts: 3,
        first_failure: SystemTime::now(),
        binding: "boom-in-0".into(),
        group: "g".into(),
    }
}

#[tokio::test]
async fn a_republished_dead_letter_is_confirmed_before_the_original_is_settled() {
    let binder = binder();
    let destination = unique("republish");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({"auto-bind-dlq": true})))
        .await
        .unwrap();
    let dlq = format!("{destination}.g.dlq");
    let DeadLetterRoute::Publish {
        destination: place,
        publisher,
    } = &input.dead_letter
    else {
        panic!("{:?}", input.dead_letter);
    };
    assert_eq!(&**place, dlq);
    let publisher = publisher.clone();
    let properties = json!({
        "content_type": "text/plain", "priority": 3, "message_id": "m1", "headers": {"h": "v", "n": 5},
    });
    publish_raw(&destination, "some.key", properties, "bad1").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    soon(
        "the dead letter",
        publisher.publish(&delivery.message, &failure()),
    )
    .await
    .unwrap();
    accept(&input, delivery);
    let parked = get(&dlq).await.expect("the dead letter is in its queue");
    assert_eq!(
        (&parked["payload"], &parked["exchange"]),
        (&json!("bad1"), &json!("DLX"))
    );
    assert_eq!(parked["routing_key"], json!(format!("{destination}.g")));
    let properties = &parked["properties"];
    assert_eq!(properties["content_type"], json!("text/plain"));
    assert_eq!(
        (&properties["priority"], &properties["message_id"]),
        (&json!(3), &json!("m1"))
    );
    assert_eq!(properties["delivery_mode"], json!(2));
    let headers = &properties["headers"];
    for (name, value) in [
        ("h", json!("v")),
        ("n", json!(5)),
        ("retry-count", json!(1)),
        ("x-exception-message", json!("boom é")),
        (
            "x-exception-stacktrace",
            json!("shop::Boom: boom é\nCaused by: it"),
        ),
        ("x-original-exchange", json!(destination)),
        ("x-original-routingKey", json!("some.key")),
        ("x-bindery-reason", json!("exhausted")),
        ("x-bindery-attempts", json!(3)),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    input.control.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_dead_letter_that_reaches_no_queue_is_an_error() {
    let binder = binder();
    let destination = unique("lost-dlq");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({"auto-bind-dlq": true})))
        .await
        .unwrap();
    publish_raw(&destination, "k", json!({}), "bad").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    let DeadLetterRoute::Publish { publisher, .. } = &input.dead_letter else {
        panic!("{:?}", input.dead_letter);
    };
    // The first publication shows that the publisher has declared the queue, which it does once for a connection.
    soon("a confirmation", publisher.publish(&delivery.message, &failure()))
        .await
        .unwrap();
    manage("DELETE", &format!("queues/%2F/{destination}.g.dlq"), None).await;
    let error = soon("an answer", publisher.publish(&delivery.message, &failure()))
        .await
        .unwrap_err();
    assert!(
        error.is_temporary() && error.report().contains("no queue is bound"),
        "{error:?}"
    );
    input.control.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_rejected_message_is_parked_by_the_broker() {
    let binder = binder();
    let destination = unique("native");
    let options = json!({"auto-bind-dlq": true, "republish-to-dlq": false});
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), options))
        .await
        .unwrap();
    assert!(
        matches!(&input.dead_letter, DeadLetterRoute::Native { .. }),
        "{:?}",
        input.dead_letter
    );
    publish_raw(&destination, "k", json!({"headers": {"h": "v"}}), "bad1").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    input.settler.settle(delivery.receipt, Settlement::Reject);
    let dlq = format!("{destination}.g.dlq");
    let parked = soon("the dead letter", async {
        loop {
            if let Some(parked) = get(&dlq).await {
                return parked;
            }
        }
    })
    .await;
    let headers = &parked["properties"]["headers"];
    assert_eq!(
        (&headers["h"], &headers["x-death"][0]["reason"]),
        (&json!("v"), &json!("rejected"))
    );
    assert_eq!(headers["x-exception-message"], json!(null));
    input.control.close().await;
    binder.close().await;
}

#[tokio::test]
async fn without_auto_bind_dlq_there_is_no_dead_letter() {
    let binder = binder();
    let destination = unique("none");
    let input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    assert!(matches!(&input.dead_letter, DeadLetterRoute::None));
    input.control.close().await;
    let anonymous = binder
        .bind_consumer(&consumer(&destination, None, json!({"auto-bind-dlq": true})))
        .await
        .unwrap();
    assert!(matches!(&anonymous.dead_letter, DeadLetterRoute::None));
    anonymous.control.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_rejected_message_is_requeued_when_springs_rule_says_so() {
    let binder = binder();
    let destination = unique("requeue");
    let options = json!({"requeue-rejected": true, "republish-to-dlq": false});
    let mut spec = consumer(&destination, Some("g"), options);
    spec.max_attempts = 1;
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    assert!(
        matches!(&input.dead_letter, DeadLetterRoute::Native { .. }),
        "{:?}",
        input.dead_letter
    );
    publish_raw(&destination, "k", json!({}), "x").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    input.settler.settle(delivery.receipt, Settlement::Reject);
    let again = receive(&mut input, 1).await.remove(0);
    assert!(again.message.origin.redelivered);
    accept(&input, again);
    input.control.close().await;
    binder.close().await;
}
