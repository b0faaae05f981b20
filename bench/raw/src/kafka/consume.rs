//! Consume: read, decode, store the offset, which is committed each second.

use anyhow::Result;
use bench_common::{Meter, Settings, Stop};
use rdkafka::consumer::Consumer;

use super::clients;

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let consumer = clients::consumer(settings)?;
    while !stop.told() {
        let Some(message) = clients::poll(&consumer)? else {
            continue;
        };
        let order = clients::order(&message)?;
        meter.order(&order);
        consumer.store_offset_from_message(&message)?;
    }
    clients::commit(&consumer)
}
