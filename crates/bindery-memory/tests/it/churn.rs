//! Members come and go while messages flow: nothing is lost, and what is delivered first comes in order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bindery_core::{Binder, Consumer, ConsumerSpec, DeliveryBatch, Options, Settlement};
use bindery_memory::MemoryBroker;
use futures_util::StreamExt;

use crate::support::*;

const PARTITIONS: u32 = 4;
const MESSAGES: u64 = 20_000;

/// What all members saw together.
#[derive(Default)]
struct Ledger {
    /// The next offset of each partition that nobody got before.
    next: BTreeMap<i32, u64>,
    accepted: BTreeMap<(i32, u64), u32>,
}

/// A small generator of numbers, so that a run can be repeated by its seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Settles a batch: mostly accepts, sometimes releases, and releases everything of a revoked source.
fn work(consumer: &Consumer, batch: DeliveryBatch, numbers: &mut Numbers, ledger: &Mutex<Ledger>) {
    let partition = batch.source.partition.unwrap();
    for delivery in batch.deliveries {
        let position = delivery.receipt.position;
        let mut ledger = ledger.lock().unwrap();
        let next = ledger.next.entry(partition).or_default();
        if position >= *next {
            assert_eq!(position, *next, "partition {partition} skipped messages");
            assert!(!delivery.message.origin.redelivered);
            *next += 1;
        } else {
            assert!(delivery.message.origin.redelivered);
        }
        if batch.source.revoked.is_cancelled() || numbers.below(50) == 0 {
            consumer.settler.settle(delivery.receipt, Settlement::Release);
        } else {
            *ledger.accepted.entry((partition, position)).or_default() += 1;
            consumer.settler.settle(delivery.receipt, Settlement::Accept);
        }
    }
}

/// A member that takes some batches and leaves, closed or dropped, again and again.
async fn come_and_go(
    binder: Arc<dyn Binder>,
    spec: ConsumerSpec,
    mut numbers: Numbers,
    broker: MemoryBroker,
    ledger: Arc<Mutex<Ledger>>,
) {
    while broker.lag("orders", "g") != Some(0) || broker.messages("orders").len() < MESSAGES as usize {
        let mut consumer = binder.bind_consumer(&spec).await.unwrap();
        for _ in 0..=numbers.below(40) {
            let settled = broker.await_settled("orders", "g", DEADLINE);
            tokio::select! {
                batch = consumer.deliveries.next() => work(&consumer, batch.unwrap(), &mut numbers, &ledger),
                _ = settled => break,
            }
        }
        if numbers.below(2) == 0 {
            consumer.control.close().await;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_lost_while_members_come_and_go() {
    let broker = MemoryBroker::new();
    let binder = binder(&broker, Options::default());
    let mut output = output("orders");
    output.partition_count = Some(PARTITIONS);
    output.required_groups = vec!["g".into()];
    let producer = binder.bind_producer(&output).await.unwrap();
    let mut spec = input("orders", Some("g"));
    spec.max_in_flight = 100;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let publishing = tokio::spawn(async move {
        for number in 0..MESSAGES {
            producer
                .send(record(&number.to_string()).into(), confirm().0)
                .unwrap();
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let members = (0..5).map(|seed| {
        let member = come_and_go(
            binder.clone(),
            spec.clone(),
            Numbers(seed),
            broker.clone(),
            ledger.clone(),
        );
        tokio::spawn(member)
    });
    let members: Vec<_> = members.collect();
    let finish = async {
        publishing.await.unwrap();
        for member in members {
            member.await.unwrap();
        }
    };
    tokio::time::timeout(DEADLINE, finish).await.unwrap();
    let ledger = ledger.lock().unwrap();
    assert_eq!(ledger.accepted.len() as u64, MESSAGES, "messages are lost");
    assert_eq!(ledger.next.values().sum::<u64>(), MESSAGES);
}
