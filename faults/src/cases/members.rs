//! T4 and the rebalance cases: processes join and leave their group while messages are in the handlers' hands.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::brokers::Kafka;
use crate::check::Order;
use crate::context::{Broker, Context};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::{GROUP, Scene};
use crate::work::Work;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long two processes may seem to be at work on one partition. None may; the ledgers' clock is that exact.
const ZOMBIE_WINDOW: Duration = Duration::from_millis(5);

/// T4: beside two processes that stay, a third one joins and leaves every two seconds.
pub(super) async fn storm(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T4")?;
    scene.rules.order = Order::PerKey;
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: context.scaled(10_000, 120_000),
        per_second: 1_000,
        ..Load::default()
    };
    let load = scene.load(load, |_| {})?;
    for _ in 0..context.scaled(4, 30) {
        scene.start("c").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.stop("c").await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}

/// The group gives every partition back at each change.
pub(super) async fn eager(context: &Context) -> Result<CaseReport> {
    rebalance(Scene::open(context, "rebalance-eager")?, "range").await
}

/// The group gives back what goes elsewhere.
pub(super) async fn cooperative(context: &Context) -> Result<CaseReport> {
    rebalance(
        Scene::open(context, "rebalance-cooperative")?,
        "cooperative-sticky",
    )
    .await
}

/// Members with names: one that comes back within its session finds its partitions as it left them.
pub(super) async fn static_membership(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "rebalance-static")?;
    scene.argument(
        "stream.kafka.binder.configuration.group.instance.id",
        "${BENCH_INSTANCE}",
    );
    rebalance(scene, "range").await
}

/// Every twentieth message takes a second, so that about a hundred are in the handlers' hands when a member comes or
/// goes. What was finished isn't done again, no committed offset goes back, and no partition has two owners.
async fn rebalance(mut scene: Scene, assignor: &str) -> Result<CaseReport> {
    scene.rules.order = Order::PerKey;
    scene.rules.zombie_window = Some(ZOMBIE_WINDOW);
    scene.argument(
        "stream.kafka.binder.configuration.partition.assignment.strategy",
        assignor,
    );
    scene.start_all(&["a", "b"]).await?;
    let watch = OffsetWatch::start(&scene.context.kafka, &scene.destinations.inputs[0]);
    let load = Load {
        count: scene.context.scaled(20_000, 120_000),
        per_second: 2_000,
        keys: 2_000,
        ..Load::default()
    };
    let slow = |work: &mut Work| work.micros = if work.id.is_multiple_of(20) { 1_000_000 } else { 0 };
    let load = scene.load(load, slow)?;
    for _ in 0..scene.context.scaled(2, 10) {
        scene.caught_up(400, PATIENCE).await?;
        scene.start("c").await?;
        scene.caught_up(400, PATIENCE).await?;
        scene.stop("c").await?;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let regressions = watch.stop().await;
    let mut report = scene.conclude().await?;
    report.at_most("offsets that went back", &0, &regressions);
    Ok(report)
}

/// Asks the broker for the group's committed offsets again and again.
struct OffsetWatch {
    regressions: Arc<Mutex<usize>>,
    task: JoinHandle<()>,
}

impl OffsetWatch {
    fn start(kafka: &Kafka, topic: &str) -> Self {
        let regressions = Arc::new(Mutex::new(0));
        let (kafka, topic, counted) = (kafka.clone(), topic.to_owned(), regressions.clone());
        let task = tokio::spawn(async move {
            let mut last: BTreeMap<i32, i64> = BTreeMap::new();
            loop {
                let committed = kafka.committed(GROUP, &topic).await.unwrap_or_default();
                for (partition, offset) in committed {
                    let before = last.insert(partition, offset);
                    if before.is_some_and(|before| offset < before) {
                        *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                    }
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        Self { regressions, task }
    }

    async fn stop(self) -> usize {
        self.task.abort();
        // It ends with being told to.
        let _ = self.task.await;
        *self.regressions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where there are groups that rebalance.
pub(super) const REBALANCING: &[Broker] = &[Broker::Kafka];
