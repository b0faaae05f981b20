//! What RabbitMQ does to single consumers and single messages.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::common;
use crate::check::Order;
use crate::context::Context;
use crate::ledger::{Moment, Outcome, Record, Run, Writer};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::service::publisher::{ASTRAY, BINDING, KEPT, ROUTE};
use crate::verify::RabbitVerifier;
use crate::work::Conduct;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// How soon a consumer that lost its channel or was cancelled must consume again.
const BACK: Duration = Duration::from_secs(2);

/// How long the node's count of what a queue's consumers have may lag behind on a busy machine.
const COUNTED: Duration = Duration::from_secs(30);

/// How often the broker delivers a message at most, beside the first time.
const DELIVERY_LIMIT: u32 = 3;

/// How long a consumer may keep a message in the case of that name.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(4);

/// How many messages the service publishes by hand.
const PUBLICATIONS: u64 = 8_000;

/// The node closes the channel of one queue's consumers; the other queues of the same connection go on.
pub(super) async fn channel_closed(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "channel-closed")?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = BACK;
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: 1_000_000,
        per_second: 300,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    let queues = scene.destinations.queues();
    for round in 0..context.scaled(5, 50) {
        scene
            .pause(Duration::from_millis(500), Duration::from_millis(1_500))
            .await;
        let queue = &queues[round % queues.len()];
        let from = Moment::now();
        context.rabbit.close_channels(queue).await?;
        // The tool that does it takes a while itself, and nobody sees when it did it.
        scene.faulted("close channel", queue, from, Moment::now())?;
    }
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended");
    let open = unsettled(&scene).await?;
    let mut report = scene.conclude().await?;
    report.at_most("messages that stay with a consumer that is gone", &0, &open);
    let recovery = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", BACK, recovery);
    Ok(report)
}

/// How many messages are not settled, once those had time that only wait for their outputs' confirmation, and the node
/// had time to count, which it does for quorum queues every 5 s.
async fn unsettled(scene: &Scene) -> Result<u64> {
    let from = Instant::now();
    loop {
        let open = scene.destinations.unsettled(&scene.context).await?;
        if open == 0 || from.elapsed() >= COUNTED {
            return Ok(open);
        }
        sleep(BACK / 10).await;
    }
}

/// A queue is deleted while handlers hold messages of it, so that the broker cancels its consumers. What the handlers
/// hold is finished and settled into the void; the queue is declared and consumed again.
pub(super) async fn consumer_cancelled(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "consumer-cancelled")?;
    // An output may be missing: the message, had it not been deleted, would have come again and caused it.
    scene.rules.outputs_expected = false;
    let gate = gate(&mut scene);
    let queue = scene.destinations.queues()[0].clone();
    scene.start_all(&["a", "b"]).await?;
    let held = Load {
        first_id: 1_000_000,
        count: 20,
        ..Load::default()
    };
    let held = scene.load(held, |work| {
        work.key = u32::try_from(work.id - 1_000_000).unwrap_or_default() * 4;
        work.conduct = Conduct::WaitForGate;
    })?;
    held.finished().await?;
    let mut started = 0;
    let all_started = |record: &Record| {
        started += usize::from(matches!(record, Record::Start { .. }));
        started == 20
    };
    let started = scene.recorded_within(PATIENCE, all_started).await?;
    ensure!(started.is_some(), "not every message came to a handler");
    let from = Moment::now();
    ensure!(context.rabbit.delete_queue(&queue).await?, "`{queue}` is missing");
    let back = super::topology::consumed_again(context, &queue).await?;
    std::fs::write(gate, "")?;
    scene.faulted("delete", &queue, from, Moment::now())?;
    let load = Load {
        count: 2_000,
        per_second: 300,
        ..Load::default()
    };
    scene.load(load, common::ordinary)?.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "a process ended");
    let open = unsettled(&scene).await?;
    let mut report = scene.conclude().await?;
    report.within("declared and consumed again", BACK, back);
    report.at_most("messages that stay with a consumer that is gone", &0, &open);
    Ok(report)
}

/// Tells processes where the gate is that some handlers wait for; it is open once the file exists.
fn gate(scene: &mut Scene) -> PathBuf {
    let gate = scene.folder().join("gate");
    let variable = ("BENCH_GATE".to_owned(), gate.display().to_string());
    scene.launch.environment.push(variable);
    gate
}

/// A message whose process dies each time it has it: the queue's limit ends that, and the broker makes it a dead letter.
pub(super) async fn delivery_limit(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "delivery-limit")?;
    scene.rules.order = Order::PerKey;
    scene.argument(
        "stream.rabbit.bindings.transfer-in-0.consumer.quorum.delivery-limit",
        DELIVERY_LIMIT,
    );
    gate(&mut scene);
    scene.start("a").await?;
    // One key of its own, so that nothing waits behind it.
    let poison = Load {
        first_id: 1_000_000,
        count: 1,
        ..Load::default()
    };
    let poison = scene.load(poison, |work| {
        work.key = 1_000;
        work.conduct = Conduct::WaitForGate;
    })?;
    poison.finished().await?;
    scene.rules.expect_dead = [1_000_000].into();
    for delivery in 0..=DELIVERY_LIMIT {
        let delivered = scene
            .recorded_within(BACK * 5, starts(1_000_000, delivery + 1))
            .await?;
        if delivered.is_none() {
            break;
        }
        scene.kill_and_restart("a").await?;
    }
    let load = Load {
        count: context.scaled(2_000, 20_000),
        per_second: 500,
        ..Load::default()
    };
    scene.load(load, common::ordinary)?.finished().await?;
    scene.settle(PATIENCE).await?;
    let run = Run::read(scene.folder())?;
    let deliveries = run
        .records
        .iter()
        .filter(|record| starts(1_000_000, 1)(record))
        .count();
    let reason = reason_of(&run, 1_000_000);
    let mut report = scene.conclude().await?;
    let wanted = DELIVERY_LIMIT as usize + 1;
    report.ask(
        "deliveries of the poisonous message",
        wanted.to_string(),
        deliveries.to_string(),
        deliveries == wanted,
    );
    report.ask(
        "reason of its dead letter",
        "delivery_limit",
        reason.as_str(),
        reason == "delivery_limit",
    );
    Ok(report)
}

