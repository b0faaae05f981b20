//! The suite finds what it is for: a binder with one fault fails the case that names it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod faulty;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bindery_conformance::{Case, DeadLetterFixture, Fixture, Suite, cases, run};
use bindery_core::{BinderSpec, ConsumerSpec, Options};
use bindery_memory::MemoryBroker;

use faulty::{Fault, FaultyFactory};

fn fixture(fault: Fault) -> Fixture {
    let broker = MemoryBroker::new();
    let refusing = broker.clone();
    Fixture {
        factory: Arc::new(FaultyFactory::new(broker, fault)),
        binder: BinderSpec {
            name: "faulty".into(),
            kind: "faulty".into(),
            options: Options::default(),
            connection: Options::default(),
        },
        deadline: Duration::from_millis(500),
        assigns_partitions: true,
        dead_letter: Some(DeadLetterFixture {
            options: Options([("enable-dlq".to_owned(), true.into())].into()),
            input: |failing, destination| ConsumerSpec {
                destination: destination.into(),
                group: Some("reader".into()),
                options: Options::default(),
                ..failing.clone()
            },
            refuse: Some(Arc::new(move |_| {
                refusing.faults().refuse_dead_letters();
                Box::pin(std::future::ready(()))
            })),
        }),
        native_dead_letter: None,
        unreachable: None,
        outage: None,
    }
}

/// Checks that the case fails with the fault, and doesn't without.
fn check<F: AsyncFnOnce(&Suite) + Copy>(path: &str, body: F, fault: Fault) {
    let case: Case = cases()
        .into_iter()
        .find(|case| case.path() == path)
        .expect("the case is in the table");
    run(fixture(Fault::None), case, body);
    let failed = catch_unwind(AssertUnwindSafe(|| run(fixture(fault), case, body)));
    assert!(failed.is_err(), "`{path}` doesn't notice {fault:?}");
}

macro_rules! finds {
    ($($test:ident: $area:ident :: $case:ident, $fault:expr;)*) => {
        $(#[test]
        fn $test() {
            let path = concat!(stringify!($area), "::", stringify!($case));
            check(path, bindery_conformance::cases::$area::$case, $fault);
        })*
    };
}

finds! {
    finds_a_lost_message: delivery::many_messages_arrive_once_each, Fault::LosesEveryHundredth;
    finds_a_message_out_of_order: ordering::messages_of_one_source_arrive_in_order, Fault::ReversesBatches;
    finds_an_accept_that_does_nothing: settlement::accepted_messages_do_not_come_again, Fault::IgnoresAccept;
    finds_a_release_that_accepts: settlement::a_released_message_comes_again_at_once, Fault::AcceptsReleased;
    finds_an_acknowledgement_beyond_the_first_unsettled_message:
        settlement::what_was_not_accepted_comes_again_after_settling_out_of_order, Fault::AcceptsAllBefore;
    finds_a_pause_that_does_nothing: back_pressure::a_paused_source_hands_over_only_what_was_on_its_way,
        Fault::IgnoresPause;
    finds_an_anonymous_group_that_gets_old_messages: groups::an_anonymous_group_gets_new_messages_only,
        Fault::StartsAtTheOldest;
    finds_a_dead_letter_that_nobody_keeps: dead_letter::a_refused_copy_is_an_error, Fault::HidesRefusedDeadLetters;
    finds_a_confirm_of_nothing: confirms::a_closed_producer_fails_what_is_sent, Fault::ConfirmsEverything;
    finds_a_header_of_another_type: headers::values_keep_their_types, Fault::WidensIntegers;
    finds_a_close_that_does_nothing: lifecycle::close_ends_the_stream, Fault::IgnoresClose;
}
