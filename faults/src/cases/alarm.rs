//! T15: RabbitMQ runs out of memory and stops reading from connections that publish.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::sleep;

use crate::check::Order;
use crate::context::Context;
use crate::ledger::Moment;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// How soon health must say so, and how soon everything must flow again.
const LIMIT: Duration = Duration::from_secs(5);

/// T15: the memory alarm is raised and lifted. Publications wait, and so do the messages that cause them.
pub(super) async fn memory(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T15")?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = LIMIT;
    scene.start_all(&["a", "b"]).await?;
    // The alarm stops the generator as well, so that the queues are filled before.
    let load = Load {
        count: context.scaled(4_000, 40_000),
        per_second: 4_000,
        keys: 8,
        ..Load::default()
    };
    scene.load(load, |work| work.micros = 20_000)?.finished().await?;
    let from = Moment::now();
    context.rabbit.memory_alarm(true).await?;
    let told = scene
        .health_within("a", LIMIT * 2, |report| {
            report.status != "UP"
                && report
                    .reasons
                    .iter()
                    .any(|reason| reason.contains("blocks publishers"))
        })
        .await;
    sleep(context.scaled(Duration::from_secs(8), Duration::from_secs(60))).await;
    // Whatever came before, nobody else shall find the alarm on.
    context.rabbit.memory_alarm(false).await?;
    scene.faulted("memory alarm", "rabbit", from, Moment::now())?;
    let up = scene
        .health_within("a", LIMIT * 2, |report| report.status == "UP")
        .await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended");
    let mut report = scene.conclude().await?;
    report.within("health tells of it", LIMIT, told?);
    report.within("health is up again", LIMIT, up);
    let recovery = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", LIMIT, recovery);
    Ok(report)
}
