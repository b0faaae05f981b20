//! Lanes: order within a partition or key, and neighbours that go on.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use tokio::sync::Semaphore;

use crate::fixture::{DEADLINE, Order, application, eventually, record, started};

#[derive(Default)]
struct Seen(Mutex<Vec<(String, u32)>>);

struct Gate(Semaphore);

#[stream_listener]
async fn watch(order: Order, key: Key, seen: State<Seen>, gate: State<Gate>) {
    let key = String::from_utf8(key.0.unwrap_or_default().to_vec()).unwrap();
    if key == "slow" {
        gate.0.acquire().await.unwrap().forget();
    }
    tokio::time::sleep(Duration::from_micros(u64::from(order.id % 7) * 300)).await;
    seen.0.lock().unwrap().push((key, order.id));
}

fn yaml(consumer: &str) -> String {
    format!("stream.bindings.watch-in-0: {{ destination: orders, group: g, consumer: {{ {consumer} }} }}")
}

fn by_key(seen: &[(String, u32)]) -> HashMap<&str, Vec<u32>> {
    let mut keys: HashMap<&str, Vec<u32>> = HashMap::new();
    for (key, id) in seen {
        keys.entry(key).or_default().push(*id);
    }
    keys
}

#[stream_listener(name = "watch")]
async fn shared_watch(
    order: Order,
    key: Key,
    seen: State<std::sync::Arc<Seen>>,
    gate: State<std::sync::Arc<Gate>>,
) {
    watch(
        order,
        key,
        State::from((*seen).clone()),
        State::from((*gate).clone()),
    )
    .await;
}

async fn run(
    consumer: &str,
) -> (
    MemoryBroker,
    bindery::Running,
    std::sync::Arc<Seen>,
    std::sync::Arc<Gate>,
) {
    let broker = MemoryBroker::new();
    let seen = std::sync::Arc::new(Seen::default());
    let gate = std::sync::Arc::new(Gate(Semaphore::new(0)));
    let application = application(&broker, &yaml(consumer), listeners![shared_watch])
        .state(seen.clone())
        .state(gate.clone());
    (broker, started(application).await, seen, gate)
}

#[tokio::test]
async fn a_slow_key_stalls_itself_only_and_every_key_keeps_its_order() {
    let (broker, running, seen, gate) = run("ordering: key").await;
    for id in 0..300 {
        let key = if id % 30 == 0 {
            "slow".to_owned()
        } else {
            format!("k{}", id % 20)
        };
        broker
            .publish_record("orders", record(&format!(r#"{{"id":{id}}}"#), Some(&key)))
            .unwrap();
    }
    eventually("all quick keys are done", || seen.0.lock().unwrap().len() == 290).await;
    assert!(!by_key(&seen.0.lock().unwrap()).contains_key("slow"));
    gate.0.add_permits(100);
    broker.await_settled("orders", "g", DEADLINE).await.unwrap();
    for (key, ids) in by_key(&seen.0.lock().unwrap()) {
        assert!(ids.is_sorted(), "{key}: {ids:?}");
    }
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_partition_is_processed_in_its_order_by_default() {
    let (broker, running, seen, _gate) = run("concurrency: 1").await;
    for id in 0..200 {
        broker
            .publish_record("orders", record(&format!(r#"{{"id":{id}}}"#), Some("k")))
            .unwrap();
    }
    broker.await_settled("orders", "g", DEADLINE).await.unwrap();
    let ids: Vec<_> = seen.0.lock().unwrap().iter().map(|(_, id)| *id).collect();
    assert_eq!(ids, (0..200).collect::<Vec<_>>());
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn unordered_messages_do_not_wait_for_each_other() {
    let (broker, running, seen, gate) = run("ordering: none").await;
    for id in 0..50 {
        let key = if id < 10 { "slow" } else { "quick" };
        broker
            .publish_record("orders", record(&format!(r#"{{"id":{id}}}"#), Some(key)))
            .unwrap();
    }
    eventually("the quick ones are done", || seen.0.lock().unwrap().len() == 40).await;
    gate.0.add_permits(10);
    broker.await_settled("orders", "g", DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_in_flight_is_bounded() {
    let (broker, running, seen, gate) = run("ordering: key, max-in-flight: 64").await;
    for id in 0..5_000 {
        broker
            .publish_record("orders", record(&format!(r#"{{"id":{id}}}"#), Some("slow")))
            .unwrap();
    }
    let input = running.bindings().named("watch-in-0").remove(0);
    eventually("deliveries are in flight", || input.in_flight() >= 64).await;
    tokio::task::yield_now().await;
    assert!(input.in_flight() < 2_000, "{} in flight", input.in_flight());
    gate.0.add_permits(5_000);
    broker.await_settled("orders", "g", DEADLINE).await.unwrap();
    assert_eq!(seen.0.lock().unwrap().len(), 5_000);
    running.shutdown().await.unwrap();
}
