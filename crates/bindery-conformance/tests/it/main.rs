//! The suite finds what it is for: a binder with one fault fails the case that names it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod faulty;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use bindery_conformance::{Case, DeadLetterFixture, Fixture, Outage, Suite, cases, run};
use bindery_core::{BinderSpec, ConsumerSpec, Options};
use bindery_memory::MemoryBroker;

use faulty::{Fault, FaultyFactory};

fn fixture(fault: Fault) -> Fixture {
    let broker = MemoryBroker::new();
    let refusing = broker.clone();
    let lines = broker.clone();
    Fixture {
        factory: Arc::new(FaultyFactory::new(broker, fault)),
        binder: spec(),
        deadline: Duration::from_secs(2),
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
        name: "faulty".into(),
        kind: "faulty".into(),
        options: Options::default(),
        connection: Options::default(),
        consumers: 1,
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

#[test]
fn a_record_that_does_not_come_back_is_made_again() {
    let path = "recovery::an_outage_loses_no_result";
    let case = cases().into_iter().find(|case| case.path() == path);
    let body = bindery_conformance::cases::recovery::an_outage_loses_no_result;
    run(
        fixture(Fault::KeepsWhatFails),
        case.expect("the case is in the table"),
        body,
    );
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
    finds_a_message_out_of_order: ordering::messages_of_one_source_arrive_in_order, Fault::HandsOverTheFirstLate;
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
    finds_headers_that_a_redelivery_lost: headers::a_redelivered_message_has_the_same_headers,
        Fault::ForgetsHeadersOnRedelivery;
    finds_an_outage_that_health_hides: outage::health_says_that_the_broker_is_away_and_back, Fault::IsAlwaysUp;
    finds_a_confirm_that_the_broker_never_gave: outage::a_producer_that_is_cut_off_answers_and_closes_in_time,
        Fault::ConfirmsEverything;
    finds_a_record_that_does_not_come_back: outage::what_is_not_confirmed_comes_back_as_it_was, Fault::KeepsWhatFails;
    finds_a_message_lost_between_cuts: outage::messages_are_not_lost_by_cuts, Fault::LosesEveryHundredth;
    finds_a_result_that_an_outage_lost: recovery::an_outage_loses_no_result, Fault::LosesEveryHundredth;
    finds_an_original_settled_without_its_dead_letter: attempts::a_refused_dead_letter_leaves_its_original_unsettled,
        Fault::HidesRefusedDeadLetters;
    finds_a_held_message_that_is_accepted: attempts::without_a_dead_letter_an_exhausted_message_is_held_and_comes_again,
        Fault::AcceptsReleased;
    finds_a_source_handled_out_of_order: concurrency::one_source_is_handled_one_message_at_a_time,
        Fault::HandsOverTheFirstLate;
    finds_a_service_that_settles_nothing: services::results_are_published_and_their_inputs_settled,
        Fault::IgnoresAccept;
    finds_a_close_that_does_nothing: lifecycle::close_ends_the_stream, Fault::IgnoresClose;
}
