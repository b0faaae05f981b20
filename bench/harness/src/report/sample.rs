//! A report for tests.

use std::collections::BTreeMap;

use super::{LatencyPoint, Machine, Report, ScenarioReport, Target};
use crate::stats::{Measure, Program, Round, Run};

pub(super) fn run(program: Program, rate: f64) -> Run {
    Run {
        program,
        rate,
        cpu_seconds_per_million: 2.5,
        peak_memory_mib: 24.0,
        handled: 650_000,
        steady_seconds: 5.0,
        seconds: None,
        size: None,
    }
}

/// Five rounds of each.
pub(super) fn rounds(rates: &[(Program, [f64; 5])]) -> Vec<Round> {
    let round = |round: usize| Round {
        runs: rates
            .iter()
            .map(|(program, rates)| run(*program, rates[round]))
            .collect(),
    };
    (0..5).map(round).collect()
}

/// A cost that rises from size to size.
pub(super) fn sizes(seconds: &[(u64, f64)]) -> Vec<Round> {
    let sized = |&(size, seconds): &(u64, f64)| {
        Run::whole(Program::Bindery, seconds, 1.0, 1_000_000, 24.0).sized(size)
    };
    let round = Round {
        runs: seconds.iter().map(sized).collect(),
    };
    vec![round; 5]
}

fn point(program: Program, load_percent: u32, p50: u64) -> LatencyPoint {
    LatencyPoint {
        program,
        load_percent,
        rate: f64::from(load_percent) * 1_000.0,
        p50,
        p99: 4 * p50,
        p999: 9 * p50,
        max: 30 * p50,
    }
}

/// A scenario that missed its target.
pub(super) fn consume() -> ScenarioReport {
    ScenarioReport {
        rounds: rounds(&[
            (Program::Raw, [100e3; 5]),
            (Program::Bindery, [85e3, 86e3, 87e3, 88e3, 89e3]),
            (Program::Spring, [20e3; 5]),
        ]),
        latency: vec![
            point(Program::Raw, 50, 400),
            point(Program::Raw, 80, 700),
            point(Program::Bindery, 50, 450),
            point(Program::Bindery, 80, 900),
        ],
        settings: BTreeMap::from([(Program::Spring, "`max.poll.records` 500 | the default".to_owned())]),
        notes: vec!["Both sides use the same allocator.".to_owned()],
        ..ScenarioReport::new("kafka-consume", "Reads orders & settles them.").target(Target::Ratio {
            twin: Program::Raw,
            at_least: 0.9,
        })
    }
}

/// A scenario about sizes that held.
pub(super) fn partitions() -> ScenarioReport {
    ScenarioReport {
        rounds: sizes(&[(1, 1.0), (16, 1.05), (256, 1.1)]),
        ..ScenarioReport::new("kafka-partitions", "From 1 to 256 partitions.").target(Target::Flat {
            cost: Measure::TimePerMillion,
            within: 0.15,
        })
    }
}

pub(super) fn report() -> Report {
    Report {
        date: "2026-01-31".to_owned(),
        command: "cargo xtask bench".to_owned(),
        machine: Machine {
            kernel: "linux 6.1".to_owned(),
            processor: "Some Processor".to_owned(),
            processors: 2,
            memory_mib: 7_900,
        },
        versions: vec![("Bindery".to_owned(), "0123456789ab".to_owned())],
        scenarios: vec![consume(), partitions()],
    }
}
