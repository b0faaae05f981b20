//! What doesn't fit, isn't there or isn't allowed is said in one line, quickly, and alters nothing.

use std::time::Instant;

use bindery_core::{ErrorKind, Status};
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn an_unreachable_broker_is_named_within_seconds() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let binder = binder_with(
        "rabbit",
        json!({"addresses": [format!("user:canary@127.0.0.1:{port}")]}),
    );
    let began = Instant::now();
    let error = binder
        .bind_consumer(&consumer("in", Some("g"), json!({})))
        .await
        .unwrap_err();
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.is_temporary());
    let text = error.report();
    assert!(
        text.contains(&format!("127.0.0.1:{port}")) && text.contains("refused"),
        "{text}"
    );
    assert!(!text.contains("canary") && !text.contains('\n'), "{text}");
    let health = binder.health();
    assert_eq!(health.status, Status::Down);
    assert!(health.reason.unwrap().contains("refused"));
    binder.close().await;
}

#[tokio::test]
async fn a_silent_peer_is_given_up_within_seconds() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let binder = binder_with("rabbit", json!({"host": "127.0.0.1", "port": port}));
    let began = Instant::now();
    let error = binder
        .bind_producer(&producer("out", json!({})))
        .await
        .unwrap_err();
    assert!(began.elapsed().as_millis() < 5_500, "{:?}", began.elapsed());
    assert!(
        error.is_temporary() && error.kind() == ErrorKind::Unavailable,
        "{error:?}"
    );
    binder.close().await;
}

