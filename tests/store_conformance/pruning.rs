//! What is old goes, what is needed stays.

use worldtick::plugins::store::{OutboxRow, Page, PrunePolicy, Pruned, TickFilter, TickHistoryRow, TickSeenRow};

use crate::harness::{Bench, Owner, dead_letter, event, history, mark, market, own_tick, tick};

/// Removes nothing.
const KEEP: PrunePolicy = PrunePolicy {
    ticks_before: 0,
    outbox_before: 0,
    tick_history_before: 0,
    market_states_before: 0,
    dead_letters_before: 0,
    history_rows_max: 1_000_000,
    batch: 1_000,
};

async fn outbox_ids(owner: &Owner, shard: i32) -> Vec<i64> {
    owner.store.outbox_after(shard, 0, 100).await.unwrap().iter().map(|row| row.id).collect()
}

pub(crate) async fn published_rows_go_by_age_and_others_stay(bench: &Bench) {
    let mut owner = bench.owner().await;
    let young = OutboxRow { created_at: 5_000, ..event(1, 3) };
    owner.commit_outbox(vec![event(1, 1), event(1, 2), young, event(1, 4), event(2, 5)]).await;
    owner.store.save_marks(&[mark(1, "old cluster", 3), mark(1, "new cluster", 1)]).await.unwrap();

    assert_eq!(owner.store.prune(&KEEP).await.unwrap(), Pruned::default());
    let policy = PrunePolicy { outbox_before: 2_000, ..KEEP };
    assert_eq!(owner.store.prune(&policy).await.unwrap(), Pruned { outbox: 2, ..Pruned::default() });
    // 3 is young, 4 is not published, and of shard 2 nothing is.
    assert_eq!(outbox_ids(&owner, 1).await, [3, 4]);
    assert_eq!(outbox_ids(&owner, 2).await, [1]);
    owner.end().await;
}

pub(crate) async fn own_ticks_stay_until_they_are_known(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit_outbox(vec![own_tick(1, 10), own_tick(1, 11), event(1, 12)]).await;
    owner.store.save_marks(&[mark(1, "cluster", 3)]).await.unwrap();
    let mut commit = owner.next();
    commit.ticks_seen = vec![tick(1, 10)];
    owner.commit(&commit).await;

    // An id outlives the row that would be published again without it.
    let ids = PrunePolicy { ticks_before: i64::MAX, ..KEEP };
    assert_eq!(owner.store.prune(&ids).await.unwrap(), Pruned::default());
    let rows = PrunePolicy { outbox_before: 2_000, ..ids };
    assert_eq!(owner.store.prune(&rows).await.unwrap(), Pruned { outbox: 2, ticks: 1, ..Pruned::default() });
    assert_eq!(outbox_ids(&owner, 1).await, [2]);
    owner.end().await;
}

pub(crate) async fn histories_go_by_age_and_by_count(bench: &Bench) {
    let mut owner = bench.owner().await;
    for no in 1..=10 {
        let mut commit = owner.next();
        commit.ticks_seen = vec![TickSeenRow { seen_at: 1_000 + no, ..tick(1, u128::try_from(no).unwrap()) }];
        commit.tick_history = vec![history(None, 1, no), TickHistoryRow { shard: 0, ..history(None, 2, no) }];
        commit.market_states = vec![market("demo", "grain", no)];
        commit.dead_letters = vec![dead_letter(no)];
        owner.commit(&commit).await;
    }
    let age = PrunePolicy {
        ticks_before: 1_004,
        tick_history_before: 1_003,
        market_states_before: 1_006,
        dead_letters_before: 1_002,
        ..KEEP
    };
    let expected = Pruned { ticks: 3, outbox: 0, tick_history: 4, market_states: 5, dead_letters: 1 };
    assert_eq!(owner.store.prune(&age).await.unwrap(), expected);

    // Sixteen of the history are left, five market states and nine dead letters; ids never go by count.
    let count = PrunePolicy { history_rows_max: 7, ..KEEP };
    let expected = Pruned { tick_history: 9, dead_letters: 2, ..Pruned::default() };
    assert_eq!(owner.store.prune(&count).await.unwrap(), expected);
    let left = owner.store.tick_history(&TickFilter::default(), Page::Newest, 100).await.unwrap();
    let left: Vec<_> = left.iter().map(|listed| (listed.cursor.commit_no, listed.cursor.shard)).collect();
    assert_eq!(left, [(10, 1), (10, 0), (9, 1), (9, 0), (8, 1), (8, 0), (7, 1)]);
    owner.end().await;
}

pub(crate) async fn a_call_removes_no_more_than_its_batch(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    commit.tick_history = (0..50).map(|n| history(None, n, 1)).collect();
    commit.ticks_seen = (0..50).map(|n| tick(0, n)).collect();
    owner.publish(&mut commit, (0..50).map(|n| event(i32::try_from(n % 2).unwrap(), n)).collect());
    commit.marks = vec![mark(0, "cluster", 25), mark(1, "cluster", 25)];
    owner.commit(&commit).await;
    let all = i64::MAX;
    let policy = PrunePolicy { ticks_before: all, outbox_before: all, tick_history_before: all, batch: 20, ..KEEP };
    for expected in [20, 20, 10, 0] {
        let pruned = owner.store.prune(&policy).await.unwrap();
        assert_eq!((pruned.ticks, pruned.outbox, pruned.tick_history), (expected, expected, expected));
        assert_eq!(pruned.most(), expected);
    }
    // By count it is bounded just the same.
    let mut commit = owner.next();
    commit.tick_history = (0..50).map(|n| history(None, n, 2)).collect();
    owner.commit(&commit).await;
    let policy = PrunePolicy { history_rows_max: 5, batch: 20, ..KEEP };
    for expected in [20, 20, 5, 0] {
        assert_eq!(owner.store.prune(&policy).await.unwrap().tick_history, expected);
    }
    owner.end().await;
}
