//! What is sent is received: payload, key, headers, place and time.

use bindery_core::{ErrorKind, HeaderValue, Headers};
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

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_not_an_empty_payload() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "tombstone", 1).await;
    let mut tombstone = record("");
    tombstone.payload = None;
    tombstone.key = Some("k".into());
    send(&producer, tombstone).await.unwrap();
    let mut empty = record("");
    empty.key = Some(Bytes::new());
    send(&producer, empty).await.unwrap();
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let deliveries = take(&mut consumer, 2).await;
    let (first, second) = (&deliveries[0].message, &deliveries[1].message);
    assert_eq!(
        (first.payload.clone(), first.key.as_deref()),
        (None, Some(b"k".as_slice()))
    );
    assert_eq!(
        (second.payload.clone(), second.key.clone()),
        (Some(Bytes::new()), Some(Bytes::new()))
    );
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_name_that_is_not_utf8_costs_that_header_only() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "not-utf8", 1).await;
    crate::wire::produce(
        &topic,
        b"poison",
        &[(b"ok", b"1"), (b"\xff\xfe", b"2"), (b"fine", b"3")],
    );
    send(&producer, record("next")).await.unwrap();
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let deliveries = take(&mut consumer, 2).await;
    assert_eq!(payloads(&deliveries), ["poison", "next"]);
    let headers = &deliveries[0].message.headers;
    assert_eq!((headers.text("ok"), headers.text("fine")), (Some("1"), Some("3")));
    assert_eq!(
        headers.get(bindery_kafka::UNREADABLE_HEADERS),
        Some(&HeaderValue::Bool(true))
    );
    assert_eq!(
        deliveries[1]
            .message
            .headers
            .get(bindery_kafka::UNREADABLE_HEADERS),
        None
    );
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_too_large_fails_for_good_and_the_next_one_goes_through() {
    let binder = binder();
    let (_, producer) = topic(&binder, "too-large", 1).await;
    let error = send(&producer, record(&"x".repeat(2_000_000))).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Payload, false));
    send(&producer, record("small")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_does_not_exist_is_an_error() {
    let binder = binder();
    let (_, producer) = topic(&binder, "no-partition", 1).await;
    let mut record = record("x");
    record.partition = Some(7);
    let error = send(&producer, record).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_lands_where_the_jvms_producer_puts_it() {
    let binder = binder();
    let (_, producer) = topic(&binder, "murmur2", 5).await;
    for key in ["a", "order-1", "customer-42", "0123456789"] {
        let mut record = record("x");
        record.key = Some(key.into());
        assert_eq!(
            send(&producer, record).await.unwrap().partition,
            Some(murmur2_partition(key, 5)),
            "{key}"
        );
    }
}

/// The JVM client's hash, written from its definition.
fn murmur2_partition(key: &str, count: i32) -> i32 {
    let data = key.as_bytes();
    let m = 0x5bd1_e995_u32;
    let mut h = 0x9747_b28c_u32 ^ u32::try_from(data.len()).unwrap();
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(m);
        k ^= k >> 24;
        h = h.wrapping_mul(m) ^ k.wrapping_mul(m);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let tail = rest
            .iter()
            .rev()
            .fold(0, |tail, byte| tail << 8 | u32::from(*byte));
        h = (h ^ tail).wrapping_mul(m);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(m);
    h ^= h >> 15;
    i32::try_from(h & 0x7fff_ffff).unwrap() % count
}

#[tokio::test(flavor = "multi_thread")]
async fn header_modes_and_patterns_decide_what_goes_out() {
    let binder = binder();
    let topic = unique("header-mode");
    let none = binder
        .bind_producer(&producer(&topic, None, json!({"header-mode": "none"})))
        .await
        .unwrap();
    let some = binder
        .bind_producer(&producer(&topic, None, json!({"header-patterns": ["x-*"]})))
        .await
        .unwrap();
    let mut sent = record("p");
    sent.headers = [("x-a", "1"), ("b", "2")].into_iter().collect();
    send(&none, sent.clone()).await.unwrap();
    send(&some, sent).await.unwrap();
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, Some("g"), json!({})))
        .await
        .unwrap();
    let deliveries = take(&mut consumer, 2).await;
    assert!(deliveries[0].message.headers.is_empty());
    let names: Vec<_> = deliveries[1]
        .message
        .headers
        .iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(names, ["x-a"]);
    close(consumer).await;
}
