//! Suppliers, polled and streaming.

use std::sync::atomic::{AtomicU32, Ordering};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use futures_util::Stream;

use crate::fixture::{DEADLINE, application, started, text};

static POLLS: AtomicU32 = AtomicU32::new(0);

#[stream_supplier]
async fn tick() -> Option<u32> {
    let number = POLLS.fetch_add(1, Ordering::SeqCst);
    (number != 1).then_some(number)
}

#[stream_supplier]
fn numbers() -> impl Stream<Item = u32> + Send + use<> {
    futures_util::stream::iter(0..5)
}

#[tokio::test]
async fn suppliers_publish_what_they_are_polled_for_or_stream() {
    let broker = MemoryBroker::new();
    let yaml = "
stream.bindings:
  tick-out-0: { destination: ticks, producer.poller.fixed-delay: 1ms }
  numbers-out-0: { destination: numbers }
";
    let running = started(application(&broker, yaml, listeners![tick, numbers])).await;
    let ticks = broker.await_messages("ticks", 3, DEADLINE).await.unwrap();
    assert_eq!(
        ticks.iter().take(3).map(text).collect::<Vec<_>>(),
        ["0", "2", "3"]
    );
    let numbers = broker.await_messages("numbers", 5, DEADLINE).await.unwrap();
    assert_eq!(
        numbers.iter().map(text).collect::<Vec<_>>(),
        ["0", "1", "2", "3", "4"]
    );
    running.shutdown().await.unwrap();
}
