//! T20: the process ends at each named step between receive and settle.

use std::time::Duration;

use anyhow::{Result, ensure};
use bindery::fail_point_names;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::{Moment, Record};
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

/// One process with one message in its hands at a time comes to its end at each step, and is started again. At most that one message is repeated, and only when it had its effect before.
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
    for fault in report.faults.clone() {
        let limit = usize::from(!is_before_the_effect(&fault.fault));
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
    // A static member of the scene before would get what it was assigned there.
    let member = format!("${{BENCH_INSTANCE}}-{input}");
    scene.argument("bench.in", input);
    scene.argument("stream.bindings.transfer-in-0.consumer.max-in-flight", 1);
    scene.argument("stream.bindings.transfer-in-0.consumer.ordering", "partition");
    scene.argument("stream.bindings.transfer-out-0.producer.max-in-flight", 1);
    // One partition, given back as soon as the process is there again.
    scene.argument("stream.kafka.binder.min-partition-count", 1);
    scene.argument("stream.kafka.binder.configuration.group.instance.id", member);
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
    // What the step before has left would be handled in one go, and count towards this one.
    scene.start("a").await?;
    take(scene, first_id).await?;
    scene.stop("a").await?;
    scene.start_with("a", &launch).await?;
    // What came before the process has found its share would be handled in one go as well.
    take(scene, first_id + 1).await?;
    let rest = Load {
        first_id: first_id + 2,
        count: 1_000,
        keys: 1,
        per_second: 5,
        ..Load::default()
    };
    let load = scene.load(rest, refuse_some)?;
    let status = scene.instance("a")?.ended(CRASH).await?;
    let now = Moment::now();
    load.stop();
    ensure!(!status.success(), "the process ended properly at `{point}`");
    scene.gone("a")?;
    scene.faulted(point, "a", now, now)?;
    Ok(2 + load.finished().await?.sent)
}

/// Sends one message, and waits until the process handles it: then all before it are done.
async fn take(scene: &mut Scene, id: u64) -> Result<()> {
    let one = Load {
        first_id: id,
        count: 1,
        keys: 1,
        ..Load::default()
    };
    scene.load(one, refuse_some)?.finished().await?;
    let is_it = |record: &Record| matches!(record, Record::Start { id: started, .. } if *started == id);
    let found = scene.recorded_within(CRASH, is_it).await?;
    ensure!(found.is_some(), "the process took no message within {CRASH:?}");
    Ok(())
}

fn refuse_some(work: &mut Work) {
    if is_refused(work.id) {
        work.conduct = Conduct::Refuse;
    }
}

fn is_refused(id: u64) -> bool {
    id % REFUSED == REFUSED - 1
}
