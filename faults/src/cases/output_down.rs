//! The output's broker is away while the input's is there.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::Moment;
use crate::load::Load;
use crate::relay::{Mode, Relay};
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How much larger a process may become while it waits.
const GROWTH_MIB: u64 = 64;

/// Inputs on Kafka, outputs on RabbitMQ, which goes away.
pub(super) async fn rabbit_away(context: &Context) -> Result<CaseReport> {
    let scene = Scene::open_mixed(context, "output-down", Broker::Rabbit)?;
    let relay = context.rabbit.relay()?;
    run(scene, relay, "spring.rabbitmq.addresses").await
}

/// Inputs on RabbitMQ, outputs on Kafka, which goes away.
pub(super) async fn kafka_away(context: &Context) -> Result<CaseReport> {
    let context = Context {
        broker: Broker::Rabbit,
        ..context.clone()
    };
    let scene = Scene::open_mixed(&context, "output-down-kafka", Broker::Kafka)?;
    let relay = context.kafka.relay()?;
    run(scene, relay, "stream.kafka.binder.brokers").await
}

/// Inputs wait in bounded memory, nothing is lost, the order stays, and no restart is needed.
async fn run(mut scene: Scene, relay: Relay, address: &str) -> Result<CaseReport> {
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = Duration::from_secs(15);
    scene.argument(address, relay.address());
    scene.start("a").await?;
    let load = Load {
        count: scene.context.scaled(10_000, 120_000),
        per_second: 1_000,
        ..Load::default()
    };
    let load = scene.load(load, |_| {})?;
    scene.pause(Duration::from_secs(2), Duration::from_secs(3)).await;
    let before = scene.resident_mib("a")?;
    let from = Moment::now();
    relay.set(Mode::Refuse);
    relay.reset_all();
    let said = scene
        .await_reason("a", "transfer-out-0", Duration::from_secs(20))
        .await?;
    load.finished().await?;
    tokio::time::sleep(Duration::from_secs(scene.context.scaled(3, 60))).await;
    let waiting = scene.resident_mib("a")?;
    relay.set(Mode::Pass);
    scene.faulted("refuse", "the output's broker", from, Moment::now())?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    report.ask(
        "health while it is away",
        "names the output",
        said.clone(),
        said.contains("transfer-out-0"),
    );
    report.at_most(
        "growth of the process in MiB",
        &GROWTH_MIB,
        &waiting.saturating_sub(before),
    );
    let slowest = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("recovery", Duration::from_secs(15), slowest);
    Ok(report)
}
