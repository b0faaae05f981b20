//! One scenario: what was measured in each round, and what follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Target;
use crate::stats::{Measure, Program, Round, Run, Spread};

/// What was measured in one scenario.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScenarioReport {
    /// Its name, as `--scenario` takes it.
    pub name: String,
    /// What is done, in one sentence.
    pub what: String,
    /// What is asked of Bindery.
    pub targets: Vec<Target>,
    /// What was measured.
    pub rounds: Vec<Round>,
    /// How long messages were on their way at a part of the full rate.
    #[serde(default)]
    pub latency: Vec<LatencyPoint>,
    /// The settings that a program had besides its defaults.
    #[serde(default)]
    pub settings: BTreeMap<Program, String>,
    /// Runs that broke the order or lost a message: each makes the scenario fail.
    #[serde(default)]
    pub failures: Vec<String>,
    /// Why nothing is judged, when the rounds were shorter or fewer than a verdict takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unjudged: Option<String>,
    /// What a reader should know besides.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// How long messages were on their way, at a part of the rate that the program reaches at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencyPoint {
    /// Who ran.
    pub program: Program,
    /// The part of its full rate that was fed, in percent.
    pub load_percent: u32,
    /// The rate that was fed, in messages per second.
    pub rate: f64,
    /// Half of the messages took at most so many microseconds, from when they were meant to be sent to the handler.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1,000.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
}

/// The figures of one program over all rounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Who ran.
    pub program: Program,
    /// At which size, for a scenario about sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Messages per second.
    pub rate: Option<Spread>,
    /// Bindery's rate divided by this program's, in the same round.
    pub bindery_ratio: Option<Spread>,
    /// CPU seconds for a million messages.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The most memory that was resident, in MiB.
    pub peak_memory_mib: Option<Spread>,
    /// How long it took, for a scenario that asks for a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Spread>,
}

impl ScenarioReport {
    /// A scenario of which nothing is measured yet.
    pub fn new(name: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            what: what.into(),
            ..Self::default()
        }
    }

    /// The same, with one more target.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// What the chart shows: what the first target asks for, or the rate.
    pub fn measure(&self) -> Measure {
        self.targets
            .first()
            .map_or(Measure::Rate, |target| target.measure())
    }

    /// All runs, round by round.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.rounds.iter().flat_map(|round| &round.runs)
    }
}
