//! What once went wrong between the steps of a message's way: outages, stops and rebinds at bad moments.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::Running;
use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use tokio::sync::Semaphore;

use crate::fixture::{DEADLINE, Order, application, eventually, order, record, started, text};

#[stream_listener]
async fn pass(order: Order) -> Order {
    order
}

const PASS: &str = "
stream.bindings:
  pass-in-0: { destination: in, group: g }
  pass-out-0: { destination: out }
";

fn ids(broker: &MemoryBroker, destination: &str) -> Vec<String> {
    broker.messages(destination).iter().map(text).collect()
}

/// Lets every confirmation that is held back fail as it does when a broker goes away.
async fn outage(running: &Running, broker: &MemoryBroker, output: &str, destination: &str) {
    let output = running.bindings().named(output).remove(0);
    output.stop().await.unwrap();
    broker.faults().release_confirms(destination);
    output.start().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_everything_that_waits_is_published_again_after_one_pause() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, PASS, listeners![pass])).await;
    broker.faults().hold_confirms("out");
    for id in 0..300 {
        broker.publish_record("in", order(id)).unwrap();
    }
    eventually("all wait for confirmation", || {
        broker.faults().held_confirms("out") == 300
    })
    .await;
    outage(&running, &broker, "pass-out-0", "out").await;
    let begun = tokio::time::Instant::now();
    broker
        .await_settled("in", "g", Duration::from_secs(600))
        .await
        .unwrap();
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(10),
        "a pause for each message: {took:?}"
    );
    let again = ids(&broker, "out").split_off(300);
    let expected: Vec<_> = (0..300).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    assert_eq!(again, expected, "in order");
    running.shutdown().await.unwrap();
}

struct Gate {
    permits: Semaphore,
    started: Mutex<Vec<u32>>,
}

fn gate() -> Arc<Gate> {
    Arc::new(Gate {
        permits: Semaphore::new(0),
        started: Mutex::default(),
    })
}

#[stream_listener]
async fn work(order: Order, gate: State<Arc<Gate>>) {
    gate.started.lock().unwrap().push(order.id);
    gate.permits.acquire().await.unwrap().forget();
}

#[tokio::test]
async fn a_stop_starts_no_handler_that_waited_for_its_turn() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings.work-in-0: { destination: in, group: g, consumer: { ordering: key, concurrency: 2 } }
";
    let state = gate();
    let running = started(application(&broker, yaml, listeners![work]).state(state.clone())).await;
    for id in 0..20 {
        let key = format!("k{id}");
        let mut record = record(&format!(r#"{{"id":{id}}}"#), Some(&key));
        record.partition = Some(0);
        broker.publish_record("in", record).unwrap();
    }
    let input = running.bindings().named("work-in-0").remove(0);
    eventually("all are delivered, two at work", || {
        input.in_flight() == 20 && state.started.lock().unwrap().len() == 2
    })
    .await;
    let stopping = tokio::spawn(async move { input.stop().await });
    // What waits for its turn goes back while the two are still at work.
    let input = running.bindings().named("work-in-0").remove(0);
    eventually("the rest is given back", || input.in_flight() == 2).await;
    state.permits.add_permits(100);
    stopping.await.unwrap().unwrap();
    assert_eq!(state.started.lock().unwrap().len(), 2);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_partition_of_a_message_does_not_depend_on_when_its_output_was_bound() {
    let broker = MemoryBroker::new();
    broker.faults().fail_binds(1);
    let yaml = "
stream:
  bindings.place-out-0:
    destination: orders
    producer: { partition-key-expression: payload.id, partition-count: 2 }
  memory.binder.min-partition-count: 8
";
    let running = application(&broker, yaml, listeners![]).start().await.unwrap();
    let bridge = running.stream_bridge();
    let early = bridge.send("place-out-0", Order { id: 7 }).await.unwrap();
    let late = bridge.send("place-out-0", Order { id: 7 }).await.unwrap();
    assert_eq!(early.partition, late.partition);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn publishing_after_the_end_says_at_once_that_the_application_has_ended() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, PASS, listeners![pass])).await;
    let bridge = running.stream_bridge();
    running.shutdown().await.unwrap();
    for binding in ["pass-out-0", "somewhere-new"] {
        let refused = tokio::time::timeout(DEADLINE, bridge.send(binding, Order { id: 1 })).await;
        let error = refused.unwrap().unwrap_err();
        assert!(error.to_string().contains("the application has ended"), "{error}");
    }
}

