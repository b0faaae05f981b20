//! Dead letters on the broker, read by a client of its own.

use std::time::SystemTime;

use bindery_core::{
    DeadLetterRoute, ErrorKind, Failure, FailureReason, HeaderValue, Headers, RawMessage, TRUNCATED_FROM,
};
use serde_json::json;

use crate::support::*;
use crate::wire::{delete_topic, read_one};

fn failure() -> Failure {
    Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::Boom".to_owned(),
        message: "boom é".to_owned(),
        trace: "shop::Boom: boom é".to_owned(),
        attempts: 3,
        first_failure: SystemTime::UNIX_EPOCH,
        binding: "sink-in-0".into(),
        group: "g".into(),
    }
}

async fn publish(route: &DeadLetterRoute, message: &RawMessage) -> bindery_core::Result<()> {
    let DeadLetterRoute::Publish { publisher, .. } = route else {
        panic!("no dead letters are published")
    };
    within(publisher.publish(message, &failure())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_is_the_original_with_headers_behind_its_own() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "park", 3).await;
    let mut spec = consumer(&topic, Some("g"), json!({"enable-dlq": true}));
    spec.concurrency = 3;
    let mut bound = binder.bind_consumer(&spec).await.unwrap();
    let mut sent = record("bad");
    sent.key = Some("k".into());
    sent.partition = Some(2);
    sent.headers = [("h1", HeaderValue::from("v1")), ("n", 5.into())]
        .into_iter()
        .collect::<Headers>();
    let position = send(&producer, sent).await.unwrap();
    let delivery = take(&mut bound, 1).await.remove(0);
    publish(&bound.dead_letter, &delivery.message).await.unwrap();
    let letter = read_one(&dead_letters_of(&topic), 2);
    assert_eq!(
        (letter.key.as_deref(), letter.payload.as_deref()),
        (Some(b"k".as_slice()), Some(b"bad".as_slice()))
    );
    let names: Vec<_> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "h1",
            "n",
            "spring_json_header_types",
            "x-original-topic",
            "x-original-partition",
            "x-original-offset",
            "x-original-timestamp",
            "x-original-timestamp-type",
            "x-exception-fqcn",
            "x-exception-message",
            "x-exception-stacktrace",
            "x-bindery-reason",
            "x-bindery-attempts",
            "x-bindery-binding",
            "x-bindery-group",
            "x-bindery-first-failure",
        ]
    );
    assert_eq!(letter.header("n"), b"5");
    assert_eq!(letter.header("x-original-topic"), topic.as_bytes());
    assert_eq!(letter.header("x-original-partition"), 2_i32.to_be_bytes());
    assert_eq!(
        letter.header("x-original-offset"),
        position.offset.unwrap().to_be_bytes()
    );
    assert_eq!(
        letter.header("x-original-timestamp"),
        delivery.message.origin.timestamp.unwrap().to_be_bytes()
    );
    assert_eq!(letter.header("x-original-timestamp-type"), b"CreateTime");
    assert_eq!(letter.header("x-exception-message"), "boom é".as_bytes());
    assert_eq!(
        letter.header("x-bindery-first-failure"),
        b"1970-01-01T00:00:00.000Z"
    );
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tombstone_is_parked_as_a_tombstone() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "park-tombstone", 2).await;
    let spec = consumer(
        &topic,
        Some("g"),
        json!({"enable-dlq": true, "dlq-partitions": 1}),
    );
    let mut bound = binder.bind_consumer(&spec).await.unwrap();
    let mut sent = record("");
    sent.payload = None;
    sent.key = Some("k".into());
    sent.partition = Some(1);
    send(&producer, sent).await.unwrap();
    let delivery = take(&mut bound, 1).await.remove(0);
    publish(&bound.dead_letter, &delivery.message).await.unwrap();
    let letter = read_one(&dead_letters_of(&topic), 0);
    assert_eq!(
        (letter.key.as_deref(), letter.payload),
        (Some(b"k".as_slice()), None)
    );
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_would_be_too_large_is_shortened() {
    let binder = binder();
    let topic = unique("park-large");
    let limits = json!({"topic.properties": {"max.message.bytes": "20000"}});
    let producer = binder
        .bind_producer(&producer(&topic, None, limits))
        .await
        .unwrap();
    let spec = consumer(
        &topic,
        Some("g"),
        json!({"enable-dlq": true, "topic.properties": {"max.message.bytes": "20000"}}),
    );
    let mut bound = binder.bind_consumer(&spec).await.unwrap();
    send(&producer, record(&"x".repeat(15_000))).await.unwrap();
    let delivery = take(&mut bound, 1).await.remove(0);
    let DeadLetterRoute::Publish { publisher, .. } = &bound.dead_letter else {
        panic!("no dead letters")
    };
    let mut failure = failure();
    failure.trace = "line\n".repeat(2000);
    within(publisher.publish(&delivery.message, &failure))
        .await
        .unwrap();
    let letter = read_one(&dead_letters_of(&topic), 0);
    assert_eq!(letter.payload.map(|payload| payload.len()), Some(15_000));
    assert!(
        !letter
            .headers
            .iter()
            .any(|(name, _)| name == "x-exception-stacktrace")
    );
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_its_topic_does_not_take_whole_has_a_shorter_body_and_says_so() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "park-cut", 1).await;
    let options = json!({"enable-dlq": true, "dlq-name": unique("parked"), "topic.properties": {"max.message.bytes": "2000"}});
    let mut bound = binder
        .bind_consumer(&consumer(&topic, Some("g"), options))
        .await
        .unwrap();
    send(&producer, record(&"x".repeat(5000))).await.unwrap();
    let delivery = take(&mut bound, 1).await.remove(0);
    publish(&bound.dead_letter, &delivery.message).await.unwrap();
    let letter = read_one(bound.dead_letter.destination().unwrap(), 0);
    assert_eq!(letter.header(TRUNCATED_FROM), b"5000");
    let kept = letter.payload.as_ref().map(Vec::len);
    assert!(matches!(kept, Some(625 | 1250)), "{kept:?}");
    assert_eq!(
        letter.header("x-original-offset"),
        0_i64.to_be_bytes(),
        "where the whole is"
    );
    close(bound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_that_its_topic_never_takes_is_an_error_that_names_it() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "park-never", 1).await;
    let parked = unique("parked");
    let options =
        json!({"enable-dlq": true, "dlq-name": parked, "topic.properties": {"max.message.bytes": "100"}});
    let mut bound = binder
        .bind_consumer(&consumer(&topic, Some("g"), options))
        .await
        .unwrap();
    send(&producer, record(&"x".repeat(5000))).await.unwrap();
    let delivery = take(&mut bound, 1).await.remove(0);
    let error = publish(&bound.dead_letter, &delivery.message).await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Payload, false));
    assert!(error.message().contains(&parked), "{error}");
    delete_topic(&parked).await;
    close(bound).await;
}
