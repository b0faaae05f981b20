//! What the runtime costs when the broker costs next to nothing: messages wait in the memory binder, and one core
//! dispatches them.

use std::time::Duration;

use anyhow::{Context, Result};
use bench_common::{Meter, Settings};
use bindery::{Application, BindingState};

use crate::listeners;

/// The scenario that runs on one core.
pub(crate) const DISPATCH: &str = "memory-dispatch";

/// How many are published at once while the topic is filled.
const AT_ONCE: u64 = 1_000;

/// Fills a topic with `BENCH_COUNT` messages, then binds the listener and waits until all were handled.
pub(crate) async fn run(application: Application, settings: &Settings, meter: &Meter) -> Result<()> {
    let running = application
        .listeners(listeners![listeners::dispatch])
        .start()
        .await?;
    let bridge = running.stream_bridge();
    let payload = "x".repeat(settings.bytes);
    for _ in 0..settings.count / AT_ONCE {
        let sent = (0..AT_ONCE).map(|_| bridge.send("fill-out-0", payload.clone()));
        for outcome in futures_util::future::join_all(sent).await {
            outcome?;
        }
    }
    let input = running
        .bindings()
        .named("dispatch-in-0")
        .pop()
        .context("`dispatch-in-0` is missing")?;
    meter.tell();
    input.start().await?;
    input
        .wait_for(&[BindingState::Running], Duration::from_secs(10))
        .await?;
    while meter.handled() < settings.count / AT_ONCE * AT_ONCE {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.shutdown().await?;
    meter.end();
    Ok(())
}
