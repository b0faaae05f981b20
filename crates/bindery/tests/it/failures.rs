//! Failures: counted attempts, dead letters, and messages that are held rather than lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{BindingState, RawMessage, Status};

use crate::fixture::{DEADLINE, Order, application, eventually, order, record, started, text};

#[derive(Default)]
struct Calls {
    attempts: Mutex<Vec<(u32, u32)>>,
    broken: AtomicU32,
}

impl Calls {
    fn of(&self, id: u32) -> Vec<u32> {
        let attempts = self.attempts.lock().unwrap();
        attempts
            .iter()
            .filter(|(order, _)| *order == id)
            .map(|(_, attempt)| *attempt)
            .collect()
    }
}

fn attempts(dead_letter: &RawMessage) -> Option<i64> {
    dead_letter.headers.get("x-bindery-attempts")?.as_i64()
}

#[stream_listener]
async fn reserve(order: Order, attempt: Attempt, calls: State<Calls>) -> Result<Order, HandlerError> {
    calls.attempts.lock().unwrap().push((order.id, attempt.0));
    match order.id {
        0 => Err(std::io::Error::other("the warehouse is closed").into()),
        1 => Err(HandlerError::permanent("no such part")),
        2 => Err(HandlerError::discard("seen before")),
        3 => panic!("the shelf fell over"),
        4 if calls.broken.fetch_add(1, Ordering::SeqCst) < 2 => Err(HandlerError::retryable("not yet")),
        5 => std::future::pending().await,
        _ => Ok(order),
    }
}

const YAML: &str = "
stream:
  bindings:
    reserve-in-0:
      destination: orders
      group: inventory
      consumer: { max-attempts: 3, back-off-initial-interval: 5, handler-timeout: 200ms }
    reserve-out-0: { destination: reservations }
  memory.bindings.reserve-in-0.consumer.enable-dlq: true
";

