//! T6 and T7: what the network does to connections. A relay stands between the service and its broker; the generator
//! and the verifier go past it.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::common::{self, Footprint};
use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::Moment;
use crate::load::Load;
use crate::relay::{Direction, Mode, Relay};
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(40);

/// How long a client may need to go on after a reset.
const RECONNECT: Duration = Duration::from_secs(5);

/// How long everything may need to flow again once the network is back.
const HEALED: Duration = Duration::from_secs(15);

/// A commit interval and more.
const SETTLED: Duration = Duration::from_secs(2);

/// How many threads and descriptors more than before are no leak: a health check or a thread of the pool at that moment.
const LEEWAY: u64 = 2;

/// T6: every connection is reset, again and again.
pub(super) async fn resets(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T6")?;
    scene.rules.order = Order::PerKey;
    // What a reset gives back may wait behind the next reset as well.
    scene.rules.recovery = HEALED;
    let relay = behind_relay(&mut scene)?;
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: 1_000_000,
        per_second: 300,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    sleep(Duration::from_secs(2)).await;
    scene.caught_up(100, PATIENCE).await?;
    // What a client library starts with the first reset and keeps is no leak.
    reset(&scene, &relay)?;
    sleep(RECONNECT).await;
    let before = [
        Footprint::of(&scene, "a").await?,
        Footprint::of(&scene, "b").await?,
    ];
    for _ in 0..context.scaled(12, 50) {
        scene
            .pause(Duration::from_millis(200), Duration::from_millis(1_500))
            .await;
        reset(&scene, &relay)?;
    }
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let mut most = Footprint::default();
    for (name, before) in ["a", "b"].into_iter().zip(before) {
        let more = Footprint::growth(&scene, name, before, LEEWAY).await?;
        most = most.max(more);
    }
    let mut report = scene.conclude().await?;
    let slowest = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", RECONNECT, slowest);
    report.at_most("threads more than before", &LEEWAY, &most.threads);
    report.at_most("descriptors more than before", &LEEWAY, &most.descriptors);
    Ok(report)
}

fn reset(scene: &Scene, relay: &Relay) -> Result<()> {
    let at = Moment::now();
    relay.reset_all();
    scene.faulted("reset", "connections", at, Moment::now())
}

/// T7: bytes vanish one way, the other way, both ways, and nobody is told.
pub(super) async fn blackholes(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T7")?;
    scene.rules.order = Order::PerKey;
    scene.rules.recovery = HEALED;
    let (span, detection) = spans(&mut scene);
    let relay = behind_relay(&mut scene)?;
    scene.start_all(&["a", "b"]).await?;
    let load = Load {
        count: 1_000_000,
        per_second: 250,
        ..Load::default()
    };
    let load = scene.load(load, common::ordinary)?;
    let mut slowest = Some(Duration::ZERO);
    for direction in [Direction::ToBroker, Direction::ToClient, Direction::Both] {
        scene.caught_up(100, PATIENCE).await?;
        // Long enough for what is finished to be committed, so that repeats show what this fault costs.
        sleep(SETTLED).await;
        let (from, begun) = (Moment::now(), Instant::now());
        relay.set(Mode::Blackhole(direction));
        let detected = scene
            .health_within("a", detection * 2, |report| report.status != "UP")
            .await?;
        slowest = slowest.max(detected).filter(|_| detected.is_some());
        sleep(span.saturating_sub(begun.elapsed())).await;
        relay.set(Mode::Pass);
        scene.faulted("blackhole", &format!("{direction:?}"), from, Moment::now())?;
        scene.caught_up(100, PATIENCE * 2).await?;
        let healthy = scene
            .health_within("a", HEALED, |report| report.status == "UP")
            .await?;
        anyhow::ensure!(
            healthy.is_some(),
            "health is not up again {HEALED:?} after the network is"
        );
    }
    load.stop();
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    report.within("slowest detection in health", detection, slowest);
    let recovery = report.faults.iter().filter_map(|fault| fault.recovery).max();
    report.within("slowest recovery", HEALED, recovery);
    Ok(report)
}

/// How long bytes vanish, and how soon health must say so. On Kafka a connection that waits for nothing finds out with
/// its next request, at the latest when metadata is due after 10 s, and then after `socket.timeout.ms`; on RabbitMQ it
/// takes two heartbeats of 5 s, and as long as the side that looks for them takes between two looks.
fn spans(scene: &mut Scene) -> (Duration, Duration) {
    let seconds = Duration::from_secs;
    match (scene.context.broker, scene.context.scaled(true, false)) {
        (Broker::Kafka, true) => {
            // The default of 60 s would make the case last for minutes.
            scene.argument("stream.kafka.binder.configuration.socket.timeout.ms", 10_000);
            (seconds(14), seconds(22))
        }
        (Broker::Kafka | Broker::Memory, _) => (seconds(90), seconds(72)),
        (Broker::Rabbit, true) => (seconds(12), seconds(15)),
        (Broker::Rabbit, false) => (seconds(90), seconds(15)),
    }
}

/// Puts a relay before the broker, for processes that are started from now on.
fn behind_relay(scene: &mut Scene) -> Result<Relay> {
    let (variable, relay) = match scene.context.broker {
        Broker::Kafka | Broker::Memory => ("KAFKA_BROKERS", scene.context.kafka.relay()?),
        Broker::Rabbit => ("RABBITMQ_ADDRESSES", scene.context.rabbit.relay()?),
    };
    let address = relay.address().to_string();
    scene.launch.environment.push((variable.to_owned(), address));
    Ok(relay)
}
