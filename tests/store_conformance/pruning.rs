//! What is old or too much goes, what is needed stays, and commits are not held up by it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use worldtick::plugins::store::{
    EngineKind, MetricFilter, MetricSample, OutboxRow, OverdueTicks, Page, Store, Sweep, Swept, TickFilter,
    TickHistoryRow, TickSeenRow,
};

use crate::harness::{Bench, Owner, dead_letter, event, history, mark, market, own_tick, relation_history, tick};

/// A whole walk in steps of a batch; what each step removed.
pub(crate) async fn steps(store: &Store, mut sweep: Sweep, batch: u32) -> Vec<u64> {
    let mut removed = Vec::new();
    while !sweep.is_done() {
        removed.push(store.sweep(&mut sweep, batch).await.unwrap());
        assert!(removed.len() < 10_000, "it comes to no end");
    }
    removed
}

/// A whole walk; what it removed.
pub(crate) async fn swept(store: &Store, what: Swept, before: i64, rows_max: Option<u32>) -> u64 {
    steps(store, Sweep::new(what, before, rows_max), 1_000).await.iter().sum()
}

async fn outbox_ids(owner: &Owner, shard: i32) -> Vec<i64> {
    owner.store.outbox_after(shard, 0, 100).await.unwrap().iter().map(|row| row.id).collect()
}

pub(crate) async fn published_rows_go_by_age_and_others_stay(bench: &Bench) {
    let mut owner = bench.owner().await;
    let young = OutboxRow { created_at: 5_000, ..event(1, 3) };
    owner.commit_outbox(vec![event(1, 1), event(1, 2), young, event(1, 4), event(2, 5)]).await;
    owner.store.save_marks(&[mark(1, "old cluster", 3), mark(1, "new cluster", 1)]).await.unwrap();

    assert_eq!(swept(&owner.store, Swept::Outbox, 0, Some(1_000)).await, 0);
    assert_eq!(swept(&owner.store, Swept::Outbox, 2_000, None).await, 2);
    // 3 is young, 4 is not published, and of shard 2 nothing is.
    assert_eq!(outbox_ids(&owner, 1).await, [3, 4]);
    assert_eq!(outbox_ids(&owner, 2).await, [1]);
    owner.end().await;
}

pub(crate) async fn published_rows_go_by_number_and_others_stay(bench: &Bench) {
    let mut owner = bench.owner().await;
    for first in 0..4 {
        owner.commit_outbox(vec![event(1, first * 3), event(1, first * 3 + 1), event(2, first * 3 + 2)]).await;
    }
    owner.store.save_marks(&[mark(1, "cluster", 8), mark(2, "cluster", 1)]).await.unwrap();
    // Five of twelve may stay; of the seven oldest, those of shard 2 after the first are not published.
    assert_eq!(swept(&owner.store, Swept::Outbox, 0, Some(5)).await, 6);
    assert_eq!(outbox_ids(&owner, 1).await, [6, 7, 8]);
    assert_eq!(outbox_ids(&owner, 2).await, [2, 3, 4]);
    owner.end().await;
}

