//! What became of each message: lost, unexpected, dead, and whether the sums add up.

use std::collections::HashSet;

use super::faults::Faults;
use super::index::{Index, Message};
use super::{Findings, Rules};

pub(super) fn judge(index: &Index<'_>, faults: &Faults<'_>, rules: &Rules, findings: &mut Findings) {
    for (id, message) in &index.messages {
        findings.most_starts = findings.most_starts.max(message.starts.len());
        findings.acknowledged += u64::from(message.acknowledged().is_some());
        findings.effects += u64::from(!message.effects.is_empty());
        findings.dead_letters += u64::from(!message.dead.is_empty());
        if !message.intended || message.refused() {
            if became_something(message) {
                findings.unexpected.push(*id);
            }
        } else if rules.expect_held.contains(id) {
            held(*id, message, findings);
        } else if rules.expect_dead.contains(id) {
            if message.dead.is_empty() && message.acknowledged().is_some() {
                findings.dead_missing.push(id.to_string());
            }
        } else {
            ordinary(*id, message, faults, rules, findings);
        }
    }
    for mark in &rules.expect_marks {
        if !index.marks.contains_key(mark.as_str()) {
            findings.dead_missing.push(mark.clone());
        }
    }
    for (reason, count) in &index.reasons {
        findings.dead_letter_reasons.insert((*reason).to_owned(), *count);
    }
}

fn became_something(message: &Message<'_>) -> bool {
    !message.starts.is_empty()
        || !message.effects.is_empty()
        || !message.outputs.is_empty()
        || !message.dead.is_empty()
}

fn held(id: u64, message: &Message<'_>, findings: &mut Findings) {
    if !message.effects.is_empty() || !message.outputs.is_empty() || !message.dead.is_empty() {
        findings
            .conservation
            .push(format!("message {id} should have stayed with the broker"));
    }
}

fn ordinary(id: u64, message: &Message<'_>, faults: &Faults<'_>, rules: &Rules, findings: &mut Findings) {
    let effects = message.effects.len();
    match (effects, message.dead.is_empty()) {
        (0, true) if message.acknowledged().is_some() => findings.lost.push(id),
        (_, false) => findings.dead_unexpected.push(id),
        _ => {}
    }
    if !rules.outputs_expected {
        return;
    }
    if effects > 0 && message.outputs.is_empty() && message.dead.is_empty() {
        findings.without_output.push(id);
    }
    if effects == 0 && !message.outputs.is_empty() {
        findings
            .conservation
            .push(format!("message {id} has an output and no effect"));
    }
    if effects > 0 && published_again(message, faults) {
        findings.conservation.push(format!(
            "message {id} has {effects} effects and {} outputs, and no fault explains it",
            message.outputs.len()
        ));
    }
}

/// An output may be published again when nobody answered for the first copy: that takes a fault between the first effect
/// and the last output seen.
fn published_again(message: &Message<'_>, faults: &Faults<'_>) -> bool {
    let copies: HashSet<(&str, u64)> = message
        .outputs
        .iter()
        .map(|output| (output.source, output.position))
        .collect();
    if copies.len() <= message.effects.len() {
        return false;
    }
    let (Some(effect), Some(output)) = (message.effects.first(), message.outputs.last()) else {
        return false;
    };
    faults.blame(effect.at, effect.at, output.at).is_none()
}
