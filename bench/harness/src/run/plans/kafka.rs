//! The scenarios on Kafka.

use super::{
    BRIDGES, FLAT, KEYS, LITTLE_MEMORY, PIPES, SOON, TWIN, UNDISTURBED, UNMOVED, WITH_PEERS, of_raw,
};
use crate::report::Target;
use crate::run::plan::{COMMON, How, Plan, Sizes, Work};
use crate::stats::Program;

pub(super) const PLANS: &[Plan] = &[
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
        what: "orders are read from 4 partitions, decoded, priced, encoded and published in order; the input is committed when the output is confirmed; 4,096 outputs are unconfirmed at most (`max-in-flight`), of the twins 16,384",
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
        what: "64 callers publish orders through the stream bridge, each waiting for its confirmation; the twins have 64 outstanding, in one loop or in 64 tasks",
        scenario: "kafka-bridge",
        work: Work::ToTopic,
        count: 4_000_000,
        programs: BRIDGES,
        targets: &[of_raw(0.90)],
        seconds: 32,
        ..COMMON
    },
    Plan {
        name: "kafka-large",
        what: "orders of 100 KiB are read from 4 partitions, decoded, and committed",
        scenario: "kafka-large",
        work: Work::Topic,
        bytes: 102_400,
        count: 110_000,
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
        count: 5_000_000,
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
        count: 5_000_000,
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
        programs: TWIN,
        targets: FLAT,
        seconds: 60,
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
        programs: TWIN,
        targets: FLAT,
        seconds: 45,
        ..COMMON
    },
];
