//! What a scenario asks for.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::numbers::{rate, seconds};
use crate::stats::{Measure, Program};

/// What is asked of Bindery, of the median of the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Target {
    /// Its rate divided by another program's in the same round.
    Ratio {
        /// The other program.
        twin: Program,
        /// The least that is enough.
        at_least: f64,
    },
    /// Its peak memory divided by another program's in the same round.
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
    /// How much longer it takes than another program in the same round.
    SecondsBeyond {
        /// The other program.
        twin: Program,
        /// The most that is allowed, in seconds.
        at_most: f64,
    },
    /// Peak memory.
    Memory {
        /// The most that is allowed, in MiB.
        at_most: f64,
    },
    /// The cost of a message at any size, compared with that at the smallest in the same round.
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
            Self::Seconds { .. } | Self::SecondsBeyond { .. } => Measure::Seconds,
            Self::Flat { cost, .. } => cost,
        }
    }

    /// Whether a figure is enough.
    pub(super) fn holds(self, figure: f64) -> bool {
        match self {
            Self::Ratio { at_least, .. } | Self::Rate { at_least } => figure >= at_least,
            Self::MemoryRatio { at_most, .. }
            | Self::Seconds { at_most }
            | Self::SecondsBeyond { at_most, .. }
            | Self::Memory { at_most } => figure <= at_most,
            Self::Flat { within, .. } => figure <= 1.0 + within,
        }
    }

    /// A figure that this target is about, as people read it. A ratio has one place more than its limit, so that one just
    /// below the limit does not look like it.
    pub(super) fn figure(self, figure: f64) -> String {
        match self {
            Self::Ratio { .. } | Self::MemoryRatio { .. } | Self::Flat { .. } => format!("{figure:.3}"),
            Self::Rate { .. } => rate(figure),
            Self::Seconds { .. } | Self::SecondsBeyond { .. } => seconds(figure),
            Self::Memory { .. } => format!("{figure:.1} MiB"),
        }
    }

    /// The limit, as people read it.
    pub(super) fn limit(self) -> String {
        match self {
            Self::Ratio { at_least, .. } => format!("at least {at_least:.2}"),
            Self::MemoryRatio { at_most, .. } => format!("at most {at_most:.2}"),
            Self::Rate { at_least } => format!("at least {}", rate(at_least)),
            Self::Seconds { at_most } | Self::SecondsBeyond { at_most, .. } => {
                format!("at most {}", seconds(at_most))
            }
            Self::Memory { at_most } => format!("at most {at_most:.1} MiB"),
            Self::Flat { within, .. } => format!("at most {:.2}", 1.0 + within),
        }
    }

    /// What its figure is compared with.
    pub(super) fn of(self) -> String {
        match self {
            Self::Ratio { twin, .. } => format!(" of the rate of `{}`", twin.name()),
            Self::SecondsBeyond { twin, .. } => format!(" beyond the time of `{}`", twin.name()),
            Self::MemoryRatio { twin, .. } => format!(" of the memory of `{}`", twin.name()),
            Self::Flat { cost, .. } => format!(" of the {} at the smallest size", cost.title()),
            Self::Rate { .. } | Self::Seconds { .. } | Self::Memory { .. } => String::new(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.limit(), self.of())
    }
}