pub(crate) async fn own_ticks_stay_until_they_are_known(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit_outbox(vec![own_tick(1, 10), own_tick(1, 11), event(1, 12), own_tick(1, 13)]).await;
    owner.store.save_marks(&[mark(1, "cluster", 3)]).await.unwrap();
    let mut commit = owner.next();
    commit.ticks_seen = vec![tick(1, 10)];
    owner.commit(&commit).await;

    // 11 is published and has not come back; 13 is on its way.
    let overdue = owner.store.overdue_ticks(2_000).await.unwrap();
    assert_eq!(overdue, OverdueTicks { count: 1, oldest: Some(1_000) });
    assert_eq!(owner.store.overdue_ticks(1_000).await.unwrap(), OverdueTicks::default(), "not old enough");

    // An id outlives the row that would be published again without it.
    assert_eq!(swept(&owner.store, Swept::TickIds, i64::MAX, None).await, 0);
    assert_eq!(swept(&owner.store, Swept::Outbox, 2_000, Some(0)).await, 2);
    assert_eq!(swept(&owner.store, Swept::TickIds, i64::MAX, None).await, 1);
    assert_eq!(outbox_ids(&owner, 1).await, [2, 4]);
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
        commit.relation_history = vec![relation_history("b", no, true)];
        owner.commit(&commit).await;
    }
    let store = &owner.store;
    assert_eq!(swept(store, Swept::TickIds, 1_004, Some(1)).await, 3, "ids never go by number");
    assert_eq!(swept(store, Swept::TickHistory, 1_003, None).await, 4);
    assert_eq!(swept(store, Swept::MarketHistory, 1_006, None).await, 5);
    assert_eq!(swept(store, Swept::DeadLetters, 1_002, None).await, 1);
    assert_eq!(swept(store, Swept::RelationHistory, 1_004, None).await, 3);
    assert_eq!(swept(store, Swept::RelationHistory, 0, Some(2)).await, 5);

    // Sixteen of the history are left, five market states and nine dead letters.
    assert_eq!(swept(store, Swept::TickHistory, 0, Some(7)).await, 9);
    assert_eq!(swept(store, Swept::MarketHistory, 0, Some(7)).await, 0);
    assert_eq!(swept(store, Swept::DeadLetters, 0, Some(7)).await, 2);
    let left = store.tick_history(&TickFilter::default(), Page::Newest, 100).await.unwrap();
    let left: Vec<_> = left.iter().map(|listed| (listed.cursor.commit_no, listed.cursor.shard)).collect();
    assert_eq!(left, [(10, 1), (10, 0), (9, 1), (9, 0), (8, 1), (8, 0), (7, 1)]);
    owner.end().await;
}

pub(crate) async fn a_step_removes_no_more_than_its_batch(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    commit.tick_history = (0..50).map(|n| history(None, n, 1)).collect();
    commit.ticks_seen = (0..50).map(|n| tick(0, n)).collect();
    owner.publish(&mut commit, (0..50).map(|n| event(i32::try_from(n % 2).unwrap(), n)).collect());
    commit.marks = vec![mark(0, "cluster", 25), mark(1, "cluster", 25)];
    owner.commit(&commit).await;
    let all = |what| Sweep::new(what, i64::MAX, None);
    assert_eq!(steps(&owner.store, all(Swept::TickHistory), 20).await, [20, 20, 10]);
    assert_eq!(steps(&owner.store, all(Swept::TickIds), 20).await, [20, 20, 10]);
    assert_eq!(steps(&owner.store, all(Swept::Outbox), 20).await, [20, 5, 20, 5]);
    // By count it is bounded just the same.
    let mut commit = owner.next();
    commit.tick_history = (0..50).map(|n| history(None, n, 2)).collect();
    owner.commit(&commit).await;
    let count = Sweep::new(Swept::TickHistory, 0, Some(5));
    assert_eq!(steps(&owner.store, count, 20).await, [0, 20, 20, 5]);
    owner.end().await;
}

pub(crate) async fn metrics_are_kept_by_age_and_number_and_read_newest_first(bench: &Bench) {
    let owner = bench.owner().await;
    let store = &owner.store;
    let sample = |at: i64, labels: &str, value: f64| MetricSample {
        at,
        name: "lag".to_owned(),
        labels: labels.to_owned(),
        value,
    };
    let mut samples = vec![MetricSample { name: "other".to_owned(), ..sample(1, "", 9.0) }];
    for at in 1..=40 {
        samples.extend([sample(at, "w=\"a\"", at as f64 / 4.0), sample(at, "w=\"b\"", -1.5)]);
    }
    // More than one transaction holds, and some of it twice.
    let mut written = 0;
    while written < samples.len() {
        let now = store.save_metrics(&samples[written..], Duration::MAX).await.unwrap();
        assert!(now > 0 && now < samples.len());
        written += now;
    }
    store.save_metrics(&[sample(40, "w=\"a\"", 1e9)], Duration::MAX).await.unwrap();
    assert_eq!(store.save_metrics(&[], Duration::MAX).await.unwrap(), 0);

    let lag = MetricFilter { name: "lag".to_owned(), ..MetricFilter::default() };
    let newest = store.metric_history(&lag, 3).await.unwrap();
    assert_eq!(newest, [sample(40, "w=\"b\"", -1.5), sample(40, "w=\"a\"", 10.0), sample(39, "w=\"b\"", -1.5)]);
    let before = Some((39, "w=\"b\"".to_owned()));
    let of_a = MetricFilter { labels: Some("w=\"a\"".to_owned()), from: Some(38), before, ..lag.clone() };
    let found = store.metric_history(&of_a, 100).await.unwrap();
    assert_eq!(found, [sample(39, "w=\"a\"", 9.75), sample(38, "w=\"a\"", 9.5)]);

    assert_eq!(swept(store, Swept::MetricHistory, 11, None).await, 21, "ten of each, and the other");
    // An instant is kept or goes as a whole.
    assert_eq!(swept(store, Swept::MetricHistory, 0, Some(5)).await, 56);
    assert_eq!(store.metric_history(&lag, 100).await.unwrap().len(), 4);
    owner.end().await;
}

