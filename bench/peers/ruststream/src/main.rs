//! The scenarios of the benches on RustStream: what a team would write, with a count in each handler.
//!
//! `BENCH_SCENARIO` says which one; `BENCH_TUNED=1` chooses the handlers and settings that its documentation names for
//! throughput, see `../README.md`.

mod bench;
mod kafka;
mod priced;
mod rabbit;

use anyhow::{Context, Result, bail};
use ruststream::runtime::App;

use crate::bench::Bench;

/// The twins and the Bindery service have the same one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let bench = Bench::start()?;
    match (bench.settings.scenario.as_str(), bench.tuned) {
        ("kafka-consume", false) => serve(kafka::consume_app())?,
        ("kafka-consume", true) => serve(kafka::tuned_consume_app())?,
        ("kafka-pipe", false) => serve(kafka::pipe_app())?,
        ("kafka-pipe", true) => serve(kafka::tuned_pipe_app())?,
        ("rabbit-consume", false) => serve(rabbit::consume_app())?,
        ("rabbit-consume", true) => serve(rabbit::tuned_consume_app())?,
        ("rabbit-pipe", false) => serve(rabbit::pipe_app())?,
        ("rabbit-pipe", true) => serve(rabbit::tuned_pipe_app())?,
        (other, _) => bail!("`{other}` is no scenario of this program"),
    }
    bench.meter.end();
    Ok(())
}

/// Runs until SIGTERM, on the runtime that `#[ruststream::app]` makes as well; then everything is settled.
fn serve(app: impl App) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime can't start")?;
    runtime.block_on(app.run()).context("the service failed")
}
