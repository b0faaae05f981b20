//! Batches: up to 500 orders are decoded, handled together, and their offsets stored.

use std::time::Duration;

use anyhow::Result;
use bench_common::{Meter, Order, Settings, Stop};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, Message};

use super::clients;

/// How many orders are handled together at most.
const BATCH: usize = 500;

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let consumer = clients::consumer(settings)?;
    let mut batch = Batch {
        orders: Vec::with_capacity(BATCH),
        last: Vec::new(),
    };
    while !stop.told() {
        let Some(first) = clients::poll(&consumer)? else {
            continue;
        };
        batch.push(&first)?;
        while batch.orders.len() < BATCH
            && let Some(message) = clients::poll_for(&consumer, Duration::ZERO)?
        {
            batch.push(&message)?;
        }
        batch.orders.iter().for_each(|order| meter.order(order));
        batch.settle(&consumer, &settings.input)?;
    }
    clients::commit(&consumer)
}

struct Batch {
    orders: Vec<Order>,
    /// By partition, the last offset in the batch.
    last: Vec<Option<i64>>,
}

impl Batch {
    fn push(&mut self, message: &BorrowedMessage<'_>) -> Result<()> {
        self.orders.push(clients::order(message)?);
        let partition = usize::try_from(message.partition())?;
        if partition >= self.last.len() {
            self.last.resize(partition + 1, None);
        }
        self.last[partition] = Some(message.offset());
        Ok(())
    }

    fn settle(&mut self, consumer: &BaseConsumer, topic: &str) -> Result<()> {
        self.orders.clear();
        for (partition, offset) in (0..).zip(&mut self.last) {
            if let Some(offset) = offset.take() {
                consumer.store_offset(topic, partition, offset)?;
            }
        }
        Ok(())
    }
}
