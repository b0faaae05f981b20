//! What the bench tells a reader: one line a case while it runs, `report.md` to read, `report.json` to compute with.

mod case;
mod line;
mod machine;
mod markdown;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

pub use case::{CaseReport, Criterion, FaultLine, Samples};
pub use line::line;
pub use machine::Machine;

/// All cases of one run of the bench.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The command that does the same again.
    pub command: String,
    /// The seed of the schedule.
    pub seed: u64,
    /// `short` or `full`.
    pub scale: String,
    /// The commit or version of the product.
    pub product: String,
    /// Brokers and their versions.
    pub brokers: Vec<(String, String)>,
    /// Where it ran.
    pub machine: Machine,
    /// The cases, in the order in which they ended.
    pub cases: Vec<CaseReport>,
}

impl Report {
    /// Whether every case holds; without a case nothing does.
    pub fn holds(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(CaseReport::holds)
    }

    /// Writes `report.json` and `report.md` into a folder, which is created when it is missing.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let json = serde_json::to_vec_pretty(self)?;
        for (name, content) in [
            ("report.json", json),
            ("report.md", markdown::page(self).into_bytes()),
        ] {
            let path = folder.join(name);
            fs::write(&path, content).with_context(|| format!("cannot write `{}`", path.display()))?;
        }
        Ok(())
    }
}
