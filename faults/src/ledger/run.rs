//! All ledgers of one run, read back.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::Record;

/// Everything that anybody wrote down in one case, ordered by time within each writer.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The records of all writers.
    pub records: Vec<Record>,
}

impl Run {
    /// Reads every `*.jsonl` of a folder.
    ///
    /// # Errors
    /// When a file can't be read or holds a line that is no record. The last line of a file may be cut off: its writer
    /// was killed.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut run = Self::default();
        for entry in fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                run.read_file(&path)?;
            }
        }
        Ok(run)
    }

    fn read_file(&mut self, path: &Path) -> Result<()> {
        let text = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mut lines = text.split(|byte| *byte == b'\n');
        // What follows the last line feed is nothing, or a line whose writer was killed.
        lines.next_back();
        for (index, line) in lines.enumerate() {
            let record = serde_json::from_slice(line)
                .with_context(|| format!("`{}`, line {}: not a record", path.display(), index + 1))?;
            self.records.push(record);
        }
        Ok(())
    }
}
