//! Publish with `FutureProducer`: as many tasks as Bindery has callers, each waiting for its confirmation.

use anyhow::Result;
use bench_common::{Meter, Settings, Stop};
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::clients;
use super::orders::Orders;

pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    let producer: FutureProducer = clients::producer(settings, "0").create()?;
    Runtime::new()?.block_on(async {
        let mut callers = JoinSet::new();
        for caller in 0..settings.callers {
            let (settings, meter, stop) = (settings.clone(), meter.clone(), stop.clone());
            callers.spawn(call(caller as u64, settings, meter, stop, producer.clone()));
        }
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        Ok(())
    })
}

async fn call(
    caller: u64,
    settings: Settings,
    meter: Meter,
    stop: Stop,
    producer: FutureProducer,
) -> Result<()> {
    let mut orders = Orders::new(&settings);
    for id in (caller..settings.count).step_by(settings.callers) {
        if stop.told() {
            break;
        }
        let (key, payload) = orders.encode(id)?;
        let record = FutureRecord::to(&settings.output)
            .key(&key)
            .payload(payload)
            .headers(clients::headers());
        let delivery = producer.send_result(record).map_err(|(error, _)| error)?;
        delivery.await?.map_err(|(error, _)| error)?;
        meter.published(1);
    }
    Ok(())
}
