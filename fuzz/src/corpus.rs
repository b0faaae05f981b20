//! The kept inputs: small ones that reach much, and every one that ever made a target fail.

use std::collections::BTreeSet;
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

/// How many inputs a target keeps at most.
const MOST_INPUTS: usize = 150;
/// How many bytes they have at most.
const MOST_BYTES: usize = 32 * 1024;

/// Chooses inputs that reach as much as all of them, small ones first; `reached` is what libFuzzer wrote, a line `COV
/// <input> <place>…` for each input. Inputs with a `-` in their file's name were named by a person and are always chosen.
pub fn choose(inputs: &[(PathBuf, Vec<u8>)], reached: &str) -> Vec<usize> {
    let mut open: Vec<(usize, BTreeSet<u32>)> = reached
        .lines()
        .filter_map(|line| {
            let mut numbers = line.strip_prefix("COV ")?.split(' ');
            let index: usize = numbers.next()?.parse().ok()?;
            inputs.get(index)?;
            Some((index, numbers.filter_map(|number| number.parse().ok()).collect()))
        })
        .collect();
    let is_named = |index: &usize| {
        let name = inputs[*index].0.file_name().unwrap_or_default();
        name.to_string_lossy().contains('-')
    };
    let mut chosen: Vec<usize> = (0..inputs.len()).filter(is_named).collect();
    let mut bytes: usize = chosen.iter().map(|index| inputs[*index].1.len()).sum();
    while chosen.len() < MOST_INPUTS {
        let worth =
            |(index, places): &&(usize, BTreeSet<u32>)| places.len() * 1_000 / (inputs[*index].1.len() + 32);
        let Some((index, places)) = open.iter().max_by_key(worth).cloned() else {
            break;
        };
        open.retain_mut(|(other, rest)| {
            rest.retain(|place| !places.contains(place));
            *other != index && !rest.is_empty()
        });
        bytes += inputs[index].1.len();
        if bytes > MOST_BYTES {
            break;
        }
        if !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_inputs_that_reach_everything_are_chosen_and_those_that_people_named() {
        let input = |name: &str, length: usize| (PathBuf::from(name), vec![0; length]);
        let inputs = [
            input("all", 4_000),
            input("left", 10),
            input("right", 10),
            input("also", 20),
            input("by-name", 10),
        ];
        let reached = "STARTED 0 1\nFT 0 1 2\nCOV 0 1 2 3\nCOV 1 1 2\nCOV 2 3\nCOV 3 1 3\nCOV 4 1\n";
        assert_eq!(choose(&inputs, reached), [4, 1, 2]);
    }
}
