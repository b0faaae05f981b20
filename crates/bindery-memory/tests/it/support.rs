//! Specs and small helpers.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Binder, BinderFactory, BinderSpec, BindingName, Confirm, ConsumerSpec, Deliveries, Delivery, Message,
    Options, OutboundRecord, ProducerSpec,
};
use bindery_memory::{MemoryBinderFactory, MemoryBroker};
use futures_util::StreamExt;
use serde_json::Value;

pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn options<const N: usize>(entries: [(&str, Value); N]) -> Options {
    Options(
        entries
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

pub(crate) fn binder(broker: &MemoryBroker, options: Options) -> Arc<dyn Binder> {
    let spec = BinderSpec {
        name: "memory".into(),
        kind: "memory".into(),
        options,
        connection: Options::default(),
        consumers: 1,
    };
    MemoryBinderFactory::new(broker.clone()).create(&spec).unwrap()
}

pub(crate) fn input(destination: &str, group: Option<&str>) -> ConsumerSpec {
    ConsumerSpec {
        binding: BindingName::new("handle-in-0"),
        destination: destination.into(),
        group: group.map(Into::into),
        concurrency: 1,
        partitioned: false,
        instance_count: 1,
        instance_index: 0,
        batch: None,
        max_in_flight: 2048,
        max_attempts: 3,
        options: Options::default(),
    }
}

pub(crate) fn output(destination: &str) -> ProducerSpec {
    ProducerSpec {
        binding: BindingName::new("handle-out-0"),
        destination: destination.into(),
        partition_count: None,
        required_groups: Vec::new(),
        max_in_flight: 1024,
        confirm_timeout: DEADLINE,
        awaited: false,
        options: Options::default(),
    }
}

pub(crate) fn record(text: &str) -> OutboundRecord {
    OutboundRecord {
        payload: Some(text.to_owned().into()),
        key: None,
        headers: bindery_core::Headers::new(),
        partition: None,
        routing_key: None,
    }
}

pub(crate) fn publish(broker: &MemoryBroker, destination: &str, text: &str) {
    broker
        .publish(destination, Message::new(text.to_owned()))
        .unwrap();
}

/// The next `count` deliveries.
pub(crate) async fn take(deliveries: &mut Deliveries, count: usize) -> Vec<Delivery> {
    let mut taken = Vec::new();
    while taken.len() < count {
        let batch = tokio::time::timeout(DEADLINE, deliveries.next()).await;
        let batch = batch
            .unwrap_or_else(|_| panic!("{} of {count} deliveries came", taken.len()))
            .expect("the stream goes on");
        taken.extend(batch.deliveries);
    }
    taken
}

pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8_lossy(delivery.message.bytes()).into_owned()
}

pub(crate) fn confirm() -> (
    Confirm,
    impl Future<Output = bindery_core::Result<bindery_core::Position>>,
) {
    Confirm::channel()
}
