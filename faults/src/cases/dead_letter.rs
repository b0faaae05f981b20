//! T14: the dead letter's target is missing, refuses, blocks, or finds what it gets too large. The original stays
//! unsettled, attempts are few, health says so, and everything flows again when the target is back.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::Conduct;

const PATIENCE: Duration = Duration::from_secs(40);
/// One message of so many always fails.
const FAILS: u64 = 50;
/// How soon health has to tell: a dead letter that is on its way is slow after 5 s only.
const TOLD_WITHIN: Duration = Duration::from_secs(8);
const POLICY: &str = "bench-refuses";

/// What is the matter with the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outage {
    Missing,
    Refused,
    Blocked,
    TooLarge,
}

pub(super) async fn missing(context: &Context) -> Result<CaseReport> {
    outage(context, "dead-letter-missing", Outage::Missing).await
}

pub(super) async fn refused(context: &Context) -> Result<CaseReport> {
    outage(context, "dead-letter-refused", Outage::Refused).await
}

pub(super) async fn blocked(context: &Context) -> Result<CaseReport> {
    outage(context, "dead-letter-blocked", Outage::Blocked).await
}

pub(super) async fn too_large(context: &Context) -> Result<CaseReport> {
    outage(context, "dead-letter-too-large", Outage::TooLarge).await
}

async fn outage(context: &Context, case: &'static str, outage: Outage) -> Result<CaseReport> {
    let mut scene = Scene::open(context, case)?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = Duration::from_secs(10);
    let count = context.scaled(6_000, 60_000);
    scene.rules.expect_dead = (0..count).filter(|id| id % FAILS == 7).collect();
    // The first run makes every destination.
    scene.start("a").await?;
    if outage == Outage::Blocked && context.broker == Broker::Rabbit {
        // The alarm blocks the generator as well, so everything is there before.
        scene.stop("a").await?;
        publish(&scene, count).await?;
    }
    let from = crate::ledger::Moment::now();
    take_away(context, &scene, outage).await?;
    if outage == Outage::Blocked && context.broker == Broker::Rabbit {
        scene.start("a").await?;
    } else {
        publish(&scene, count).await?;
    }
    let told = degraded(&scene, TOLD_WITHIN * 2).await?;
    sleep(Duration::from_secs(context.scaled(5, 30))).await;
    scene.observe()?;
    let unsettled = scene.destinations.unsettled(context).await?;
    bring_back(context, &scene, outage).await?;
    let back = Instant::now();
    scene.faulted("take away", "dead letter", from, crate::ledger::Moment::now())?;
    scene.settle(PATIENCE).await?;
    let up = until_up(&scene, PATIENCE).await?;
    let flowed = back.elapsed();
    let deaths = scene.deaths()?;
    let log = std::fs::read_to_string(scene.instance("a")?.log())?;
    let mut report = scene.conclude().await?;
    report.at_most("processes that died", &0, &deaths);
    report.within(
        "health tells it",
        TOLD_WITHIN,
        told.as_ref().map(|(took, _)| *took),
    );
    report.at_least("unsettled at the broker, meanwhile", &1, &unsettled);
    report.within(
        "all settled and health up again",
        Duration::from_secs(20),
        up.then_some(flowed),
    );
    let pace = pace(&log);
    report.ask(
        "attempts in a second",
        "some, at most 5",
        pace.map_or_else(|| "none".to_owned(), |pace| format!("{pace:.2}")),
        pace.is_some_and(|pace| pace <= 5.0),
    );
    if let Some((_, reason)) = told {
        report.note(format!("health: {reason}"));
    }
    Ok(report)
}

async fn publish(scene: &Scene, count: u64) -> Result<()> {
    let load = Load {
        count,
        ..Load::default()
    };
    let load = scene.load(load, |work| {
        if work.id % FAILS == 7 {
            work.conduct = Conduct::FailAlways;
        }
    })?;
    load.finished().await.map(drop)
}

