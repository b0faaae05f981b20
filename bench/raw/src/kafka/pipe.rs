//! Consume, transform, publish with `ThreadedProducer`: the offset of a message is stored when what came of it, and of
//! all before it in its partition, is confirmed.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_common::{Meter, Settings, Stop};
use rdkafka::consumer::Consumer;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};

use super::clients;
use super::lanes::{Confirmed, Lanes, WINDOW};

/// How long a full window rests; what is confirmed meanwhile is settled at once.
const REST: Duration = Duration::from_millis(1);
/// How long the brokers have for everything in flight.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let consumer = clients::consumer(settings)?;
    let partitions = consumer
        .fetch_metadata(Some(&settings.input), PATIENCE)?
        .topics()
        .first()
        .map_or(0, |topic| topic.partitions().len());
    let producer: ThreadedProducer<_> =
        clients::producer(settings, "5").create_with_context(Confirmed::new(partitions))?;
    let confirmed = producer.context();
    let mut lanes = Lanes::new(partitions);
    let mut json = Vec::with_capacity(1_024);
    while !stop.told() {
        if lanes.in_flight == WINDOW {
            lanes.settle(confirmed, &consumer, &settings.input)?;
            if lanes.in_flight == WINDOW {
                thread::sleep(REST);
            }
            continue;
        }
        let Some(message) = clients::poll(&consumer)? else {
            lanes.settle(confirmed, &consumer, &settings.input)?;
            continue;
        };
        let order = clients::order(&message)?;
        meter.order(&order);
        json.clear();
        serde_json::to_writer(&mut json, &order.priced())?;
        let partition = message.partition();
        let ticket = lanes.enter(usize::try_from(partition)?, message.offset());
        let record = BaseRecord::with_opaque_to(&settings.output, ticket)
            .partition(partition)
            .key(message.key().context("a message has no key")?)
            .payload(&json)
            .headers(clients::headers());
        producer.send(record).map_err(|(error, _)| error)?;
    }
    let deadline = Instant::now() + PATIENCE;
    while lanes.in_flight > 0 {
        ensure!(
            Instant::now() < deadline,
            "records are in flight after {PATIENCE:?}"
        );
        thread::sleep(REST);
        lanes.settle(confirmed, &consumer, &settings.input)?;
    }
    clients::commit(&consumer)
}
