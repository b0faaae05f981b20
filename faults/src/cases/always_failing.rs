//! Handlers that always fail, under default settings: how often each message is handed to them, and what it does to
//! others.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::{Moment, Record, Run};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::Conduct;

const PATIENCE: Duration = Duration::from_secs(30);
/// `max-attempts`, unless configured.
const ATTEMPTS: usize = 3;
const COUNT: u64 = 10_000;
const PER_SECOND: u32 = 1_000;
/// One message of so many fails, and has a key of its own.
const FAILS: u64 = 500;

/// With a dead letter each failing message is handed to the handler three times, and not again after a restart.
pub(super) async fn dead_letter(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "always-failing-dead-letter")?;
    let failing = failing();
    scene.rules.expect_dead = failing.clone();
    publish(&mut scene).await?;
    scene.stop("a").await?;
    scene.start("a").await?;
    scene.settle(PATIENCE).await?;
    let folder = scene.folder().to_owned();
    let mut report = scene.conclude().await?;
    judge(&mut report, &Run::read(&folder)?, &failing, ATTEMPTS);
    Ok(report)
}

/// Without one it is held, and health says so; a restart begins anew with three attempts.
pub(super) async fn held(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "always-failing-held")?;
    let failing = failing();
    scene.rules.expect_held = failing.clone();
    // On Kafka, what was done behind a held message is committed only together with it.
    scene.rules.recovery = Duration::from_secs(60);
    match context.broker {
        Broker::Rabbit => scene.argument(
            "stream.rabbit.bindings.transfer-in-0.consumer.auto-bind-dlq",
            false,
        ),
        _ => scene.argument("stream.kafka.bindings.transfer-in-0.consumer.enable-dlq", false),
    }
    publish(&mut scene).await?;
    scene.all_held(&failing, ATTEMPTS, PATIENCE).await?;
    let health = scene.probe("a")?.health().await;
    let from = Moment::now();
    let stopped = scene.stop("a").await?;
    scene.start("a").await?;
    scene.faulted("restart with held messages", "a", from, Moment::now())?;
    scene.all_held(&failing, 2 * ATTEMPTS, PATIENCE).await?;
    scene.settle(PATIENCE).await?;
    let unsettled = scene.destinations.unsettled(context).await?;
    let folder = scene.folder().to_owned();
    let mut report = scene.conclude().await?;
    judge(&mut report, &Run::read(&folder)?, &failing, 2 * ATTEMPTS);
    let status = health.as_ref().map_or("none", |health| health.status.as_str());
    report.ask("health", "DEGRADED", status, status == "DEGRADED");
    report.at_least(
        "unsettled at the broker",
        &u64::try_from(failing.len())?,
        &unsettled,
    );
    report.within("stop", Duration::from_secs(5), Some(stopped));
    if let Some(health) = health {
        report.note(format!("health: {}", health.reasons.join("; ")));
    }
    Ok(report)
}

fn failing() -> HashSet<u64> {
    (0..COUNT).filter(|id| id % FAILS == 7).collect()
}

fn open(context: &Context, case: &'static str) -> Result<Scene> {
    let mut scene = Scene::open(context, case)?;
    scene.rules.order = Order::PerKey;
    // As if nobody had configured it.
    scene.argument(
        "stream.bindings.transfer-in-0.consumer.back-off-initial-interval",
        1_000,
    );
    Ok(scene)
}

async fn publish(scene: &mut Scene) -> Result<()> {
    scene.start("a").await?;
    let load = Load {
        count: COUNT,
        per_second: PER_SECOND,
        ..Load::default()
    };
    let load = scene.load(load, |work| {
        if work.id % FAILS == 7 {
            work.conduct = Conduct::FailAlways;
            work.key = 1_000 + u32::try_from(work.id).unwrap_or_default();
        }
    })?;
    load.finished().await?;
    scene.settle(PATIENCE).await
}

fn judge(report: &mut CaseReport, run: &Run, failing: &HashSet<u64>, wanted: usize) {
    let mut starts: BTreeMap<u64, usize> = BTreeMap::new();
    let mut arrived: Option<(Moment, Moment)> = None;
    for record in &run.records {
        match record {
            Record::Start { id, .. } if failing.contains(id) => *starts.entry(*id).or_default() += 1,
            Record::Answer { at, .. } => {
                let (first, last) = arrived.unwrap_or((*at, *at));
                arrived = Some((first.min(*at), last.max(*at)));
            }
            _ => {}
        }
    }
    let other: Vec<_> = starts.iter().filter(|(_, count)| **count != wanted).collect();
    report.ask(
        "handler starts of each failing message",
        wanted.to_string(),
        if other.is_empty() {
            wanted.to_string()
        } else {
            format!("not for {other:?}")
        },
        other.is_empty() && starts.len() == failing.len(),
    );
    // What was handled while messages arrived: behind failing ones nobody waits.
    let (first, last) = arrived.unwrap_or_default();
    let handled: HashSet<u64> = run
        .records
        .iter()
        .filter_map(|record| match record {
            Record::End { id, at, .. } if first <= *at && *at <= last => Some(*id),
            _ => None,
        })
        .collect();
    let neighbours = usize::try_from(COUNT).unwrap_or_default() - failing.len();
    report.ask(
        "neighbours handled while they arrived",
        format!("90 % of {neighbours}"),
        handled.len().to_string(),
        handled.len() * 10 >= neighbours * 9,
    );
    report.timed();
}

impl Scene {
    /// Waits until each of these messages was handed to a handler so often.
    async fn all_held(&mut self, ids: &HashSet<u64>, times: usize, deadline: Duration) -> Result<()> {
        let until = tokio::time::Instant::now() + deadline;
        loop {
            let run = Run::read(self.folder())?;
            let mut starts: BTreeMap<u64, usize> = BTreeMap::new();
            for record in &run.records {
                if let Record::Start { id, .. } = record {
                    *starts.entry(*id).or_default() += 1;
                }
            }
            let all = ids
                .iter()
                .all(|id| starts.get(id).is_some_and(|count| *count >= times));
            if all || tokio::time::Instant::now() >= until {
                // One attempt more would follow within the longest pause between two.
                tokio::time::sleep(Duration::from_secs(3)).await;
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
}
