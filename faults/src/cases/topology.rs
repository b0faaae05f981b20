//! T16 and T22: an operator changes topics and queues under a running service, or the service is told wrong numbers.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::common;
use crate::check::Order;
use crate::context::{Broker, Context};
use crate::health::Report;
use crate::ledger::{Moment, Record};
use crate::load::Load;
use crate::process::Launch;
use crate::report::CaseReport;
use crate::scene::{Scene, is_effect_after};
use crate::work::Work;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// `metadata.max.age.ms` of `config/application.yaml`, and a rebalance.
const NOTICED: Duration = Duration::from_secs(13);

/// How long a process may take to find out that it can't start.
const TOLD: Duration = Duration::from_secs(10);

/// How many partitions the topics of a scene have.
const PARTITIONS: u32 = 12;

/// T16: partitions are added under load; a topic or queue is deleted under the service.
pub(super) async fn changes(context: &Context) -> Result<CaseReport> {
    match context.broker {
        Broker::Kafka | Broker::Memory => topic_changes(context).await,
        Broker::Rabbit => queue_deleted(context).await,
    }
}

async fn topic_changes(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T16")?;
    // Keys move to other partitions, so their order is not promised here.
    scene.rules.recovery = NOTICED;
    let topic = scene.destinations.inputs[0].clone();
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: 1_000_000,
        per_second: 250,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    sleep(Duration::from_secs(1)).await;
    let from = Moment::now();
    let grown = context.kafka.add_partitions(&topic, 2 * PARTITIONS as usize);
    scene.fault("grow", &topic, grown).await?;
    let is_new = |source: &str| {
        let partition = source
            .rsplit('/')
            .next()
            .and_then(|number| number.parse::<u32>().ok());
        partition.is_some_and(|partition| partition >= PARTITIONS)
    };
    let noticed = scene
        .recorded_within(NOTICED * 2, |record| is_effect_after(record, from, is_new))
        .await?;
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    // Everything is settled, so nothing is lost with the topic.
    let deleted = Moment::now();
    context.kafka.delete_topic(&topic).await?;
    let told = scene
        .health_within("a", NOTICED * 2, |report| report.status == "DOWN")
        .await?;
    context.kafka.create_topic(&topic, 12, &[]).await?;
    scene.faulted("delete", &topic, deleted, Moment::now())?;
    let again = Load {
        first_id: 1_000_000,
        count: 2_000,
        ..Load::default()
    };
    let up = scene
        .health_within("a", NOTICED * 2, |report| report.status == "UP")
        .await?;
    scene.load(again, common::ordinary)?.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended with its topic");
    let mut report = scene.conclude().await?;
    report.within("new partitions are consumed", NOTICED, noticed);
    report.within("health tells that the topic is gone", NOTICED, told);
    report.within("health is up again", NOTICED, up);
    Ok(report)
}

async fn queue_deleted(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T16")?;
    scene.rules.order = Order::PerKey;
    let queue = scene.destinations.queues()[0].clone();
    scene.start_all(&["a", "b"]).await?;
    let first = Load {
        count: 500,
        keys: 50,
        ..Load::default()
    };
    let to_the_first_queue = |work: &mut Work| work.key *= 4;
    scene.load(first, to_the_first_queue)?.finished().await?;
    // What lies in a queue goes with it, so it is worked off first. The others are busy meanwhile.
    scene.settle(PATIENCE).await?;
    let elsewhere = Load {
        first_id: 1_000_000,
        count: 1_000_000,
        per_second: 250,
        ..Load::default()
    };
    let others = scene.load(elsewhere, |work: &mut Work| {
        common::ordinary(work);
        work.key = work.key * 4 + 1 + u32::try_from(work.id % 3).unwrap_or_default();
    })?;
    sleep(Duration::from_secs(1)).await;
    let mut slowest = Some(Duration::ZERO);
    let deletions = context.scaled(3, 10);
    for round in 0..deletions + context.scaled(1, 3) {
        if round < deletions {
            let from = Moment::now();
            ensure!(context.rabbit.delete_queue(&queue).await?, "`{queue}` is missing");
            let back = consumed_again(context, &queue).await?;
            slowest = slowest.max(back).filter(|_| back.is_some());
            scene.faulted("delete", &queue, from, Moment::now())?;
        } else {
            // Its consumers may not be told: they find out by themselves.
            let replaced = context.rabbit.replace_queue(&queue);
            scene.fault("replace", &queue, replaced).await?;
        }
        let next = Load {
            first_id: 500 + round * 500,
            ..first
        };
        let next = scene.load(next, to_the_first_queue)?.finished().await?;
        ensure!(next.fail == 0, "`{queue}` is consumed, but nothing reaches it");
        scene.caught_up(100, PATIENCE).await?;
    }
    others.stop();
    others.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended with its queue");
    let mut report = scene.conclude().await?;
    report.within("declared and consumed again", Duration::from_secs(2), slowest);
    Ok(report)
}

