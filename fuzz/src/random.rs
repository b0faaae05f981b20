//! The engine that needs nothing: it runs the kept inputs, then mutations of them, each the same for the same seed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use crate::Target;
use crate::mutate::mutate;

/// When to stop.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// After so many inputs.
    pub runs: u64,
    /// After so long.
    pub time: Duration,
    /// After an input that takes longer: that is a failure.
    pub slowest: Duration,
}

/// What was run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many inputs, the kept ones included.
    pub inputs: u64,
    /// For how long.
    pub took: Duration,
    /// The input that made the target fail, and how.
    pub failure: Option<(Vec<u8>, String)>,
}

/// Runs a target. Before each input, `current` gets it, so that it outlives an abort; it is cut to the input's length
/// by its first four bytes.
///
/// # Errors
/// When the file for the current input can't be written.
pub fn run(
    target: &Target,
    kept: &[Vec<u8>],
    seed: u64,
    limits: Limits,
    current: Option<&Path>,
) -> Result<Outcome> {
    let mut rng = StdRng::seed_from_u64(seed);
    let current = current
        .map(File::create)
        .transpose()
        .context("cannot write the current input")?;
    let start = Instant::now();
    let mut outcome = Outcome::default();
    while outcome.inputs < limits.runs && start.elapsed() < limits.time {
        let next = usize::try_from(outcome.inputs).unwrap_or(usize::MAX);
        let input = match kept.get(next) {
            Some(input) => input.clone(),
            None => {
                let mut any = || kept.choose(&mut rng).map_or(&[][..], Vec::as_slice);
                let (input, other) = (any(), any());
                mutate(input, other, target.words, &mut rng)
            }
        };
        if let Some(file) = &current {
            let length = u32::try_from(input.len())?.to_le_bytes();
            file.write_all_at(&[&length, input.as_slice()].concat(), 0)?;
        }
        outcome.inputs += 1;
        let began = Instant::now();
        let slow = |()| match began.elapsed() {
            took if took > limits.slowest => Err(format!("took {took:?}")),
            _ => Ok(()),
        };
        if let Err(reason) = survive(target, &input).and_then(slow) {
            outcome.failure = Some((input, reason));
            break;
        }
    }
    outcome.took = start.elapsed();
    Ok(outcome)
}

/// Runs a target with one input.
///
/// # Errors
/// What the target panicked with.
pub fn survive(target: &Target, input: &[u8]) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        format!("panicked: {}", text.unwrap_or("without a text"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAGILE: Target = Target {
        name: "fragile",
        words: &["boom"],
        run: |input| assert!(!input.windows(4).any(|window| window == b"boom"), "it went boom"),
    };

    fn limits(runs: u64) -> Limits {
        Limits {
            runs,
            time: Duration::MAX,
            slowest: Duration::MAX,
        }
    }

    #[test]
    fn a_failure_is_found_again_with_the_same_seed() {
        let kept = [b"quiet".to_vec()];
        let first = run(&FRAGILE, &kept, 7, limits(100_000), None).unwrap();
        let again = run(&FRAGILE, &kept, 7, limits(100_000), None).unwrap();
        let (input, reason) = first.failure.expect("the word is among those that are tried");
        assert!(reason.contains("it went boom"), "{reason}");
        assert_eq!(again.failure.map(|(input, _)| input), Some(input));
    }

    #[test]
    fn the_number_of_inputs_is_kept_to() {
        let sturdy = Target {
            run: |_| {},
            ..FRAGILE
        };
        let outcome = run(&sturdy, &[], 7, limits(20), None).unwrap();
        assert_eq!((outcome.inputs, outcome.failure), (20, None));
    }
}
