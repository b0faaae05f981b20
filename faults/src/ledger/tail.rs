//! Follows ledgers that are still being written.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Record;

/// Reads what was added to the ledgers of a folder since the last time, new files included.
#[derive(Debug)]
pub struct Tail {
    folder: PathBuf,
    read: HashMap<PathBuf, u64>,
}

impl Tail {
    /// Begins before the first record.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            read: HashMap::new(),
        }
    }

    /// The new records of every writer. A line that isn't complete yet comes the next time.
    ///
    /// # Errors
    /// When a file can't be read or holds a line that is no record.
    pub fn take(&mut self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        let folder = self.folder.clone();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                self.next_of(&path, &mut records)?;
            }
        }
        Ok(records)
    }

    fn next_of(&mut self, path: &Path, records: &mut Vec<Record>) -> Result<()> {
        let read = self.read.entry(path.to_owned()).or_default();
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(*read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let complete = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        *read += complete as u64;
        for line in bytes[..complete]
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let record = serde_json::from_slice(line).with_context(|| {
                format!(
                    "`{}`: not a record: {}",
                    path.display(),
                    String::from_utf8_lossy(line)
                )
            })?;
            records.push(record);
        }
        Ok(())
    }
}
