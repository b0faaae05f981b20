//! Outputs: windows of confirmations, settlement after them, headers, keys and partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{ListenerDefinition, listeners};

use crate::fixture::{DEADLINE, Order, application, eventually, order, record, started, text};

#[stream_listener]
async fn pass(order: Order) -> Order {
    order
}

const YAML: &str = "
stream.bindings:
  pass-in-0: { destination: in, group: g }
  pass-out-0: { destination: out }
";

#[tokio::test]
async fn an_input_is_settled_when_its_outputs_are_confirmed_and_the_lane_goes_on_meanwhile() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![pass])).await;
    broker.faults().hold_confirms("out");
    for id in 0..100 {
        broker.publish_record("in", order(id)).unwrap();
    }
    eventually("all outputs wait for confirmation", || {
        broker.faults().held_confirms("out") == 100
    })
    .await;
    assert_eq!(
        broker.lag("in", "g"),
        Some(100),
        "nothing is settled before its outputs are confirmed"
    );
    broker.faults().release_confirms("out");
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let published: Vec<_> = broker.messages("out").iter().map(text).collect();
    let expected: Vec<_> = (0..100).map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    assert_eq!(published, expected, "in order, each once");
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_output_whose_broker_was_away_is_published_again() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![pass])).await;
    broker.faults().lose_confirms("out", 7);
    for id in 0..10 {
        broker.publish_record("in", order(id)).unwrap();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let mut published: Vec<_> = broker.messages("out").iter().map(text).collect();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 10);
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn twice(order: Order, calls: State<Arc<AtomicU32>>) -> Vec<Order> {
    calls.fetch_add(1, Ordering::SeqCst);
    vec![Order { id: order.id }, Order { id: order.id + 1 }]
}

#[stream_listener]
async fn single(order: Order, calls: State<Arc<AtomicU32>>) -> Vec<Order> {
    calls.fetch_add(1, Ordering::SeqCst);
    vec![order]
}

/// Publishes one order, loses one confirmation of what comes of it, and returns what was published and how often a handler
/// was called.
async fn after_a_lost_confirm(function: &str, listeners: Vec<ListenerDefinition>) -> (Vec<String>, u32) {
    let broker = MemoryBroker::new();
    let yaml = format!(
        "
stream.bindings:
  {function}-in-0: {{ destination: in, group: g }}
  {function}-out-0: {{ destination: out }}
"
    );
    let calls = Arc::new(AtomicU32::new(0));
    let application = application(&broker, &yaml, listeners).state(calls.clone());
    let running = started(application).await;
    broker.faults().lose_confirms("out", 1);
    broker.publish_record("in", order(1)).unwrap();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let published = broker.messages("out").iter().map(text).collect();
    running.shutdown().await.unwrap();
    (published, calls.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn all_outputs_of_a_message_are_published_again_in_their_order_when_one_was_not_confirmed() {
    let (published, calls) = after_a_lost_confirm("twice", listeners![twice]).await;
    assert_eq!(
        published,
        [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":1}"#, r#"{"id":2}"#]
    );
    assert_eq!(calls, 1, "no handler is called for that");
}

#[tokio::test(start_paused = true)]
async fn the_only_record_of_a_list_is_published_again_when_it_was_not_confirmed() {
    let (published, calls) = after_a_lost_confirm("single", listeners![single]).await;
    assert_eq!(published, [r#"{"id":1}"#, r#"{"id":1}"#]);
    assert_eq!(calls, 1, "no handler is called for that");
}

#[stream_listener]
async fn shape(order: Order) -> Message<Order> {
    Message::new(order).header("colour", "red").key("k")
}

#[tokio::test]
async fn headers_are_the_listeners_own_or_a_copy_of_the_inputs() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings:
  pass-in-0: { destination: in, group: g }
  pass-out-0: { destination: copied, producer: { partition-key-expression: payload.id, partition-count: 5 } }
  shape-in-0: { destination: in, group: s }
  shape-out-0: { destination: own }
";
    let running = started(application(&broker, yaml, listeners![pass, shape])).await;
    let mut input = record(r#"{"id":7}"#, Some("input-key"));
    input.headers.insert("trace", "t1");
    broker.publish_record("in", input).unwrap();
    let copied = broker
        .await_messages("copied", 1, DEADLINE)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(copied.headers.text("trace"), Some("t1"));
    assert_eq!(copied.headers.text("contentType"), Some("application/json"));
    assert_eq!(
        copied
            .headers
            .get("scst_partition")
            .and_then(|value| value.as_i64()),
        Some(2)
    );
    assert_eq!(copied.origin.partition, Some(2));
    let own = broker.await_messages("own", 1, DEADLINE).await.unwrap().remove(0);
    assert_eq!(
        (own.headers.text("colour"), own.headers.text("trace")),
        (Some("red"), None)
    );
    assert_eq!(own.key.as_deref(), Some(&b"k"[..]));
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn route(order: Order) -> (Option<Order>, Option<String>) {
    if order.id.is_multiple_of(2) {
        (Some(order), None)
    } else {
        (None, Some(format!("odd {}", order.id)))
    }
}

#[tokio::test]
async fn a_tuple_goes_to_several_outputs() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings:
  route-in-0: { destination: in, group: g }
  route-out-0: { destination: even }
  route-out-1: { destination: odd, content-type: text/plain }
";
    let running = started(application(&broker, yaml, listeners![route])).await;
    for id in 1..=4 {
        broker.publish_record("in", order(id)).unwrap();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let texts = |destination| broker.messages(destination).iter().map(text).collect::<Vec<_>>();
    assert_eq!(texts("even"), [r#"{"id":2}"#, r#"{"id":4}"#]);
    assert_eq!(texts("odd"), ["odd 1", "odd 3"]);
    running.shutdown().await.unwrap();
}
