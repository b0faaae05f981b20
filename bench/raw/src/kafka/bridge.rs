//! Publish: one loop with as many records outstanding as Bindery has callers, each confirmed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::{Result, bail};
use bench_common::{Meter, Settings, Stop};
use rdkafka::ClientContext;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::clients;
use super::orders::Orders;

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
    let mut orders = Orders::new(settings);
    for id in 0..settings.count {
        window.wait_below(settings.callers)?;
        if stop.told() {
            break;
        }
        let (key, payload) = orders.encode(id)?;
        let record = BaseRecord::to(&settings.output)
            .key(&key)
            .payload(payload)
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
