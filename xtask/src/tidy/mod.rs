//! `cargo xtask tidy`: the house rules that no other tool knows, each finding with its file and line.

mod graph;
mod sources;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::paths;

/// One breach of a house rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// Relative to the workspace.
    file: PathBuf,
    line: usize,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}: {}",
            self.file.display(),
            self.line,
            self.message
        )
    }
}

/// Checks the workspace and prints what breaks a rule; the exit code is 0 only when nothing does.
pub(crate) fn run() -> Result<ExitCode> {
    let root = paths::workspace();
    let mut findings = sources::check(&root)?;
    findings.extend(graph::check(&root)?);
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => println!("tidy: every house rule is kept"),
        count => println!("tidy: {count} to put right"),
    }
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
