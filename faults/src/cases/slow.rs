//! T11: a handler that takes its time, and one that never returns.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::ledger::{Moment, Record, Run};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::{GROUP, Scene};
use crate::work::{Conduct, Work};

const PATIENCE: Duration = Duration::from_secs(40);
/// `max.poll.interval.ms` of the case: longer than the session, and as short as Kafka allows then.
const POLL_INTERVAL: Duration = Duration::from_secs(7);
const HANDLER_TIMEOUT: Duration = Duration::from_secs(3);
/// The message that is slow or hangs.
const SLOW: u64 = 500;

/// T11: one handler takes three times the poll interval. Nothing else is held up, and nothing is repeated.
pub(super) async fn slow(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T11-slow")?;
    let lasts = POLL_INTERVAL * 3;
    scene.rules.stall = lasts + Duration::from_secs(5);
    let micros = u64::try_from(lasts.as_micros())?;
    let folder = run(&mut scene, move |work| work.micros = micros).await?;
    let mut report = scene.conclude().await?;
    others_go_on(&mut report, &Run::read(&folder)?);
    Ok(report)
}

/// T11: one handler never returns. The watchdog ends it, again and again, until its message is given up.
pub(super) async fn hanging(context: &Context) -> Result<CaseReport> {
    let mut scene = open(context, "T11-hanging")?;
    scene.rules.stall = HANDLER_TIMEOUT * 4 + Duration::from_secs(5);
    scene.rules.expect_dead.insert(SLOW);
    scene.argument(
        "stream.bindings.transfer-in-0.consumer.handler-timeout",
        HANDLER_TIMEOUT.as_millis(),
    );
    let gate = scene.folder().join("gate").display().to_string();
    scene.launch.environment.push(("BENCH_GATE".to_owned(), gate));
    let folder = run(&mut scene, |work| work.conduct = Conduct::WaitForGate).await?;
    let mut report = scene.conclude().await?;
    let run = Run::read(&folder)?;
    others_go_on(&mut report, &run);
    let starts = starts(&run, SLOW);
    report.ask("handler starts", "3", starts.len().to_string(), starts.len() == 3);
    for pair in starts.windows(2) {
        // The pause between two attempts is 20 ms and more.
        let after = pair[1].since(pair[0]);
        let late = after.saturating_sub(HANDLER_TIMEOUT);
        let is_early = after < HANDLER_TIMEOUT;
        report.ask(
            "the watchdog ends the handler",
            "after 3 s, at most 1 s late",
            format!("{:.2} s", after.as_secs_f64()),
            !is_early && late <= Duration::from_secs(1),
        );
        report.timed();
    }
    Ok(report)
}

fn open(context: &Context, case: &'static str) -> Result<Scene> {
    let mut scene = Scene::open(context, case)?;
    scene.rules.order = Order::PerKey;
    scene.argument("stream.bindings.transfer-in-0.consumer.ordering", "partition");
    if context.broker == Broker::Kafka {
        scene.argument(
            "stream.kafka.binder.configuration.max.poll.interval.ms",
            POLL_INTERVAL.as_millis(),
        );
    }
    Ok(scene)
}

async fn run(scene: &mut Scene, shape: impl Fn(&mut Work) + Send + 'static) -> Result<std::path::PathBuf> {
    scene.start_all(&["a", "b"]).await?;
    if scene.context.broker == Broker::Kafka {
        // A process is ready before the group has its partitions shared out. One that joins while the slow handler runs
        // takes the partition away from it, and the message is repeated: rightly, but that is another case.
        scene.context.kafka.shared_out(GROUP, 2).await?;
    }
    let load = Load {
        count: 12_000,
        per_second: 1_000,
        ..Load::default()
    };
    let load = scene.load(load, move |work| {
        if work.id == SLOW {
            shape(work);
        }
    })?;
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    Ok(scene.folder().to_owned())
}

/// When the handler was started for a message.
fn starts(run: &Run, wanted: u64) -> Vec<Moment> {
    let of_it = run.records.iter().filter_map(|record| match record {
        Record::Start { id, at, .. } if *id == wanted => Some(*at),
        _ => None,
    });
    let mut starts: Vec<_> = of_it.collect();
    starts.sort_unstable();
    starts
}

/// While the slow handler runs, what arrives for other sources is handled at the rate at which it arrives.
fn others_go_on(report: &mut CaseReport, run: &Run) {
    let mut sources = std::collections::HashMap::new();
    let (mut began, mut blocked) = (None, None);
    for record in &run.records {
        if let Record::Start { id, source, at, .. } = record {
            sources.insert(*id, source.clone());
            if *id == SLOW && began.is_none_or(|began| *at < began) {
                (began, blocked) = (Some(*at), source.clone());
            }
        }
    }
    let began = began.unwrap_or_default();
    let until = began.plus(Duration::from_secs(8));
    let inside = |at: Moment| began <= at && at <= until;
    let is_other = |id: &u64| sources.get(id).is_some_and(|source| *source != blocked);
    let arrived = run
        .records
        .iter()
        .filter(|record| matches!(record, Record::Answer { id, at, .. } if inside(*at) && is_other(id)));
    let handled = run
        .records
        .iter()
        .filter(|record| matches!(record, Record::End { id, at, .. } if inside(*at) && is_other(id)));
    let (arrived, handled) = (arrived.count(), handled.count());
    report.ask(
        "messages of other sources, meanwhile",
        format!("90 % of the {arrived} that arrived"),
        handled.to_string(),
        arrived > 0 && handled * 10 >= arrived * 9,
    );
    report.timed();
}
