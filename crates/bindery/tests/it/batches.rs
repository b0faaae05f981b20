//! Batch mode: several messages in one call, and a poisoned one that doesn't take its neighbours along.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;

use crate::fixture::{DEADLINE, Order, application, order, record, started, text};

#[derive(Default)]
struct Sizes(Mutex<Vec<usize>>);

#[stream_listener]
async fn collect(orders: Batch<Order>, sizes: State<Arc<Sizes>>) -> Result<Vec<Order>, HandlerError> {
    sizes.0.lock().unwrap().push(orders.0.len());
    let orders: Vec<_> = orders.payloads().collect();
    match orders.iter().any(|order| order.id == 13) {
        true => Err(HandlerError::permanent("thirteen")),
        false => Ok(orders),
    }
}

const YAML: &str = "
stream:
  bindings:
    collect-in-0: { destination: in, group: g, consumer: { batch-mode: true, batch-size: 10 } }
    collect-out-0: { destination: out }
  memory.bindings.collect-in-0.consumer.enable-dlq: true
";

#[tokio::test]
async fn a_batch_is_one_call_and_its_poisoned_messages_alone_are_dead_lettered() {
    let broker = MemoryBroker::new();
    // The group exists before its consumer, so that the first call finds all of them.
    for id in 0..25 {
        broker.publish_record("in", order(id)).unwrap();
    }
    broker.publish_record("in", record("not json", None)).unwrap();
    let sizes = Arc::new(Sizes::default());
    let running = started(application(&broker, YAML, listeners![collect]).state(sizes.clone())).await;
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let mut dead: Vec<_> = broker.messages("error.in.g").iter().map(text).collect();
    dead.sort();
    assert_eq!(dead, ["not json", r#"{"id":13}"#]);
    let published: Vec<_> = broker.messages("out").iter().map(text).collect();
    let expected: Vec<_> = (0..25)
        .filter(|id| *id != 13)
        .map(|id| format!(r#"{{"id":{id}}}"#))
        .collect();
    assert_eq!(published, expected);
    assert_eq!(
        sizes.0.lock().unwrap()[0],
        10,
        "the first call takes what `batch-size` allows"
    );
    running.shutdown().await.unwrap();
}
