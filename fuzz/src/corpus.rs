//! The kept inputs: small ones that reach much, and every one that ever made a target fail.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::Target;

/// Where a target's inputs are kept.
pub fn folder(target: &Target) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target.name)
}

/// Every input of these folders, with its file, in the order of their names.
///
/// # Errors
/// When a folder or a file can't be read.
pub fn read(folders: &[PathBuf]) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let mut inputs = Vec::new();
    for folder in folders {
        let entries =
            std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        for entry in entries {
            let file = entry?.path();
            let input = std::fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            inputs.push((file, input));
        }
    }
    inputs.sort();
    Ok(inputs)
}
