//! Sources that stand still, and how long the service takes to go on after a fault.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::faults::{Fault, Faults};
use super::index::{Effect, Index};
use super::{Findings, Recovery, Stall};
use crate::ledger::Moment;

/// A message from the moment it was acknowledged until it was first finished.
#[derive(Clone, Copy, Debug)]
struct Span {
    opened: Moment,
    closed: Moment,
}

/// Work is open until its first effect or, where it was given up, until it was last tried. What nobody ever tried is
/// lost or was unreadable: no ledger says when it was dealt with.
pub(super) fn stalls(index: &Index<'_>, faults: &Faults<'_>, limit: Duration, findings: &mut Findings) {
    let mut sources: BTreeMap<Option<&str>, Vec<Span>> = BTreeMap::new();
    for message in index.messages.values() {
        let effect = message.effects.first().map(|effect| effect.at);
        let given_up = || {
            message
                .dead
                .first()
                .and(message.starts.last())
                .map(|start| start.at)
        };
        let (Some(opened), Some(closed)) = (message.acknowledged(), effect.or_else(given_up)) else {
            continue;
        };
        let source = message.starts.first().and_then(|start| start.source);
        sources.entry(source).or_default().push(Span { opened, closed });
    }
    for (source, mut spans) in sources {
        spans.sort_by_key(|span| span.closed);
        // The earliest opening among this span and all that close after it, from the back.
        let mut waiting: Vec<Moment> = spans.iter().map(|span| span.opened).collect();
        for place in (1..waiting.len()).rev() {
            waiting[place - 1] = waiting[place - 1].min(waiting[place]);
        }
        let mut last = Moment::default();
        for (span, waiting) in spans.iter().zip(waiting) {
            let from = last.max(waiting);
            let silent = faults.outside(from, span.closed);
            if silent > limit {
                findings.stalls.push(Stall {
                    source: source.map(str::to_owned),
                    from,
                    to: span.closed,
                    silent,
                });
            }
            last = span.closed;
        }
    }
}

/// An effect, and when its message was acknowledged.
#[derive(Clone, Copy, Debug)]
struct Finished<'a> {
    effect: &'a Effect<'a>,
    acknowledged: Moment,
}

/// A fault of an instance hits the sources that this instance had last; any other fault hits them all.
pub(super) fn recoveries(index: &Index<'_>, faults: &Faults<'_>, findings: &mut Findings) {
    let mut sources: BTreeMap<Option<&str>, Vec<Finished<'_>>> = BTreeMap::new();
    for message in index.messages.values() {
        let acknowledged = message.acknowledged().unwrap_or_default();
        for effect in &message.effects {
            sources
                .entry(effect.source)
                .or_default()
                .push(Finished { effect, acknowledged });
        }
    }
    for finished in sources.values_mut() {
        finished.sort_by_key(|finished| finished.effect.at);
    }
    let instances: HashSet<&str> = sources
        .values()
        .flatten()
        .map(|finished| finished.effect.instance)
        .collect();
    for (place, fault) in faults.list.iter().enumerate() {
        let owned = instances.contains(fault.target);
        let times = sources
            .values()
            .filter_map(|finished| recovery(finished, fault, owned));
        if let Some(took) = times.max() {
            findings.recoveries.push(Recovery { fault: place, took });
        }
    }
}

fn recovery(finished: &[Finished<'_>], fault: &Fault<'_>, owned: bool) -> Option<Duration> {
    let before = finished.partition_point(|finished| finished.effect.at < fault.from);
    if owned && (before == 0 || finished[before - 1].effect.instance != fault.target) {
        return None;
    }
    let after = finished.partition_point(|finished| finished.effect.at < fault.to);
    let first = finished.get(after)?;
    Some(first.effect.at.since(fault.to.max(first.acknowledged)))
}
