//! How much a message may cost in a build for tests: what was measured, and a margin for what differs from run to run.
//!
//! When a change makes a message cheaper, the guard says so, and the figures here are to be lowered to what it measured;
//! when a change is worth what it costs, they are raised in the same commit. Figures of a build for tests say nothing
//! about speed; those of a release are in `bench/NOTES.md`.

use std::fmt;

use crate::measure::Cost;
use crate::{Binder, Case};

/// What a figure depends on besides the code.
pub const RECORDED_WITH: &str = "rustc 1.95, x86-64";

/// How many more allocations a message may need than were measured: how many messages a broker hands over at once
/// differs a little.
const MORE_ALLOCATIONS: f64 = 0.8;
/// By which share a message may take more instructions than were measured: a broker's client also looks at its clock and
/// its sockets while it waits.
const MORE_INSTRUCTIONS: f64 = 0.08;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Allocations of a message.
    pub allocations: f64,
    /// Instructions of a message.
    pub instructions: f64,
}

/// What was measured for one case on one binder. This is the table.
pub const fn recorded(binder: Binder, case: Case) -> Recorded {
    let (allocations, instructions) = match (binder, case) {
        (Binder::Memory, Case::Consume) => (6.1, 95_500.0),
        (Binder::Memory, Case::PassThrough) => (13.1, 307_200.0),
        (Binder::Kafka, Case::Consume) => (7.1, 108_500.0),
        (Binder::Kafka, Case::PassThrough) => (14.1, 321_500.0),
        (Binder::Rabbit, Case::Consume) => (25.3, 260_500.0),
        (Binder::Rabbit, Case::PassThrough) => (64.3, 585_000.0),
    };
    Recorded {
        allocations,
        instructions,
    }
}

/// One figure beside its limit.
#[derive(Clone, Copy, Debug)]
pub struct Judgement {
    /// What is counted.
    pub what: &'static str,
    /// What a message costs now.
    pub measured: f64,
    /// What it cost when the table was written.
    pub recorded: f64,
    /// What may be added to that.
    pub margin: f64,
}

/// Holds what was measured against the table.
pub fn judge(binder: Binder, case: Case, cost: Cost) -> [Judgement; 2] {
    let recorded = recorded(binder, case);
    [
        Judgement {
            what: "allocations",
            measured: cost.allocations,
            recorded: recorded.allocations,
            margin: MORE_ALLOCATIONS,
        },
        Judgement {
            what: "instructions",
            measured: cost.instructions,
            recorded: recorded.instructions,
            margin: recorded.instructions * MORE_INSTRUCTIONS,
        },
    ]
}

impl Judgement {
    /// Whether a message costs no more than it may.
    pub fn holds(&self) -> bool {
        self.measured <= self.recorded + self.margin
    }

    /// Whether the table may be lowered.
    pub fn is_loose(&self) -> bool {
        self.measured < self.recorded - self.margin
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, measured, recorded) = (self.what, self.measured, self.recorded);
        let limit = recorded + self.margin;
        write!(
            f,
            "{measured:.1} {what}, {recorded:.1} recorded, {limit:.1} allowed"
        )?;
        if !self.holds() {
            write!(f, ": too many (recorded with {RECORDED_WITH})")?;
        } else if self.is_loose() {
            write!(f, ": lower the figure in `bench/cost/src/limits.rs`")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(allocations: f64, instructions: f64) -> [Judgement; 2] {
        let Recorded {
            allocations: usual,
            instructions: usual_instructions,
        } = recorded(Binder::Kafka, Case::Consume);
        let cost = Cost {
            allocations: usual + allocations,
            bytes: 0.0,
            instructions: usual_instructions * instructions,
        };
        judge(Binder::Kafka, Case::Consume, cost)
    }

    #[test]
    fn one_allocation_more_is_too_many() {
        let [allocations, instructions] = judged(1.0, 1.0);
        assert!(!allocations.holds() && instructions.holds());
        assert!(allocations.to_string().contains("too many"), "{allocations}");
    }

    #[test]
    fn a_tenth_more_instructions_are_too_many() {
        let [allocations, instructions] = judged(0.0, 1.1);
        assert!(allocations.holds() && !instructions.holds());
    }

    #[test]
    fn a_cheaper_message_holds_and_asks_for_a_lower_figure() {
        for judgement in judged(-1.0, 0.9) {
            assert!(judgement.holds() && judgement.is_loose());
            assert!(judgement.to_string().contains("lower the figure"), "{judgement}");
        }
        for judgement in judged(0.0, 1.0) {
            assert!(judgement.holds() && !judgement.is_loose());
        }
    }
}
