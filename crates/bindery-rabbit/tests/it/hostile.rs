//! Messages that no honest client sends.

use bindery_core::{HeaderValue, RawMessage as Message, UNREADABLE_HEADERS};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::raw;
use crate::support::*;

/// Publishes one message with these header entries and a neighbour without any, and receives both.
async fn received(entries: &[Vec<u8>], routing_key: &[u8]) -> Message {
    let binder = binder();
    let destination = unique("hostile");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    raw::publish(&destination, routing_key, entries, b"body").await;
    raw::publish(&destination, b"k", &[], b"neighbour").await;
    let mut deliveries = receive(&mut input, 2).await;
    assert_eq!(accept(&input, deliveries.remove(1)), "neighbour");
    let delivery = deliveries.remove(0);
    let message = delivery.message.clone();
    assert!(!message.origin.redelivered, "the connection was lost meanwhile");
    assert_eq!(accept(&input, delivery), "body");
    input.control.close().await;
    binder.close().await;
    message
}

#[tokio::test]
async fn deeply_nested_headers_are_left_out_and_the_message_is_marked() {
    for depth in [100, 1_000, 8_000] {
        let entries = [
            raw::entry(b"deep", &raw::nested_value(depth)),
            raw::entry(b"flat", &raw::text_value("v")),
        ];
        let message = received(&entries, b"k").await;
        assert_eq!(message.headers.get("deep"), None);
        assert_eq!(message.headers.text("flat"), Some("v"));
        assert_eq!(
            message.headers.get(UNREADABLE_HEADERS),
            Some(&HeaderValue::Bool(true))
        );
    }
}

#[tokio::test]
async fn headers_whose_names_are_no_text_are_left_out_and_the_message_is_marked() {
    let entries = [
        raw::entry(b"\xff\xfe", &raw::text_value("v")),
        raw::entry(b"flat", &raw::text_value("v")),
    ];
    let message = received(&entries, b"k").await;
    assert_eq!(message.headers.text("flat"), Some("v"));
    assert_eq!(
        message.headers.get(UNREADABLE_HEADERS),
        Some(&HeaderValue::Bool(true))
    );
    assert!(message.headers.iter().all(|(name, _)| !name.contains('\u{1a}')));
}

#[tokio::test]
async fn a_routing_key_that_is_no_text_ends_no_connection() {
    let message = received(&[], b"k\xff").await;
    assert_eq!(message.origin.routing_key.as_deref(), Some("k\u{1a}"));
    assert_eq!(message.headers.get(UNREADABLE_HEADERS), None);
}

/// A relay to the broker that damages every frame whose content ends with `poison`.
async fn damaging_relay() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let relay = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let broker = TcpStream::connect(address()).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_broker, mut to_broker) = broker.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_broker).await });
            tokio::spawn(async move {
                let mut bytes = vec![0; 1 << 16];
                while let Ok(count @ 1..) = from_broker.read(&mut bytes).await {
                    let places: Vec<usize> = bytes[..count]
                        .windows(7)
                        .enumerate()
                        .filter(|(_, bytes)| *bytes == b"poison\xce")
                        .map(|(place, _)| place + 6)
                        .collect();
                    places.into_iter().for_each(|place| bytes[place] = 0);
                    if to_client.write_all(&bytes[..count]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    relay
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_breaks_the_connection_ends_in_the_dead_letter_and_others_go_on() {
    let binder = binder_with("rabbit", json!({ "addresses": [damaging_relay().await] }));
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
    raw::publish(&poisoned, b"k", &[], b"poison").await;
    raw::publish(&poisoned, b"k", &[], b"innocent").await;
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
