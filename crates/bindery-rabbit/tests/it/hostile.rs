//! Messages that no honest client sends.

use serde_json::json;

use crate::raw;
use crate::support::*;

#[tokio::test]
async fn deeply_nested_headers_are_left_out_and_the_message_arrives() {
    let binder = binder();
    let destination = unique("nested");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let entries = [
        raw::entry(b"deep", &raw::nested_value(100)),
        raw::entry(b"flat", &raw::text_value("v")),
    ];
    raw::publish(&destination, "k", &entries, b"body").await;
    let delivery = receive(&mut input, 1).await.remove(0);
    assert_eq!(delivery.message.headers.get("deep"), None);
    assert_eq!(delivery.message.headers.text("flat"), Some("v"));
    assert_eq!(accept(&input, delivery), "body");
    input.control.close().await;
    binder.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_breaks_the_connection_ends_in_the_dead_letter_and_others_go_on() {
    let binder = binder();
    let (poisoned, healthy) = (unique("poisoned"), unique("healthy"));
    let options = json!({
        "auto-bind-dlq": true, "republish-to-dlq": false, "quorum.enabled": true, "quorum.delivery-limit": 4,
    });
    let mut hit = binder
        .bind_consumer(&consumer(&poisoned, Some("g"), options))
        .await
        .unwrap();
    let mut other = binder
        .bind_consumer(&consumer(&healthy, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&healthy, json!({})))
        .await
        .unwrap();
    raw::publish(
        &poisoned,
        "k",
        &[raw::entry(b"\xff\xfe", &raw::text_value("v"))],
        b"poison",
    )
    .await;
    raw::publish(&poisoned, "k", &[], b"innocent").await;
    for number in 0..20 {
        send(&*output, record(number.to_string())).await.unwrap();
        let delivery = receive(&mut other, 1).await.remove(0);
        accept(&other, delivery);
    }
    let delivery = receive(&mut hit, 1).await.remove(0);
    assert_eq!(accept(&hit, delivery), "innocent");
    let dlq = format!("{poisoned}.g.dlq");
    until("the poison in the dead letter", || async {
        queue(&dlq).await.unwrap()["messages"] == json!(1)
    })
    .await;
    hit.control.close().await;
    other.control.close().await;
    output.close().await;
    manage("DELETE", &format!("queues/%2F/{dlq}"), None).await;
    binder.close().await;
}
