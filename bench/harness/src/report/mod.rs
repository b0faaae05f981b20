//! What the bench tells a reader: `bench/results/<date>.json` to compute with, `<date>.md` to read, a chart for each scenario,
//! a table for the README, and a sentence for each target that was missed.

mod machine;
mod scenario;
mod target;

use serde::{Deserialize, Serialize};

pub use machine::Machine;
pub use scenario::{LatencyPoint, ScenarioReport, Summary};
pub use target::{Judgement, Target, Verdict};

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
