//! What is sent is received: payload, key, headers, place and time.

use bindery_core::{HeaderValue, Headers};
use bytes::Bytes;
use serde_json::json;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_arrives_with_its_key_headers_and_origin() {
    let topic = unique("round-trip");
    let binder = binder();
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let producer = binder
        .bind_producer(&producer(&topic, None, json!({})))
        .await
        .unwrap();
    let headers: Headers = [
        ("traceId", HeaderValue::from("t1")),
        ("n", 5.into()),
        ("flag", true.into()),
        ("raw", HeaderValue::Bytes(Bytes::from_static(&[1, 2]))),
        ("contentType", "application/json".into()),
    ]
    .into_iter()
    .collect();
    let mut sent = record("hello");
    sent.key = Some("k1".into());
    sent.headers = headers.clone();
    let position = send(&producer, sent).await.unwrap();
    let delivery = take(&mut consumer, 1).await.remove(0);
    let message = &delivery.message;
    assert_eq!(payload(&delivery), "hello");
    assert_eq!(message.key.as_deref(), Some(b"k1".as_slice()));
    assert_eq!(message.headers, headers);
    assert_eq!(&*message.origin.destination, topic);
    assert_eq!(message.origin.partition, position.partition);
    assert_eq!(i64::try_from(message.origin.position).ok(), position.offset);
    assert!(message.origin.timestamp.is_some());
    accept(&consumer, delivery);
    within(producer.close()).await;
    within(consumer.control.close()).await;
}