/// How long it takes until a queue that was deleted has a consumer; `None` when that never happens.
pub(super) async fn consumed_again(context: &Context, queue: &str) -> Result<Option<Duration>> {
    let connection = context.rabbit.connect("bench-operator").await?;
    let from = Instant::now();
    while from.elapsed() < NOTICED {
        if context
            .rabbit
            .consumers(&connection, queue)
            .await?
            .unwrap_or_default()
            > 0
        {
            return Ok(Some(from.elapsed()));
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(None)
}

/// T22: more partitions are configured than there are, or an instance has a number beyond the count. It must not start,
/// and must not consume a part of the messages in silence.
pub(super) async fn wrong_numbers(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T22")?;
    scene.rules.order = Order::PerKey;
    scene.start("a").await?;
    scene.stop("a").await?;
    let load = Load {
        count: 500,
        ..Load::default()
    };
    scene.load(load, |_| {})?.finished().await?;
    let input = "stream.bindings.transfer-in-0.consumer";
    let mut mistakes = vec![(
        "index",
        vec![
            format!("--{input}.partitioned=true"),
            format!("--{input}.instance-count=2"),
            format!("--{input}.instance-index=2"),
        ],
        "instance-index",
    )];
    if context.broker == Broker::Kafka {
        mistakes.push((
            "count",
            vec![
                "--stream.kafka.bindings.transfer-in-0.consumer.auto-rebalance-enabled=false".to_owned(),
                format!("--{input}.instance-count={}", PARTITIONS + 1),
                format!("--{input}.instance-index=0"),
            ],
            "has 12 partitions, but 13 are configured",
        ));
        let output = "stream.bindings.transfer-out-0.producer";
        mistakes.push((
            "output",
            vec![format!("--{output}.partition-count={}", 2 * PARTITIONS)],
            "has 12 partitions, but 24 are configured",
        ));
    }
    let mut found = Vec::new();
    let from = Moment::now();
    for (name, arguments, text) in mistakes {
        let mut launch: Launch = scene.launch.clone();
        launch.arguments.extend(arguments);
        scene.spawn(name, &launch)?;
        // It says so and ends, or it says so in health, where somebody may put the topic right under it.
        let says = |report: &Report| {
            report.status == "DOWN" && report.reasons.iter().any(|reason| reason.contains(text))
        };
        let told = scene.health_within(name, TOLD, says).await?.is_some();
        let log = scene.refused(name, Duration::from_secs(1)).await?;
        found.push((name, text, told || log.is_some_and(|log| log.contains(text))));
    }
    scene.faulted("misconfigure", "a", from, Moment::now())?;
    let consumed = scene.recorded_within(Duration::ZERO, |record| matches!(record, Record::Start { .. }));
    let consumed = consumed.await?.is_some();
    scene.start("a").await?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    for (name, text, says) in found {
        let wanted = format!("no start, and somebody is told that `{text}`");
        report.ask(
            &format!("wrong {name}"),
            wanted,
            if says { "so" } else { "silence" },
            says,
        );
    }
    report.ask(
        "consumed with wrong numbers",
        "nothing",
        if consumed { "something" } else { "nothing" },
        !consumed,
    );
    Ok(report)
}
