//! T2 and T3: processes are killed and frozen while messages flow.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// The session of the group in `config/application.yaml`; on RabbitMQ the heartbeat, of which two may be missed.
const SESSION: Duration = Duration::from_secs(6);

/// T2: one of three processes after the other is killed at 2,500 messages/s, and started again at once.
pub(super) async fn storm(context: &Context) -> Result<CaseReport> {
    let scene = Scene::open(context, "T2")?;
    kill_some(scene, context.scaled(2, 20), SESSION + Duration::from_secs(5)).await
}

/// T2 with static members: a process that is back within the session has its partitions at once.
pub(super) async fn storm_of_static_members(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T2-static")?;
    scene.argument(
        "stream.kafka.binder.configuration.group.instance.id",
        "${BENCH_INSTANCE}",
    );
    kill_some(scene, context.scaled(3, 20), Duration::from_secs(5)).await
}

async fn kill_some(mut scene: Scene, kills: usize, limit: Duration) -> Result<CaseReport> {
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = limit;
    scene.start_all(&["a", "b", "c"]).await?;
    let per_second = 2_500;
    let load = Load {
        count: 1_000_000,
        per_second,
        ..Load::default()
    };
    let load = scene.load(load, |_| {})?;
    // The members have found their shares, and the first second of a process is not what is measured.
    scene.pause(Duration::from_secs(3), Duration::from_secs(4)).await;
    for _ in 0..kills {
        scene.caught_up(300, PATIENCE).await?;
        scene
            .pause(Duration::from_millis(500), Duration::from_millis(1_500))
            .await;
        let victim = scene.busy()?;
        scene.kill_and_restart(&victim).await?;
    }
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let limit = match scene.context.broker {
        Broker::Rabbit => Duration::from_secs(2),
        Broker::Kafka | Broker::Memory => limit,
    };
    let mut report = scene.conclude().await?;
    let repeats: Vec<_> = report.faults.iter().map(|fault| fault.repeated.len()).collect();
    let mean = repeats.iter().sum::<usize>() / repeats.len().max(1);
    report.at_most("repeats per kill, on average", &100, &mean);
    report.timed();
    report.note(format!("repeats of each kill: {repeats:?}"));
    let slowest = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", limit, slowest);
    Ok(report)
}

/// T3: one of two processes is frozen for two sessions, thinks that nothing happened, and goes on.
pub(super) async fn freeze(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T3")?;
    // The frozen process has its message in hand when another has taken over: it is repeated, and out of order.
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = SESSION * 2;
    scene.start_all(&["a", "b"]).await?;
    let count = context.scaled(10_000, 120_000);
    let load = scene.load(
        Load {
            count,
            per_second: 700,
            ..Load::default()
        },
        |_| {},
    )?;
    for _ in 0..context.scaled(1, 4) {
        scene.pause(Duration::from_secs(1), Duration::from_secs(2)).await;
        let victim = scene.busy()?;
        scene.freeze(&victim, SESSION * 2).await?;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}
