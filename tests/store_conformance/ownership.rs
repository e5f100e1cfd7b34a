//! Only the owner writes, and only the next commit.

use std::time::Duration;

use worldtick::plugins::store::{
    Commit, CommitOutcome, EngineKind, EventFilter, LeaseState, Page, Store, StoreConfig, StoreError,
};

use crate::harness::{Bench, Owner, SHARDS, STALE, event, journal, position};

/// Waits for something that must come to be, asking again and again; the limit of the test ends it otherwise.
async fn until(mut so: impl AsyncFnMut() -> bool) {
    while !so().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn a_former_owner_is_fenced(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit(&owner.next()).await;
    let commit = Commit { epoch: owner.lease.epoch() - 1, journal: vec![journal("demo", 2)], ..owner.next() };
    let outcome = owner.store.commit(&owner.lease, &commit).await.unwrap();
    assert_eq!(outcome, CommitOutcome::Fenced);
    assert_eq!(owner.store.counts().await.unwrap().journal, 0);
    assert!(matches!(*owner.lease.state().borrow(), LeaseState::Lost { .. }));
    owner.end().await;
}

pub(crate) async fn a_commit_that_is_not_the_next_is_not_written(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit(&owner.next()).await;
    let commit = Commit { commit_no: 4, journal: vec![journal("demo", 4)], ..owner.next() };
    let error = owner.store.commit(&owner.lease, &commit).await.unwrap_err();
    assert!(matches!(error, StoreError::Diverged { expected: 4, .. }), "{error}");
    assert_eq!(owner.store.counts().await.unwrap().journal, 0);
    owner.end().await;
}

pub(crate) async fn the_same_commit_twice_is_done_once(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    owner.publish(&mut commit, vec![event(1, 1), event(2, 2)]);
    owner.commit(&commit).await;
    owner.commit(&commit).await;
    assert_eq!(owner.store.counts().await.unwrap().outbox, 2);
    owner.end().await;
}

pub(crate) async fn an_abandoned_commit_can_be_given_again(bench: &Bench) {
    let mut owner = bench.owner().await;
    for number in 0..60_u64 {
        let mut commit = owner.next();
        owner.publish(&mut commit, vec![event(1, u128::from(number)), event(0, u128::from(number) + 1_000)]);
        // Dropped at another place each time: before the fence, between the rows, in COMMIT, or not at all.
        let patience = Duration::from_micros(number * 60);
        let _ = tokio::time::timeout(patience, owner.store.commit(&owner.lease, &commit)).await;
        owner.commit(&commit).await;
    }
    assert_eq!(owner.store.counts().await.unwrap().outbox, 120);
    let ids: Vec<i64> = owner.store.outbox_after(1, 0, 100).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, (1..=60).collect::<Vec<_>>());
    owner.end().await;
}

/// What a second server is told.
async fn refusal(bench: &Bench) -> StoreError {
    match Store::open(&bench.config()).await {
        Ok(second) => second.acquire(SHARDS, "a second server", STALE).await.unwrap_err(),
        Err(error) => error,
    }
}

pub(crate) async fn a_second_server_is_refused_by_name(bench: &Bench) {
    let mut owner = bench.owner().await;
    let error = refusal(bench).await;
    assert!(matches!(error, StoreError::InUse { .. }), "{error}");
    let (place, setting) = match bench.kind {
        EngineKind::Sqlite => ("/data is in use", "--data-dir"),
        EngineKind::Postgres => ("the database postgres://", "DATABASE_URL"),
    };
    assert!(error.to_string().contains(place) && error.to_string().contains(setting), "{error}");
    owner.commit(&owner.next()).await;
    owner.end().await;
}

pub(crate) async fn a_released_store_is_taken_at_once(bench: &Bench) {
    for epoch in 1..=3 {
        let mut owner = bench.owner().await;
        assert_eq!(owner.lease.epoch(), epoch);
        owner.commit(&owner.next()).await;
        assert_eq!(owner.last_commit, epoch);
        owner.end().await;
    }
}

pub(crate) async fn another_number_of_shards_is_refused(bench: &Bench) {
    let owner = bench.owner().await;
    owner.store.release(&owner.lease).await.unwrap();
    for asked in [SHARDS - 1, SHARDS + 1] {
        let error = owner.store.acquire(asked, "the tests", STALE).await.unwrap_err();
        assert_eq!(error, StoreError::ShardCount { stored: SHARDS, asked });
    }
    Owner::of(owner.store).await.end().await;
}