#[stream_listener]
async fn judge(order: Order, kept: State<Arc<Mutex<Vec<Acknowledgment>>>>, ack: Acknowledgment) -> Order {
    kept.lock().unwrap().push(ack);
    order
}

#[tokio::test]
async fn a_rejection_counts_although_the_broker_of_an_output_was_away() {
    let broker = MemoryBroker::new();
    let yaml = "
stream:
  bindings:
    judge-in-0: { destination: in, group: g, consumer: { max-attempts: 1 } }
    judge-out-0: { destination: out }
  memory.bindings.judge-in-0.consumer.enable-dlq: true
";
    let kept: Arc<Mutex<Vec<Acknowledgment>>> = Arc::default();
    let running = started(application(&broker, yaml, listeners![judge]).state(kept.clone())).await;
    broker.faults().lose_confirms("out", 1);
    broker.publish_record("in", order(1)).unwrap();
    broker.await_messages("out", 1, DEADLINE).await.unwrap();
    kept.lock().unwrap().remove(0).reject("not wanted");
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    assert_eq!(ids(&broker, "error.in.g"), [r#"{"id":1}"#]);
    running.shutdown().await.unwrap();
}

#[stream_listener(name = "pass")]
async fn pass_but_zero(order: Order) -> Result<Order, HandlerError> {
    match order.id {
        0 => Err(HandlerError::permanent("zero")),
        _ => Ok(order),
    }
}

#[tokio::test(start_paused = true)]
async fn a_held_message_does_not_keep_an_earlier_one_from_being_published_again() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, PASS, listeners![pass_but_zero])).await;
    broker.faults().hold_confirms("out");
    for id in [7, 0, 8] {
        broker.publish_record("in", order(id)).unwrap();
    }
    let input = running.bindings().named("pass-in-0").remove(0);
    eventually("the second is held", || {
        input.health().status == bindery::Status::Degraded
    })
    .await;
    outage(&running, &broker, "pass-out-0", "out").await;
    eventually("the first is settled", || broker.lag("in", "g") == Some(2)).await;
    running.shutdown().await.unwrap();
    assert_eq!(ids(&broker, "out"), [r#"{"id":7}"#, r#"{"id":7}"#]);
    assert_eq!(broker.lag("in", "g"), Some(2));
}

#[stream_listener]
async fn sum(
    orders: Batch<Order>,
    attempt: Attempt,
    seen: State<Arc<Mutex<Vec<(usize, u32)>>>>,
) -> Result<(), HandlerError> {
    let size = orders.0.len();
    seen.lock().unwrap().push((size, attempt.0));
    match orders.payloads().map(|order| order.id).max() {
        Some(13) if size > 1 => Err(HandlerError::permanent("one of them is thirteen")),
        Some(13) => Err(HandlerError::retryable("thirteen")),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn the_call_of_a_batch_counts_for_each_of_its_messages() {
    let broker = MemoryBroker::new();
    let yaml = "
stream:
  bindings.sum-in-0:
    { destination: in, group: g, consumer: { batch-mode: true, max-attempts: 3, back-off-initial-interval: 1 } }
  memory.bindings.sum-in-0.consumer.enable-dlq: true
";
    for id in [1, 13, 2] {
        broker.publish_record("in", order(id)).unwrap();
    }
    let seen: Arc<Mutex<Vec<(usize, u32)>>> = Arc::default();
    let running = started(application(&broker, yaml, listeners![sum]).state(seen.clone())).await;
    let dead = broker.await_messages("error.in.g", 1, DEADLINE).await.unwrap();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [(3, 1), (1, 2), (1, 2), (1, 3), (1, 2)]);
    let attempts = dead[0]
        .headers
        .get("x-bindery-attempts")
        .and_then(|value| value.as_i64());
    assert_eq!(attempts, Some(3), "delivered `max-attempts` times");
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn linger(_order: Order) -> Result<(), HandlerError> {
    tokio::time::sleep(Duration::from_secs(8)).await;
    Err(HandlerError::retryable("not yet"))
}

#[tokio::test(start_paused = true)]
async fn the_deadline_of_all_attempts_counts_from_the_first_delivery() {
    let broker = MemoryBroker::new();
    let yaml = "
stream:
  bindings.linger-in-0:
    destination: in
    group: g
    consumer: { max-attempts: 100, retry: { strategy: fixed, delay: 1s, deadline: 10s } }
  memory.bindings.linger-in-0.consumer.enable-dlq: true
";
    let running = started(application(&broker, yaml, listeners![linger])).await;
    broker.publish_record("in", order(1)).unwrap();
    let dead = broker
        .await_messages("error.in.g", 1, Duration::from_secs(600))
        .await
        .unwrap();
    let attempts = dead[0]
        .headers
        .get("x-bindery-attempts")
        .and_then(|value| value.as_i64());
    assert_eq!(attempts, Some(2), "the second fails after 17 s");
    running.shutdown().await.unwrap();
}

#[stream_supplier]
fn pairs() -> impl futures_util::Stream<Item = (u32, u32)> + Send + use<> {
    futures_util::stream::iter([(1, 2)])
}

#[tokio::test]
async fn a_supplied_value_is_published_whole_before_its_supplier_stops() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings:
  pairs-out-0: { destination: left }
  pairs-out-1: { destination: right }
";
    broker.faults().hold_confirms("left");
    let running = started(application(&broker, yaml, listeners![pairs])).await;
    eventually("the first half waits", || {
        broker.faults().held_confirms("left") == 1
    })
    .await;
    let releasing = broker.clone();
    let mut stopping = tokio::spawn(running.shutdown());
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut stopping)
            .await
            .is_err(),
        "the supplier has something to finish"
    );
    releasing.faults().release_confirms("left");
    stopping.await.unwrap().unwrap();
    assert_eq!(
        (ids(&broker, "left"), ids(&broker, "right")),
        (vec!["1".to_owned()], vec!["2".to_owned()])
    );
}

