//! `cargo xtask fuzz`: runs the fuzz targets, guided by coverage where the machine has a C++ compiler for libFuzzer, else
//! by mutation of the kept inputs. The instrumentation is a pass of the compiler that builds everything else, so that no
//! nightly toolchain is needed.

mod run;

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::{paths, process};
use run::{Outcome, Plan};

/// What the fuzz command takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How long each target runs.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Stop a target after so many inputs.
    #[arg(long)]
    runs: Option<u64>,
    /// Run only these targets.
    #[arg(long, value_delimiter = ',')]
    target: Vec<String>,
    /// Choose the engine; without it, the better one that works here.
    #[arg(long)]
    engine: Option<Engine>,
    /// Where mutation begins; without it, somewhere else each time.
    #[arg(long)]
    seed: Option<u64>,
    /// How many targets run at once; without it, as many as there are processors.
    #[arg(long)]
    jobs: Option<usize>,
    /// Afterwards put what reached new code beside the kept inputs, and drop those that reach nothing of their own.
    #[arg(long)]
    keep: bool,
}

/// What makes the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// libFuzzer: an input that reaches new code is kept and changed further.
    Coverage,
    /// Changes to the kept inputs.
    Mutation,
}

impl Engine {
    fn name(self) -> &'static str {
        match self {
            Self::Coverage => "coverage",
            Self::Mutation => "mutation",
        }
    }
}

/// What instruments code for libFuzzer; the first two tell `bolero` which engine to be.
const INSTRUMENTED: &str = "--cfg fuzzing --cfg fuzzing_libfuzzer -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

const QUESTION: Duration = Duration::from_secs(60);

/// Runs the targets; the exit code is 0 only when none failed.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let (engine, program) = build(arguments.engine)?;
    let names = process::output(Command::new(&program).arg("list"))?;
    let names: Vec<&str> = names.lines().collect();
    if let Some(unknown) = arguments
        .target
        .iter()
        .find(|name| !names.contains(&name.as_str()))
    {
        bail!("there is no target `{unknown}`; there are {}", names.join(", "));
    }
    let is_chosen =
        |name: &&str| arguments.target.is_empty() || arguments.target.iter().any(|chosen| chosen == name);
    let seed = arguments.seed.unwrap_or_else(|| u64::from(std::process::id()));
    let plan = Plan {
        program,
        command: match engine {
            Engine::Coverage => "cover",
            Engine::Mutation => "mutate",
        },
        seconds: arguments.seconds,
        runs: arguments.runs,
        seed,
        keep: arguments.keep && engine == Engine::Coverage,
    };
    println!(
        "{:<20} {:<9} {:>11} {:>9} {:>7} {:>10}   seed {seed}",
        "target", "engine", "inputs", "inputs/s", "corpus", "new paths"
    );
    let chosen: Vec<&str> = names.into_iter().filter(is_chosen).collect();
    let failures = side_by_side(&chosen, arguments.jobs, |name| one(&plan, engine, name))?;
    Ok(if failures == 0 {
        ExitCode::SUCCESS
    } else {
        println!("{failures} of {} targets failed", chosen.len());
        ExitCode::FAILURE
    })
}

/// Builds the program for the engine that is asked for, or for the best that can be built.
fn build(asked: Option<Engine>) -> Result<(Engine, PathBuf)> {
    if asked != Some(Engine::Mutation) {
        match instrumented() {
            Ok(program) => return Ok((Engine::Coverage, program)),
            Err(error) if asked.is_some() => return Err(error),
            Err(error) => println!("not guided by coverage: {error:#}"),
        }
    }
    process::run(process::cargo().args(["build", "--quiet", "--package", "fuzz"]))?;
    Ok((Engine::Mutation, target_folder().join("debug/fuzz")))
}

/// Builds everything instrumented, apart from the ordinary build.
fn instrumented() -> Result<PathBuf> {
    let compiles = "#include <mutex>\nint main() { std::mutex m; m.lock(); }";
    let script = format!("printf '{compiles}' | ${{CXX:-c++}} -x c++ -std=c++11 -fsyntax-only -");
    if process::quick(Command::new("sh").args(["-c", &script]), QUESTION).is_none() {
        bail!("libFuzzer needs a C++ compiler");
    }
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.context("`rustc -vV` names no host")?;
    let folder = target_folder().join("fuzz/build");
    println!("building for coverage in `{}`", folder.display());
    // Flags apply to build scripts as well unless a target is named, and those have nobody to count for them.
    let arguments = [
        "build",
        "--quiet",
        "--package",
        "fuzz",
        "--profile",
        "fuzz",
        "--target",
        host,
    ];
    let mut command = process::cargo();
    command
        .args(arguments)
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", INSTRUMENTED)
        .env("CXX", env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    process::run(&mut command).context("the instrumented build failed")?;
    Ok(folder.join(host).join("fuzz/fuzz"))
}

fn target_folder() -> PathBuf {
    paths::workspace().join("target")
}

/// Runs one target and prints its line. Returns whether it failed.
fn one(plan: &Plan, engine: Engine, name: &str) -> Result<bool> {
    let Outcome {
        inputs,
        took,
        corpus,
        new_paths,
        failure,
    } = run::target(plan, name)?;
    let per_second = inputs as f64 / took.as_secs_f64().max(0.001);
    let verdict = if failure.is_some() { "FAILED" } else { "held" };
    println!(
        "{name:<20} {:<9} {inputs:>11} {per_second:>9.0} {corpus:>7} {new_paths:>10}   {verdict}",
        engine.name()
    );
    if let Some(failure) = &failure {
        println!("{failure}");
    }
    Ok(failure.is_some())
}

/// Calls `work` for each name, so many at once, and counts those that failed.
fn side_by_side(
    names: &[&str],
    jobs: Option<usize>,
    work: impl Fn(&str) -> Result<bool> + Sync,
) -> Result<usize> {
    let jobs = jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let waiting = Mutex::new(names.iter());
    let next = || waiting.lock().ok()?.next();
    let results: Vec<Result<usize>> = std::thread::scope(|scope| {
        let worker = || {
            let mut failures = 0;
            while let Some(name) = next() {
                failures += usize::from(work(name)?);
            }
            Ok(failures)
        };
        let workers: Vec<_> = (0..jobs.unwrap_or(1).max(1))
            .map(|_| scope.spawn(worker))
            .collect();
        let joined = workers.into_iter().map(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| bail!("a worker ended without an answer"))
        });
        joined.collect()
    });
    results.into_iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_its_turn_and_failures_are_counted() {
        let seen = Mutex::new(Vec::new());
        let failures = side_by_side(&["a", "b", "c"], Some(2), |name| {
            seen.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .push(name.to_owned());
            Ok(name == "b")
        });
        let mut seen = seen.into_inner().unwrap_or_default();
        seen.sort();
        assert_eq!((failures.ok(), seen.join("")), (Some(1), "abc".to_owned()));
    }
}
