//! Manual acknowledgement.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;

use crate::fixture::{DEADLINE, Order, application, eventually, order, started, text};

#[derive(Default)]
struct Kept(Mutex<Vec<(u32, Acknowledgment)>>);

#[stream_listener]
async fn keep(order: Order, acknowledgment: Acknowledgment, kept: State<Arc<Kept>>) {
    match order.id {
        100 => acknowledgment.reject("not wanted"),
        101 => drop(acknowledgment),
        id => kept.0.lock().unwrap().push((id, acknowledgment)),
    }
}

const YAML: &str = "
stream:
  bindings.keep-in-0: { destination: in, group: g, consumer: { max-attempts: 1 } }
  memory.bindings.keep-in-0.consumer.enable-dlq: true
";

#[tokio::test]
async fn a_message_is_settled_when_its_handler_acknowledges_it() {
    let broker = MemoryBroker::new();
    let kept = Arc::new(Kept::default());
    let running = started(application(&broker, YAML, listeners![keep]).state(kept.clone())).await;
    for id in 0..3 {
        broker.publish_record("in", order(id)).unwrap();
    }
    eventually("all are handled", || kept.0.lock().unwrap().len() == 3).await;
    assert_eq!(broker.lag("in", "g"), Some(3));
    for (_, acknowledgment) in kept.0.lock().unwrap().drain(..) {
        acknowledgment.acknowledge();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_rejected_and_a_forgotten_acknowledgment_count_as_failures() {
    let broker = MemoryBroker::new();
    let running =
        started(application(&broker, YAML, listeners![keep]).state(Arc::new(Kept::default()))).await;
    broker.publish_record("in", order(100)).unwrap();
    broker.publish_record("in", order(101)).unwrap();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let dead: Vec<_> = broker.messages("error.in.g").iter().map(text).collect();
    assert_eq!(dead, [r#"{"id":100}"#, r#"{"id":101}"#]);
    running.shutdown().await.unwrap();
}
