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
                a_full_window_gives_the_record_back_and_keeps_the_order [];
                closing_a_producer_confirms_what_was_sent [];
                a_closed_producer_fails_what_is_sent [];
                a_confirm_says_where_the_record_is [AssignedPartitions];
                a_partition_that_does_not_exist_fails [Partitions];
                an_unroutable_record_fails [ReportsUnroutable];
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
