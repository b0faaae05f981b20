//! All ledgers of one run, read back.

use std::path::Path;

use anyhow::Result;

use super::{Record, Tail};

/// Everything that anybody wrote down in one case, ordered by time within each writer.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// The records of all writers.
    pub records: Vec<Record>,
}

impl Run {
    /// Reads every `*.jsonl` of a folder. The last line of a file may be cut off, as its writer may have been killed.
    ///
    /// # Errors
    /// When a file can't be read or holds a line that is no record.
    pub fn read(folder: &Path) -> Result<Self> {
        Ok(Self {
            records: Tail::new(folder).take()?,
        })
    }
}
