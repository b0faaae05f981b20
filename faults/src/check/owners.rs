//! Two instances at work on one source.

use std::collections::BTreeMap;
use std::time::Duration;

use super::index::{Effect, Index};
use super::{Findings, TwoOwners};

/// Handlings with an effect are compared; of one without, nobody knows when it was over.
pub(super) fn judge(index: &Index<'_>, window: Duration, findings: &mut Findings) {
    let mut sources: BTreeMap<&str, Vec<&Effect<'_>>> = BTreeMap::new();
    for effect in index.messages.values().flat_map(|message| &message.effects) {
        if let Some(source) = effect.source {
            sources.entry(source).or_default().push(effect);
        }
    }
    for (source, mut spans) in sources {
        spans.sort_by_key(|span| span.from);
        sweep(source, &spans, window, findings);
    }
}

fn sweep(source: &str, spans: &[&Effect<'_>], window: Duration, findings: &mut Findings) {
    // The handling of each instance that lasts longest so far.
    let mut longest: BTreeMap<&str, &Effect<'_>> = BTreeMap::new();
    let mut found: BTreeMap<(&str, &str), TwoOwners> = BTreeMap::new();
    for span in spans {
        for (instance, other) in &longest {
            let overlap = other.at.min(span.at).since(span.from);
            if *instance == span.instance || overlap <= window {
                continue;
            }
            let entry = found
                .entry((instance, span.instance))
                .or_insert_with(|| TwoOwners {
                    source: source.to_owned(),
                    later: span.instance.to_owned(),
                    earlier: (*instance).to_owned(),
                    at: span.from,
                    overlap,
                    count: 0,
                });
            entry.overlap = entry.overlap.max(overlap);
            entry.count += 1;
        }
        let own = longest.entry(span.instance).or_insert(span);
        if own.at < span.at {
            *own = span;
        }
    }
    findings.two_owners.extend(found.into_values());
}
