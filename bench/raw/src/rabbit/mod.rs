//! The twins on RabbitMQ.

use anyhow::{Result, bail};
use bench_common::{Meter, Settings};

pub(crate) fn run(settings: &Settings, _meter: Meter) -> Result<()> {
    bail!("`{}` has no twin", settings.scenario)
}
