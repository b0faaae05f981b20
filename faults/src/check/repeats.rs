//! Effects beyond the first, and the faults they belong to.

use super::faults::Faults;
use super::index::Index;
use super::{Findings, Repeat};

pub(super) fn judge(index: &Index<'_>, faults: &Faults<'_>, findings: &mut Findings) {
    findings.faults = faults
        .list
        .iter()
        .map(|fault| format!("{} {}", fault.fault, fault.target))
        .collect();
    findings.repeats_per_fault = vec![0; faults.list.len()];
    for (id, message) in &index.messages {
        for pair in message.effects.windows(2) {
            let [previous, again] = pair else { continue };
            let fault = faults.blame(previous.at, again.from, again.at);
            let repeat = Repeat {
                id: *id,
                instance: again.instance.to_owned(),
                at: again.from,
                fault,
            };
            match fault {
                Some(fault) => {
                    findings.repeats_per_fault[fault] += 1;
                    findings.repeated_attributed.push(repeat);
                }
                None => findings.repeated_unattributed.push(repeat),
            }
        }
    }
}