#[tokio::test]
async fn a_failing_message_is_delivered_max_attempts_times_then_dead_lettered_with_its_reason() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![reserve]).state(Calls::default())).await;
    broker.publish_record("orders", order(0)).unwrap();
    let dead = broker
        .await_messages("error.orders.inventory", 1, DEADLINE)
        .await
        .unwrap();
    let header = |name: &str| dead[0].headers.text(name).unwrap_or_default().to_owned();
    assert_eq!(text(&dead[0]), r#"{"id":0}"#);
    assert_eq!(
        (header("x-bindery-reason").as_str(), attempts(&dead[0])),
        ("exhausted", Some(3))
    );
    assert!(header("x-exception-message").contains("the warehouse is closed"));
    assert_eq!(header("x-bindery-group"), "inventory");
    broker
        .await_settled("orders", "inventory", DEADLINE)
        .await
        .unwrap();
    assert_eq!(running.totals().dead_lettered, 1);
    assert_eq!(running.totals().retried, 2);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_class_of_an_error_decides_what_becomes_of_its_message() {
    let broker = MemoryBroker::new();
    let calls = std::sync::Arc::new(Calls::default());
    let seen = calls.clone();
    #[stream_listener(name = "reserve")]
    async fn forwarding(
        order: Order,
        attempt: Attempt,
        calls: State<std::sync::Arc<Calls>>,
    ) -> Result<Order, HandlerError> {
        reserve(order, attempt, State::from((*calls).clone())).await
    }
    let running = started(application(&broker, YAML, listeners![forwarding]).state(calls)).await;
    for id in 1..=6 {
        broker.publish_record("orders", order(id)).unwrap();
    }
    broker
        .await_settled("orders", "inventory", DEADLINE)
        .await
        .unwrap();
    let dead: Vec<_> = broker
        .messages("error.orders.inventory")
        .iter()
        .map(text)
        .collect();
    assert_eq!(
        dead,
        [r#"{"id":1}"#, r#"{"id":3}"#, r#"{"id":5}"#],
        "permanent, panicked and timed out"
    );
    assert_eq!(seen.of(1), [1], "a permanent failure is not retried");
    assert_eq!(seen.of(2), [1], "a discarded message is not retried");
    assert_eq!(seen.of(4), [1, 2, 3], "a temporary failure passes");
    assert_eq!(seen.of(5).len(), 3, "a handler that takes too long has failed");
    let published: Vec<_> = broker.messages("reservations").iter().map(text).collect();
    assert_eq!(published, [r#"{"id":4}"#, r#"{"id":6}"#], "in order");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_undecodable_payload_is_dead_lettered_without_a_retry() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![reserve]).state(Calls::default())).await;
    broker.publish_record("orders", record("{\"id\":", None)).unwrap();
    broker.publish_record("orders", order(7)).unwrap();
    let dead = broker
        .await_messages("error.orders.inventory", 1, DEADLINE)
        .await
        .unwrap();
    assert_eq!(dead[0].headers.text("x-bindery-reason"), Some("undecodable"));
    assert_eq!(attempts(&dead[0]), Some(1));
    broker.await_messages("reservations", 1, DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_message_with_unreadable_headers_reaches_no_handler() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![reserve]).state(Calls::default())).await;
    let mut unreadable = order(7);
    unreadable.headers.insert(bindery::UNREADABLE_HEADERS, true);
    broker.publish_record("orders", unreadable).unwrap();
    let dead = broker
        .await_messages("error.orders.inventory", 1, DEADLINE)
        .await
        .unwrap();
    assert_eq!(dead[0].headers.text("x-bindery-reason"), Some("undecodable"));
    running.shutdown().await.unwrap();
}

const NO_DEAD_LETTER: &str = "
stream.bindings:
  reserve-in-0:
    destination: orders
    group: inventory
    consumer: { max-attempts: 2, back-off-initial-interval: 5, ordering: key }
  reserve-out-0: { destination: reservations }
";

#[tokio::test]
async fn without_a_dead_letter_an_exhausted_message_is_held_and_stalls_its_own_key_only() {
    let broker = MemoryBroker::new();
    let running =
        started(application(&broker, NO_DEAD_LETTER, listeners![reserve]).state(Calls::default())).await;
    broker
        .publish_record("orders", record(r#"{"id":0}"#, Some("a")))
        .unwrap();
    broker
        .publish_record("orders", record(r#"{"id":7}"#, Some("a")))
        .unwrap();
    broker
        .publish_record("orders", record(r#"{"id":8}"#, Some("b")))
        .unwrap();
    let published = broker.await_messages("reservations", 1, DEADLINE).await.unwrap();
    assert_eq!(text(&published[0]), r#"{"id":8}"#);
    let input = running.bindings().named("reserve-in-0").remove(0);
    eventually("the binding is degraded", || {
        input.health().status == Status::Degraded
    })
    .await;
    assert!(input.health().reason.unwrap().contains("held after 2 attempts"));
    running.shutdown().await.unwrap();
    assert_eq!(
        broker.lag("orders", "inventory"),
        Some(3),
        "nothing beyond the held message is settled"
    );
}

#[tokio::test]
async fn skipping_what_is_exhausted_is_a_choice() {
    let broker = MemoryBroker::new();
    let application = application(&broker, NO_DEAD_LETTER, listeners![reserve])
        .property("stream.bindings.reserve-in-0.consumer.on-exhausted", "skip")
        .state(Calls::default());
    let running = started(application).await;
    broker.publish_record("orders", order(0)).unwrap();
    broker.publish_record("orders", order(7)).unwrap();
    broker
        .await_settled("orders", "inventory", DEADLINE)
        .await
        .unwrap();
    assert_eq!(broker.messages("reservations").len(), 1);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_refused_dead_letter_leaves_the_original_unsettled_until_it_is_accepted() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![reserve]).state(Calls::default())).await;
    let input = running.bindings().named("reserve-in-0").remove(0);
    broker.faults().refuse_dead_letters();
    broker.publish_record("orders", order(1)).unwrap();
    eventually("the binding is degraded", || {
        input.health().status == Status::Degraded
    })
    .await;
    assert_eq!(broker.lag("orders", "inventory"), Some(1));
    assert_eq!(input.state(), BindingState::Running);
    broker.faults().accept_dead_letters();
    broker
        .await_settled("orders", "inventory", DEADLINE)
        .await
        .unwrap();
    assert_eq!(broker.messages("error.orders.inventory").len(), 1);
    eventually("the binding is up again", || input.health().status == Status::Up).await;
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_all_attempts_ends_them() {
    let broker = MemoryBroker::new();
    let application = application(&broker, YAML, listeners![reserve])
        .property("stream.bindings.reserve-in-0.consumer.max-attempts", "1000")
        .property("stream.bindings.reserve-in-0.consumer.retry.strategy", "fixed")
        .property("stream.bindings.reserve-in-0.consumer.retry.delay", "1s")
        .property("stream.bindings.reserve-in-0.consumer.retry.deadline", "10s")
        .state(Calls::default());
    let running = started(application).await;
    let begun = tokio::time::Instant::now();
    broker.publish_record("orders", order(0)).unwrap();
    let dead = broker
        .await_messages("error.orders.inventory", 1, Duration::from_secs(60))
        .await
        .unwrap();
    assert_eq!(dead[0].headers.text("x-bindery-reason"), Some("deadline"));
    assert_eq!(attempts(&dead[0]), Some(11));
    assert!(begun.elapsed() >= Duration::from_secs(10));
    running.shutdown().await.unwrap();
}
