//! The twins: each does one scenario on the bare client, the way an expert writes it by hand. One is the measure of
//! Bindery, so it is tuned as well as we know how.

mod kafka;
mod rabbit;

use anyhow::{Result, bail};
use bench_common::{Meter, Settings};

/// The allocator serves librdkafka as well; the Bindery service gets the same one.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> Result<()> {
    let settings = Settings::from_environment()?;
    let meter = Meter::new(&settings)?;
    meter.tell();
    match settings.scenario.split_once('-') {
        Some(("kafka", _)) => kafka::run(&settings, &meter)?,
        Some(("rabbit", _)) => rabbit::run(&settings, &meter)?,
        _ => bail!(
            "`BENCH_SCENARIO` is `{}`; it begins with `kafka-` or `rabbit-`",
            settings.scenario
        ),
    }
    meter.end();
    Ok(())
}
