//! What a message costs is at most what was recorded: allocations and instructions don't depend on how busy the machine
//! is, so a change that makes the path of a message longer fails here.
#![allow(clippy::unwrap_used, missing_docs)]

use std::io::Write;
use std::path::Path;

use bench_cost::limits::judge;
use bench_cost::measure::Measure;
use bench_cost::{Binder, Case};

/// As few messages as give the same figure each time. What a broker hands over at once must be read within the ten seconds
/// that the binder gives to a call, in valgrind and on a busy machine.
fn measure() -> Measure<'static> {
    Measure {
        program: Path::new(env!("CARGO_BIN_EXE_bench-cost")),
        messages: 2_000,
        messages_in_valgrind: 200,
    }
}

fn check(binder: Binder, case: Case) {
    let cost = measure()
        .cost(binder, case)
        .unwrap_or_else(|error| panic!("{error:#}"));
    let judgements = judge(binder, case, cost);
    for judgement in judgements {
        // Written past the test harness, which would keep it to itself: a figure that may be lowered fails nothing.
        let line = format!("{binder}, {case}: {judgement}\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
    for judgement in judgements {
        assert!(judgement.holds(), "{binder}, {case}: {judgement}");
    }
}

#[test]
fn consuming_in_memory_costs_what_was_recorded() {
    check(Binder::Memory, Case::Consume);
}

#[test]
fn passing_through_in_memory_costs_what_was_recorded() {
    check(Binder::Memory, Case::PassThrough);
}

#[test]
fn consuming_from_kafka_costs_what_was_recorded() {
    check(Binder::Kafka, Case::Consume);
}

#[test]
fn passing_through_kafka_costs_what_was_recorded() {
    check(Binder::Kafka, Case::PassThrough);
}

#[test]
fn consuming_from_rabbit_costs_what_was_recorded() {
    check(Binder::Rabbit, Case::Consume);
}

#[test]
fn passing_through_rabbit_costs_what_was_recorded() {
    check(Binder::Rabbit, Case::PassThrough);
}