/// Whether a message has been started so many times, asked of record after record.
fn starts(message: u64, times: u32) -> impl FnMut(&Record) -> bool {
    let mut seen = 0;
    move |record| {
        seen += u32::from(matches!(record, Record::Start { id, .. } if *id == message));
        seen == times
    }
}

fn reason_of(run: &Run, message: u64) -> String {
    let mut reasons = run.records.iter().filter_map(|record| match record {
        Record::DeadLetter {
            id: Some(id), reason, ..
        } if *id == message => Some(reason.clone()),
        _ => None,
    });
    reasons.next().unwrap_or_default()
}

/// A handler keeps a message for longer than the node allows: its channel is closed, the message comes again, and
/// everything else goes on.
pub(super) async fn consumer_timeout(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "consumer-timeout")?;
    scene.rules.recovery = CONSUMER_TIMEOUT * 2;
    let gate = gate(&mut scene);
    context.rabbit.consumer_timeout(Some(CONSUMER_TIMEOUT)).await?;
    let outcome = exceed_the_timeout(&mut scene, &gate).await;
    // Whatever came before, nobody else shall find it changed.
    context.rabbit.consumer_timeout(None).await?;
    let again = outcome?;
    let mut report = scene.conclude().await?;
    report.within("the message came again", CONSUMER_TIMEOUT * 3, again);
    Ok(report)
}

async fn exceed_the_timeout(scene: &mut Scene, gate: &Path) -> Result<Option<Duration>> {
    scene.start("a").await?;
    let slow = Load {
        first_id: 1_000_000,
        count: 1,
        ..Load::default()
    };
    let slow = scene.load(slow, |work| {
        work.key = 1_000;
        work.conduct = Conduct::WaitForGate;
    })?;
    slow.finished().await?;
    let load = Load {
        count: scene.context.scaled(3_000, 30_000),
        per_second: 300,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    let from = Moment::now();
    let again = scene
        .recorded_within(CONSUMER_TIMEOUT * 5, starts(1_000_000, 2))
        .await?;
    std::fs::write(gate, "")?;
    scene.faulted("consumer timeout", "a", from, Moment::now())?;
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    ensure!(scene.all_alive()?, "the process ended");
    Ok(again)
}

/// Many publications at once through a `StreamBridge`, some of which reach no queue: each is told what became of it.
pub(super) async fn unroutable(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "unroutable")?;
    let exchange = format!("{}.bridge", scene.destinations.output);
    let queue = format!("{exchange}.{KEPT}");
    context.rabbit.declare_exchange(&exchange, "topic").await?;
    context
        .rabbit
        .declare_queue(&queue, json!({"x-queue-type": "quorum"}))
        .await?;
    context.rabbit.bind(&exchange, &queue, KEPT).await?;
    scene.argument(&format!("stream.bindings.{BINDING}.destination"), &exchange);
    scene.argument(
        &format!("stream.rabbit.bindings.{BINDING}.producer.routing-key-expression"),
        format!("headers['{ROUTE}']"),
    );
    scene
        .launch
        .environment
        .push(("BENCH_PUBLISH".to_owned(), PUBLICATIONS.to_string()));
    scene.rules.outputs_expected = false;
    let ledger = Arc::new(Writer::open(&scene.folder().join("queue.jsonl"))?);
    let mut verifier = RabbitVerifier::new(&context.rabbit, &[], std::slice::from_ref(&queue), ledger);
    scene.start("a").await?;
    let mut answers = 0;
    let all_answered = |record: &Record| {
        answers += u64::from(matches!(record, Record::Answer { .. }));
        answers == PUBLICATIONS
    };
    let took = scene.recorded_within(PATIENCE, all_answered).await?;
    verifier.drain().await?;
    let run = Run::read(scene.folder())?;
    let told = |wanted: Outcome| {
        let answers = run.records.iter().filter_map(move |record| match record {
            Record::Answer { id, outcome, .. } if *outcome == wanted => Some(*id),
            _ => None,
        });
        answers.collect::<Vec<_>>()
    };
    // What was confirmed is in the queue, and what was refused is not: the checker compares.
    scene.rules.expect_dead = told(Outcome::Ok).into_iter().collect();
    let astray = told(Outcome::Fail);
    let mut report = scene.conclude().await?;
    context.rabbit.delete_queue(&queue).await?;
    context.rabbit.delete_exchange(&exchange).await?;
    report.within("every publication is answered", PATIENCE, took);
    let expected = PUBLICATIONS / ASTRAY;
    let right = astray.len() as u64 == expected && astray.iter().all(|id| id % ASTRAY == 0);
    report.ask(
        "told to have reached no queue",
        format!("the {expected} that didn't"),
        astray.len().to_string(),
        right,
    );
    Ok(report)
}
