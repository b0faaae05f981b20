//! Runs scenarios: each round runs twin, Bindery and peers one after the other, and a run that loses a message or breaks
//! the order fails.

mod feeder;
mod plan;
mod programs;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use plan::{PLANS, Plan, Work};
pub use programs::Programs;

use crate::report::ScenarioReport;
use crate::run::feeder::{Fed, Feeder};
use crate::run::subject::Subject;
use crate::stats::{Program, Round, Run, WARM_UP, steady};

/// The consumer group of queues; a topic gets a new one for each run.
const GROUP: &str = "bench";
/// How long the steady state lasts.
const STEADY: Duration = Duration::from_millis(5_100);
/// The same for a quick look, which is not judged.
const QUICK: Duration = Duration::from_millis(1_500);
/// How long a pause of the source may be before the run says that it ran dry.
const DRY_SECONDS: f64 = 0.5;

/// How scenarios are run.
#[derive(Debug)]
pub struct Bench {
    /// Where the programs are.
    pub programs: Programs,
    /// How many rounds.
    pub rounds: usize,
    /// A quick look: short, one round, not judged.
    pub quick: bool,
    /// Whether the peers run as well.
    pub peers: bool,
    /// Tells the runs of this bench from earlier ones, in the names of groups and topics.
    pub token: String,
}

impl Bench {
    /// Runs one scenario.
    ///
    /// # Errors
    /// When it can't be fed, or a program can't be started. What a program does wrong is in the report.
    pub fn scenario(&self, plan: &Plan) -> Result<ScenarioReport> {
        let mut report = ScenarioReport::new(plan.name, plan.what);
        report.targets = plan.targets.to_vec();
        if self.quick {
            report.unjudged = Some("a quick look".to_owned());
        }
        let feeder = Feeder::new(self.programs.feed.clone());
        let mut programs: Vec<Program> = plan.programs.to_vec();
        programs.retain(|program| !program.is_peer() || self.peers);
        for number in 0..self.rounds {
            let mut round = Round::default();
            // Who runs first has the colder caches; it is another one each round.
            for step in 0..programs.len() {
                let program = programs[(number + step) % programs.len()];
                match self.run(plan, program, number, &feeder) {
                    Ok(run) => {
                        println!(
                            "{:<24} {:<16} {:>12.0}/s  {:>6.2} CPU s/M  {:>6.0} MiB",
                            plan.name,
                            program.name(),
                            run.rate,
                            run.cpu_seconds_per_million,
                            run.peak_memory_mib
                        );
                        round.runs.push(run);
                    }
                    Err(error) => {
                        println!("{:<24} {:<16} failed: {error:#}", plan.name, program.name());
                        report
                            .failures
                            .push(format!("round {}, {}: {error:#}", number + 1, program.name()));
                    }
                }
            }
            report.rounds.push(round);
        }
        Ok(report)
    }

    fn run(&self, plan: &Plan, program: Program, number: usize, feeder: &Feeder) -> Result<Run> {
        let name = format!("{}-{}-{}-{number}", self.token, plan.name, program.name());
        let fed = feeder.prepare(plan, &name, self.quick)?;
        let mut command = self.programs.command(program, plan, &fed)?;
        command
            .env("BENCH_GROUP", fed.group())
            .env("BENCH_OUTPUT", &fed.output);
        let mut subject = Subject::start(command)?;
        let asked = if self.quick { QUICK } else { STEADY };
        let lines = subject.watch(WARM_UP + asked)?;
        let usage = subject.usage()?;
        let (handled, disorder) = subject.end()?;
        ensure!(
            disorder == 0,
            "{disorder} of {handled} messages were out of order"
        );
        verify(plan, &fed, handled, feeder)?;
        let steady = steady(&lines, WARM_UP, asked)?;
        ensure!(
            steady.longest_pause < DRY_SECONDS,
            "there was nothing to do for {:.1} s: the source ran dry",
            steady.longest_pause
        );
        Ok(Run::new(
            program,
            &steady,
            usage.cpu_seconds,
            usage.handled,
            usage.peak_mib,
        ))
    }
}

/// What was handled is settled, and no more; what was handled came out, in order.
fn verify(plan: &Plan, fed: &Fed, handled: u64, feeder: &Feeder) -> Result<()> {
    if let Some(settled) = feeder.settled(plan, fed)? {
        ensure!(
            settled == handled,
            "{handled} messages were handled and {settled} settled"
        );
    }
    feeder.drained(plan, fed, handled).context("what came out")?;
    feeder.clean(plan, fed)
}

/// The folder of the checkout that the bench was built from.
pub fn checkout() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .map_or_else(|| here.clone(), PathBuf::from)
}
