//! The Bindery service that the benches measure: what a team would write, with a count in each handler.
//!
//! `BENCH_SCENARIO` says which listeners run; `application.yaml` has the rest, and nothing in it that makes it
//! faster but the window of what is passed on to Kafka.

mod listeners;
mod many;
mod memory;
mod publisher;

use std::sync::atomic::Ordering;

use anyhow::{Context, Result, bail};
use bench_common::{Meter, Settings};
use bindery::Application;
use bindery::prelude::*;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let settings = Settings::from_environment()?;
    let meter = Meter::new(&settings)?;
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
        .state(meter.clone())
        .state(settings.clone());
    let listeners = match work {
        "consume" | "large" => listeners![listeners::consume],
        "pipe" => listeners![listeners::price],
        "batch" => listeners![listeners::consume_batch],
        "delay" => listeners![listeners::delay],
        "slow" => listeners![listeners::slow],
        "failing" => listeners![listeners::failing],
        "bindings" => {
            return listen(
                many::bindings(application, settings.bindings, &settings.input),
                &meter,
            )
            .await;
        }
        "bridge" => return publisher::run(application, &settings, &meter).await,
        "dispatch" => return memory::dispatch(application, &settings, &meter).await,
        "start" => return memory::start(application, &settings, &meter).await,
        _ => bail!("`{}` is no scenario of this program", settings.scenario),
    };
    listen(application.listeners(listeners), &meter).await
}

/// Runs until a signal ends it; then everything is settled.
async fn listen(application: Application, meter: &Meter) -> Result<()> {
    meter.tell();
    application.run().await?;
    let slept = listeners::SLEPT.load(Ordering::Relaxed);
    if slept > 0 {
        eprintln!("the handlers slept {:.3} s in all", slept as f64 / 1e6);
    }
    meter.end();
    Ok(())
}