const MANY: i64 = 200_000;

/// Puts `MANY` old rows of history into the database, past the store.
async fn fill(bench: &Bench) {
    let columns = "commit_no, shard, seq, tick_id, tick_type, outcome, events, markets_cleared, recorded_at";
    match bench.kind {
        EngineKind::Sqlite => {
            let sql = format!(
                "INSERT INTO tick_history ({columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                 WHERE i < {MANY}) SELECT 0, 0, i, zeroblob(16), 'hourly', 'applied', 0, 0, 1 FROM n"
            );
            let mut link = bench.sqlite().await;
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut link).await.unwrap();
            link.close().await.unwrap();
        }
        EngineKind::Postgres => {
            let sql = format!(
                "INSERT INTO tick_history ({columns}) SELECT 0, 0, i, '00000000-0000-0000-0000-000000000000', 'hourly', \
                 'applied', 0, 0, 1 FROM generate_series(1, {MANY}) AS i"
            );
            let mut link = bench.postgres().await;
            sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut link).await.unwrap();
        }
    }
}

pub(crate) async fn commits_get_through_while_many_rows_are_removed(bench: &Bench) {
    const COMMITS: u64 = 10;
    let mut owner = bench.owner().await;
    fill(bench).await;
    let (store, begun) = (owner.store.clone(), AtomicU64::new(0));
    let sweeping = async {
        let mut sweep = Sweep::new(Swept::TickHistory, 1_000, None);
        let mut removed = 0;
        while !sweep.is_done() {
            begun.fetch_add(1, Ordering::SeqCst);
            removed += store.sweep(&mut sweep, 250).await.unwrap();
        }
        removed
    };
    let committing = async {
        for _ in 0..COMMITS {
            let before = begun.load(Ordering::SeqCst);
            let mut commit = owner.next();
            commit.tick_history = vec![TickHistoryRow { recorded_at: 5_000, ..history(None, 1, commit.commit_no) }];
            owner.commit(&commit).await;
            let steps = begun.load(Ordering::SeqCst) - before;
            // The step under way, and the one that may have queued up before the commit did.
            assert!(bench.kind == EngineKind::Postgres || steps <= 2, "{steps} steps went before a commit");
        }
        begun.load(Ordering::SeqCst)
    };
    // The removal goes first, so that there is a step under way when the first commit comes.
    let (removed, at_the_end_of_commits) = futures_util::future::join(sweeping, committing).await;
    assert_eq!(removed, u64::try_from(MANY).unwrap());
    let steps = begun.load(Ordering::SeqCst);
    assert!(at_the_end_of_commits < steps, "the commits were through at step {at_the_end_of_commits} of {steps}");
    owner.end().await;
}

pub(crate) async fn a_step_that_takes_too_long_is_broken_off_and_holds_up_nobody(bench: &Bench) {
    let mut owner = bench.owner().await;
    fill(bench).await;
    let all = u32::try_from(MANY).unwrap();
    let mut sweep = Sweep::new(Swept::TickHistory, 1_000, None);
    sweep.limit(Duration::from_millis(5));
    let error = owner.store.sweep(&mut sweep, all).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    // The database itself has ended it: whoever writes next does not wait for what is left of it.
    let begun = Instant::now();
    let mut commit = owner.next();
    commit.tick_history = vec![TickHistoryRow { recorded_at: 5_000, ..history(None, 1, commit.commit_no) }];
    owner.commit(&commit).await;
    assert!(begun.elapsed() < Duration::from_secs(1), "the commit took {:?}", begun.elapsed());
    // Nothing was removed, the step can be taken again, and the limit was that of the step alone. In pieces, as all at once
    // may take longer than a statement may on a busy machine.
    sweep.limit(Duration::MAX);
    let mut removed = 0;
    while !sweep.is_done() {
        removed += owner.store.sweep(&mut sweep, all / 10).await.unwrap();
    }
    assert_eq!(removed, u64::from(all));
    owner.end().await;
}
