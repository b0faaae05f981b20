//! Many sources at full rate before a slow handler: memory stays within what the configuration says.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::Work;

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(30);

const PARTITIONS: u64 = 256;
const QUEUES: u64 = 50;
const PAYLOAD: usize = 10 * 1_024;

/// What may be in flight of one source.
const BYTES_IN_FLIGHT: u64 = 64 * 1_024;

/// What a process needs besides: the program, its threads, the clients' buffers.
const BESIDES_MIB: u64 = 128;

/// What an input on Kafka has besides what is in flight, as `docs/guarantees.md` says: 16 MiB fetched ahead, 8 in an answer,
/// and 16 of paused partitions.
const KAFKA_MIB: u64 = 40;

/// 256 partitions or 50 queues hold far more than a process may keep, and its handler takes its time.
pub(super) async fn many_sources(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "memory-bound")?;
    scene.rules.order = Order::PerKey;
    // Everything is published before a process runs, and a source may wait long for its turn.
    scene.rules.stall = Duration::from_secs(120);
    let sources = match context.broker {
        Broker::Rabbit => {
            let run = scene.destinations.output.clone();
            scene.destinations.inputs = (0..QUEUES).map(|queue| format!("{run}.in{queue}")).collect();
            let inputs = scene.destinations.inputs.join(",");
            scene.argument("bench.in", inputs);
            // As many as the bytes allow: RabbitMQ counts messages, not bytes.
            scene.argument(
                "stream.rabbit.bindings.transfer-in-0.consumer.prefetch",
                BYTES_IN_FLIGHT / PAYLOAD as u64,
            );
            scene.argument(
                "stream.rabbit.bindings.transfer-in-0.consumer.quorum.enabled",
                false,
            );
            QUEUES
        }
        Broker::Kafka | Broker::Memory => {
            scene.argument("stream.kafka.binder.min-partition-count", PARTITIONS);
            PARTITIONS
        }
    };
    scene.argument(
        "stream.bindings.transfer-in-0.consumer.max-in-flight-bytes",
        BYTES_IN_FLIGHT,
    );
    // The queues and partitions are there before the load is.
    scene.start("a").await?;
    scene.stop("a").await?;
    let load = Load {
        count: context.scaled(10_000, 60_000),
        per_second: 20_000,
        keys: 2_000,
        bytes: PAYLOAD,
        ..Load::default()
    };
    scene
        .load(load, |work: &mut Work| work.micros = 50_000)?
        .finished()
        .await?;
    scene.start("a").await?;
    scene.settle(PATIENCE).await?;
    // A source's limit is overshot by what was on its way, and what is blocked is counted apart.
    let fetched = match context.broker {
        Broker::Kafka => KAFKA_MIB,
        Broker::Rabbit | Broker::Memory => 0,
    };
    let bound = BESIDES_MIB + fetched + 2 * sources * BYTES_IN_FLIGHT / 1_048_576;
    let mut report = scene.conclude().await?;
    report.at_most(
        "resident memory in MiB",
        &bound,
        &report.samples.resident_mib.clone(),
    );
    report.note(format!(
        "{sources} sources with {BYTES_IN_FLIGHT} bytes in flight each (`max-in-flight-bytes`), twice, {fetched} MiB fetched \
         and not handed over, and {BESIDES_MIB} MiB for the program and its clients: {bound} MiB"
    ));
    Ok(report)
}
