//! What a scenario asks for, and whether that was found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stats::{Measure, Program};

/// What is asked of Bindery.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Target {
    /// Its figure divided by another program's in the same round; the median of the rounds.
    Ratio {
        /// The other program.
        twin: Program,
        /// The least that is enough.
        at_least: f64,
    },
    /// Its peak memory divided by another program's in the same round; the median of the rounds.
    MemoryRatio {
        /// The other program.
        twin: Program,
        /// The most that is allowed.
        at_most: f64,
    },
    /// Messages per second.
    Rate {
        /// The least that is enough.
        at_least: f64,
    },
    /// How long it takes.
    Seconds {
        /// The most that is allowed, in seconds.
        at_most: f64,
    },
    /// Peak memory.
    Memory {
        /// The most that is allowed, in MiB.
        at_most: f64,
    },
    /// The cost of a message at any size, compared with that at the smallest.
    Flat {
        /// What the cost is.
        cost: Measure,
        /// By how much it may be higher: 0.15 is 15 %.
        within: f64,
    },
}

impl Target {
    /// What the chart of a scenario with this target shows.
    pub fn measure(self) -> Measure {
        match self {
            Self::Ratio { .. } | Self::Rate { .. } => Measure::Rate,
            Self::MemoryRatio { .. } | Self::Memory { .. } => Measure::Memory,
            Self::Seconds { .. } => Measure::Seconds,
            Self::Flat { cost, .. } => cost,
        }
    }
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What was asked for.
    pub target: Target,
    /// What was found, or why nothing can be said.
    pub found: String,
    /// Whether that is enough.
    pub verdict: Verdict,
}

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was.
    Held,
    /// It was not.
    Missed,
    /// There are too few rounds, or a figure is missing.
    NotJudged,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Missed => "missed",
            Self::NotJudged => "not judged",
        })
    }
}
