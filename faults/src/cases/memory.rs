//! The cases on the memory binder: what the other cases ask for, as far as a broker in the same process can be spoiled.

use std::time::Duration;

use anyhow::Result;
use bindery::Message;

use crate::check::Order;
use crate::context::Context;
use crate::ledger::Moment;
use crate::load::Load;
use crate::memory::{INPUT, MemoryScene, OUTPUT};
use crate::report::CaseReport;
use crate::verify::MARK;
use crate::work::{Conduct, Work};

const PATIENCE: Duration = Duration::from_secs(20);
/// How soon health says what is wrong.
const SAID: Duration = Duration::from_secs(10);
/// One message of so many fails for good.
const FAILS: u64 = 500;

fn open(context: &Context, case: &'static str) -> Result<MemoryScene> {
    let mut scene = MemoryScene::open(context, case)?;
    scene.rules.order = Order::PerKey;
    Ok(scene)
}

fn load(context: &Context) -> Load {
    Load {
        count: context.scaled(10_000, 120_000),
        per_second: 4_000,
        seed: context.seed,
        ..Load::default()
    }
}

/// T1: services start, work off what is there, and stop, five times.
pub(super) async fn start_and_stop(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T1")?;
    let mut slowest = Duration::ZERO;
    for round in 0..5 {
        scene.start("a").await?;
        scene.start("b").await?;
        let count = load(context).count / 5;
        let part = Load {
            first_id: round * count,
            count,
            ..load(context)
        };
        scene.load(part, |_| {})?.await??;
        scene.settle(PATIENCE).await?;
        for name in ["a", "b"] {
            slowest = slowest.max(scene.stop(name).await?);
        }
    }
    let mut report = scene.conclude().await?;
    report.within("slowest stop", Duration::from_secs(5), Some(slowest));
    Ok(report)
}

/// T17: services stop and start again while messages flow; T4 as well, since members leave and join by it.
pub(super) async fn stop_under_load(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T17")?;
    scene.start("a").await?;
    scene.start("b").await?;
    let loading = scene.load(load(context), |work: &mut Work| work.micros = work.id % 5 * 1_000)?;
    for stop in 0..context.scaled(6, 50) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let name = if stop % 2 == 0 { "a" } else { "b" };
        scene.stop(name).await?;
        scene.start(name).await?;
    }
    loading.await??;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}

/// T5: the broker is away for a while, and nobody restarts anything.
pub(super) async fn broker_away(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T5")?;
    scene.start("a").await?;
    let loading = scene.load(load(context), |_| {})?;
    for _ in 0..context.scaled(3, 20) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let from = Moment::now();
        scene.broker.disconnect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        scene.broker.reconnect();
        scene.faulted("disconnect", from)?;
    }
    loading.await??;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}

/// T9: one message in a hundred can't be read; each ends in the dead letter with its reason.
pub(super) async fn hostile(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T9")?;
    scene.start("a").await?;
    let loading = scene.load(load(context), |_| {})?;
    let bodies: [&[u8]; 5] = [b"", b"{", b"\xff\xfe", b"null", b"{\"id\":\"x\"}"];
    for (number, body) in bodies.iter().cycle().take(100).enumerate() {
        let mark = format!("poison-{number}");
        let message = Message::new(body.to_vec())
            .key(number.to_string())
            .header(MARK, mark.as_str())
            .header(bindery::CONTENT_TYPE, "application/json");
        scene.broker.publish(INPUT, message)?;
        scene.rules.expect_marks.insert(mark);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    loading.await??;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}

/// The dead letter refuses: originals stay, the pace is slow, health says so, and all flows again afterwards.
pub(super) async fn dead_letter_refused(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "dead-letter-refused")?;
    scene.broker.faults().refuse_dead_letters();
    scene.start("a").await?;
    let fails = |id: u64| id % FAILS == 7;
    let from = Moment::now();
    let loading = scene.load(load(context), move |work: &mut Work| {
        if fails(work.id) {
            work.conduct = Conduct::Refuse;
        }
    })?;
    loading.await??;
    scene.rules.expect_dead = (0..load(context).count).filter(|id| fails(*id)).collect();
    let said = scene.await_reason("a", SAID).await?;
    let early = scene.dead_letters();
    scene.broker.faults().accept_dead_letters();
    scene.faulted("refuse dead letters", from)?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    report.at_most("dead letters while refused", &0, &early);
    report.ask(
        "health",
        "names the dead letter",
        said.clone(),
        said.contains("dead letter"),
    );
    Ok(report)
}

/// Messages that always fail have three attempts and then the dead letter; others don't wait for them.
pub(super) async fn always_failing(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "always-failing-dead-letter")?;
    scene.start("a").await?;
    let fails = |id: u64| id % FAILS == 7;
    let loading = scene.load(load(context), move |work: &mut Work| {
        if fails(work.id) {
            work.conduct = Conduct::FailAlways;
        }
    })?;
    loading.await??;
    scene.rules.expect_dead = (0..load(context).count).filter(|id| fails(*id)).collect();
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    report.at_most(
        "handler starts of one message",
        &3,
        &report.findings.most_starts.clone(),
    );
    Ok(report)
}

/// The output confirms nothing for a while: inputs wait, and go on by themselves.
pub(super) async fn output_silent(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "output-down")?;
    scene.start("a").await?;
    let loading = scene.load(load(context), |_| {})?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let from = Moment::now();
    scene.broker.faults().hold_confirms(OUTPUT);
    tokio::time::sleep(Duration::from_secs(1)).await;
    scene.broker.faults().lose_confirms(OUTPUT, 20);
    scene.broker.faults().release_confirms(OUTPUT);
    scene.faulted("hold and lose confirms", from)?;
    loading.await??;
    scene.settle(PATIENCE).await?;
    scene.conclude().await
}
