//! What runs at the same time, and what stays in order all the same. Needs the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bindery_core::ListenerDefinition;
use tokio::sync::Semaphore;

use crate::Suite;
use crate::service::{Ledger, Work, worker};
use crate::suite::{eventually, keyed};

/// Handlers that wait until somebody opens the gate, and how many of them do.
#[derive(Clone)]
struct Gate {
    running: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self {
            running: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    async fn pass(&self) {
        self.running.fetch_add(1, Ordering::SeqCst);
        // The gate is opened, never closed.
        let _ = self.open.acquire().await;
        self.running.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits until `count` handlers are at the gate at the same time, and opens it.
    async fn open_for(&self, suite: &Suite, count: usize) {
        let what = format!("{count} handlers at the same time");
        eventually(suite.deadline(), &what, || {
            self.running.load(Ordering::SeqCst) >= count
        })
        .await;
        self.open.add_permits(Semaphore::MAX_PERMITS / 2);
    }
}

fn gated(gate: &Gate, ledger: &Ledger) -> ListenerDefinition {
    let (gate, ledger) = (gate.clone(), ledger.clone());
    worker(move |work: Work| {
        let (gate, ledger) = (gate.clone(), ledger.clone());
        async move {
            gate.pass().await;
            ledger.note(&format!("{} {}", work.key, work.text), work.attempt);
            Ok(())
        }
    })
}

/// Handles `COUNT` messages of 16 keys, of which `at_once` must run at the same time, and returns the calls.
async fn handle(suite: &Suite, properties: &[(&str, &str)], at_once: usize) -> Vec<String> {
    const COUNT: usize = 320;
    let (gate, ledger) = (Gate::new(), Ledger::default());
    let mut plan = suite.application(gated(&gate, &ledger));
    for (key, value) in properties {
        plan = plan.consumer(key, value);
    }
    let service = plan.start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let records = (0..COUNT).map(|number| keyed(&format!("k{}", number % 16), format!("{:03}", number / 16)));
    publisher.publish(records).await;
    gate.open_for(suite, at_once).await;
    eventually(suite.deadline(), "every message", || ledger.len() >= COUNT).await;
    service.idle().await;
    service.shutdown().await;
    ledger.texts()
}

fn assert_each_key_is_in_order(calls: &[String]) {
    for key in 0..16 {
        let prefix = format!("k{key} ");
        let of_key: Vec<_> = calls.iter().filter(|call| call.starts_with(&prefix)).collect();
        assert_eq!(of_key.len(), 20, "{prefix}: {of_key:?}");
        assert!(of_key.is_sorted(), "{prefix}: {of_key:?}");
    }
}

pub async fn keys_are_handled_at_the_same_time_and_each_in_order(suite: &Suite) {
    let calls = handle(suite, &[("ordering", "key")], 16).await;
    assert_each_key_is_in_order(&calls);
}

pub async fn one_source_is_handled_one_message_at_a_time(suite: &Suite) {
    let calls = handle(suite, &[], 1).await;
    assert_each_key_is_in_order(&calls);
}

pub async fn without_an_order_messages_are_handled_at_the_same_time(suite: &Suite) {
    let calls = handle(suite, &[("ordering", "none")], 32).await;
    assert_eq!(calls.len(), 320);
}

pub async fn concurrency_is_how_many_sources_are_handled_at_the_same_time(suite: &Suite) {
    let calls = handle(suite, &[("concurrency", "3")], 3).await;
    assert_eq!(calls.len(), 320);
}
