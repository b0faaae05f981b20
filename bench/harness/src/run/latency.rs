//! How long messages are on their way at half and at four fifths of what can be had.
//!
//! A program that reads what is there already has all of the machine; one that is fed shares it with the feeder. So the
//! full rate is taken anew: each program is fed as fast as it goes, and the lower of the rates of twin and Bindery is the
//! one that both are then given a part of. The same load is the same work for both.

use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bench_common::meter::now;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::feeder::{Fed, Feeder};
use super::plan::{Plan, Work};
use super::subject::Subject;
use super::{Bench, GROUP};
use crate::feed::Latency;
use crate::report::{LatencyPoint, ScenarioReport};
use crate::stats::Program;

/// Whose latency is measured.
const PROGRAMS: [Program; 2] = [Program::Raw, Program::Bindery];
/// Parts of the full rate, in percent.
const LOADS: [u32; 2] = [50, 80];
/// What wakes a program before the feeder begins: its latency is that of its start, and not recorded.
const FIRST: u64 = 4;
/// How long it is fed, of which the first 1.5 s are not recorded.
const FED: Duration = Duration::from_millis(7_000);
const FED_QUICK: Duration = Duration::from_millis(3_000);
/// More than any program can do.
const FASTEST: u64 = 10_000_000;

impl Bench {
    /// Measures latency; what goes wrong is a failure of the scenario.
    pub(super) fn latency(&self, plan: &Plan, feeder: &Feeder, report: &mut ScenarioReport) {
        match self.points(plan, feeder) {
            Ok((full, points)) => {
                report.notes.push(format!(
                    "Latency: both programs are fed a part of {full} messages a second, the lower of what they handle \
                     while they are fed as fast as it goes."
                ));
                report.latency = points;
            }
            Err(error) => {
                println!("{:<24} latency failed: {error:#}", plan.name);
                report.failures.push(format!("latency: {error:#}"));
            }
        }
    }

    fn points(&self, plan: &Plan, feeder: &Feeder) -> Result<(u64, Vec<LatencyPoint>)> {
        let mut full = u64::MAX;
        for program in PROGRAMS {
            let (rate, _) = self.fed(plan, feeder, program, FASTEST, "full")?;
            println!(
                "{:<24} {:<24} {rate:>12.0}/s while it is fed",
                plan.name,
                program.name()
            );
            full = full.min(rate as u64);
        }
        let mut points = Vec::new();
        for load_percent in LOADS {
            let rate = full * u64::from(load_percent) / 100;
            for program in PROGRAMS {
                let name = format!("at{load_percent}");
                let (handled, latency) = self.fed(plan, feeder, program, rate, &name)?;
                println!(
                    "{:<24} {:<24} {handled:>12.0}/s at {load_percent} %  p50 {} µs  p99 {} µs  p999 {} µs",
                    plan.name,
                    program.name(),
                    latency.p50,
                    latency.p99,
                    latency.p999
                );
                points.push(LatencyPoint {
                    program,
                    load_percent,
                    rate: rate as f64,
                    p50: latency.p50,
                    p99: latency.p99,
                    p999: latency.p999,
                    max: latency.max,
                });
            }
        }
        Ok((full, points))
    }

    /// Feeds a program; gives the rate at which it handled, and how long messages were on their way: to the handler, or
    /// to whoever reads what it publishes.
    fn fed(
        &self,
        plan: &Plan,
        feeder: &Feeder,
        program: Program,
        rate: u64,
        name: &str,
    ) -> Result<(f64, Latency)> {
        let run = format!("{}-{}-{name}-{}", self.token, plan.name, program.name());
        let pipe = matches!(plan.work, Work::TopicToTopic | Work::QueueToExchange);
        let line = Wire {
            topic: plan.reads_a_topic(),
            pipe,
            feeder,
        };
        let fed = line.open(&run)?;
        let mut command = self.programs.command(program, plan, &fed, 0)?;
        command.env("BENCH_LATENCY", "1");
        let reader = line.reader(&fed)?;
        let mut subject = Subject::start(command)?;
        subject.watch(|seen| seen.handled() >= FIRST)?;
        let feeding = line.feed(&fed, rate)?;
        let span = if self.quick { FED_QUICK } else { FED };
        let until = now() + u64::try_from(span.as_micros())?;
        let before = subject.watch(|_| true)?.progress.len();
        let seen = subject.watch(|_| now() >= until)?;
        ensure!(seen.progress.len() > before + 1, "it said nothing for {span:?}");
        let (from, to) = (seen.progress[before], seen.progress[seen.progress.len() - 1]);
        let handled = (to.handled - from.handled) as f64 * 1e6 / (to.micros - from.micros).max(1) as f64;
        // The feeder ends first, so that what is in the program's hand is not counted as late.
        let sent = ended(feeding)?;
        let (_, seen) = subject.end()?;
        let latency = match reader {
            Some(reader) => serde_json::from_value(ended(reader)?).context("the reader told no latency")?,
            None => {
                let [p50, p99, p999, max] = seen.latency.context("it told no latency")?;
                Latency { p50, p99, p999, max }
            }
        };
        line.close(&fed)?;
        ensure!(
            sent["fed"].as_u64().is_some_and(|fed| fed > 0),
            "nothing was fed: {sent}"
        );
        Ok((handled, latency))
    }
}

