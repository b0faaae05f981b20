//! The scenarios on RabbitMQ.

use super::{KEYS, LITTLE_MEMORY, SOON, TWIN, UNDISTURBED, UNMOVED, WITH_PEERS, of_raw};
use crate::report::Target;
use crate::run::plan::{COMMON, How, Plan, Work};

pub(super) const PLANS: &[Plan] = &[
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
        count: 700_000,
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
        count: 80_000,
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
        count: 500_000,
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
