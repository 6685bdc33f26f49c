//! One conformance suite for every store, and what only a store on disk has to show.

pub mod sample;

mod consents;
mod contacts;
mod controls;
mod inbox;
mod incidents;
mod keys;
mod links;
mod messages;
mod preferences;
mod purge;
mod queue;
mod receipts;

mod claims;
mod damage;
mod faults;
mod full;
mod old;
mod opening;

/// Runs every test of the suite on every store.
macro_rules! conformance {
    ($($area:ident: $($test:ident),+;)+) => {
        mod memory {
            $($(
                #[tokio::test]
                async fn $test() {
                    super::$area::$test(&relevo::store::Stores::memory()).await;
                }
            )+)+
        }

        mod sled {
            $($(
                #[tokio::test]
                async fn $test() {
                    let disk = super::sample::Disk::new();
                    let handle = disk.open();
                    super::$area::$test(&handle.stores).await;
                    handle.close().await.unwrap();
                }
            )+)+
        }
    };
}

conformance! {
    messages:
        an_accepted_message_is_there_and_due,
        a_large_message_is_kept_whole,
        the_same_key_and_content_give_the_first_message,
        the_same_key_and_other_content_conflict,
        a_message_is_found_by_the_key_it_was_accepted_with,
        of_many_accepts_with_one_key_exactly_one_is_new,
        ids_ascend_when_the_clock_is_set_back,
        a_content_that_many_share_is_read_back_for_each,
        brands_do_not_see_each_other,
        messages_of_a_contact_are_found_among_many,
        lists_are_newest_first_and_filtered,
        what_was_taken_and_never_confirmed_is_found,
        pages_hold_everything_once,
        a_filter_that_finds_little_gives_short_pages,
        cancelling_ends_what_is_not_sent,
        cancelling_waits_for_a_call_in_flight,
        events_come_in_order_and_once,
        the_key_of_cursors_is_made_once,
        the_event_signal_comes_with_the_event;
    queue:
        what_is_due_is_claimed_oldest_first_and_once,
        no_brand_stands_behind_the_backlog_of_another,
        a_message_somebody_waits_for_passes_a_campaign_that_still_gets_its_share,
        a_claim_ends_with_its_lease,
        a_released_claim_is_due_at_its_own_time,
        an_append_moves_the_message_and_keeps_the_claim,
        an_append_to_an_old_version_is_stale,
        of_many_appends_to_one_version_exactly_one_is_done,
        what_is_held_is_not_claimed_until_it_is_held_no_more,
        what_is_ready_in_memory_is_held_too,
        the_wait_for_what_is_due_next_is_told,
        a_calendar_that_is_set_neither_ends_a_claim_nor_makes_it_last,
        the_backlog_is_what_is_neither_sent_nor_ended,
        concurrent_claims_share_nothing,
        a_backlog_larger_than_memory_is_claimed_whole_and_once,
        the_work_signal_comes_with_the_work,
        a_cancel_between_reading_and_appending_is_seen;
    receipts:
        a_receipt_finds_its_message_by_reference,
        the_first_word_on_an_attempt_says_when_it_was_taken,
        a_second_receipt_of_the_same_kind_is_known,
        an_early_receipt_waits_for_its_reference,
        a_failed_receipt_makes_the_message_due,
        a_late_receipt_leaves_a_finished_message_alone,
        a_receipt_may_name_its_attempt,
        a_reference_says_more_than_the_attempt_named,
        a_report_on_a_repeated_call_is_of_the_attempt_that_was_taken,
        what_a_receipt_settles_leaves_the_backlog_and_is_looked_at_at_once,
        a_reference_that_was_given_twice_is_settled_by_the_address,
        an_early_receipt_waits_for_its_address,
        another_reading_counts_only_for_the_very_address,
        an_early_receipt_waits_for_each_of_its_readings_once,
        another_spelling_is_as_good_as_the_reference,
        a_receipt_during_a_claim_makes_the_append_stale;
    purge:
        a_purged_message_leaves_nothing_behind,
        a_message_that_is_not_over_stays,
        a_purge_is_bounded,
        a_message_that_stays_keeps_its_history,
        whoever_resumes_before_what_was_purged_learns_of_it,
        a_shared_content_lasts_as_long_as_its_last_message,
        parked_receipts_are_purged;
    contacts:
        a_contact_is_created_changed_and_found,
        addresses_added_at_once_are_all_kept_and_have_one_owner,
        an_address_belongs_to_one_contact,
        an_address_is_one_in_whatever_spelling,
        an_expected_version_refuses_a_lost_update,
        contacts_are_listed_by_id,
        a_deleted_contact_leaves_nothing_but_suppressions;
    inbox:
        what_is_heard_is_kept_once_with_its_contact,
        what_a_stranger_says_counts_and_is_no_event,
        an_objection_is_put_on_record_once,
        a_start_ends_what_the_person_said_and_no_other_reason,
        an_opt_out_at_a_provider_ends_there,
        a_start_that_comes_late_ends_no_newer_stop,
        a_window_lasts_as_long_as_the_address,
        a_moved_address_is_in_the_place_of_the_old_one,
        what_a_person_said_goes_with_them_to_their_new_number,
        an_event_is_of_whoever_got_the_message_that_it_answers,
        what_a_provider_calls_an_address_is_kept_with_it,
        a_new_user_id_takes_the_place_of_the_old_one,
        a_text_finds_the_message_that_it_answers,
        what_was_heard_is_forgotten_in_time_and_with_its_contact;
    consents:
        the_ledger_keeps_every_entry_in_order,
        the_fold_is_always_that_of_the_whole_ledger,
        a_ledger_takes_entries_for_so_many_topics,
        pages_of_a_ledger_hold_everything_once,
        each_reason_stands_until_it_is_lifted,
        an_opt_out_and_a_complaint_end_by_the_persons_word,
        an_address_is_suppressed_in_whatever_spelling,
        consents_of_an_unknown_contact_are_refused;
    preferences:
        preferences_change_field_by_field,
        an_expected_version_refuses_a_lost_update_of_preferences,
        a_version_of_preferences_is_of_one_person,
        topics_changed_at_once_are_all_kept,
        so_many_topics_have_a_preference;
    links:
        a_link_ties_an_address_once,
        a_link_that_expired_or_leads_nowhere_ties_nothing,
        a_link_takes_no_address_from_another_contact,
        expired_links_are_purged,
        only_the_newest_links_of_a_contact_count;
    controls:
        the_last_control_counts_and_all_are_kept,
        the_last_changes_of_a_provider_are_kept;
    incidents:
        an_incident_is_kept_whole_and_as_it_was_recorded_last,
        the_last_incidents_are_kept,
        incidents_are_purged_when_they_ended_long_ago;
    keys:
        keys_are_created_listed_and_revoked_once,
        a_brand_has_no_more_keys_than_it_may,
        the_last_revoked_keys_of_a_brand_are_kept;
}
