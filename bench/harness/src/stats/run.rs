//! One program run once, and a round of them.

use serde::{Deserialize, Serialize, Serializer};

use super::spread::rounded;
use super::{Program, Steady};

/// The figures of one program, run once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Who ran.
    pub program: Program,
    /// Messages per second in the steady state.
    #[serde(serialize_with = "rounded")]
    pub rate: f64,
    /// CPU seconds of the whole process, for a million messages.
    #[serde(serialize_with = "rounded")]
    pub cpu_seconds_per_million: f64,
    /// The most memory that was resident, in MiB.
    #[serde(serialize_with = "rounded")]
    pub peak_memory_mib: f64,
    /// Messages handled in the whole run, warm-up included.
    pub handled: u64,
    /// How long the steady state was measured, in seconds; zero for a run that is measured from end to end.
    #[serde(default, serialize_with = "rounded")]
    pub steady_seconds: f64,
    /// How long it took, for a scenario that asks for a time.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "rounded_if_any"
    )]
    pub seconds: Option<f64>,
    /// How many partitions, bindings or messages there were, for a scenario that asks how the cost grows with that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

impl Run {
    /// The run of a program that was measured in its steady state; `cpu_seconds` are those in which it handled `handled`.
    pub fn new(
        program: Program,
        steady: &Steady,
        cpu_seconds: f64,
        handled: u64,
        peak_memory_mib: f64,
    ) -> Self {
        Self {
            program,
            rate: steady.rate,
            cpu_seconds_per_million: per_million(cpu_seconds, handled),
            peak_memory_mib,
            handled,
            steady_seconds: steady.seconds,
            seconds: None,
            size: None,
        }
    }

    /// The run of a program that was measured from its first message to its last, or from its start until it is ready.
    pub fn whole(
        program: Program,
        seconds: f64,
        cpu_seconds: f64,
        handled: u64,
        peak_memory_mib: f64,
    ) -> Self {
        Self {
            program,
            rate: if seconds > 0.0 {
                handled as f64 / seconds
            } else {
                0.0
            },
            cpu_seconds_per_million: per_million(cpu_seconds, handled),
            peak_memory_mib,
            handled,
            steady_seconds: 0.0,
            seconds: Some(seconds),
            size: None,
        }
    }

    /// The same run, with its size.
    pub fn sized(self, size: u64) -> Self {
        Self {
            size: Some(size),
            ..self
        }
    }
}

/// A run that handled nothing has no cost a message; zero is shown as a dash.
fn per_million(cpu_seconds: f64, handled: u64) -> f64 {
    if handled == 0 {
        0.0
    } else {
        cpu_seconds * 1e6 / handled as f64
    }
}

/// A figure that is missing is not written at all.
fn rounded_if_any<S: Serializer>(figure: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    rounded(&figure.unwrap_or_default(), serializer)
}

/// Programs that ran one after another, each once for each size.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The runs, in the order in which they were run.
    pub runs: Vec<Run>,
}

impl Round {
    /// What a program had in this round, whatever the size.
    pub fn run(&self, program: Program) -> Option<&Run> {
        self.runs.iter().find(|run| run.program == program)
    }
}

/// What is read off a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Messages per second.
    Rate,
    /// CPU seconds for a million messages.
    CpuPerMillion,
    /// Seconds that pass for a million messages.
    TimePerMillion,
    /// MiB, at most.
    Memory,
    /// How long it took, in seconds.
    Seconds,
}

impl Measure {
    /// The figure, when the run has it.
    pub fn of(self, run: &Run) -> Option<f64> {
        let figure = match self {
            Self::Rate => run.rate,
            Self::CpuPerMillion => run.cpu_seconds_per_million,
            Self::TimePerMillion => 1e6 / run.rate,
            Self::Memory => run.peak_memory_mib,
            Self::Seconds => run.seconds?,
        };
        (figure.is_finite() && figure > 0.0).then_some(figure)
    }

    /// What the figure counts, with its unit.
    pub fn title(self) -> &'static str {
        match self {
            Self::Rate => "messages per second",
            Self::CpuPerMillion => "CPU seconds per million messages",
            Self::TimePerMillion => "seconds per million messages",
            Self::Memory => "peak memory, MiB",
            Self::Seconds => "seconds",
        }
    }
}

/// One program's figure divided by another's in the same round, for each round that has both.
pub fn ratios(rounds: &[Round], measure: Measure, program: Program, twin: Program) -> Vec<f64> {
    let both = |round: &Round| {
        let figure = measure.of(round.run(program)?)?;
        Some(figure / measure.of(round.run(twin)?)?)
    };
    rounds.iter().filter_map(both).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(raw: f64, bindery: Option<f64>) -> Round {
        let run = |program, rate| Run {
            rate,
            ..Run::whole(program, 1.0, 2.0, 4_000_000, 20.0)
        };
        let bindery = bindery.map(|rate| run(Program::Bindery, rate));
        Round {
            runs: [Some(run(Program::Raw, raw)), bindery]
                .into_iter()
                .flatten()
                .collect(),
        }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let rounds = [
            round(100.0, Some(90.0)),
            round(200.0, Some(190.0)),
            round(300.0, None),
        ];
        assert_eq!(
            ratios(&rounds, Measure::Rate, Program::Bindery, Program::Raw),
            [0.9, 0.95]
        );
        assert!(ratios(&rounds, Measure::Rate, Program::Spring, Program::Raw).is_empty());
    }

    #[test]
    fn a_rate_of_nothing_makes_no_ratio() {
        let rounds = [round(0.0, Some(90.0)), round(100.0, Some(0.0))];
        assert!(ratios(&rounds, Measure::Rate, Program::Bindery, Program::Raw).is_empty());
    }

    #[test]
    fn cpu_time_is_told_for_a_million_messages() {
        assert_eq!(
            Run::whole(Program::Raw, 8.0, 2.0, 4_000_000, 1.0).cpu_seconds_per_million,
            0.5
        );
        assert_eq!(Run::whole(Program::Raw, 8.0, 2.0, 4_000_000, 1.0).rate, 500_000.0);
        assert_eq!(
            Run::whole(Program::Raw, 0.3, 2.0, 0, 1.0).cpu_seconds_per_million,
            0.0
        );
    }

    #[test]
    fn a_run_that_is_written_and_read_again_and_again_stays_the_same() {
        let run = Run::whole(Program::Bindery, 1.1, 0.7, 1_000_003, 24.3).sized(7);
        let write = |run: &Run| serde_json::to_string(run).unwrap();
        let read = |text: &str| serde_json::from_str::<Run>(text).unwrap();
        let once = read(&write(&run));
        assert_eq!(read(&write(&once)), once);
        assert_eq!(once.rate, 909_093.636_364);
    }

    #[test]
    fn a_figure_that_is_no_number_is_read_as_none() {
        let mut run = Run::whole(Program::Bindery, 1.0, 1.0, 1, 1.0);
        run.rate = f64::NAN;
        let read: Run = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
        assert_eq!(Measure::Rate.of(&read), None);
    }
}
