//! T9 and T10: messages that can't be processed among those that can.

use std::time::Duration;

use anyhow::Result;

use crate::check::Order;
use crate::context::{Broker, Context};
use crate::hostile::Hostile;
use crate::ledger::{Record, Run, Writer};
use crate::load::Load;
use crate::report::CaseReport;
use crate::scene::Scene;
use crate::work::{Conduct, Work};

const PATIENCE: Duration = Duration::from_secs(30);
/// `max-attempts` of `config/application.yaml`.
const ATTEMPTS: usize = 3;

/// T9: every hundredth message is hostile, in every way that the broker lets through.
pub(super) async fn poison(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T9")?;
    scene.rules.order = Order::PerKey;
    let count = context.scaled(10_000, 120_000);
    let hostile = Hostile::some(context.broker, count / 100);
    scene.rules.expect_marks = hostile.iter().map(|hostile| hostile.mark.clone()).collect();
    scene.rules.expect_dead = hostile
        .iter()
        .filter_map(|hostile| Some(hostile.work.as_ref()?.id))
        .collect();
    scene.start_all(&["a", "b"]).await?;
    let ledger = Writer::open(&scene.folder().join("hostile.jsonl"))?;
    let load = scene.load(
        Load {
            count,
            ..Load::default()
        },
        |_| {},
    )?;
    let inputs = scene.destinations.inputs.clone();
    for hostile in &hostile {
        hostile
            .publish(context, &inputs, &ledger, &mut scene.random)
            .await?;
    }
    load.finished().await?;
    scene.settle(PATIENCE).await?;
    let deaths = scene.deaths()?;
    let folder = scene.folder().to_owned();
    let mut report = scene.conclude().await?;
    report.at_most("processes that died", &0, &deaths);
    report.at_most(
        "handler starts of one message",
        &(ATTEMPTS + 1),
        &report.findings.most_starts.clone(),
    );
    let run = Run::read(&folder)?;
    let without = run
        .records
        .iter()
        .filter(|record| matches!(record, Record::DeadLetter { reason, .. } if reason.is_empty()));
    report.at_most("dead letters without a reason", &0, &without.count());
    report.note(format!(
        "{} hostile messages of {} kinds",
        hostile.len(),
        crate::hostile::Kind::of(context.broker).len()
    ));
    Ok(report)
}

/// One message of so many has an output that no broker takes.
fn is_large(id: &u64) -> bool {
    id % 500 == 50
}

fn grow(work: &mut Work) {
    work.output_bytes = 2_000_000;
}

/// The largest message that RabbitMQ takes in T10, in bytes.
const RABBIT_MOST: usize = 1_000_000;

/// T10: outputs that the broker doesn't take, and messages as large as it takes that the handler refuses.
pub(super) async fn oversized(context: &Context) -> Result<CaseReport> {
    if context.broker != Broker::Rabbit {
        return oversized_messages(context).await;
    }
    let limit = |bytes| {
        let expression = format!("application:set_env(rabbit, max_message_size, {bytes}).");
        async move { context.rabbit.eval(&expression).await }
    };
    // For channels that are opened from now on.
    limit(RABBIT_MOST).await?;
    let report = oversized_messages(context).await;
    limit(134_217_728).await?;
    report
}

async fn oversized_messages(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T10")?;
    scene.rules.order = Order::PerKey;
    scene.start_all(&["a", "b"]).await?;
    // RabbitMQ says its limit only by closing the channel of the first message that exceeds it.
    let first = Load {
        count: 40,
        per_second: 20,
        ..Load::default()
    };
    scene.load(first, grow)?.finished().await?;
    scene.rules.expect_dead = (0..40).collect();
    scene.settle(PATIENCE).await?;
    let count = context.scaled(5_000, 60_000);
    let among_others = Load {
        first_id: 1_000,
        count,
        ..Load::default()
    };
    scene
        .rules
        .expect_dead
        .extend((1_000..1_000 + count).filter(is_large));
    let load = scene.load(among_others, |work| {
        if is_large(&work.id) {
            grow(work);
        }
    })?;
    load.finished().await?;
    // Together with what is added to its dead letter, such a message is larger than Kafka takes.
    let full = Load {
        first_id: 1_000 + count,
        count: 10,
        per_second: 20,
        bytes: 999_000,
        ..Load::default()
    };
    scene.rules.expect_dead.extend(1_000 + count..1_010 + count);
    let refused = scene.load(full, |work: &mut Work| work.conduct = Conduct::Refuse)?;
    refused.finished().await?;
    scene.settle(PATIENCE).await?;
    let deaths = scene.deaths()?;
    let folder = scene.folder().to_owned();
    let expected = scene.rules.expect_dead.clone();
    let mut report = scene.conclude().await?;
    report.at_most("processes that died", &0, &deaths);
    let run = Run::read(&folder)?;
    let starts = run
        .records
        .iter()
        .filter(|record| matches!(record, Record::Start { id, .. } if expected.contains(id)));
    report.at_most(
        "handler starts for what is too large",
        &expected.len(),
        &starts.count(),
    );
    Ok(report)
}
