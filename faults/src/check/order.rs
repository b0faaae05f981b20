//! Order within each key.

use std::collections::BTreeMap;

use super::faults::Faults;
use super::index::{Index, Message};
use super::{Disorder, Findings};

/// Message n+1 may begin when n had its effect. A message whose publication nobody answered for has no place of its own,
/// and one that nothing became of is the business of another check: both are left out.
pub(super) fn judge(index: &Index<'_>, faults: &Faults<'_>, findings: &mut Findings) {
    let mut keys: BTreeMap<u32, Vec<&Message<'_>>> = BTreeMap::new();
    for message in index.messages.values() {
        if message.acknowledged().is_some() && !message.starts.is_empty() {
            keys.entry(message.key).or_default().push(message);
        }
    }
    for (key, mut messages) in keys {
        messages.sort_by_key(|message| message.seq);
        for pair in messages.windows(2) {
            let [earlier, later] = pair else { continue };
            if overtakes(earlier, later, faults) {
                findings.disorder.push(Disorder {
                    key,
                    earlier: earlier.seq,
                    later: later.seq,
                    at: later.starts[0].at,
                });
            }
        }
    }
}

fn overtakes(earlier: &Message<'_>, later: &Message<'_>, faults: &Faults<'_>) -> bool {
    let began = later.starts[0].at;
    if let Some(effect) = earlier.effects.first() {
        return began < effect.at;
    }
    // Without an effect the message was given up, which no ledger of the service says when: it must at least have been
    // tried before, and not again after, unless a fault brought it back.
    began < earlier.starts[0].at
        || earlier
            .starts
            .iter()
            .any(|start| began < start.at && !faults.covers(start.at))
}