async fn take_away(context: &Context, scene: &Scene, outage: Outage) -> Result<()> {
    let dead_letters = scene.destinations.dead_letters();
    let (kafka, rabbit) = (&context.kafka, &context.rabbit);
    match (context.broker, outage) {
        (Broker::Kafka, Outage::Missing) => kafka.delete_topic(&dead_letters[0]).await,
        (Broker::Kafka, Outage::TooLarge) => {
            let setting = [("max.message.bytes", "300")];
            kafka.alter_topic(&dead_letters[0], &setting).await
        }
        (Broker::Rabbit, Outage::Missing) => {
            for queue in &dead_letters {
                rabbit.delete_queue(queue).await?;
            }
            Ok(())
        }
        (Broker::Rabbit, Outage::Refused | Outage::TooLarge) => {
            let limit = match outage {
                Outage::TooLarge => json!({"max-length-bytes": 100, "overflow": "reject-publish"}),
                _ => json!({"max-length": 0, "overflow": "reject-publish"}),
            };
            let pattern = format!("^{}.*\\.dlq$", prefix(scene));
            rabbit.policy(POLICY, Some((&pattern, limit))).await
        }
        (Broker::Rabbit, Outage::Blocked) => rabbit.memory_alarm(true).await,
        (Broker::Kafka | Broker::Memory, _) => bail!("there is no way to do that to {context:?}"),
    }
}

async fn bring_back(context: &Context, scene: &Scene, outage: Outage) -> Result<()> {
    let dead_letters = scene.destinations.dead_letters();
    let (kafka, rabbit) = (&context.kafka, &context.rabbit);
    match (context.broker, outage) {
        (Broker::Kafka, Outage::Missing) => kafka.create_topic(&dead_letters[0], 12, &[]).await,
        (Broker::Kafka, Outage::TooLarge) => {
            let setting = [("max.message.bytes", "1048588")];
            kafka.alter_topic(&dead_letters[0], &setting).await
        }
        (Broker::Rabbit, Outage::Missing) => {
            for (queue, key) in dead_letters.iter().zip(scene.destinations.queues()) {
                rabbit.declare_queue(queue, json!({})).await?;
                rabbit.bind("DLX", queue, &key).await?;
            }
            Ok(())
        }
        (Broker::Rabbit, Outage::Refused | Outage::TooLarge) => rabbit.policy(POLICY, None).await,
        (Broker::Rabbit, Outage::Blocked) => rabbit.memory_alarm(false).await,
        (Broker::Kafka | Broker::Memory, _) => bail!("there is no way to do that to {context:?}"),
    }
}

/// What the names of the scene begin with.
fn prefix(scene: &Scene) -> &str {
    let output = scene.destinations.output.as_str();
    output.strip_suffix("out").unwrap_or(output)
}

/// How long it took until health said that something is wrong, and what.
async fn degraded(scene: &Scene, deadline: Duration) -> Result<Option<(Duration, String)>> {
    let probe = scene.probe("a")?;
    let from = Instant::now();
    while from.elapsed() < deadline {
        if let Some(health) = probe.health().await
            && health.status != "UP"
        {
            return Ok(Some((from.elapsed(), health.reasons.join("; "))));
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(None)
}

async fn until_up(scene: &Scene, deadline: Duration) -> Result<bool> {
    let probe = scene.probe("a")?;
    let from = Instant::now();
    while from.elapsed() < deadline {
        if probe.health().await.is_some_and(|health| health.status == "UP") {
            return Ok(true);
        }
        sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// How many attempts were made in a second while dead letters were refused: the line that tells the end of it says how
/// long it lasted and how many there were.
fn pace(log: &str) -> Option<f64> {
    let number = |line: &str, name: &str| -> Option<f64> {
        let (_, rest) = line.split_once(name)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let lines = log.lines().filter(|line| line.contains("dead letter"));
    lines
        .filter_map(|line| {
            let (lasted, attempts) = (number(line, "lasted.ms=")?, number(line, "attempts=")?);
            (lasted >= 1_000.0).then(|| attempts / (lasted / 1_000.0))
        })
        .max_by(f64::total_cmp)
}