#[stream_listener(name = "pass")]
async fn counted_pass(order: Order, gate: State<Arc<Gate>>) -> Order {
    gate.started.lock().unwrap().push(order.id);
    order
}

#[tokio::test]
async fn a_stop_publishes_what_waits_for_room() {
    let broker = MemoryBroker::new();
    let state = gate();
    let application = application(&broker, PASS, listeners![counted_pass])
        .property("stream.bindings.pass-out-0.producer.max-in-flight", "1")
        .state(state.clone());
    let running = started(application).await;
    broker.faults().hold_confirms("out");
    for id in 0..2 {
        broker.publish_record("in", order(id)).unwrap();
    }
    eventually("the second waits for room", || {
        state.started.lock().unwrap().len() == 2
    })
    .await;
    let input = running.bindings().named("pass-in-0").remove(0);
    let stopping = tokio::spawn(async move { input.stop().await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    broker.faults().release_confirms("out");
    stopping.await.unwrap().unwrap();
    assert_eq!(ids(&broker, "out"), [r#"{"id":0}"#, r#"{"id":1}"#]);
    assert_eq!(broker.lag("in", "g"), Some(0), "what was started is finished");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_binding_that_was_started_is_not_stopped_any_more() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, PASS, listeners![pass])).await;
    for name in ["pass-in-0", "pass-out-0"] {
        let binding = running.bindings().named(name).remove(0);
        binding.stop().await.unwrap();
        assert_eq!(binding.state(), bindery::BindingState::Stopped);
        binding.start().await.unwrap();
        assert_ne!(binding.state(), bindery::BindingState::Stopped);
    }
    running.wait_ready(DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn twice(order: Order, first: Acknowledgment, second: Acknowledgment) -> Order {
    first.acknowledge();
    second.acknowledge();
    tokio::task::yield_now().await;
    order
}

#[tokio::test]
async fn a_message_that_is_acknowledged_twice_waits_for_its_outputs_all_the_same() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings:
  twice-in-0: { destination: in, group: g }
  twice-out-0: { destination: out }
";
    let running = started(application(&broker, yaml, listeners![twice])).await;
    broker.publish_record("in", order(1)).unwrap();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    assert_eq!(ids(&broker, "out"), [r#"{"id":1}"#]);
    running.shutdown().await.unwrap();
}
