//! The store's contract, run on SQLite and on PostgreSQL.
//!
//! PostgreSQL is found through `WORLDTICK_TEST_DATABASE_URL` (of somebody who may create databases). Without it that
//! half is skipped with a line saying so, and fails where services are required (`CI` or
//! `WORLDTICK_TEST_REQUIRE_SERVICES`).
#![cfg(feature = "server")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "a test that hangs must end, too")]

#[path = "store_conformance/access.rs"]
mod access;
#[path = "store_conformance/crashes.rs"]
mod crashes;
#[path = "store_conformance/edge.rs"]
mod edge;
#[path = "store_conformance/harness.rs"]
mod harness;
#[path = "store_conformance/lists.rs"]
mod lists;
#[path = "store_conformance/ownership.rs"]
mod ownership;
#[path = "store_conformance/properties.rs"]
mod properties;
#[path = "store_conformance/proxy.rs"]
mod proxy;
#[path = "store_conformance/pruning.rs"]
mod pruning;
#[path = "store_conformance/rows.rs"]
mod rows;
#[path = "store_conformance/snapshots.rs"]
mod snapshots;
#[path = "store_conformance/trouble.rs"]
mod trouble;

/// Makes each function a test of both engines.
macro_rules! conformance {
    ($($module:ident: $($name:ident),+ $(,)?;)+) => {
        mod sqlite {
            $($(#[test] fn $name() { crate::harness::run(worldtick::plugins::store::EngineKind::Sqlite, crate::$module::$name); })+)+
        }
        mod postgres {
            $($(#[test] fn $name() { crate::harness::run(worldtick::plugins::store::EngineKind::Postgres, crate::$module::$name); })+)+
        }
    };
}

conformance! {
    rows: every_kind_of_row_survives_a_commit, a_thousand_rows_of_a_kind_are_one_commit, worlds_are_registered_reset_and_removed,
        commands_are_known_by_world_and_id_and_go_by_age, worlds_change_in_place_and_leave_a_mark_when_they_go,
        a_nul_is_refused_and_leaves_nothing, a_repeated_tick_id_is_refused_by_name, a_change_to_a_world_that_is_not_there_is_refused,
        outbox_ids_beyond_the_lease_are_refused, known_ticks_are_found_among_thousands, positions_hold_for_every_shard,
        marks_never_go_back, own_ticks_count_as_unconsumed_until_they_are_known, the_store_survives_being_opened_again,
        clusters_are_remembered_newest_first;
    ownership: a_former_owner_is_fenced, a_commit_that_is_not_the_next_is_not_written, the_same_commit_twice_is_done_once,
        an_abandoned_commit_can_be_given_again, a_second_server_is_refused_by_name, a_released_store_is_taken_at_once,
        another_number_of_shards_is_refused, a_position_beyond_the_outbox_is_noticed_and_resolved;
    snapshots: the_newest_two_are_kept_with_their_journal, a_snapshot_of_a_former_owner_or_incarnation_is_refused,
        a_large_snapshot_comes_back_whole, a_snapshot_ahead_of_the_commits_is_refused;
    lists: lists_page_both_ways_without_gaps, lists_filter, the_latest_state_of_each_market_is_of_this_incarnation,
        a_relation_is_kept_once_and_what_happened_for_ever,
        a_job_is_kept_once_and_those_for_the_edge_are_found, counts_count_every_table;
    edge: attempts_are_kept_for_an_hour, answers_stay_until_they_are_heard_or_their_world_is_another,
        limits_change_one_by_one_with_their_audit;
    pruning: published_rows_go_by_age_and_others_stay, published_rows_go_by_number_and_others_stay, own_ticks_stay_until_they_are_known,
        histories_go_by_age_and_by_count, a_step_removes_no_more_than_its_batch,
        metrics_are_kept_by_age_and_number_and_read_newest_first, commits_get_through_while_many_rows_are_removed,
        a_step_that_takes_too_long_is_broken_off_and_holds_up_nobody;
    access: a_store_is_opened_as_it_is, a_token_is_stored_found_and_revoked_once, a_name_belongs_to_one_token_at_a_time,
        a_token_and_the_end_of_its_audit_are_one, the_audit_is_begun_completed_and_listed, the_audit_goes_by_age_and_by_number,
        agents_are_imported_whole_and_read_in_their_order;
    properties: random_commits_read_back_as_they_were;
    crashes: dying_at_any_step_loses_and_doubles_nothing;
    trouble: a_locked_database_holds_a_commit_up_and_no_more, commits_survive_connections_that_are_cut_again_and_again;
}

/// Not a test but the process that a test lets die.
#[test]
#[ignore = "started by the tests of crashes"]
fn crash_child() {
    crashes::child();
}

/// What only PostgreSQL has.
mod postgres_only {
    use crate::harness::run;
    use crate::{access, ownership, trouble};
    use worldtick::plugins::store::EngineKind::Postgres;

    #[test]
    fn a_hanging_owner_is_taken_over_from() {
        run(Postgres, ownership::a_hanging_owner_is_taken_over_from);
    }

    #[test]
    fn tokens_are_made_beside_a_running_server() {
        run(Postgres, access::tokens_are_made_beside_a_running_server);
    }

    #[test]
    fn a_dead_owner_is_replaced_at_once() {
        run(Postgres, ownership::a_dead_owner_is_replaced_at_once);
    }

    #[test]
    fn a_lost_lock_is_taken_again() {
        run(Postgres, ownership::a_lost_lock_is_taken_again);
    }

    #[test]
    fn an_answer_lost_after_the_commit_counts_once() {
        run(Postgres, trouble::an_answer_lost_after_the_commit_counts_once);
    }

    #[test]
    fn a_commit_lost_on_its_way_is_sent_again() {
        run(Postgres, trouble::a_commit_lost_on_its_way_is_sent_again);
    }

    #[test]
    fn an_owner_deposed_in_mid_commit_is_fenced() {
        run(Postgres, trouble::an_owner_deposed_in_mid_commit_is_fenced);
    }
}
