//! What the runtime costs when the broker costs next to nothing: messages wait in the memory binder, and are dispatched.

use std::time::Duration;

use anyhow::{Context, Result};
use bench_common::meter::{Reading, now};
use bench_common::{Meter, Order, Settings, Stop};
use bindery::{Application, BindingHandle, BindingState, Running, StreamBridge};

use crate::listeners;

/// The scenario that runs on one core.
pub(crate) const DISPATCH: &str = "memory-dispatch";

/// How many are published at once while the topic is filled.
const AT_ONCE: u64 = 1_000;
/// How long nothing is measured at first.
const WARM_UP: Duration = Duration::from_millis(1_500);
/// How often is looked whether all were handled.
const LOOK_EVERY: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// Lets the listener wait while `BENCH_COUNT` messages are published, then lets it go until it has handled them all; again
/// and again, until it has worked for `BENCH_MILLIS`. Only that work is measured, not the publishing.
pub(crate) async fn dispatch(application: Application, settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    let running = application
        .listeners(bindery::listeners![listeners::dispatch])
        .start()
        .await?;
    meter.tell();
    let asked = Duration::from_millis(settings.millis);
    let mut waves = Waves::new(&running, settings, meter)?;
    while waves.passed < asked.min(WARM_UP) {
        waves.next().await?;
    }
    waves.begin();
    while waves.passed < asked {
        waves.next().await?;
    }
    meter.measure(waves.handled, waves.passed, waves.cpu);
    // The harness looks at the memory of a program that runs.
    while !stop.told() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    running.shutdown().await?;
    meter.end();
    Ok(())
}

/// Messages that are published and then handled.
struct Waves<'a> {
    bridge: StreamBridge,
    input: BindingHandle,
    meter: &'a Meter,
    payload: String,
    size: u64,
    published: u64,
    handled: u64,
    passed: Duration,
    cpu: Duration,
}

impl<'a> Waves<'a> {
    fn new(running: &Running, settings: &Settings, meter: &'a Meter) -> Result<Self> {
        let mut inputs = running.bindings().named("dispatch-in-0");
        Ok(Self {
            bridge: running.stream_bridge(),
            input: inputs.pop().context("`dispatch-in-0` is missing")?,
            meter,
            payload: "x".repeat(settings.bytes),
            size: settings.count,
            published: 0,
            handled: 0,
            passed: Duration::ZERO,
            cpu: Duration::ZERO,
        })
    }

    /// From here on it is measured.
    fn begin(&mut self) {
        (self.handled, self.passed, self.cpu) = Default::default();
    }

    async fn next(&mut self) -> Result<()> {
        self.input.pause().await?;
        self.input.wait_for(&[BindingState::Paused], PATIENCE).await?;
        let mut left = self.size;
        while left > 0 {
            let some = left.min(AT_ONCE);
            let sent = (0..some).map(|_| self.bridge.send("fill-out-0", self.payload.clone()));
            for outcome in futures_util::future::join_all(sent).await {
                outcome?;
            }
            left -= some;
        }
        self.published += self.size;
        let began = Reading::now();
        self.input.resume().await?;
        while self.meter.handled() < self.published {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (passed, cpu) = began.elapsed();
        self.handled += self.size;
        self.passed += passed;
        self.cpu += cpu;
        Ok(())
    }
}

/// Publishes one order as soon as the service runs, and stays until SIGTERM.
pub(crate) async fn start(application: Application, settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    let running = application
        .listeners(bindery::listeners![listeners::consume])
        .start()
        .await?;
    meter.tell();
    let order = Order::sample(0, 0, 0, now(), settings.bytes);
    running.stream_bridge().send("start-out-0", order).await?;
    while !stop.told() || meter.handled() == 0 {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    running.shutdown().await?;
    meter.end();
    Ok(())
}
