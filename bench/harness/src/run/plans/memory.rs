//! The scenarios over the memory binder.

use super::{FLAT, LITTLE_MEMORY};
use crate::report::Target;
use crate::run::plan::{COMMON, How, Plan, Sizes};

pub(super) const PLANS: &[Plan] = &[
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
];
