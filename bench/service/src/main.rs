//! The Bindery service that the benches measure: what a team would write, with a count in each handler.
//!
//! `BENCH_SCENARIO` says which listeners run; `application.yaml` has the rest, and nothing in it that makes it faster.

mod listeners;
mod memory;
mod publisher;

use anyhow::{Context, Result, bail};
use bench_common::{Meter, Settings};
use bindery::Application;
use bindery::prelude::*;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let settings = Settings::from_environment()?;
    let meter = Meter::new(settings.latency)?;
    let one_core = settings.scenario == memory::DISPATCH;
    let runtime = if one_core {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()
    };
    runtime
        .context("the runtime can't start")?
        .block_on(run(settings, meter))
}

async fn run(settings: Settings, meter: Meter) -> Result<()> {
    let (binder, work) = settings
        .scenario
        .split_once('-')
        .with_context(|| format!("`{}` has no `-`", settings.scenario))?;
    let application = Application::new()
        .yaml("application.yaml", include_str!("../config/application.yaml"))
        .profile(binder)
        .profile(work)
        .state(meter.clone());
    match work {
        "consume" | "large" => listen(application.listeners(listeners![listeners::consume]), &meter).await,
        "pipe" => listen(application.listeners(listeners![listeners::price]), &meter).await,
        "batch" => {
            listen(
                application.listeners(listeners![listeners::consume_batch]),
                &meter,
            )
            .await
        }
        "delay" => listen(application.listeners(listeners![listeners::delay]), &meter).await,
        "bridge" => publisher::run(application, &settings, &meter).await,
        "dispatch" => memory::run(application, &settings, &meter).await,
        _ => bail!("`{}` is no scenario of this program", settings.scenario),
    }
}

/// Runs until a signal ends it; then everything is settled.
async fn listen(application: Application, meter: &Meter) -> Result<()> {
    meter.tell();
    application.run().await?;
    meter.end();
    Ok(())
}
