//! T5: the broker itself dies and comes back.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::common;
use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::Moment;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon health must say that the broker is away, and that it is back.
const TOLD: Duration = Duration::from_secs(10);

/// How long consequences may last: members of a group wait out their sessions on Kafka.
const RECOVERY: Duration = Duration::from_secs(20);

/// T5: SIGKILL, a while without a broker, and a start on the data that it left.
pub(super) async fn crash(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T5")?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = RECOVERY;
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: 1_000_000,
        per_second: 300,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    sleep(Duration::from_secs(2)).await;
    scene.caught_up(100, PATIENCE).await?;
    let from = Moment::now();
    let away = Instant::now();
    kill(context).await?;
    let told_down = scene
        .health_within("a", TOLD * 2, |report| report.status != "UP")
        .await?;
    sleep(
        context
            .scaled(Duration::from_secs(8), Duration::from_secs(30))
            .saturating_sub(away.elapsed()),
    )
    .await;
    start(context).await?;
    scene.faulted("crash", context.broker.name(), from, Moment::now())?;
    let told_up = scene
        .health_within("a", TOLD * 2, |report| report.status == "UP")
        .await?;
    scene.caught_up(100, PATIENCE).await?;
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended with its broker");
    let mut report = scene.conclude().await?;
    report.within("health tells of it", TOLD, told_down);
    report.within("health is up again", TOLD, told_up);
    let recovery = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", RECOVERY, recovery);
    Ok(report)
}

async fn kill(context: &Context) -> Result<()> {
    match context.broker {
        Broker::Kafka | Broker::Memory => context.kafka.kill().await,
        Broker::Rabbit => context.rabbit.kill().await,
    }
}

async fn start(context: &Context) -> Result<()> {
    match context.broker {
        Broker::Kafka | Broker::Memory => context.kafka.start().await,
        Broker::Rabbit => context.rabbit.start().await,
    }
}
