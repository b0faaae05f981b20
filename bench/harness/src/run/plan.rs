//! The scenarios: what runs, against whom, and what is asked of it.

use crate::report::Target;
use crate::stats::Program;

/// One scenario.
#[derive(Debug)]
pub struct Plan {
    /// Its name: what `--scenario` takes.
    pub name: &'static str,
    /// What it measures.
    pub what: &'static str,
    /// What the programs are told to do.
    pub scenario: &'static str,
    /// What is fed and checked around it.
    pub work: Work,
    /// How large a payload is.
    pub bytes: u64,
    /// How many messages are fed for each run, or once for all of a topic.
    pub count: u64,
    /// Who runs.
    pub programs: &'static [Program],
    /// What is asked of Bindery.
    pub targets: &'static [Target],
}

/// What is fed to a scenario and what comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A topic of 4 partitions is read.
    Topic,
    /// A topic is read and another is written.
    TopicToTopic,
    /// A topic is written.
    ToTopic,
    /// A queue of this type is read.
    Queue(&'static str),
    /// A queue is read and an exchange is written.
    QueueToExchange,
    /// An exchange is written.
    ToExchange,
    /// Everything is in the program.
    Nothing,
}

const CONSUMERS: &[Program] = &[Program::Raw, Program::Bindery];
const WITH_PEERS: &[Program] = &[
    Program::Raw,
    Program::Bindery,
    Program::RustStream,
    Program::RustStreamTuned,
    Program::Spring,
    Program::SpringTuned,
];
const PIPES: &[Program] = &[
    Program::Raw,
    Program::RawFuture,
    Program::Bindery,
    Program::RustStream,
    Program::RustStreamTuned,
    Program::Spring,
    Program::SpringTuned,
];

const fn of_raw(at_least: f64) -> Target {
    Target::Ratio {
        twin: Program::Raw,
        at_least,
    }
}

/// Every scenario, in the order in which they are run.
pub const PLANS: &[Plan] = &[
    Plan {
        name: "memory-dispatch",
        what: "messages of 100 bytes wait in the memory binder, and one thread hands them to a listener that looks at their origin",
        scenario: "memory-dispatch",
        work: Work::Nothing,
        bytes: 100,
        count: 14_000_000,
        programs: &[Program::Bindery],
        targets: &[Target::Rate {
            at_least: 2_000_000.0,
        }],
    },
    Plan {
        name: "kafka-consume",
        what: "orders of 512 bytes are read from 4 partitions, decoded, and committed",
        scenario: "kafka-consume",
        work: Work::Topic,
        bytes: 512,
        count: 8_000_000,
        programs: WITH_PEERS,
        targets: &[of_raw(0.90)],
    },
    Plan {
        name: "kafka-pipe",
        what: "orders are read from 4 partitions, decoded, priced, encoded and published in order; the input is committed when the output is confirmed",
        scenario: "kafka-pipe",
        work: Work::TopicToTopic,
        bytes: 512,
        count: 8_000_000,
        programs: PIPES,
        targets: &[
            of_raw(0.85),
            Target::Ratio {
                twin: Program::RawFuture,
                at_least: 1.0,
            },
        ],
    },
    Plan {
        name: "kafka-batch",
        what: "orders are read from 4 partitions and handled 500 at a time",
        scenario: "kafka-batch",
        work: Work::Topic,
        bytes: 512,
        count: 8_000_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.95)],
    },
    Plan {
        name: "kafka-bridge",
        what: "64 callers publish orders through the stream bridge, each waiting for its confirmation; the twin has 64 outstanding",
        scenario: "kafka-bridge",
        work: Work::ToTopic,
        bytes: 512,
        count: 1_200_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.90)],
    },
    Plan {
        name: "kafka-large",
        what: "orders of 100 KiB are read from 4 partitions, decoded, and committed",
        scenario: "kafka-large",
        work: Work::Topic,
        bytes: 102_400,
        count: 70_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.95)],
    },
    Plan {
        name: "rabbit-consume-classic",
        what: "orders of 512 bytes are read from a classic queue, decoded, and acknowledged",
        scenario: "rabbit-consume",
        work: Work::Queue("classic"),
        bytes: 512,
        count: 400_000,
        programs: WITH_PEERS,
        targets: &[of_raw(0.95)],
    },
    Plan {
        name: "rabbit-consume-quorum",
        what: "the same from a quorum queue",
        scenario: "rabbit-consume",
        work: Work::Queue("quorum"),
        bytes: 512,
        count: 300_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.95)],
    },
    Plan {
        name: "rabbit-pipe",
        what: "orders are read from a classic queue, decoded, priced, encoded and published in order, mandatory; the input is acknowledged when the output is confirmed",
        scenario: "rabbit-pipe",
        work: Work::QueueToExchange,
        bytes: 512,
        count: 150_000,
        programs: WITH_PEERS,
        targets: &[of_raw(0.90)],
    },
    Plan {
        name: "rabbit-batch",
        what: "orders are read from a classic queue and handled 500 at a time",
        scenario: "rabbit-batch",
        work: Work::Queue("classic"),
        bytes: 512,
        count: 400_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.95)],
    },
    Plan {
        name: "rabbit-bridge",
        what: "64 callers publish orders through the stream bridge, each waiting for its confirmation; the twin has 64 outstanding",
        scenario: "rabbit-bridge",
        work: Work::ToExchange,
        bytes: 512,
        count: 150_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.90)],
    },
    Plan {
        name: "rabbit-large",
        what: "orders of 100 KiB are read from a classic queue, decoded, and acknowledged",
        scenario: "rabbit-large",
        work: Work::Queue("classic"),
        bytes: 102_400,
        count: 30_000,
        programs: CONSUMERS,
        targets: &[of_raw(0.95)],
    },
];

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
}
