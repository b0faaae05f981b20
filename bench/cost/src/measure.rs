//! Starts the service with N messages and with three times N, and tells what one message more costs: what start and end
//! cost is the same in both and drops out.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};

use crate::{Binder, Case};

/// Where counting instructions begins: [`crate::subject::begin`], as valgrind spells it.
const BEGIN: &str = "bench_cost::subject::begin";

/// How often instructions are counted where a broker is waited for: waiting costs instructions as well, so the fewest are
/// the nearest to the truth.
const RUNS: usize = 2;

/// The program, and how many messages it is given.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// `bench-cost` itself.
    pub program: &'a Path,
    /// How many messages the shorter run has while allocations are counted.
    pub messages: u64,
    /// The same while instructions are counted, which takes fifty times as long.
    pub messages_in_valgrind: u64,
}

/// What one message costs.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// How often memory is asked for, by Rust code: allocations and reallocations.
    pub allocations: f64,
    /// How many bytes that is.
    pub bytes: f64,
    /// Instructions of the whole process, the broker's client library included.
    pub instructions: f64,
}

impl Measure<'_> {
    /// Measures one case on one binder.
    ///
    /// # Errors
    /// When the broker's address isn't set, valgrind isn't there, or the service fails.
    pub fn cost(&self, binder: Binder, case: Case) -> Result<Cost> {
        if let Some(variable) = binder.variable()
            && std::env::var(variable).unwrap_or_default().is_empty()
        {
            bail!(
                "`{variable}` is not set: run `cargo xtask test`, or `cargo xtask brokers up` and set what it prints"
            );
        }
        let allocated = |count| self.allocated(binder, case, count);
        let (fewer, more) = (allocated(self.messages)?, allocated(3 * self.messages)?);
        let executed = |count| self.fewest_executed(binder, case, count);
        let instructions = [
            executed(self.messages_in_valgrind)?,
            executed(3 * self.messages_in_valgrind)?,
        ];
        Ok(Cost {
            allocations: each(fewer.0, more.0, self.messages),
            bytes: each(fewer.1, more.1, self.messages),
            instructions: each(instructions[0], instructions[1], self.messages_in_valgrind),
        })
    }

    /// How often a service with `count` messages asks for memory, and for how many bytes.
    fn allocated(&self, binder: Binder, case: Case, count: u64) -> Result<(u64, u64)> {
        let name = self.filled(binder, case, count)?;
        let said = output(Command::new(self.program).args(service("run", binder, case, &name, count)))?;
        let mut numbers = said.split_whitespace().map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(times)), Some(Ok(bytes))) => Ok((times, bytes)),
            _ => bail!("`bench-cost run` said `{said}`, which isn't two numbers"),
        }
    }

    fn fewest_executed(&self, binder: Binder, case: Case, count: u64) -> Result<u64> {
        let runs = std::iter::repeat_with(|| self.executed(binder, case, count));
        let times = if binder == Binder::Memory { 1 } else { RUNS };
        let runs: Vec<u64> = runs.take(times).collect::<Result<_>>()?;
        runs.into_iter().min().context("nothing was run")
    }

    /// How many instructions a service with `count` messages executes.
    fn executed(&self, binder: Binder, case: Case, count: u64) -> Result<u64> {
        let name = self.filled(binder, case, count)?;
        let folder = tempfile::tempdir().context("there is no room for valgrind's file")?;
        let file = folder.path().join("callgrind.out");
        let mut command = Command::new("valgrind");
        command
            // Threads take turns, so that none waits for long while another polls.
            .args(["--tool=callgrind", "--fair-sched=try"])
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(format!("--zero-before={BEGIN}"))
            .arg(self.program)
            .args(service("run", binder, case, &name, count));
        output(&mut command).context(
            "instructions are counted by valgrind, which `cargo xtask test --install` installs on Debian and Ubuntu",
        )?;
        let profile = std::fs::read_to_string(&file).context("valgrind left no file")?;
        let totals = profile
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix("totals: "));
        let totals = totals.context("valgrind's file has no `totals`")?;
        totals
            .trim()
            .parse()
            .with_context(|| format!("valgrind counted `{totals}`"))
    }

    /// Lets messages wait on a broker, under a name that nobody else has.
    fn filled(&self, binder: Binder, case: Case, count: u64) -> Result<String> {
        let name = format!("cost-{}", uuid::Uuid::new_v4().simple());
        if binder != Binder::Memory {
            output(Command::new(self.program).args(service("fill", binder, case, &name, count)))?;
        }
        Ok(name)
    }
}

/// What each of the `2 * count` messages costs that the longer run has more.
fn each(fewer: u64, more: u64, count: u64) -> f64 {
    (more as f64 - fewer as f64) / (2 * count) as f64
}

fn service(part: &str, binder: Binder, case: Case, name: &str, count: u64) -> [String; 7] {
    let (name, count) = (name.to_owned(), count.to_string());
    let [binder, case] = [binder.name(), case.name()].map(str::to_owned);
    let [by_name, by_count] = ["--name", "--count"].map(str::to_owned);
    [part.to_owned(), binder, case, by_name, name, by_count, count]
}

/// Runs a program to its end, and returns what it printed.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{program}` can't be run"))?;
    if !status.success() {
        bail!(
            "`{program}` ended with {status}: {}",
            String::from_utf8_lossy(&stderr)
        );
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_runs_spend_drops_out() {
        let (fixed, of_a_message): (u64, u64) = (1_000_000, 7);
        let run = |count: u64| fixed + of_a_message * count;
        assert!((each(run(200), run(600), 200) - 7.0).abs() < f64::EPSILON);
    }
}
