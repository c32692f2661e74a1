//! The list of promises, for each backend that is given. Not here: backends (`main.rs`, and `remote_store.rs` of the server).

macro_rules! backends {
    ($($backend:ident: $address:expr;)*) => { $( mod $backend { suite!(@all $address); } )* };
}

/// What holds for those that keep tokens, and can be kept in order from here.
#[allow(unused_macros)]
macro_rules! keepers {
    (@all $($how:tt)*) => {
        suite! { $($how)*;
            access:
                a_token_is_found_until_it_is_revoked_and_listed_afterwards
                a_link_is_kept_until_long_after_its_end
                a_change_is_on_record_before_it_is_made;
            upkeep:
                what_is_read_or_belongs_to_others_is_not_removed
                a_value_goes_with_the_last_that_refers_to_it
                what_would_be_collected_is_told_and_stays
                a_value_that_went_is_stored_anew
                a_reference_to_what_has_gone_is_refused;
        }
    };
    ($($backend:ident: $address:expr;)*) => { $( mod $backend { keepers!(@all $address); } )* };
}

macro_rules! suite {
    // As a list of names and functions, for those that share what a backend stands on.
    (list; $($module:ident: $($promise:ident)*;)*) => {
        vec![$( $(
            (concat!(stringify!($module), "::", stringify!($promise)), crate::$module::$promise as fn(&crate::Fixture)),
        )* )*]
    };
    ($address:expr; $($module:ident: $($promise:ident)*;)*) => {
        $( mod $module { $( #[test] fn $promise() { crate::$module::$promise(&crate::Fixture::new($address)); } )* } )*
    };
    (@all $($how:tt)*) => {
        suite! { $($how)*;
            once:
                a_write_that_comes_twice_is_written_once_and_answered_alike
                what_is_refused_leaves_the_others_and_is_refused_alike
                what_was_overtaken_is_never_written
                writers_at_once_are_written_each_once
                what_one_writer_sends_is_seen_by_others_as_any_write
                values_that_are_not_there_are_asked_for_and_nothing_is_written
                pieces_of_values_are_found_by_their_digests;
            pools:
                what_a_pool_has_is_given_once_the_oldest_first
                what_is_not_wanted_is_left_for_others
                what_was_begun_is_not_left_for_all_that_was_not
                what_was_given_and_not_taken_up_is_given_to_another_later
                what_somebody_has_is_given_when_it_was_left_or_its_lease_is_over
                what_is_on_another_machine_is_left_to_that_one
                many_who_ask_at_once_are_given_each_something_else
                many_who_ask_and_take_up_at_once_have_each_its_own;
            verbs:
                an_execution_is_created_once
                a_new_execution_begins_with_created
                only_one_of_two_claims_wins
                what_waits_for_a_decision_is_not_taken_up_unasked
                what_has_ended_for_good_is_never_taken_up_or_written_again
                an_owner_appends_until_its_lease_ends
                an_old_owner_records_nothing
                sequences_follow_each_other_without_gaps
                threads_that_append_at_once_get_each_their_own_sequences
                a_post_writes_only_if_its_guard_holds
                a_wait_is_answered_once
                leases_are_renewed_for_whoever_holds_them
                a_journal_is_read_in_pages
                the_version_tells_of_other_writers
                an_unknown_execution_is_not_found;
            forks:
                a_replay_goes_on_from_the_last_event_that_counts
                a_replay_of_a_replay_reads_through_all_of_them
                a_replay_may_be_of_what_its_source_read
                a_replay_of_what_is_not_there_is_refused
                a_replay_is_claimed_written_and_fenced_like_any_other
                a_replay_has_the_calls_and_artifacts_that_it_keeps
                large_overrides_and_inputs_come_back_as_they_were;
            delete:
                a_deleted_execution_is_gone_with_all_that_it_had
                only_what_has_ended_and_stands_still_is_deleted
                a_replay_outlives_its_source
                a_source_outlives_its_replay
                a_chain_is_deleted_in_any_order
                what_is_new_never_gets_in_the_way_of_what_was_deleted
                a_late_writer_of_a_deleted_execution_reaches_no_other
                an_identifier_may_come_again
                a_replay_and_a_deletion_at_once_leave_no_torn_replay;
            breakpoints:
                a_breakpoint_is_listed_by_flow_until_it_is_removed
                a_breakpoint_that_does_not_stay_stops_one_run
                what_a_code_digest_is_made_of_is_kept_once;
            limits:
                so_many_run_at_once_and_an_end_makes_room_in_its_own_transaction
                a_rate_is_one_schedule_for_all_who_ask
                executions_and_flows_take_turns_and_priority_goes_first
                a_closed_limit_quiets_all_also_those_whose_turn_was_about_to_come
                a_turn_goes_with_its_execution
                whoever_stands_aside_keeps_its_place_and_holds_nobody_up
                a_limit_is_set_anew_while_calls_run_and_removed
                a_deleted_execution_leaves_no_turn;
            schedules:
                a_schedule_is_kept_changed_and_removed_by_its_version
                schedules_are_found_when_they_are_to_be_looked_at
                of_several_that_change_a_schedule_one_does;
            releases:
                releases_stand_in_order_and_never_change
                of_several_that_release_at_once_one_has_the_place;
            feed:
                what_is_written_is_told_in_the_order_of_its_commits
                what_is_refused_is_not_told_and_numbers_go_on
                a_deletion_is_told_and_takes_the_rest_with_it
                a_long_journal_is_told_from_each_place_on
                a_follower_misses_nothing_of_writers_at_once
                a_replay_tells_its_own_events;
            due:
                an_answer_stirs_what_is_parked_on_it_until_it_is_taken_up
                what_is_parked_on_an_answer_that_is_there_is_stirred
                what_sleeps_is_stirred_when_its_time_has_come
                a_parked_parent_is_stirred_by_what_becomes_of_its_children
                what_waits_for_an_end_is_looked_at_when_that_comes
                what_waits_for_less_than_an_end_is_always_looked_at
                pages_of_the_inbox_follow_each_other_whatever_is_answered;
            fold:
                rows_are_the_fold_of_the_journal
                rows_of_a_replay_are_the_fold_of_what_it_reads;
            values:
                values_of_every_size_come_back_as_they_were
                a_stored_value_is_found_in_every_place_of_an_event
                a_growing_conversation_costs_what_is_new
                an_unknown_value_is_damage_and_never_a_wrong_text
                a_refused_write_leaves_its_values_out_of_the_journal;
            listing:
                executions_are_found_by_beginning_and_end
                filters_choose_and_pages_begin_with_the_newest
                waits_are_listed_oldest_first_without_sleeps
                calls_are_listed_in_the_order_of_their_records_without_readings;
            artifacts_logs:
                an_artifact_is_replaced_by_name
                log_lines_come_back_in_order_and_in_pages
                health_reads_settings_back;
            fleets:
                a_key_starts_once_and_is_found
                those_that_wait_for_others_are_found_while_they_do
                a_flow_is_left_only_if_those_it_waits_for_have_not_moved
                what_has_ended_for_good_asks_nothing;
            ownership:
                this_process_lives
                an_owner_elsewhere_is_unknown
                an_owner_of_an_earlier_boot_is_dead
                a_recycled_pid_is_not_its_predecessor
                another_program_in_the_same_process_is_not_its_owner;
        }
    };
}
