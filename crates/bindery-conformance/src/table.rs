//! The table of all cases, and the macros that make a list and tests of it.

/// Calls a macro with the table of all cases.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_case {
    ($callback:ident; $($arguments:tt)*) => {
        $crate::$callback! {
            { $($arguments)* }
            delivery {
                payloads_arrive_as_they_were_sent [];
                a_large_payload_arrives_whole [];
                a_tombstone_stays_one_or_is_refused [];
                a_key_arrives_with_its_message [];
                a_message_says_where_it_comes_from [];
                many_messages_arrive_once_each [];
                destinations_do_not_mix [];
            }
            settlement {
                accepted_messages_do_not_come_again [];
                a_released_message_comes_again_at_once [RedeliversReleased];
                a_released_message_comes_again_after_a_restart [];
                unsettled_messages_come_again_after_close [];
                what_was_not_accepted_comes_again_after_settling_out_of_order [];
                receipts_settle_nothing_after_close [];
                settling_works_after_stop [];
            }
            ordering {
                messages_of_one_source_arrive_in_order [];
                redelivered_messages_come_in_order_and_before_new_ones [];
                messages_of_one_key_arrive_in_order [];
                every_partition_is_in_order [AssignedPartitions];
                several_publishers_each_keep_their_order [];
            }
            groups {
                every_group_gets_every_message [];
                members_of_a_group_share_the_messages [];
                an_anonymous_group_gets_new_messages_only [];
                anonymous_groups_each_get_every_message [];
                a_named_group_gets_what_was_sent_while_it_was_away [];
                a_required_group_gets_what_was_sent_before_it_came [];
                a_new_group_starts_with_the_oldest_message [Retains];
                the_messages_of_a_member_that_leaves_go_to_another [];
            }
            partitions {
                a_record_goes_to_the_partition_it_names [];
                instances_have_disjoint_partitions [];
                a_key_stays_in_its_partition [AssignedPartitions];
                a_producer_knows_how_many_partitions_there_are [Partitions];
                a_source_that_moves_is_revoked_and_drained [AssignedPartitions];
                the_partitions_of_a_member_that_leaves_go_to_another [AssignedPartitions];
            }
            headers {
                values_keep_their_types [];
                nested_values_keep_their_content [];
                unicode_survives_in_names_and_values [];
                many_and_long_headers_arrive [];
                a_content_type_arrives_as_it_was_sent [];
                a_redelivered_message_has_the_same_headers [];
            }
            dead_letter {
                a_copy_has_payload_headers_and_key [DeadLetter];
                a_copy_says_what_failed [DeadLetter];
                publishing_a_copy_does_not_settle_the_original [DeadLetter];
                a_long_trace_does_not_stop_a_copy [DeadLetter];
                a_refused_copy_is_an_error [RefusedDeadLetter];
                without_options_there_is_no_dead_letter [];
                the_destination_is_known_before_anything_is_bound [DeadLetter];
                a_rejected_message_is_dead_lettered_by_the_broker [NativeDeadLetter];
            }
            batch {
                a_batch_is_of_one_source_and_in_order [];
                a_backlog_comes_in_batches [];
                a_batch_can_be_settled_in_part [];
            }
            lifecycle {
                stop_ends_the_stream_and_loses_nothing [];
                close_ends_the_stream [];
                closing_twice_does_nothing [];
                a_binding_can_be_bound_again [];
                a_cancelled_bind_consumes_nothing [];
                a_cancelled_wait_loses_no_delivery [];
                closing_one_consumer_leaves_the_others_running [];
                a_dropped_consumer_leaves_its_group [];
                what_is_bound_is_healthy [];
                a_bind_without_a_broker_fails_as_temporary [Unreachable];
            }
            back_pressure {
                a_paused_source_hands_over_only_what_was_on_its_way [];
                a_resumed_source_loses_nothing [];
                a_consumer_that_takes_nothing_stops_nobody_else [];
                pausing_one_source_leaves_the_others_running [AssignedPartitions];
                pausing_and_resuming_twice_does_nothing_more [];
            }
            confirms {
                every_record_is_confirmed_once [];
                a_full_window_gives_the_confirm_back_and_keeps_the_order [];
                closing_a_producer_confirms_what_was_sent [];
                a_closed_producer_fails_what_is_sent [];
                a_confirm_says_where_the_record_is [AssignedPartitions];
                a_partition_that_does_not_exist_fails [Partitions];
                an_unroutable_record_fails [ReportsUnroutable];
            }
            outage {
                messages_are_not_lost_by_cuts [Outage];
                what_was_open_at_a_cut_can_still_be_settled_or_comes_again [Outage];
                a_batch_that_was_settled_in_part_is_not_lost_by_a_cut [Outage];
                every_group_gets_every_message_through_a_cut [Outage];
                a_source_that_was_paused_before_a_cut_can_be_resumed [Outage];
                a_consumer_that_is_cut_off_stops_and_closes_in_time [Outage];
                publications_under_way_are_answered [Outage];
                a_producer_that_is_cut_off_answers_and_closes_in_time [Outage];
                what_is_not_confirmed_comes_back_as_it_was [Outage];
                a_dead_letter_is_confirmed_by_the_broker_or_not_at_all [Outage, DeadLetter];
                a_bind_in_an_outage_fails_as_temporary_and_works_after_it [Outage];
                health_says_that_the_broker_is_away_and_back [Outage];
            }
            attempts {
                a_failing_message_is_handled_max_attempts_times_and_dead_lettered [DeadLetter];
                the_class_of_an_error_decides_about_attempts [DeadLetter];
                a_panic_fails_its_message_alone [DeadLetter];
                a_handler_that_takes_too_long_is_cancelled_and_has_failed [DeadLetter];
                an_attempt_does_not_see_what_the_one_before_did_to_the_headers [];
                a_refused_dead_letter_leaves_its_original_unsettled [RefusedDeadLetter];
                without_a_dead_letter_an_exhausted_message_is_held_and_comes_again [];
                an_exhausted_message_is_skipped_where_that_is_configured [];
                a_failing_message_of_a_batch_is_dead_lettered_alone [DeadLetter];
            }
            concurrency {
                keys_are_handled_at_the_same_time_and_each_in_order [];
                one_source_is_handled_one_message_at_a_time [];
                without_an_order_messages_are_handled_at_the_same_time [];
                concurrency_is_how_many_sources_are_handled_at_the_same_time [];
            }
            services {
                results_are_published_and_their_inputs_settled [];
                a_result_is_published_while_the_next_handler_waits [];
                a_result_is_published_while_the_next_message_waits_for_its_retry [];
                two_inputs_of_one_destination_each_get_every_message [];
                a_stop_waits_for_the_handler_and_settles_its_message [];
                a_handler_that_hangs_is_given_up_at_the_deadline_and_its_message_comes_again [];
                a_stopped_input_starts_again_where_it_was [];
                publishing_after_the_end_is_an_error [];
            }
            observation {
                counters_are_what_happened [DeadLetter];
                health_follows_what_is_bound [];
                health_says_that_the_broker_is_away_and_back [Outage];
            }
            recovery {
                an_outage_loses_no_result [Outage];
                each_key_stays_in_order_through_an_outage [Outage];
                attempts_and_the_dead_letter_survive_an_outage [Outage, DeadLetter];
                a_batch_with_a_failing_message_survives_an_outage [Outage, DeadLetter];
                a_handler_that_runs_through_an_outage_is_not_forgotten [Outage];
                a_shutdown_in_an_outage_ends_and_loses_nothing [Outage];
                an_application_that_starts_in_an_outage_runs_when_the_broker_is_there [Outage];
            }
            provisioning {
                binding_again_changes_nothing [];
                inputs_and_outputs_can_be_bound_in_any_order [];
                too_few_partitions_are_an_error_that_names_both_numbers [AssignedPartitions];
                a_destination_without_a_name_is_an_error [];
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! list_cases {
    ({} $($area:ident { $($name:ident [$($need:ident),*];)* })*) => {
        vec![$($(
            $crate::Case {
                area: stringify!($area),
                name: stringify!($name),
                needs: &[$($crate::Need::$need),*],
            },
        )*)*]
    };
}

/// Makes a module for each area, with one test for each case, and a test that the cases that don't apply are exactly
/// those listed.
///
/// `fixture` is evaluated for each test; every test runs on a runtime of its own.
#[macro_export]
macro_rules! conformance_suite {
    (fixture: $fixture:expr, not_applicable: [$($path:literal),* $(,)?] $(,)?) => {
        /// What the suite runs on.
        fn conformance_fixture() -> $crate::Fixture {
            $fixture
        }

        #[test]
        fn the_cases_that_do_not_apply_are_the_listed_ones() {
            $crate::assert_not_applicable(&conformance_fixture(), &[$($path),*]);
        }

        $crate::for_each_case!(test_cases;);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! test_cases {
    ({} $($area:ident { $($name:ident [$($need:ident),*];)* })*) => {
        $(
            mod $area {
                $(
                    #[test]
                    fn $name() {
                        let case = $crate::Case {
                            area: stringify!($area),
                            name: stringify!($name),
                            needs: &[$($crate::Need::$need),*],
                        };
                        $crate::run(super::conformance_fixture(), case, $crate::cases::$area::$name);
                    }
                )*
            }
        )*
    };
}
