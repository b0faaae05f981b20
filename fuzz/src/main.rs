//! Runs one target: `fuzz mutate <target>`, `fuzz replay <target> <file>…`, `fuzz list`. `cargo xtask fuzz` builds it for the
//! engine that the machine has, and runs it for every target.

#[cfg(fuzzing)]
mod coverage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use cap::Cap;
use clap::{Parser, Subcommand};
use fuzz::random::{self, Limits};
use fuzz::{TARGETS, Target, corpus, targets};

/// More than any input may need; whoever asks for more is ended.
const MEMORY_BYTES: usize = 512 * 1024 * 1024;

#[global_allocator]
static MEMORY: Cap<std::alloc::System> = Cap::new(std::alloc::System, MEMORY_BYTES);

#[derive(Debug, Parser)]
#[command(name = "fuzz", about = "Runs a fuzz target", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the name of every target.
    List,
    /// Run a target with the kept inputs, and with those that reach new code, changed further.
    #[cfg(fuzzing)]
    Cover(Run),
    /// Run a target with the kept inputs, and with changes of them.
    Mutate(Run),
    /// Find the smallest inputs that reach what the kept and the found ones reach, and put them into `found/merged`.
    #[cfg(fuzzing)]
    Merge(Run),
    /// Run a target with the inputs in these files, or with all that are kept.
    Replay {
        /// The target's name.
        #[arg(value_parser = target)]
        target: &'static Target,
        /// Files with one input each.
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The target's name.
    #[arg(value_parser = target)]
    target: &'static Target,
    /// Stop after so long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Stop after so many inputs.
    #[arg(long, default_value_t = u64::MAX)]
    runs: u64,
    /// The same seed makes the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where what is found goes: `crash-…`, and what the engine keeps for itself.
    #[arg(long, default_value = "target/fuzz/found")]
    found: PathBuf,
}

fn target(name: &str) -> Result<&'static Target, String> {
    targets::named(name).ok_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        format!("there is no such target; there are {}", names.join(", "))
    })
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().what {
        What::List => {
            for target in TARGETS {
                println!("{}", target.name);
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Replay { target, files } => replay(target, &files),
        What::Mutate(run) => mutate(&run),
        #[cfg(fuzzing)]
        What::Cover(run) => coverage::run(&run),
        #[cfg(fuzzing)]
        What::Merge(run) => coverage::merge(&run),
    }
}

fn replay(target: &Target, files: &[PathBuf]) -> Result<ExitCode> {
    let inputs = if files.is_empty() {
        corpus::read(&[corpus::folder(target)])?
    } else {
        let read = |file: &PathBuf| {
            let input = std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            Ok((file.clone(), input))
        };
        files.iter().map(read).collect::<Result<_>>()?
    };
    let mut code = ExitCode::SUCCESS;
    for (file, input) in &inputs {
        if let Err(reason) = random::survive(target, input) {
            eprintln!("{}: {reason}", file.display());
            code = ExitCode::FAILURE;
        }
    }
    println!("replayed {} inputs", inputs.len());
    Ok(code)
}

fn mutate(run: &Run) -> Result<ExitCode> {
    std::fs::create_dir_all(&run.found)
        .with_context(|| format!("cannot create `{}`", run.found.display()))?;
    let kept = corpus::read(&[corpus::folder(run.target)])?;
    let count = kept.len();
    let kept: Vec<Vec<u8>> = kept.into_iter().map(|(_, input)| input).collect();
    let limits = Limits {
        runs: run.runs,
        time: Duration::from_secs(run.seconds),
        slowest: Duration::from_secs(10),
    };
    let current = run.found.join("current");
    let outcome = random::run(run.target, &kept, run.seed, limits, Some(&current))?;
    println!(
        "inputs={} millis={} corpus={count} new=-",
        outcome.inputs,
        outcome.took.as_millis()
    );
    let Some((input, reason)) = outcome.failure else {
        std::fs::remove_file(&current).context("cannot remove the current input")?;
        return Ok(ExitCode::SUCCESS);
    };
    let file = run.found.join(format!("crash-{}-{}", run.seed, outcome.inputs));
    std::fs::write(&file, input).with_context(|| format!("cannot write `{}`", file.display()))?;
    eprintln!("{reason}");
    Ok(ExitCode::FAILURE)
}
