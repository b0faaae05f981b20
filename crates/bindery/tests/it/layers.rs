//! Layers: what runs around every call of a listener.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{Call, Invocation, Listener, Outcome};
use tower_layer::layer_fn;

use crate::fixture::{DEADLINE, Order, application, order, started};

#[stream_listener]
async fn accept(_order: Order) {}

/// Refuses odd orders without asking the handler.
struct EvenOnly {
    inner: Arc<dyn Listener>,
    refused: Arc<AtomicU32>,
}

impl Listener for EvenOnly {
    fn call(&self, invocation: &Invocation, call: &mut Call) {
        let odd = invocation
            .input
            .first()
            .is_some_and(|message| message.bytes().ends_with(b"1}"));
        if odd {
            self.refused.fetch_add(1, Ordering::SeqCst);
            call.set(std::future::ready(Outcome::Failed(HandlerError::discard("odd"))));
        } else {
            self.inner.call(invocation, call);
        }
    }
}

#[tokio::test]
async fn a_layer_runs_around_each_call() {
    let broker = MemoryBroker::new();
    let refused = Arc::new(AtomicU32::new(0));
    let count = refused.clone();
    let layer = layer_fn(move |inner| EvenOnly {
        inner,
        refused: count.clone(),
    });
    let yaml = "stream.bindings.accept-in-0: { destination: in, group: g }";
    let running = started(application(&broker, yaml, listeners![accept]).layer(layer)).await;
    for id in [10, 11, 12, 21] {
        broker.publish_record("in", order(id)).unwrap();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    assert_eq!(refused.load(Ordering::SeqCst), 2);
    running.shutdown().await.unwrap();
}
