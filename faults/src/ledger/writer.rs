//! Appends records.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Record;

/// An open ledger. Records of several threads do not mix: each is one `write` to a file opened for appending.
#[derive(Debug)]
pub struct Writer(File);

impl Writer {
    /// Opens a ledger, and creates it and its folder when they are missing.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        OpenOptions::new().append(true).create(true).open(path).map(Self)
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When the system refuses it, for instance because the disk is full; then nothing may be acknowledged.
    pub fn append(&self, record: &Record) -> io::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        (&self.0).write_all(&line)
    }
}
