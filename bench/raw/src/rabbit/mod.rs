//! The twins on RabbitMQ.

mod batch;
mod bridge;
mod consume;
mod link;
mod pipe;
mod window;

use anyhow::{Result, bail};
use bench_common::{Meter, Settings};

/// Runs the scenario on one thread: the client library parses and serializes on a thread of its own, and a second one
/// of ours would only hand deliveries from core to core.
pub(crate) fn run(settings: &Settings, meter: &Meter) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match settings.scenario.as_str() {
            "rabbit-consume" => consume::run(settings, meter, consume::PREFETCH).await,
            "rabbit-large" => consume::run(settings, meter, consume::PREFETCH_LARGE).await,
            "rabbit-batch" => batch::run(settings, meter).await,
            "rabbit-pipe" => pipe::run(settings, meter).await,
            "rabbit-bridge" => bridge::run(settings, meter).await,
            other => bail!("`{other}` has no twin on RabbitMQ"),
        }
    })
}
