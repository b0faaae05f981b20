//! The scenarios: who runs in them, and what is asked.

mod kafka;
mod memory;
mod rabbit;

use std::sync::LazyLock;

use super::plan::{COMMON, How, Plan};
use crate::report::Target;
use crate::stats::{Measure, Program};

const TWIN: &[Program] = &[Program::Raw, Program::Bindery];
const UNDISTURBED: &[Program] = &[Program::Undisturbed, Program::Bindery];
const WITH_PEERS: &[Program] = &[
    Program::Raw,
    Program::Bindery,
    Program::RustStream,
    Program::RustStreamTuned,
    Program::Spring,
    Program::SpringTuned,
];
const BRIDGES: &[Program] = &[Program::Raw, Program::RawFuture, Program::Bindery];
const PIPES: &[Program] = &[
    Program::Raw,
    Program::RawFuture,
    Program::Bindery,
    Program::RustStream,
    Program::RustStreamTuned,
    Program::Spring,
    Program::SpringTuned,
];

/// As fast as the others while one key is in trouble, in about the same memory.
const UNMOVED: &[Target] = &[
    Target::Ratio {
        twin: Program::Undisturbed,
        at_least: 0.95,
    },
    Target::MemoryRatio {
        twin: Program::Undisturbed,
        at_most: 1.25,
    },
];
const FLAT: &[Target] = &[Target::Flat {
    cost: Measure::CpuPerMillion,
    within: 0.15,
}];
const LITTLE_MEMORY: &[Target] = &[Target::Memory { at_most: 25.0 }];
const SOON: &[Target] = &[Target::SecondsBeyond {
    twin: Program::Raw,
    at_most: 0.5,
}];

const fn of_raw(at_least: f64) -> Target {
    Target::Ratio {
        twin: Program::Raw,
        at_least,
    }
}

/// 10,000 orders of so many keys, each handled in up to 5 ms.
const KEYS: Plan = Plan {
    how: How::Whole,
    count: 10_000,
    partitions: 1,
    ..COMMON
};

/// Every scenario, in the order in which they are run.
pub static PLANS: LazyLock<Vec<Plan>> =
    LazyLock::new(|| [memory::PLANS, kafka::PLANS, rabbit::PLANS].concat());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_asks_for_something() {
        for (number, plan) in PLANS.iter().enumerate() {
            assert!(
                PLANS[..number].iter().all(|other| other.name != plan.name),
                "{}",
                plan.name
            );
            assert!(
                plan.programs.contains(&Program::Bindery) && !plan.targets.is_empty(),
                "{}",
                plan.name
            );
        }
    }

    #[test]
    fn equal_names_of_topics_mean_equal_messages() {
        let topics: Vec<_> = PLANS.iter().filter(|plan| plan.reads_a_topic()).collect();
        for one in &topics {
            for other in topics.iter().filter(|other| other.input() == one.input()) {
                assert_eq!(
                    (one.bytes, one.partitions, one.keys, one.rare),
                    (other.bytes, other.partitions, other.keys, other.rare)
                );
            }
        }
    }

    #[test]
    fn all_rounds_without_peers_take_less_than_seventy_minutes() {
        let round: u64 = PLANS.iter().map(|plan| plan.seconds).sum();
        let latency = PLANS.iter().filter(|plan| plan.latency).count() as u64;
        assert!(
            5 * round + latency * crate::run::LATENCY_SECONDS < 70 * 60,
            "{round}"
        );
    }
}
