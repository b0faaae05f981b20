//! Publishing through the stream bridge, by many callers who each wait for their confirmation.

use anyhow::Result;
use bench_common::{Meter, Order, Settings, Stop};
use bindery::Application;

/// Publishes until SIGTERM, at most `BENCH_COUNT` orders, each awaited by one of `BENCH_CALLERS` tasks.
pub(crate) async fn run(application: Application, settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    let running = application.start().await?;
    meter.tell();
    let callers = settings.callers as u64;
    let sample = Order::sample(0, 0, 0, 0, settings.bytes);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (bridge, meter, stop) = (running.stream_bridge(), meter.clone(), stop.clone());
            let (count, sample) = (settings.count, sample.clone());
            tokio::spawn(async move {
                for id in (caller..count).step_by(usize::try_from(callers)?) {
                    if stop.told() {
                        break;
                    }
                    let mut order = sample.clone();
                    order.renew(id);
                    bridge.send("bridge-out-0", order).await?;
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
