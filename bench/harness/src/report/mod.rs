//! What the bench tells a reader: `bench/results/<date>.json` to compute with, `<date>.md` to read, a chart for each scenario,
//! a table for the README, and a sentence for each target that was missed.

mod chart;
mod files;
mod judgement;
mod machine;
mod markdown;
mod merge;
mod numbers;
mod readme;
mod scenario;
mod target;
mod versions;

#[cfg(test)]
mod sample;

use serde::{Deserialize, Serialize};

pub use judgement::{Judgement, ROUNDS, STEADY_SECONDS, Verdict};
pub use machine::Machine;
pub use readme::{place, table};
pub use scenario::{LatencyPoint, ScenarioReport, Summary};
pub use target::Target;
pub use versions::versions;

/// What was measured on one day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The day, as `2026-01-31`.
    pub date: String,
    /// The command that measures the same again.
    pub command: String,
    /// Where it ran.
    pub machine: Machine,
    /// What ran, with its version: product, compiler, clients, brokers, Java.
    pub versions: Vec<(String, String)>,
    /// The scenarios, in the order in which they ran.
    pub scenarios: Vec<ScenarioReport>,
}

impl Report {
    /// A sentence for each target that was missed and each run that failed; none when all is well.
    pub fn missed(&self) -> Vec<String> {
        let failures = |scenario: &ScenarioReport| {
            let failed = scenario.failures.iter();
            failed
                .map(|failure| format!("`{}`: {failure}", scenario.name))
                .collect()
        };
        let sentences = |scenario| {
            let failures: Vec<String> = failures(scenario);
            failures.into_iter().chain(said(scenario, Verdict::Missed))
        };
        self.scenarios.iter().flat_map(sentences).collect()
    }

    /// A sentence for each target of which nothing can be said.
    pub fn unjudged(&self) -> Vec<String> {
        let sentences = |scenario| said(scenario, Verdict::NotJudged);
        self.scenarios.iter().flat_map(sentences).collect()
    }
}

fn said(scenario: &ScenarioReport, verdict: Verdict) -> Vec<String> {
    let judgements = scenario.judgements().into_iter();
    let such = judgements.filter(|judgement| judgement.verdict == verdict);
    such.map(|judgement| format!("`{}`: {judgement}", scenario.name))
        .collect()
}