/// What is around a program that is fed while it runs.
struct Wire<'a> {
    topic: bool,
    pipe: bool,
    feeder: &'a Feeder,
}

impl Wire<'_> {
    /// Makes the input with its first messages, and the output.
    fn open(&self, run: &str) -> Result<Fed> {
        let (input, output) = (format!("{run}-in"), format!("{run}-out"));
        let first = FIRST.to_string();
        let fed = Fed::new(input, output, self.topic.then(|| run.to_owned()));
        if self.topic {
            self.feeder
                .call(&["kafka-fill", "--topic", &fed.input, "--count", &first])?;
        } else {
            self.feeder
                .call(&["rabbit-fill", "--queue", &fed.queue(), "--count", &first])?;
        }
        if self.pipe && self.topic {
            self.feeder.call(&["kafka-create", "--topic", &fed.output])?;
        } else if self.pipe {
            self.feeder
                .call(&["rabbit-drain", "--exchange", &fed.output, "--declare"])?;
        }
        Ok(fed)
    }

    /// Reads what the program publishes, and tells at its end how long that was on its way.
    fn reader(&self, fed: &Fed) -> Result<Option<Child>> {
        if !self.pipe {
            return Ok(None);
        }
        let arguments = if self.topic {
            ["kafka-drain", "--live", "--topic", &fed.output]
        } else {
            ["rabbit-drain", "--live", "--exchange", &fed.output]
        };
        self.spawn(&arguments).map(Some)
    }

    fn feed(&self, fed: &Fed, rate: u64) -> Result<Child> {
        // It is ended before.
        let (rate, seconds, first) = (rate.to_string(), "60", FIRST.to_string());
        let queue = fed.queue();
        if self.topic {
            self.spawn(&[
                "kafka-pace",
                "--topic",
                &fed.input,
                "--rate",
                &rate,
                "--seconds",
                seconds,
            ])
        } else {
            self.spawn(&[
                "rabbit-pace",
                "--queue",
                &queue,
                "--from",
                &first,
                "--rate",
                &rate,
                "--seconds",
                seconds,
            ])
        }
    }

    fn spawn(&self, arguments: &[&str]) -> Result<Child> {
        let mut command = self.feeder.command(arguments);
        let what = arguments.join(" ");
        command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `bench-feed {what}`"))
    }

    /// Deletes everything.
    fn close(&self, fed: &Fed) -> Result<()> {
        if self.topic {
            let topics = ["kafka-drop", "--topic", &fed.input, "--topic", &fed.output];
            self.feeder.call(if self.pipe { &topics } else { &topics[..3] })?;
        } else {
            debug_assert_eq!(fed.group(), GROUP);
            let both = ["rabbit-drop", "--queue", &fed.queue(), "--exchange", &fed.output];
            self.feeder.call(if self.pipe { &both } else { &both[..3] })?;
        }
        Ok(())
    }
}

/// Ends a feeding program, and gives the last line that it printed.
fn ended(child: Child) -> Result<Value> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.context("the feeder has no number")?, Signal::TERM).context("cannot end the feeder")?;
    let output = child.wait_with_output().context("cannot wait for the feeder")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("the feeder ended with {}: {}", output.status, said.trim());
    }
    let last = said.lines().last().context("the feeder said nothing")?;
    serde_json::from_str(last).with_context(|| format!("the feeder said `{last}`"))
}
