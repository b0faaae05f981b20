//! Publishing through the stream bridge, by many callers who each wait for their confirmation.

use anyhow::Result;
use bench_common::{Meter, Order, Settings};
use bindery::Application;

/// Publishes `BENCH_COUNT` orders, each awaited by one of `BENCH_CALLERS` tasks.
pub(crate) async fn run(application: Application, settings: &Settings, meter: &Meter) -> Result<()> {
    let running = application.start().await?;
    meter.tell();
    let callers = settings.callers as u64;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (bridge, meter) = (running.stream_bridge(), meter.clone());
            let (count, bytes) = (settings.count, settings.bytes);
            tokio::spawn(async move {
                for id in (caller..count).step_by(usize::try_from(callers)?) {
                    bridge
                        .send("bridge-out-0", Order::sample(id, 0, id, 0, bytes))
                        .await?;
                    meter.published(1);
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    running.shutdown().await?;
    meter.end();
    Ok(())
}
