//! T20: the process ends at each named step between receive and settle.

use std::time::Duration;

use anyhow::{Result, ensure};
use bindery::fail_point_names;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::Moment;
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::{Conduct, Work};

/// How long nothing may end until the case gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a process may take to come to its end.
const CRASH: Duration = Duration::from_secs(30);

/// Every so many messages one is refused, so that the steps of a dead letter are passed as well.
const REFUSED: u64 = 4;

/// How many messages take a step before the process ends at it.
const BEFORE: u64 = 6;

/// One process with one message in its hands at a time comes to its end at each step, and is started again. At most that one message is repeated, and only when it had its effect before; on Kafka also those that were
/// settled just before.
pub(super) async fn matrix(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T20")?;
    scene.rules.order = Order::PerKey;
    one_at_a_time(&mut scene);
    scene.start("a").await?;
    scene.stop("a").await?;
    let mut sent = 0;
    for point in points(context.broker) {
        for _ in 0..context.scaled(1, 20) {
            sent += crash(&mut scene, point, sent).await?;
        }
    }
    scene.rules.expect_dead = (0..sent).filter(|id| is_refused(*id)).collect();
    scene.start("a").await?;
    scene.settle(PATIENCE).await?;
    let mut report = scene.conclude().await?;
    // What arrives while the process starts is handled in one go, and of what is settled in the last `commit-interval`
    // Kafka does not know yet.
    let before = match context.broker {
        Broker::Kafka => usize::try_from(BEFORE)?,
        Broker::Rabbit | Broker::Memory => 0,
    };
    for fault in report.faults.clone() {
        let limit = before + usize::from(!is_before_the_effect(&fault.fault));
        report.at_most(
            &format!("repeats after {}", fault.fault),
            &limit,
            &fault.repeated.len(),
        );
        // Whether the message before was settled in time depends on the machine.
        report.timed();
    }
    Ok(report)
}

fn one_at_a_time(scene: &mut Scene) {
    let input = scene.destinations.inputs[0].clone();
    scene.destinations.inputs = vec![input.clone()];
    scene.argument("bench.in", input);
    scene.argument("stream.bindings.transfer-in-0.consumer.max-in-flight", 1);
    scene.argument("stream.bindings.transfer-in-0.consumer.ordering", "partition");
    scene.argument("stream.bindings.transfer-out-0.producer.max-in-flight", 1);
    // One partition, given back as soon as the process is there again.
    scene.argument("stream.kafka.binder.min-partition-count", 1);
    scene.argument(
        "stream.kafka.binder.configuration.group.instance.id",
        "${BENCH_INSTANCE}",
    );
}

/// The steps that a message passes without another member. `in-revoke-before-commit` needs one.
fn points(broker: Broker) -> Vec<&'static str> {
    let of_binder: &[&str] = match broker {
        Broker::Kafka => &fail_point_names::KAFKA,
        Broker::Rabbit => &fail_point_names::RABBIT,
        Broker::Memory => &[],
    };
    fail_point_names::RUNTIME
        .iter()
        .chain(of_binder)
        .copied()
        .filter(|point| *point != "in-revoke-before-commit")
        .collect()
}

fn is_before_the_effect(fault: &str) -> bool {
    ["after-receive", "before-handler"]
        .iter()
        .any(|point| fault.contains(point))
}

/// Starts the process, lets messages come slowly enough that each is settled before the next one, until the process
/// ends, and returns how many came.
async fn crash(scene: &mut Scene, point: &str, first_id: u64) -> Result<u64> {
    let mut launch = scene.launch.clone();
    let passes = match point {
        // Only refused messages take it.
        "after-dead-letter-before-settle" => BEFORE / REFUSED,
        _ => BEFORE,
    };
    let points = format!("{point}={passes}*off->return");
    launch.environment.push(("FAILPOINTS".to_owned(), points));
    scene.start_with("a", &launch).await?;
    let load = Load {
        first_id,
        count: 1_000,
        per_second: 5,
        keys: 1,
        ..Load::default()
    };
    let load = scene.load(load, |work: &mut Work| {
        if is_refused(work.id) {
            work.conduct = Conduct::Refuse;
        }
    })?;
    let status = scene.instance("a")?.ended(CRASH).await?;
    let now = Moment::now();
    load.stop();
    ensure!(!status.success(), "the process ended properly at `{point}`");
    scene.gone("a")?;
    scene.faulted(point, "a", now, now)?;
    Ok(load.finished().await?.sent)
}

fn is_refused(id: u64) -> bool {
    id % REFUSED == REFUSED - 1
}
