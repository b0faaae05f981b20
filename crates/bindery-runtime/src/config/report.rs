//! The report at startup: a line that says what was read, and a table of every binding.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BinderFactory, ConsumerSpec};

use super::retry::{Jitter, RetryPolicy, RetryStrategy};
use super::{InputSpec, Model, OnExhausted, Ordering, OutputSpec};

/// What stands where there is nothing to say.
const NOTHING: &str = "–";

const HEADER: [&str; 9] = [
    "binding",
    "destination",
    "group",
    "binder",
    "lanes",
    "retry",
    "dead letter",
    "partitions",
    "guarantee",
];

/// The line above the table: version, profiles, sources.
pub fn banner(model: &Model) -> String {
    let mut parts = vec![format!("bindery {}", env!("CARGO_PKG_VERSION"))];
    if !model.profiles.is_empty() {
        parts.push(format!("profile {}", model.profiles.join(", ")));
    }
    match model.sources.as_slice() {
        [] => parts.push("no configuration found".to_owned()),
        sources => parts.push(sources.join(", ")),
    }
    parts.join("   ")
}

/// The table of bindings: outputs are marked `→`, inputs `←`. The bindings of one listener stand together; those of a
/// stream bridge come last. Columns are aligned; there is no trailing blank and no line break at the end.
pub fn table(model: &Model, factories: &[Arc<dyn BinderFactory>]) -> String {
    let mut rows: Vec<(&str, [String; 9])> = vec![(" ", HEADER.map(str::to_owned))];
    let mut outputs: Vec<&OutputSpec> = model.outputs.iter().collect();
    let listeners = model
        .inputs
        .iter()
        .map(|input| input.listener)
        .chain(
            model
                .outputs
                .iter()
                .flat_map(|output| output.listeners.first().map(|(listener, _)| *listener)),
        )
        .collect::<std::collections::BTreeSet<_>>();
    for listener in listeners {
        for input in model.inputs.iter().filter(|input| input.listener == listener) {
            let factory = factory_of(model, factories, &input.binder);
            for consumer in &input.consumers {
                rows.push(("←", input_row(input, consumer, factory)));
            }
        }
        outputs.retain(|output| {
            let mine = output
                .listeners
                .first()
                .is_some_and(|(first, _)| *first == listener);
            if mine {
                rows.push(("→", output_row(output)));
            }
            !mine
        });
    }
    for output in outputs {
        rows.push(("→", output_row(output)));
    }
    aligned(&rows)
}

fn factory_of<'f>(
    model: &Model,
    factories: &'f [Arc<dyn BinderFactory>],
    binder: &str,
) -> Option<&'f Arc<dyn BinderFactory>> {
    let spec = model.binders.iter().find(|spec| *spec.name == *binder)?;
    factories.iter().find(|factory| *factory.kind() == *spec.kind)
}

fn input_row(
    input: &InputSpec,
    consumer: &ConsumerSpec,
    factory: Option<&Arc<dyn BinderFactory>>,
) -> [String; 9] {
    let dead_letter = factory.and_then(|factory| factory.dead_letter_destination(consumer));
    let held = input.on_exhausted == OnExhausted::Hold;
    let partitions = if consumer.partitioned {
        format!("{} of {}", consumer.instance_index, consumer.instance_count)
    } else {
        NOTHING.to_owned()
    };
    let order = match input.ordering {
        Ordering::Partition => "in order",
        Ordering::Key { .. } => "order per key",
        Ordering::None => "unordered",
    };
    let loss = match (&dead_letter, held) {
        (None, false) => ", skipped when exhausted",
        (None, true) | (Some(_), _) => "",
    };
    [
        input.name.to_string(),
        consumer.destination.to_string(),
        consumer.group.as_deref().unwrap_or("anonymous").to_owned(),
        input.binder.to_string(),
        lanes(input, consumer),
        retry(&input.retry),
        dead_letter.unwrap_or_else(|| format!("{NOTHING} ({})", if held { "held" } else { "skipped" })),
        partitions,
        format!("at least once, {order}{loss}"),
    ]
}

fn output_row(output: &OutputSpec) -> [String; 9] {
    let nothing = || NOTHING.to_owned();
    let partitions = match output.producer.partition_count {
        Some(count) => format!("{count} by key"),
        None => nothing(),
    };
    [
        output.name.to_string(),
        output.producer.destination.to_string(),
        nothing(),
        output.binder.to_string(),
        nothing(),
        nothing(),
        nothing(),
        partitions,
        if output.lazy {
            "confirmed, bound when first sent to"
        } else {
            "confirmed"
        }
        .to_owned(),
    ]
}

fn lanes(input: &InputSpec, consumer: &ConsumerSpec) -> String {
    let how = match input.ordering {
        _ if consumer.concurrency == 1 => "",
        Ordering::Partition => " by partition",
        Ordering::Key { .. } => " by key",
        Ordering::None => " unordered",
    };
    format!("{}{how}", consumer.concurrency)
}

/// Such as `4× 1s…10s`, `3× 500ms`, `1×`.
fn retry(policy: &RetryPolicy) -> String {
    let times = format!("{}×", policy.max_attempts);
    if policy.max_attempts == 1 {
        return times;
    }
    let delays = match &policy.strategy {
        RetryStrategy::Fixed { delay } => short(*delay),
        RetryStrategy::Exponential { initial, max, .. } if initial >= max => short(*max),
        RetryStrategy::Exponential { initial, max, .. } => format!("{}…{}", short(*initial), short(*max)),
        RetryStrategy::Random { max } => format!("0…{}", short(*max)),
        RetryStrategy::Intervals(intervals) => {
            let shown: Vec<String> = intervals.iter().take(4).map(|delay| short(*delay)).collect();
            let more = if intervals.len() > 4 { ",…" } else { "" };
            format!("{}{more}", shown.join(","))
        }
    };
    let jitter = match policy.jitter {
        Jitter::None => String::new(),
        Jitter::Full => " full jitter".to_owned(),
        Jitter::Equal => " equal jitter".to_owned(),
        Jitter::Decorrelated => " decorrelated".to_owned(),
        Jitter::Ratio(ratio) => format!(" ±{:.0}%", ratio * 100.0),
    };
    let deadline = match policy.deadline {
        Some(deadline) => format!(" within {}", short(deadline)),
        None => String::new(),
    };
    format!("{times} {delays}{jitter}{deadline}")
}

/// A duration in its largest whole unit.
pub(crate) fn short(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, name) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis > 0 && millis.is_multiple_of(unit) {
            return format!("{}{name}", millis / unit);
        }
    }
    format!("{millis}ms")
}

/// The longest name that the table shows whole; formatting ends the process beyond 65,535.
const LONGEST_CELL: usize = 100;

fn shortened(cell: &str) -> String {
    match cell.char_indices().nth(LONGEST_CELL) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

fn aligned(rows: &[(&str, [String; 9])]) -> String {
    let rows: Vec<(&str, [String; 9])> = rows
        .iter()
        .map(|(mark, row)| (*mark, row.each_ref().map(|cell| shortened(cell))))
        .collect();
    let width = |column: usize| {
        rows.iter()
            .map(|(_, row)| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let lines: Vec<String> = rows
        .iter()
        .map(|(mark, row)| {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            format!("{mark} {}", cells.join("   ")).trim_end().to_owned()
        })
        .collect();
    lines.join("\n")
}
