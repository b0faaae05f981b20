//! Publish: one loop with as many records outstanding as Bindery has callers, each confirmed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Result, bail};
use bench_common::{Meter, Order, Settings, Stop, meter};
use rdkafka::ClientContext;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::clients;

/// How long the loop waits at most before it looks again.
const PATIENCE: Duration = Duration::from_millis(100);

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let window = Window {
        outstanding: AtomicUsize::new(0),
        failure: OnceLock::new(),
        publisher: thread::current(),
        meter: meter.clone(),
    };
    // A window this small is confirmed in less than a linger would take.
    let producer: ThreadedProducer<_> = clients::producer(settings, "0").create_with_context(window)?;
    let window = producer.context();
    let mut order = Order::sample(0, 0, 0, 0, settings.bytes);
    let mut json = Vec::with_capacity(settings.bytes + 64);
    for id in 0..settings.count {
        window.wait_below(settings.callers)?;
        if stop.told() {
            break;
        }
        order.id = id;
        order.sequence = id;
        order.sent = meter::now();
        json.clear();
        serde_json::to_writer(&mut json, &order)?;
        let key = order.key();
        let record = BaseRecord::to(&settings.output)
            .key(&key)
            .payload(&json)
            .headers(clients::headers());
        window.outstanding.fetch_add(1, Ordering::Relaxed);
        producer.send(record).map_err(|(error, _)| error)?;
    }
    window.wait_below(1)
}

struct Window {
    outstanding: AtomicUsize,
    failure: OnceLock<String>,
    publisher: Thread,
    meter: Meter,
}

impl Window {
    fn wait_below(&self, limit: usize) -> Result<()> {
        while self.outstanding.load(Ordering::Acquire) >= limit {
            if let Some(failure) = self.failure.get() {
                bail!("a record was not delivered: {failure}");
            }
            thread::park_timeout(PATIENCE);
        }
        Ok(())
    }
}

impl ClientContext for Window {}

impl ProducerContext for Window {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.meter.published(1);
                self.outstanding.fetch_sub(1, Ordering::Release);
            }
            Err((error, _)) => {
                self.failure.get_or_init(|| error.to_string());
            }
        }
        self.publisher.unpark();
    }
}
