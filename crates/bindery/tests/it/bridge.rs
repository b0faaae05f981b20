//! The stream bridge: from anywhere, to bindings and to destinations that no YAML names.

use bindery::memory::MemoryBroker;
use bindery::prelude::*;

use crate::fixture::{Order, application, started, text};

#[tokio::test]
async fn the_bridge_returns_when_its_message_is_confirmed() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings.place-out-0:
  destination: orders
  producer: { partition-key-expression: payload.id, partition-count: 4 }
";
    let running = started(application(&broker, yaml, listeners![])).await;
    let bridge = running.stream_bridge();
    let position = bridge.send("place-out-0", Order { id: 6 }).await.unwrap();
    assert_eq!(position.partition, Some(2));
    bridge
        .send("anywhere", Message::new("plain").header("h", 1))
        .await
        .unwrap();
    let plain = broker.messages("anywhere").remove(0);
    assert_eq!(
        (text(&plain).as_str(), plain.headers.content_type().as_deref()),
        ("plain", Some("application/json"))
    );
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_refuses_is_told_to_the_caller() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, "stream: {}", listeners![])).await;
    broker.faults().refuse_publications("orders", 1);
    let refused = running.stream_bridge().send("orders", Order { id: 1 }).await;
    assert!(refused.is_err_and(|error| error.is_temporary()));
    running.shutdown().await.unwrap();
}
