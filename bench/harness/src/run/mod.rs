//! Runs scenarios: each round runs twin, Bindery and peers one after the other, and a run that loses a message or breaks
//! the order fails.

mod feeder;
mod latency;
mod plan;
mod plans;
mod programs;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use plan::{How, Plan, Sizes, Work};
pub use plans::PLANS;
pub use programs::Programs;

use crate::report::{ROUNDS, ScenarioReport};
use crate::run::feeder::{Fed, Feeder};
use crate::run::subject::{Subject, Usage};
use crate::stats::{Program, Round, Run, WARM_UP, steady};

/// The consumer group of queues; a topic gets a new one for each run.
const GROUP: &str = "bench";
/// How long the steady state lasts.
const STEADY: Duration = Duration::from_millis(5_100);
/// The same for a quick look, which is not judged.
const QUICK: Duration = Duration::from_millis(1_500);
/// How long a program measures itself that nobody feeds, at each of several sizes.
const EACH_SIZE: Duration = Duration::from_millis(1_000);
/// How long a service is idle.
const IDLE: Duration = Duration::from_secs(5);
/// How long a pause of the source may be before the run says that it ran dry.
const DRY_SECONDS: f64 = 0.5;
/// How long latency takes, after the rounds of a scenario that asks for it, in seconds.
pub const LATENCY_SECONDS: u64 = 60;

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
    /// What is fed serves all scenarios that it suits.
    feeder: Feeder,
}

impl Bench {
    /// Five rounds of everything but the peers.
    pub fn new(programs: Programs, token: String) -> Self {
        Self {
            feeder: Feeder::new(programs.feed.clone()),
            programs,
            rounds: ROUNDS,
            quick: false,
            peers: false,
            token,
        }
    }

    /// Runs one scenario.
    ///
    /// # Errors
    /// When it can't be cleaned up after. What a program does wrong is in the report.
    pub fn scenario(&self, plan: &Plan) -> Result<ScenarioReport> {
        let mut report = ScenarioReport::new(plan.name, plan.what);
        report.targets = plan.targets.to_vec();
        if self.quick {
            report.unjudged = Some("a quick look".to_owned());
        }
        let feeder = &self.feeder;
        let mut programs: Vec<Program> = plan.programs.to_vec();
        programs.retain(|program| !program.is_peer() || self.peers);
        let sizes = plan.sized();
        for number in 0..self.rounds {
            let mut round = Round::default();
            for (plan, size) in &sizes {
                // Who runs first has the colder caches; it is another one each round.
                for step in 0..programs.len() {
                    let program = programs[(number + step) % programs.len()];
                    match self.run(plan, program, *size, number) {
                        Ok(run) => {
                            tell(plan, &run);
                            round.runs.push(run);
                        }
                        Err(error) => {
                            feeder.forget(plan);
                            println!("{:<24} {:<16} failed: {error:#}", plan.name, program.name());
                            report.failures.push(format!(
                                "round {}, {}: {error:#}",
                                number + 1,
                                program.name()
                            ));
                        }
                    }
                }
            }
            report.rounds.push(round);
        }
        if plan.latency {
            self.latency(plan, feeder, &mut report);
        }
        let kept = |input: &Plan| {
            PLANS
                .iter()
                .any(|plan| !plan.large && plan.input() == input.input())
        };
        for (plan, _) in sizes.iter().filter(|(plan, _)| plan.large && !kept(plan)) {
            feeder.drop_inputs(plan)?;
        }
        Ok(report)
    }

    fn run(&self, plan: &Plan, program: Program, size: Option<u64>, number: usize) -> Result<Run> {
        let feeder = &self.feeder;
        let size_name = size.map(|size| format!("-{size}")).unwrap_or_default();
        let name = format!(
            "{}-{}{size_name}-{}-{number}",
            self.token,
            plan.name,
            program.name()
        );
        let fed = feeder.prepare(plan, &name, self.quick)?;
        let command = self
            .programs
            .command(program, plan, &fed, self.asked(size).as_millis())?;
        let mut subject = Subject::start(command)?;
        let span = WARM_UP + self.asked(None);
        // Two lines more than asked, because the measure begins and ends at lines.
        let enough = span + Duration::from_millis(200);
        subject.watch(|seen| match plan.how {
            How::Steady => seen.busy() >= enough,
            How::Whole => seen.measured.is_some(),
            How::Start => seen.first.is_some(),
            How::Idle => seen.up() >= IDLE,
        })?;
        let usage = subject.usage();
        let first = subject.watch(|_| true)?.first.map(|at| subject.seconds_to(at));
        let (handled, seen) = subject.end()?;
        verify(plan, &fed, handled, feeder)?;
        let run = match plan.how {
            How::Steady => self.steady(program, &seen.progress, &usage?)?,
            How::Whole => {
                let measured = seen.measured.context("it has not measured itself")?;
                let (seconds, cpu) = (measured.seconds, measured.cpu_seconds);
                Run::whole(program, seconds, cpu, measured.handled, usage?.peak_mib)
            }
            How::Start => {
                let seconds = first.context("it has handled nothing")?;
                Run::whole(program, seconds, 0.0, 0, usage?.peak_mib)
            }
            How::Idle => Run::whole(program, 0.0, 0.0, 0, usage?.resident_mib),
        };
        Ok(match size {
            Some(size) => run.sized(size),
            None => run,
        })
    }

    /// How long the measure lasts.
    fn asked(&self, size: Option<u64>) -> Duration {
        match (self.quick, size) {
            (true, _) => QUICK,
            (false, None) => STEADY,
            (false, Some(_)) => EACH_SIZE,
        }
    }

    fn steady(&self, program: Program, lines: &[crate::stats::Progress], usage: &Usage) -> Result<Run> {
        let steady = steady(lines, WARM_UP, self.asked(None))?;
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

/// One line for a run.
fn tell(plan: &Plan, run: &Run) {
    let size = run.size.map(|size| format!(" at {size}")).unwrap_or_default();
    let who = format!("{}{size}", run.program.name());
    let what = match plan.how {
        How::Steady => String::new(),
        How::Whole | How::Start => format!("  {:>9.4} s", run.seconds.unwrap_or_default()),
        How::Idle => "  idle".to_owned(),
    };
    println!(
        "{:<24} {who:<24} {:>12.0}/s  {:>6.2} CPU s/M  {:>6.1} MiB{what}",
        plan.name, run.rate, run.cpu_seconds_per_million, run.peak_memory_mib
    );
}

/// The folder of the checkout that the bench was built from.
pub fn checkout() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .map_or_else(|| here.clone(), PathBuf::from)
}
