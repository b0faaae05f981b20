//! The memory binder passes the suite that every binder passes.

use std::sync::Arc;

use bindery_conformance::{DeadLetterFixture, Fixture, Outage};
use bindery_core::{BinderSpec, ConsumerSpec, Options};
use bindery_memory::{MemoryBinderFactory, MemoryBroker};

use crate::support::{DEADLINE, binder, options};

fn fixture() -> Fixture {
    let broker = MemoryBroker::new();
    let refusing = broker.clone();
    let lines = broker.clone();
    let gone = MemoryBroker::new();
    gone.disconnect();
    Fixture {
        factory: Arc::new(MemoryBinderFactory::new(broker)),
        binder: spec(),
        deadline: DEADLINE,
        assigns_partitions: true,
        dead_letter: Some(DeadLetterFixture {
            options: options([("enable-dlq", true.into())]),
            input: dead_letter_input,
            refuse: Some(Arc::new(move |_| {
                refusing.faults().refuse_dead_letters();
                Box::pin(std::future::ready(()))
            })),
        }),
        native_dead_letter: Some(options([
            ("enable-dlq", true.into()),
            ("republish-to-dlq", false.into()),
        ])),
        unreachable: Some(binder(&gone, Options::default())),
        outage: Some(Arc::new(move || {
            let (cut, restored) = (lines.clone(), lines.clone());
            Outage {
                binder: spec(),
                cut: Box::new(move || cut.disconnect()),
                restore: Box::new(move || restored.reconnect()),
            }
        })),
    }
}

fn spec() -> BinderSpec {
    BinderSpec {
        name: "memory".into(),
        kind: "memory".into(),
        options: Options::default(),
        connection: Options::default(),
        consumers: 1,
    }
}

/// Dead letters are read from their topic by any group.
fn dead_letter_input(failing: &ConsumerSpec, destination: &str) -> ConsumerSpec {
    ConsumerSpec {
        destination: destination.into(),
        group: Some("reader".into()),
        options: Options::default(),
        ..failing.clone()
    }
}

bindery_conformance::conformance_suite! {
    fixture: fixture(),
    not_applicable: ["confirms::an_unroutable_record_fails"],
}
