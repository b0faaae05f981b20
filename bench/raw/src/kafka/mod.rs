//! The twins on Kafka.

use anyhow::{Result, bail};
use bench_common::{Meter, Settings};

/// Does what the scenario says until SIGTERM, or until everything is published.
pub(crate) fn run(settings: &Settings, _meter: Meter) -> Result<()> {
    bail!("`{}` has no twin", settings.scenario)
}
