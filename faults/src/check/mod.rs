//! The checker: what became of every message, by arithmetic over the ledgers of one case.
//!
//! It is pure: a [`Run`] and the [`Rules`] of the case go in, [`Findings`] come out. It knows nothing of brokers, and it
//! trusts the clock of the machine, which all writers share.
//!
//! * *Lost*: acknowledged to the generator, and neither an effect nor a dead letter exists.
//! * *Unexpected*: an effect, output or dead letter that nobody published, or whose publication was refused.
//! * *Repeated*: every effect beyond a message's first. It belongs to a fault when handling it touched the time from the
//!   fault's beginning to `recovery` after its end, and when the effect before it was at most `recovery` older than the
//!   fault, so that it may have been unsettled.
//! * *Disorder*: message n+1 of a key began before n had its effect.
//! * *Two owners*: handlers of two instances were at work on one source for longer than the zombie window.
//! * *Stall*: a source had acknowledged work and finished none of it for too long, the time of faults not counted.
//! * *Conservation*: what came in isn't what went out in some other way.

mod fates;
mod faults;
mod findings;
mod index;
mod order;
mod owners;
mod progress;
mod repeats;

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use crate::ledger::Run;

pub use findings::{Disorder, Findings, Recovery, Repeat, Stall, TwoOwners};

use faults::Faults;
use index::Index;

/// In which order a case promises effects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// None.
    #[default]
    None,
    /// By place among the messages of one key.
    PerKey,
}

/// What one case holds the service to.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The order that is promised.
    pub order: Order,
    /// How long after a fault its consequences may last, and how long before it an effect may have been unsettled.
    pub recovery: Duration,
    /// How long two instances may be at work on one source; `None` when a source has several owners by design.
    pub zombie_window: Option<Duration>,
    /// How long a source with open work may finish nothing.
    pub stall: Duration,
    /// The messages that must end in the dead letter, whether or not their handler had an effect.
    pub expect_dead: HashSet<u64>,
    /// The messages that must stay with the broker: no effect, no dead letter.
    pub expect_held: HashSet<u64>,
    /// The marks of hostile messages that must end in the dead letter.
    pub expect_marks: BTreeSet<String>,
    /// Each effect has at least one output, unless the message is expected in the dead letter.
    pub outputs_expected: bool,
}

impl Default for Rules {
    /// No order, 10 s of recovery and of stall, one output for each effect, no dead letters.
    fn default() -> Self {
        Self {
            order: Order::None,
            recovery: Duration::from_secs(10),
            zombie_window: None,
            stall: Duration::from_secs(10),
            expect_dead: HashSet::new(),
            expect_held: HashSet::new(),
            expect_marks: BTreeSet::new(),
            outputs_expected: true,
        }
    }
}

/// Holds the ledgers of one case against its rules.
pub fn check(run: &Run, rules: &Rules) -> Findings {
    let index = Index::of(run);
    let faults = Faults::of(run, rules.recovery);
    let mut findings = Findings::default();
    fates::judge(&index, &faults, rules, &mut findings);
    repeats::judge(&index, &faults, &mut findings);
    if rules.order == Order::PerKey {
        order::judge(&index, &faults, &mut findings);
    }
    if let Some(window) = rules.zombie_window {
        owners::judge(&index, window, &mut findings);
    }
    progress::stalls(&index, &faults, rules.stall, &mut findings);
    progress::recoveries(&index, &faults, &mut findings);
    findings
}
