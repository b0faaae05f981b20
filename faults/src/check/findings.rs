//! What the checker found.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::ledger::Moment;

/// An effect beyond the first of its message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repeat {
    /// The message.
    pub id: u64,
    /// The process that had the effect again.
    pub instance: String,
    /// When its handler began.
    pub at: Moment,
    /// The fault it belongs to, by its place among [`Findings::faults`].
    pub fault: Option<usize>,
}

/// A message that overtook the one before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disorder {
    /// The key of both.
    pub key: u32,
    /// The place that should have been finished first.
    pub earlier: u64,
    /// The place that began too early.
    pub later: u64,
    /// When it began.
    pub at: Moment,
}

/// Two instances were at work on one source at the same time for too long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TwoOwners {
    /// The partition or queue.
    pub source: String,
    /// The instance that began later.
    pub later: String,
    /// The instance that was still at work.
    pub earlier: String,
    /// When the overlap began.
    pub at: Moment,
    /// The longest that the two overlapped.
    pub overlap: Duration,
    /// How many handlings overlapped for too long.
    pub count: usize,
}

/// A source that had work and finished none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stall {
    /// The partition or queue; `None` where the binder does not say it.
    pub source: Option<String>,
    /// When work was open and nothing was finished any more.
    pub from: Moment,
    /// When something was finished again.
    pub to: Moment,
    /// How long that was, without the time of faults.
    pub silent: Duration,
}

/// How long the service took to finish something after a fault was over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// The fault, by its place among [`Findings::faults`].
    pub fault: usize,
    /// From the end of the fault to the first effect on the last source that it had hit.
    pub took: Duration,
}

/// What became of the messages of one case.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// How many messages the broker acknowledged to the generator.
    pub acknowledged: u64,
    /// How many messages had at least one effect.
    pub effects: u64,
    /// How many messages were seen in the dead letter at least once.
    pub dead_letters: u64,
    /// Acknowledged, and neither effect nor dead letter.
    pub lost: Vec<u64>,
    /// Something became of them, though nobody published them or their publication was refused.
    pub unexpected: Vec<u64>,
    /// Effects beyond the first that belong to a fault.
    pub repeated_attributed: Vec<Repeat>,
    /// Effects beyond the first that nothing explains.
    pub repeated_unattributed: Vec<Repeat>,
    /// Overtakings within a key.
    pub disorder: Vec<Disorder>,
    /// Sources with two owners.
    pub two_owners: Vec<TwoOwners>,
    /// Sources that stood still.
    pub stalls: Vec<Stall>,
    /// Messages with an effect and without an output.
    pub without_output: Vec<u64>,
    /// Messages in the dead letter that don't belong there.
    pub dead_unexpected: Vec<u64>,
    /// Messages and marks that belong in the dead letter and are not there.
    pub dead_missing: Vec<String>,
    /// Other sums that don't add up, in words.
    pub conservation: Vec<String>,
    /// The faults of the case, in the order of their beginning, as `fault target`.
    pub faults: Vec<String>,
    /// How many repeats belong to each of the faults.
    pub repeats_per_fault: Vec<usize>,
    /// How long the service took to recover, for each fault that it could be seen after.
    pub recoveries: Vec<Recovery>,
    /// How many dead letters were seen for each reason.
    pub dead_letter_reasons: BTreeMap<String, u64>,
    /// The most handler starts that one message had.
    pub most_starts: usize,
}

impl Findings {
    /// Every effect beyond a first, attributed or not.
    pub fn repeated(&self) -> usize {
        self.repeated_attributed.len() + self.repeated_unattributed.len()
    }

    /// The median of the recoveries, `None` without any.
    pub fn recovery_median(&self) -> Option<Duration> {
        let mut times: Vec<Duration> = self.recoveries.iter().map(|recovery| recovery.took).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }

    /// The longest recovery, `None` without any.
    pub fn recovery_longest(&self) -> Option<Duration> {
        self.recoveries.iter().map(|recovery| recovery.took).max()
    }

    /// How many of each kind of anomaly there are, by name, those with none left out. Attributed repeats are none.
    pub fn anomalies(&self) -> Vec<(&'static str, usize)> {
        [
            ("lost", self.lost.len()),
            ("unexpected", self.unexpected.len()),
            ("repeated without a fault", self.repeated_unattributed.len()),
            ("disorder", self.disorder.len()),
            ("two owners", self.two_owners.len()),
            ("stalls", self.stalls.len()),
            ("effects without output", self.without_output.len()),
            ("unexpected dead letters", self.dead_unexpected.len()),
            ("missing dead letters", self.dead_missing.len()),
            ("conservation", self.conservation.len()),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect()
    }
}