pub(crate) async fn a_position_beyond_the_outbox_is_noticed_and_resolved(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit_outbox(vec![event(1, 1), event(1, 2)]).await;
    let store = owner.store.clone();
    store.check_outbox_position(1, 2).await.unwrap();
    let error = store.check_outbox_position(1, 3).await.unwrap_err();
    assert_eq!(error, StoreError::PositionBeyondOutbox { shard: 1, position: 3, last_assigned: 2 });
    store.advance_outbox_ids(&owner.lease, &[(1, 501), (0, 1)]).await.unwrap();
    store.check_outbox_position(1, 500).await.unwrap();
    let next: Vec<_> = store.lease_rows().await.unwrap().iter().map(|row| row.next_outbox_id).collect();
    assert_eq!(next, [1, 501, 1]);
    owner.end().await;
}

/// A configuration under which the heartbeat never comes, as of a process that hangs.
fn hanging(bench: &Bench) -> StoreConfig {
    StoreConfig { heartbeat_interval: Duration::from_secs(3_600), ..bench.config() }
}

pub(crate) async fn a_hanging_owner_is_taken_over_from(bench: &Bench) {
    let store = Store::open(&hanging(bench)).await.unwrap();
    let mut old = Owner::of(store).await;
    let mut commit = old.next();
    old.publish(&mut commit, vec![event(1, 1)]);
    old.commit(&commit).await;

    let store = bench.open().await;
    let stale = Duration::from_millis(300);
    let lease = store.acquire(SHARDS, "the newcomer", stale).await.unwrap();
    let mut new = Owner::with(store, lease);
    assert_eq!((new.lease.epoch(), new.last_commit), (old.lease.epoch() + 1, 1));

    // The former owner wakes: nothing of it counts.
    let mut late = old.next();
    old.publish(&mut late, vec![event(1, 2)]);
    assert_eq!(old.store.commit(&old.lease, &late).await.unwrap(), CommitOutcome::Fenced);
    let error = old.store.forget_positions(&old.lease, &[position("a", 0, 1)]).await.unwrap_err();
    assert!(matches!(error, StoreError::LeaseLost { .. }), "{error}");
    assert!(matches!(*old.lease.state().borrow(), LeaseState::Lost { .. }));
    old.store.release(&old.lease).await.unwrap();

    let mut commit = new.next();
    new.publish(&mut commit, vec![event(1, 3)]);
    new.commit(&commit).await;
    let events = new.store.events(&EventFilter::default(), Page::Newest, 10).await.unwrap();
    assert_eq!(events.len(), 2);
    // And a third is refused, whoever has the lock.
    assert!(matches!(refusal(bench).await, StoreError::InUse { .. }));
    // The newcomer has cut the former owner off and holds the lock by now, or with its next heartbeat.
    let mut link = bench.postgres().await;
    until(async || {
        let sql = "SELECT min(locked) FROM lease WHERE owner = 'the newcomer'";
        sqlx::query_scalar::<_, Option<i64>>(sql).fetch_one(&mut link).await.unwrap() == Some(1)
    })
    .await;
    new.end().await;
}

pub(crate) async fn a_dead_owner_is_replaced_at_once(bench: &Bench) {
    let store = Store::open(&hanging(bench)).await.unwrap();
    let mut old = Owner::of(store).await;
    old.commit(&old.next()).await;
    // What the kernel does to the connections of a process that is killed.
    let mut link = bench.postgres().await;
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    sqlx::query(sql).execute(&mut link).await.unwrap();
    let new = bench.owner().await;
    assert_eq!(new.lease.epoch(), old.lease.epoch() + 1);
    assert_eq!(old.store.commit(&old.lease, &old.next()).await.unwrap(), CommitOutcome::Fenced);
    new.end().await;
}

pub(crate) async fn a_lost_lock_is_taken_again(bench: &Bench) {
    let config = StoreConfig { heartbeat_interval: Duration::from_millis(50), ..bench.config() };
    let owner = Owner::of(Store::open(&config).await.unwrap()).await;
    let mut state = owner.lease.state();
    let mut link = bench.postgres().await;
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert_eq!(sqlx::query(sql).execute(&mut link).await.unwrap().rows_affected(), 1);
    state.wait_for(|state| matches!(state, LeaseState::Unconfirmed { .. })).await.unwrap();
    state.wait_for(|state| *state == LeaseState::Held).await.unwrap();
    assert!(matches!(refusal(bench).await, StoreError::InUse { .. }));
    owner.end().await;
}
