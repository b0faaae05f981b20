//! The scenarios.

use super::plan::{COMMON, How, Plan, Sizes, Work};
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
pub const PLANS: &[Plan] = &[
    Plan {
        name: "memory-dispatch",
        what: "a million messages of 100 bytes wait in the memory binder, and one thread hands them to a listener that looks at their origin; again and again",
        scenario: "memory-dispatch",
        bytes: 100,
        count: 1_000_000,
        how: How::Whole,
        targets: &[Target::Rate {
            at_least: 2_000_000.0,
        }],
        seconds: 15,
        ..COMMON
    },
    Plan {
        name: "memory-flat-messages",
        what: "the same, when 1 thousand to 10 million messages wait at once",
        scenario: "memory-dispatch",
        bytes: 100,
        how: How::Whole,
        sizes: Sizes::Messages(&[1_000, 10_000, 100_000, 1_000_000, 10_000_000]),
        targets: FLAT,
        seconds: 45,
        ..COMMON
    },
    Plan {
        name: "memory-start",
        what: "from the start of the program to its first message, over the memory binder",
        scenario: "memory-start",
        how: How::Start,
        targets: &[Target::Seconds { at_most: 0.05 }],
        seconds: 1,
        ..COMMON
    },
    Plan {
        name: "memory-idle",
        what: "resident memory of a service with 10 bindings over the memory binder, after 5 idle seconds",
        scenario: "memory-bindings",
        how: How::Idle,
        bindings: 10,
        targets: LITTLE_MEMORY,
        seconds: 6,
        ..COMMON
    },
    Plan {
        name: "kafka-consume",
        what: "orders of 512 bytes are read from 4 partitions, decoded, and committed",
        scenario: "kafka-consume",
        work: Work::Topic,
        count: 8_000_000,
        latency: true,
        programs: WITH_PEERS,
        targets: &[of_raw(0.90)],
        seconds: 20,
        ..COMMON
    },
    Plan {
        name: "kafka-pipe",
        what: "orders are read from 4 partitions, decoded, priced, encoded and published in order; the input is committed when the output is confirmed",
        scenario: "kafka-pipe",
        work: Work::TopicToTopic,
        count: 8_000_000,
        latency: true,
        programs: PIPES,
        targets: &[
            of_raw(0.85),
            Target::Ratio {
                twin: Program::RawFuture,
                at_least: 1.0,
            },
        ],
        seconds: 45,
        ..COMMON
    },
    Plan {
        name: "kafka-batch",
        what: "orders are read from 4 partitions and handled 500 at a time",
        scenario: "kafka-batch",
        work: Work::Topic,
        count: 8_000_000,
        programs: TWIN,
        targets: &[of_raw(0.95)],
        seconds: 20,
        ..COMMON
    },
    Plan {
        name: "kafka-bridge",
        what: "64 callers publish orders through the stream bridge, each waiting for its confirmation; the twin has 64 outstanding",
        scenario: "kafka-bridge",
        work: Work::ToTopic,
        count: 4_000_000,
        programs: TWIN,
        targets: &[of_raw(0.90)],
        seconds: 22,
        ..COMMON
    },
    Plan {
        name: "kafka-large",
        what: "orders of 100 KiB are read from 4 partitions, decoded, and committed",
        scenario: "kafka-large",
        work: Work::Topic,
        bytes: 102_400,
        count: 70_000,
        large: true,
        programs: TWIN,
        targets: &[of_raw(0.95)],
        seconds: 25,
        ..COMMON
    },
    Plan {
        name: "kafka-keys-20",
        what: "10,000 orders of 20 keys from one partition, each handled in up to 5 ms, `ordering: key`; from the first to the last",
        scenario: "kafka-delay",
        work: Work::Topic,
        keys: 20,
        targets: &[Target::Seconds { at_most: 2.1 }],
        seconds: 4,
        ..KEYS
    },
    Plan {
        name: "kafka-keys-10",
        what: "the same with 10 keys",
        scenario: "kafka-delay",
        work: Work::Topic,
        keys: 10,
        targets: &[Target::Seconds { at_most: 3.3 }],
        seconds: 5,
        ..KEYS
    },
    Plan {
        name: "kafka-slow-key",
        what: "orders of 200 keys from one partition, `ordering: key`; each 10,000th is of one key more, which takes 10 ms for each, or none when undisturbed",
        scenario: "kafka-slow",
        work: Work::Topic,
        count: 4_000_000,
        partitions: 1,
        keys: 200,
        rare: 10_000,
        large: true,
        programs: UNDISTURBED,
        targets: UNMOVED,
        seconds: 20,
        ..COMMON
    },
    Plan {
        name: "kafka-start",
        what: "from the start of the program to its first message; both join a new group",
        scenario: "kafka-consume",
        work: Work::Topic,
        how: How::Start,
        count: 400,
        programs: TWIN,
        targets: SOON,
        seconds: 4,
        ..COMMON
    },
    Plan {
        name: "kafka-idle",
        what: "resident memory of a service with 10 bindings to Kafka, after 5 idle seconds",
        scenario: "kafka-bindings",
        how: How::Idle,
        bindings: 10,
        targets: LITTLE_MEMORY,
        seconds: 8,
        ..COMMON
    },
    Plan {
        name: "kafka-256-partitions",
        what: "orders of 512 bytes are read from 256 partitions at full rate; each partition has at most 2,048 messages in flight (`max-in-flight`) and 64 MiB (`max-in-flight-bytes`)",
        scenario: "kafka-consume",
        work: Work::Topic,
        count: 4_000_000,
        partitions: 256,
        programs: TWIN,
        targets: &[of_raw(0.90)],
        seconds: 22,
        ..COMMON
    },
    Plan {
        name: "kafka-flat-partitions",
        what: "1.2 million orders of 512 bytes from 1 to 256 partitions",
        scenario: "kafka-consume",
        work: Work::Topic,
        how: How::Whole,
        count: 1_200_000,
        sizes: Sizes::Partitions(&[1, 4, 16, 64, 256]),
        large: true,
        targets: FLAT,
        seconds: 35,
        ..COMMON
    },
    Plan {
        name: "kafka-flat-bindings",
        what: "1.2 million orders of 512 bytes over 1 to 50 bindings, each with a topic of one partition",
        scenario: "kafka-bindings",
        work: Work::Topic,
        how: How::Whole,
        count: 1_200_000,
        partitions: 1,
        sizes: Sizes::Bindings(&[1, 10, 50]),
        large: true,
        targets: FLAT,
        seconds: 25,
        ..COMMON
    },
    Plan {
        name: "rabbit-consume-classic",
        what: "orders of 512 bytes are read from a classic queue, decoded, and acknowledged",
        scenario: "rabbit-consume",
        work: Work::Queue("classic"),
        count: 600_000,
        latency: true,
        programs: WITH_PEERS,
        targets: &[of_raw(0.95)],
        seconds: 40,
        ..COMMON
    },
    Plan {
        name: "rabbit-consume-quorum",
        what: "the same from a quorum queue",
        scenario: "rabbit-consume",
        work: Work::Queue("quorum"),
        count: 500_000,
        large: true,
        programs: TWIN,
        targets: &[of_raw(0.95)],
        seconds: 45,
        ..COMMON
    },
    Plan {
        name: "rabbit-pipe",
        what: "orders are read from a classic queue, decoded, priced, encoded and published in order, mandatory; the input is acknowledged when the output is confirmed",
        scenario: "rabbit-pipe",
        work: Work::QueueToExchange,
        count: 200_000,
        latency: true,
        programs: WITH_PEERS,
        targets: &[of_raw(0.90)],
        seconds: 40,
        ..COMMON
    },
    Plan {
        name: "rabbit-batch",
        what: "orders are read from a classic queue and handled 500 at a time",
        scenario: "rabbit-batch",
        work: Work::Queue("classic"),
        count: 600_000,
        programs: TWIN,
        targets: &[of_raw(0.95)],
        seconds: 40,
        ..COMMON
    },
    Plan {
        name: "rabbit-bridge",
        what: "64 callers publish orders through the stream bridge, each waiting for its confirmation; the twin has 64 outstanding",
        scenario: "rabbit-bridge",
        work: Work::ToExchange,
        count: 2_000_000,
        programs: TWIN,
        targets: &[of_raw(0.90)],
        seconds: 25,
        ..COMMON
    },
    Plan {
        name: "rabbit-large",
        what: "orders of 100 KiB are read from a classic queue, decoded, and acknowledged",
        scenario: "rabbit-large",
        work: Work::Queue("classic"),
        bytes: 102_400,
        count: 45_000,
        large: true,
        programs: TWIN,
        targets: &[of_raw(0.95)],
        seconds: 50,
        ..COMMON
    },
    Plan {
        name: "rabbit-keys-20",
        what: "10,000 orders of 20 keys from a classic queue, each handled in up to 5 ms, `ordering: key`; from the first to the last",
        scenario: "rabbit-delay",
        work: Work::Queue("classic"),
        keys: 20,
        targets: &[Target::Seconds { at_most: 2.1 }],
        seconds: 5,
        ..KEYS
    },
    Plan {
        name: "rabbit-keys-10",
        what: "the same with 10 keys",
        scenario: "rabbit-delay",
        work: Work::Queue("classic"),
        keys: 10,
        targets: &[Target::Seconds { at_most: 3.3 }],
        seconds: 6,
        ..KEYS
    },
    Plan {
        name: "rabbit-slow-key",
        what: "orders of 200 keys from a classic queue, `ordering: key`; each 2,000th is of one key more, which takes 10 ms for each, or none when undisturbed",
        scenario: "rabbit-slow",
        work: Work::Queue("classic"),
        count: 600_000,
        keys: 200,
        rare: 2_000,
        large: true,
        programs: UNDISTURBED,
        targets: UNMOVED,
        seconds: 40,
        ..COMMON
    },
    Plan {
        name: "rabbit-failing-key",
        what: "orders of 200 keys from a classic queue, `ordering: key`; each 402nd is of one key more, whose first fails for ever and is held with all behind it, or none when undisturbed",
        scenario: "rabbit-failing",
        work: Work::Queue("classic"),
        count: 600_000,
        keys: 200,
        rare: 402,
        large: true,
        programs: UNDISTURBED,
        targets: UNMOVED,
        seconds: 40,
        ..COMMON
    },
    Plan {
        name: "rabbit-start",
        what: "from the start of the program to its first message, from a classic queue",
        scenario: "rabbit-consume",
        work: Work::Queue("classic"),
        how: How::Start,
        count: 400,
        programs: TWIN,
        targets: SOON,
        seconds: 4,
        ..COMMON
    },
    Plan {
        name: "rabbit-idle",
        what: "resident memory of a service with 10 bindings to RabbitMQ, after 5 idle seconds",
        scenario: "rabbit-bindings",
        how: How::Idle,
        bindings: 10,
        targets: LITTLE_MEMORY,
        seconds: 8,
        ..COMMON
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
            5 * round + latency * super::super::LATENCY_SECONDS < 70 * 60,
            "{round}"
        );
    }
}
