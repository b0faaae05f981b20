//! T1 and T17: processes come and go as they should, and nothing may be repeated.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::Context;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// T1: the same service starts, works off what is there and stops, five times. Nothing is repeated.
pub(super) async fn start_and_stop(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T1")?;
    scene.rules.order = Order::PerKey;
    let each = context.scaled(2_000, 24_000);
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        scene.start_all(&["a", "b"]).await?;
        let load = scene.load(
            Load {
                first_id: round * each,
                count: each,
                ..Load::default()
            },
            |_| {},
        )?;
        load.finished().await?;
        scene.settle(PATIENCE).await?;
        for name in ["a", "b"] {
            slowest = slowest.max(scene.stop(name).await?);
        }
    }
    let mut report = scene.conclude().await?;
    report.within("slowest stop", Duration::from_secs(5), Some(slowest));
    Ok(report)
}

/// T17: SIGTERM while messages flow. What is in flight is finished or given back, and nothing is repeated.
pub(super) async fn stop_under_load(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T17")?;
    scene.rules.order = Order::PerKey;
    scene.start_all(&["a", "b"]).await?;
    let stops = context.scaled(5, 50);
    let load = scene.load(
        Load {
            count: context.scaled(10_000, 120_000),
            ..Load::default()
        },
        |_| {},
    )?;
    let mut slowest = Duration::ZERO;
    for stop in 0..stops {
        scene
            .pause(Duration::from_millis(500), Duration::from_millis(1_500))
            .await;
        let name = if stop % 2 == 0 { "a" } else { "b" };
        slowest = slowest.max(scene.stop(name).await?);
        scene.start(name).await?;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    report.within("slowest stop", Duration::from_secs(20), Some(slowest));
    Ok(report)
}
