//! Binding, sending, receiving, settling.

use bindery_core::{HeaderValue, Settlement, Status};
use futures_util::{FutureExt, StreamExt};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn a_message_travels_with_its_headers_and_key() {
    let binder = binder();
    let destination = unique("round");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    let mut sent = record("hello é");
    sent.key = Some("order-1".into());
    sent.headers.insert("n", 5);
    sent.headers.insert("long", 5_000_000_000_i64);
    sent.headers.insert("flag", true);
    sent.headers.insert("raw", vec![1_u8, 2, 255]);
    sent.headers
        .insert("list", HeaderValue::List(vec![1.into(), "two".into()]));
    sent.headers
        .insert("map", HeaderValue::Map(vec![("a".into(), HeaderValue::Null)]));
    send(&*output, sent.clone()).await.unwrap();

    let delivery = receive(&mut input, 1).await.remove(0);
    let message = &delivery.message;
    assert_eq!(message.bytes(), "hello é".as_bytes());
    assert_eq!(message.key.as_deref(), Some("order-1".as_bytes()));
    for (name, value) in sent.headers.iter() {
        assert_eq!(message.headers.get(name), Some(value), "{name}");
    }
    assert_eq!(
        message.headers.text("amqp_receivedExchange"),
        Some(destination.as_str())
    );
    assert_eq!(
        message.headers.text("amqp_receivedRoutingKey"),
        Some(destination.as_str())
    );
    assert_eq!(
        message.headers.text("amqp_receivedDeliveryMode"),
        Some("PERSISTENT")
    );
    assert_eq!(message.headers.text("amqp_messageId").map(str::len), Some(36));
    assert_eq!(&*message.origin.destination, destination);
    assert!(message.origin.timestamp.is_some() && !message.origin.redelivered);
    accept(&input, delivery);
    assert_eq!(binder.health().status, Status::Up);
    input.control.close().await;
    output.close().await;
    let state = queue(&format!("{destination}.g")).await.unwrap();
    assert_eq!(state["durable"], json!(true));
    binder.close().await;
}

#[tokio::test]
async fn only_what_was_not_accepted_comes_again() {
    let binder = binder();
    let destination = unique("settle");
    let spec = consumer(&destination, Some("g"), json!({}));
    let mut input = binder.bind_consumer(&spec).await.unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    for number in 0..10 {
        send(&*output, record(number.to_string())).await.unwrap();
    }
    let mut deliveries = receive(&mut input, 10).await;
    deliveries.reverse();
    for delivery in deliveries {
        if !["2", "7"].contains(&text(&delivery).as_str()) {
            accept(&input, delivery);
        }
    }
    input.control.close().await;
    assert!(
        soon("the end of the stream", input.deliveries.next())
            .await
            .is_none()
    );

    let mut again = binder.bind_consumer(&spec).await.unwrap();
    let rest = receive(&mut again, 2).await;
    let texts: Vec<_> = rest.iter().map(text).collect();
    assert_eq!(texts, ["2", "7"]);
    assert!(rest.iter().all(|delivery| delivery.message.origin.redelivered));
    for delivery in rest {
        accept(&again, delivery);
    }
    again.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_released_message_comes_again_at_once() {
    let binder = binder();
    let destination = unique("release");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    send(&*output, record("x")).await.unwrap();
    let delivery = receive(&mut input, 1).await.remove(0);
    input.settler.settle(delivery.receipt, Settlement::Release);
    let again = receive(&mut input, 1).await.remove(0);
    assert!(again.message.origin.redelivered);
    accept(&input, again);
    input.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_stopped_consumer_stays_the_owner_of_what_it_has_until_it_is_closed() {
    let binder = binder();
    let destination = unique("stop");
    let options = json!({ "single-active-consumer": true });
    let spec = consumer(&destination, Some("g"), options);
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    for number in 0..50 {
        send(&*output, record(number.to_string())).await.unwrap();
    }
    let mut handed = Vec::new();
    while handed.len() < 50 {
        handed.extend(
            soon("deliveries", first.deliveries.next())
                .await
                .unwrap()
                .deliveries,
        );
    }
    first.control.stop();
    assert!(
        soon("the end of the stream", first.deliveries.next())
            .await
            .is_none()
    );
    let release = handed.split_off(20);
    for delivery in handed {
        accept(&first, delivery);
    }
    for delivery in release {
        first.settler.settle(delivery.receipt, Settlement::Release);
    }
    let name = format!("{destination}.g");
    until("twenty messages settled", || async {
        queue(&name).await.unwrap()["messages"] == json!(30)
    })
    .await;
    assert!(
        second.deliveries.next().now_or_never().is_none(),
        "the second one became active too early"
    );
    first.control.close().await;
    let mut taken_over = Vec::new();
    while taken_over.len() < 30 {
        for delivery in soon("deliveries", second.deliveries.next())
            .await
            .unwrap()
            .deliveries
        {
            taken_over.push(delivery.message.bytes().to_vec());
            accept(&second, delivery);
        }
    }
    let expected: Vec<_> = (20..50).map(|number| number.to_string().into_bytes()).collect();
    assert_eq!(taken_over, expected);
    second.control.close().await;
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn records_of_one_caller_keep_their_order() {
    let binder = binder();
    let destination = unique("order");
    let mut input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    let output = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    let mut answers = Vec::new();
    for number in 0..20_000 {
        answers.push(enqueue(&*output, record(number.to_string())).await);
    }
    let mut next = 0;
    while next < 20_000 {
        let batch = soon("deliveries", input.deliveries.next()).await.unwrap();
        for delivery in batch.deliveries {
            assert_eq!(accept(&input, delivery), next.to_string());
            next += 1;
        }
    }
    for answer in answers {
        soon("a confirmation", answer).await.unwrap();
    }
    input.control.close().await;
    output.close().await;
    binder.close().await;
}
