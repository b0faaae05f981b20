//! The twins on Kafka.

mod batch;
mod bindings;
mod bridge;
mod bridge_future;
mod clients;
mod consume;
mod lanes;
mod orders;
mod pipe;
mod pipe_future;

use anyhow::{Result, bail};
use bench_common::{Meter, Settings, Stop};

/// Does what the scenario says until SIGTERM, or until everything is published.
pub(crate) fn run(settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    match settings.scenario.as_str() {
        "kafka-consume" | "kafka-large" => consume::run(settings, meter, &stop),
        "kafka-bindings" => bindings::run(settings, meter, &stop),
        "kafka-batch" => batch::run(settings, meter, &stop),
        "kafka-pipe" => pipe::run(settings, meter, &stop),
        "kafka-pipe-future" => pipe_future::run(settings, meter, &stop),
        "kafka-bridge" => bridge::run(settings, meter, &stop),
        "kafka-bridge-future" => bridge_future::run(settings, meter, &stop),
        other => bail!("`BENCH_SCENARIO` is `{other}`, which has no twin on Kafka"),
    }
}