#[tokio::test]
async fn a_wrong_password_is_said_without_the_password() {
    let binder = binder_with("rabbit", json!({"addresses": [address()], "password": "canary"}));
    let error = binder
        .bind_consumer(&consumer("in", Some("g"), json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.is_temporary());
    let text = error.report();
    assert!(
        text.contains("`spring.rabbitmq.password`") && text.contains(&address()),
        "{text}"
    );
    assert!(!text.contains("canary"), "{text}");
    binder.close().await;
}

#[tokio::test]
async fn a_missing_virtual_host_is_named() {
    let binder = binder_with(
        "rabbit",
        json!({"addresses": [address()], "virtual-host": "nowhere"}),
    );
    let error = binder
        .bind_producer(&producer("out", json!({})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(
        error.is_temporary() && error.report().contains("nowhere"),
        "{error:?}"
    );
    binder.close().await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_named_and_left_alone() {
    let binder = binder();
    let destination = unique("mismatch");
    let name = format!("{destination}.g");
    let existing = json!({"durable": true, "auto_delete": false, "arguments": {"x-message-ttl": 1000}});
    manage("PUT", &format!("queues/%2F/{name}"), Some(existing)).await;
    let error = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({"ttl": 2000})))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Topology);
    assert!(!error.is_temporary());
    let text = error.report();
    for part in [name.as_str(), "x-message-ttl", "1000", "2000"] {
        assert!(text.contains(part), "{part} isn't in: {text}");
    }
    let left = queue(&name).await.unwrap();
    assert_eq!(arguments(&left), json!({"x-message-ttl": 1000}));
    // The connection of others survived.
    binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    binder.close().await;
}

#[tokio::test]
async fn unroutable_records_among_thousands_are_told_apart() {
    let binder = binder();
    let destination = unique("unroutable");
    let bound = json!({"binding-routing-key": "good"});
    let mut spec = producer(&destination, bound);
    spec.required_groups = vec!["g".into()];
    let output = binder.bind_producer(&spec).await.unwrap();
    let mut answers = Vec::new();
    for number in 0..8_000_usize {
        let mut record = record(number.to_string());
        let key = if number % 10 == 3 { "nowhere" } else { "good" };
        record.routing_key = Some(key.into());
        answers.push(enqueue(&*output, record).await);
    }
    for (number, answer) in answers.into_iter().enumerate() {
        let answer = soon("an answer", answer).await;
        if number % 10 == 3 {
            let error = answer.expect_err("an unroutable record is reported");
            assert!(error.is_temporary() && error.kind() == ErrorKind::Publish);
            assert!(error.report().contains("`nowhere`"), "{error:?}");
        } else {
            assert!(answer.is_ok(), "{number}: {answer:?}");
        }
    }
    output.close().await;
    let name = format!("{destination}.g");
    until("all routable messages in the queue", || async {
        queue(&name).await.unwrap()["messages"] == json!(7_200)
    })
    .await;
    manage("DELETE", &format!("queues/%2F/{name}"), None).await;
    binder.close().await;
}

#[tokio::test]
async fn an_event_nobody_listens_to_is_published_without_mandatory() {
    let binder = binder();
    let destination = unique("nobody");
    let strict = binder
        .bind_producer(&producer(&destination, json!({})))
        .await
        .unwrap();
    let error = send(&*strict, record("x")).await.unwrap_err();
    assert!(error.report().contains(&destination), "{error:?}");
    let loose = binder
        .bind_producer(&producer(&destination, json!({"mandatory": false})))
        .await
        .unwrap();
    send(&*loose, record("x")).await.unwrap();
    strict.close().await;
    loose.close().await;
    binder.close().await;
}

#[tokio::test]
async fn a_refused_publication_is_temporary() {
    let binder = binder();
    let destination = unique("full");
    let mut spec = producer(
        &destination,
        json!({"max-length": 1, "overflow-behavior": "reject-publish"}),
    );
    spec.required_groups = vec!["g".into()];
    let output = binder.bind_producer(&spec).await.unwrap();
    let mut refused = 0;
    for _ in 0..5 {
        if let Err(error) = send(&*output, record("x")).await {
            assert!(
                error.is_temporary() && error.kind() == ErrorKind::Publish,
                "{error:?}"
            );
            refused += 1;
        }
    }
    assert!(refused >= 3, "{refused}");
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn what_can_not_be_published_fails_alone() {
    let binder = binder();
    let destination = unique("unsayable");
    let mut spec = producer(&destination, json!({}));
    spec.required_groups = vec!["g".into()];
    let output = binder.bind_producer(&spec).await.unwrap();
    let mut long_key = record("x");
    long_key.routing_key = Some("k".repeat(300).into());
    let mut long_header = record("x");
    long_header.headers.insert("h", "v".repeat(200_000));
    let mut tombstone = record("x");
    tombstone.payload = None;
    let first = enqueue(&*output, record("good")).await;
    for bad in [long_key, long_header, tombstone] {
        let error = send(&*output, bad).await.unwrap_err();
        assert!(!error.is_temporary(), "{error:?}");
    }
    soon("a confirmation", first).await.unwrap();
    send(&*output, record("good")).await.unwrap();
    output.close().await;
    assert_eq!(
        send(&*output, record("late")).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    binder.close().await;
}

#[tokio::test]
async fn an_oversized_message_fails_for_good_and_its_neighbours_can_be_sent_again() {
    let binder = binder();
    let destination = unique("oversized");
    let mut spec = producer(&destination, json!({}));
    spec.required_groups = vec!["g".into()];
    let output = binder.bind_producer(&spec).await.unwrap();
    let error = send(&*output, record(vec![b'x'; 128 * 1024 * 1024 + 1]))
        .await
        .unwrap_err();
    assert!(
        !error.is_temporary() && error.kind() == ErrorKind::Payload,
        "{error:?}"
    );
    // 128 MiB until RabbitMQ 3, 16 MiB since RabbitMQ 4.
    let limits = ["at most 134217728", "at most 16777216"];
    let text = error.report();
    assert!(limits.iter().any(|limit| text.contains(limit)), "{text}");
    send(&*output, record("small")).await.unwrap();
    output.close().await;
    binder.close().await;
}

#[tokio::test]
async fn tls_to_a_port_without_it_is_an_error_that_names_the_address() {
    let binder = binder_with("rabbit", json!({"addresses": [format!("amqps://{}", address())]}));
    let error = binder
        .bind_consumer(&consumer("in", Some("g"), json!({})))
        .await
        .unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    assert!(error.report().contains(&address()), "{error:?}");
    binder.close().await;
}

#[tokio::test]
async fn the_next_address_of_the_list_is_tried() {
    let binder = binder_with("rabbit", json!({"addresses": ["127.0.0.1:1", address()]}));
    let destination = unique("addresses");
    let input = binder
        .bind_consumer(&consumer(&destination, Some("g"), json!({})))
        .await
        .unwrap();
    assert_eq!(binder.health().status, Status::Up);
    input.control.close().await;
    binder.close().await;
}
