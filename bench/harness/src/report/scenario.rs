//! One scenario: what was measured in each round, and what follows from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Judgement, Target, Verdict};
use crate::stats::{Measure, Program, Round, Run, Spread, ratios};

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
    /// What ran in another version than the report says, when the scenario was measured at another time that day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<(String, String)>,
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Who ran.
    pub program: Program,
    /// At which size, for a scenario about sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Messages per second.
    pub rate: Option<Spread>,
    /// Bindery's rate divided by this program's in the same round.
    pub ratio: Option<Spread>,
    /// CPU seconds for a million messages.
    pub cpu_seconds_per_million: Option<Spread>,
    /// The most memory that was resident, in MiB.
    pub peak_memory_mib: Option<Spread>,
    /// How long it took, for a scenario that asks for a time.
    #[serde(skip_serializing_if = "Option::is_none")]
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

    /// Whether each target was reached.
    pub fn judgements(&self) -> Vec<Judgement> {
        let judge = |target: &Target| Judgement::of(self, *target);
        self.targets.iter().map(judge).collect()
    }

    /// Whether all targets were reached and no run failed.
    pub fn verdict(&self) -> Verdict {
        let verdicts: Vec<Verdict> = self
            .judgements()
            .iter()
            .map(|judgement| judgement.verdict)
            .collect();
        if !self.failures.is_empty() || verdicts.contains(&Verdict::Missed) {
            Verdict::Missed
        } else if verdicts.is_empty() || verdicts.contains(&Verdict::NotJudged) {
            Verdict::NotJudged
        } else {
            Verdict::Held
        }
    }

    /// The figures of each program, and of each size where there are some.
    pub fn summaries(&self) -> Vec<Summary> {
        let mut rows: Vec<(Program, Option<u64>)> = self.runs().map(|run| (run.program, run.size)).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.into_iter()
            .map(|(program, size)| self.summary(program, size))
            .collect()
    }

    fn summary(&self, program: Program, size: Option<u64>) -> Summary {
        let all = |measure: Measure| {
            let runs = self
                .runs()
                .filter(|run| run.program == program && run.size == size);
            Spread::of(runs.filter_map(|run| measure.of(run)))
        };
        let compared = program != Program::Bindery && size.is_none();
        let ratio = || Spread::of(ratios(&self.rounds, Measure::Rate, Program::Bindery, program));
        Summary {
            program,
            size,
            rate: all(Measure::Rate),
            ratio: compared.then(ratio).flatten(),
            cpu_seconds_per_million: all(Measure::CpuPerMillion),
            peak_memory_mib: all(Measure::Memory),
            seconds: all(Measure::Seconds),
        }
    }

    /// Which cost has to stay flat over all sizes, and within what part of that at the smallest.
    pub(super) fn flat(&self) -> Option<(Measure, f64)> {
        self.targets.iter().find_map(|target| match *target {
            Target::Flat { cost, within } => Some((cost, within)),
            _ => None,
        })
    }
}
