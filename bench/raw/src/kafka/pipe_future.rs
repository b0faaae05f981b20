//! Consume, transform, publish with `FutureProducer`: as most would write it, with the same window as the other twin.

use std::collections::{BTreeMap, VecDeque};

use anyhow::{Context, Result};
use bench_common::{Meter, Settings, Stop};
use futures_util::FutureExt;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tokio::runtime::{Builder, Runtime};

use super::clients;
use super::lanes::WINDOW;

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let consumer = clients::consumer(settings)?;
    let producer: FutureProducer = clients::producer(settings, "5").create()?;
    let mut window = Window {
        runtime: Builder::new_current_thread().build()?,
        sent: VecDeque::with_capacity(WINDOW),
    };
    let mut json = Vec::with_capacity(1_024);
    while !stop.told() {
        if window.sent.len() == WINDOW {
            window.settle(&consumer, &settings.input)?;
        }
        let Some(message) = clients::poll(&consumer)? else {
            window.settle(&consumer, &settings.input)?;
            continue;
        };
        let order = clients::order(&message)?;
        meter.order(&order);
        json.clear();
        serde_json::to_writer(&mut json, &order.priced())?;
        let record = FutureRecord::to(&settings.output)
            .partition(message.partition())
            .key(message.key().context("a message has no key")?)
            .payload(&json)
            .headers(clients::headers());
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        window.sent.push_back(Sent {
            partition: message.partition(),
            offset: message.offset(),
            delivery,
        });
    }
    while !window.sent.is_empty() {
        window.settle(&consumer, &settings.input)?;
    }
    clients::commit(&consumer)
}

/// What was published and not yet confirmed, in order.
struct Window {
    runtime: Runtime,
    sent: VecDeque<Sent>,
}

struct Sent {
    partition: i32,
    offset: i64,
    delivery: DeliveryFuture,
}

impl Window {
    /// Waits for the oldest and takes what is confirmed behind it.
    fn settle(&mut self, consumer: &BaseConsumer, topic: &str) -> Result<()> {
        let Some(oldest) = self.sent.pop_front() else {
            return Ok(());
        };
        let mut last = BTreeMap::new();
        self.runtime
            .block_on(oldest.delivery)?
            .map_err(|(error, _)| error)?;
        last.insert(oldest.partition, oldest.offset);
        while let Some(next) = self.sent.front_mut()
            && let Some(delivery) = (&mut next.delivery).now_or_never()
        {
            delivery?.map_err(|(error, _)| error)?;
            last.insert(next.partition, next.offset);
            self.sent.pop_front();
        }
        for (partition, offset) in last {
            consumer.store_offset(topic, partition, offset)?;
        }
        Ok(())
    }
}
