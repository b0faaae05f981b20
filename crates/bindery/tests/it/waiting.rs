//! What messages wait for: told by health with reason and time, told by the log once, bounded, and over by itself.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::prelude::*;
use bindery::{BindingHandle, Running, Status, TRUNCATED_FROM};
use tracing::Level;

use crate::fixture::{DEADLINE, Order, application, eventually, record, started, text};
use crate::logs::Logs;

type Seen = Arc<Mutex<Vec<u32>>>;

/// Fails for the key's number 0 and for every one from 1000 up.
#[stream_listener]
async fn work(order: Order, seen: State<Seen>) -> Result<Order, HandlerError> {
    seen.lock().unwrap().push(order.id);
    match order.id {
        0 | 1000.. => Err(HandlerError::retryable("the warehouse is closed")),
        _ => Ok(order),
    }
}

const YAML: &str = "
stream:
  bindings:
    work-in-0:
      destination: in
      group: g
      consumer: { ordering: key, max-attempts: 2, back-off-initial-interval: 5 }
    work-out-0: { destination: out }
";
const DEAD_LETTER: (&str, &str) = ("stream.memory.bindings.work-in-0.consumer.enable-dlq", "true");

fn publish(broker: &MemoryBroker, key: &str, id: u32) {
    let payload = format!(r#"{{"id":{id}}}"#);
    broker.publish_record("in", record(&payload, Some(key))).unwrap();
}

fn input(running: &Running) -> BindingHandle {
    running.bindings().named("work-in-0").remove(0)
}

fn reason(handle: &BindingHandle) -> String {
    handle.health().reason.unwrap_or_default()
}

fn ids(broker: &MemoryBroker, destination: &str) -> Vec<String> {
    broker.messages(destination).iter().map(text).collect()
}

#[tokio::test(start_paused = true)]
async fn refused_dead_letters_wait_at_a_bounded_pace_and_flow_again_in_the_order_of_their_keys() {
    let logs = Logs::capture();
    let broker = MemoryBroker::new();
    let seen = Seen::default();
    let application = application(&broker, YAML, listeners![work]).property(DEAD_LETTER.0, DEAD_LETTER.1);
    let running = started(application.state(seen.clone())).await;
    let input = input(&running);
    let up_before = input.health().since;
    broker.faults().refuse_dead_letters();
    for id in 0..200 {
        publish(&broker, &format!("key {id}"), 1000 + id);
        publish(&broker, &format!("key {id}"), 2000 + id);
    }
    eventually("every key waits", || {
        reason(&input).starts_with("200 messages wait")
    })
    .await;
    let told = reason(&input);
    assert!(told.contains("for the dead letter `error.in.g`: "), "{told}");
    assert!(told.contains("told to refuse"), "{told}");
    let attempts = broker.faults().dead_letter_attempts();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let attempts = broker.faults().dead_letter_attempts() - attempts;
    assert!(
        (10..=60 * 5).contains(&attempts),
        "{attempts} attempts in a minute"
    );
    assert_eq!(broker.lag("in", "g"), Some(400), "nothing is settled");
    assert_eq!(input.health().status, Status::Degraded);
    assert!(
        reason(&input).contains("200 messages wait behind"),
        "{}",
        reason(&input)
    );
    broker.faults().accept_dead_letters();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let dead = ids(&broker, "error.in.g");
    for id in 0..200 {
        let place = |id: u32| dead.iter().position(|dead| *dead == format!(r#"{{"id":{id}}}"#));
        assert!(place(1000 + id) < place(2000 + id), "key {id}");
    }
    assert_eq!(dead.len(), 400);
    let health = input.health();
    assert_eq!((health.status, health.reason), (Status::Up, None));
    assert!(health.since > up_before, "up since the recovery");
    assert!(
        logs.with("wait for the dead letter").is_empty(),
        "told by one line for all"
    );
    assert_eq!(logs.levels("1 message waits for the dead letter"), [Level::WARN]);
    assert_eq!(logs.levels("is accepted again"), [Level::INFO]);
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_never_confirmed_is_told_after_seconds_and_leaves_its_neighbours_alone() {
    let broker = MemoryBroker::new();
    let application = application(&broker, YAML, listeners![work]).property(DEAD_LETTER.0, DEAD_LETTER.1);
    let running = started(application.state(Seen::default())).await;
    let input = input(&running);
    broker.faults().block_dead_letters();
    publish(&broker, "a", 0);
    publish(&broker, "a", 1);
    publish(&broker, "b", 2);
    broker.await_messages("out", 1, DEADLINE).await.unwrap();
    let started = tokio::time::Instant::now();
    eventually("it is told", || input.health().status == Status::Degraded).await;
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    assert!(reason(&input).contains("is not confirmed"), "{}", reason(&input));
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(
        reason(&input).contains("was not confirmed within 30s"),
        "{}",
        reason(&input)
    );
    assert_eq!(broker.lag("in", "g"), Some(3));
    broker.faults().accept_dead_letters();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    assert_eq!(ids(&broker, "out"), [r#"{"id":2}"#, r#"{"id":1}"#]);
    assert_eq!(ids(&broker, "error.in.g"), [r#"{"id":0}"#]);
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_a_message_back_whose_dead_letter_is_refused_or_not_confirmed() {
    let broker = MemoryBroker::new();
    for block in [false, true] {
        match block {
            true => broker.faults().block_dead_letters(),
            false => broker.faults().refuse_dead_letters(),
        }
        let application = application(&broker, YAML, listeners![work]).property(DEAD_LETTER.0, DEAD_LETTER.1);
        let running = started(application.state(Seen::default())).await;
        let input = input(&running);
        publish(&broker, "a", 0);
        eventually("it is told", || input.health().status == Status::Degraded).await;
        let stopping = tokio::time::Instant::now();
        running.shutdown().await.unwrap();
        assert!(
            stopping.elapsed() < Duration::from_secs(10),
            "{:?}",
            stopping.elapsed()
        );
        broker.faults().accept_dead_letters();
    }
    assert_eq!(broker.lag("in", "g"), Some(2));
    assert_eq!(ids(&broker, "error.in.g"), Vec::<String>::new());
}

#[tokio::test]
async fn a_dead_letter_that_does_not_fit_is_cut_and_says_how_large_it_was() {
    let broker = MemoryBroker::new();
    broker.faults().limit_payloads("error.in.g", 3000);
    let application = application(&broker, YAML, listeners![work]).property(DEAD_LETTER.0, DEAD_LETTER.1);
    let running = started(application.state(Seen::default())).await;
    let large = "x".repeat(10_000);
    broker.publish_record("in", record(&large, Some("a"))).unwrap();
    publish(&broker, "a", 1);
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let dead = broker.messages("error.in.g").remove(0);
    assert_eq!(dead.headers.text(TRUNCATED_FROM), Some("10000"));
    assert_eq!(dead.headers.text("x-bindery-reason"), Some("undecodable"));
    assert_eq!(dead.bytes().len(), 2500);
    assert_eq!(ids(&broker, "out"), [r#"{"id":1}"#], "the binding goes on");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_output_that_does_not_fit_is_not_tried_again() {
    let broker = MemoryBroker::new();
    broker.faults().limit_payloads("out", 8);
    let seen = Seen::default();
    let application = application(&broker, YAML, listeners![work]).property(DEAD_LETTER.0, DEAD_LETTER.1);
    let running = started(application.state(seen.clone())).await;
    publish(&broker, "a", 100);
    publish(&broker, "a", 1);
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let dead = broker.messages("error.in.g").remove(0);
    assert!(
        dead.headers
            .text("x-exception-message")
            .is_some_and(|text| text.contains("the payload has 10 bytes; `out` takes at most 8")),
    );
    assert_eq!(*seen.lock().unwrap(), [100, 1], "one delivery each");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_held_key_leaves_the_others_their_room_until_its_backlog_has_as_much() {
    let logs = Logs::capture();
    let broker = MemoryBroker::new();
    let seen = Seen::default();
    let application = application(&broker, YAML, listeners![work])
        .property("stream.bindings.work-in-0.consumer.max-in-flight", "32");
    let running = started(application.state(seen.clone())).await;
    let input = input(&running);
    publish(&broker, "held", 0);
    for id in 1..31 {
        publish(&broker, "held", id);
    }
    eventually("30 wait behind", || {
        reason(&input).contains("30 messages wait behind")
    })
    .await;
    for id in 100..900 {
        publish(&broker, &format!("key {}", id % 7), id);
    }
    broker.await_messages("out", 800, DEADLINE).await.unwrap();
    for id in 0..7 {
        let of_key = |seen: &u32| *seen >= 100 && seen % 7 == id;
        let seen: Vec<u32> = seen.lock().unwrap().iter().copied().filter(of_key).collect();
        assert!(seen.is_sorted(), "key {id}: {seen:?}");
    }
    assert!(logs.levels("takes no more messages").is_empty());
    for id in 31..40 {
        publish(&broker, "held", id);
    }
    let told = "`in-0` takes no more messages";
    eventually("the source takes no more", || reason(&input).contains(told)).await;
    assert_eq!(logs.levels(told), [Level::WARN]);
    assert!(input.in_flight() <= 64, "{}", input.in_flight());
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_always_fails_is_delivered_as_often_as_documented_in_each_life_of_the_process() {
    let yaml = "
stream.bindings:
  work-in-0: { destination: in, group: g }
  work-out-0: { destination: out }
";
    for (dead_letter, in_first, in_second) in [("true", 3, 0), ("false", 3, 3)] {
        let broker = MemoryBroker::new();
        publish(&broker, "a", 0);
        for expected in [in_first, in_second] {
            let seen = Seen::default();
            let application =
                application(&broker, yaml, listeners![work]).property(DEAD_LETTER.0, dead_letter);
            let running = started(application.state(seen.clone())).await;
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert_eq!(
                seen.lock().unwrap().len(),
                expected,
                "with dead letter: {dead_letter}"
            );
            running.shutdown().await.unwrap();
        }
        let held = dead_letter == "false";
        assert_eq!(broker.lag("in", "g"), Some(u64::from(held)));
        assert_eq!(broker.messages("error.in.g").len(), usize::from(!held));
    }
}

#[tokio::test(start_paused = true)]
async fn inputs_wait_for_an_output_whose_broker_is_away_and_go_on_in_order() {
    let logs = Logs::capture();
    let factory = Arc::new(MemoryBinderFactory::default());
    let (from, to) = (factory.broker("from"), factory.broker("to"));
    let application = application(&from, YAML, listeners![work])
        .binder(factory.clone())
        .property("stream.binders.from.type", "memory")
        .property("stream.binders.to.type", "memory")
        .property("stream.bindings.work-in-0.binder", "from")
        .property("stream.bindings.work-out-0.binder", "to");
    let running = started(application.state(Seen::default())).await;
    let input = input(&running);
    to.disconnect();
    for id in 1..=300 {
        publish(&from, "a", id);
    }
    eventually("messages wait", || {
        reason(&input).contains("1 message waits for the output")
    })
    .await;
    assert!(
        reason(&input).contains("`work-out-0`: the memory broker is disconnected"),
        "{}",
        reason(&input)
    );
    let health = running.health();
    assert_eq!(health.status, Status::Down);
    assert!(!health.is_ready());
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(from.lag("in", "g"), Some(300));
    to.reconnect();
    from.await_settled("in", "g", DEADLINE).await.unwrap();
    let expected: Vec<_> = (1..=300).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    assert_eq!(ids(&to, "out"), expected);
    eventually("all is up", || running.health().status == Status::Up).await;
    assert_eq!(logs.levels("for the output `work-out-0`"), [Level::WARN]);
    let over = logs.with("the output `work-out-0` takes messages again");
    assert!(over.len() == 1 && over[0].1.contains(" attempts="), "{over:?}");
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn hang(order: Order) -> Result<(), HandlerError> {
    match order.id {
        0 => std::future::pending().await,
        _ => Ok(()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_come_back_is_told_with_its_message() {
    let logs = Logs::capture();
    let broker = MemoryBroker::new();
    let yaml = "stream.bindings.hang-in-0: { destination: in, group: g, consumer: { ordering: key } }";
    let running = started(application(&broker, yaml, listeners![hang])).await;
    let input = running.bindings().named("hang-in-0").remove(0);
    publish(&broker, "b", 1);
    publish(&broker, "a", 0);
    let begun = tokio::time::Instant::now();
    eventually_within(Duration::from_secs(90), || {
        input.health().status == Status::Degraded
    })
    .await;
    let after = begun.elapsed().as_secs_f32();
    assert!((59.0..=61.0).contains(&after), "{after} s");
    let told = reason(&input);
    assert!(
        told.contains("1 handler runs longer than 60s: that of message 1 of `in-0`"),
        "{told}"
    );
    assert_eq!(logs.levels("handler runs longer"), [Level::WARN]);
    let stopping = running.shutdown().await;
    assert!(stopping.is_ok(), "{stopping:?}");
}

async fn eventually_within(deadline: Duration, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    assert!(tokio::time::timeout(deadline, waiting).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_away_for_many_attempts_is_two_lines_for_each_binding() {
    let logs = Logs::capture();
    let broker = MemoryBroker::new();
    broker.disconnect();
    let running = application(&broker, YAML, listeners![work])
        .state(Seen::default())
        .start()
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(300)).await;
    let output = running.bindings().named("work-out-0").remove(0);
    let told = reason(&output);
    assert!(
        told.contains("disconnected, attempt ") && told.contains(", next in "),
        "{told}"
    );
    assert_eq!(reason(&input(&running)), "waits for the output `work-out-0`");
    broker.reconnect();
    running.wait_ready(Duration::from_secs(60)).await.unwrap();
    assert_eq!(
        logs.levels("work-out-0"),
        [Level::WARN, Level::INFO],
        "{:?}",
        logs.with("")
    );
    assert_eq!(running.health().status, Status::Up);
    running.shutdown().await.unwrap();
}
