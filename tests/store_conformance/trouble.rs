//! Databases that are locked, cut off or silent.

use std::time::Duration;

use sqlx::Connection as _;
use tokio::sync::{mpsc, oneshot};
use worldtick::plugins::store::{Commit, CommitOutcome, DatabaseState, EngineKind, Store, StoreConfig, StoreError};

use crate::harness::{Bench, Owner, SHARDS, event};
use crate::proxy::{Fault, Proxy};

/// Somebody else's transaction on the lease rows, until it is told to end.
struct Locker {
    end: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<()>,
}

impl Locker {
    async fn start(bench: &Bench) -> Self {
        let (end, told) = oneshot::channel();
        let ended = match bench.kind {
            EngineKind::Sqlite => {
                let mut link = bench.sqlite().await;
                sqlx::query("BEGIN IMMEDIATE").execute(&mut link).await.unwrap();
                tokio::spawn(async move {
                    let _ = told.await;
                    link.close().await.unwrap();
                })
            }
            EngineKind::Postgres => {
                let mut link = bench.postgres().await;
                sqlx::query("BEGIN").execute(&mut link).await.unwrap();
                sqlx::query("UPDATE lease SET locked = locked WHERE shard = 1").execute(&mut link).await.unwrap();
                tokio::spawn(async move {
                    let _ = told.await;
                    link.close().await.unwrap();
                })
            }
        };
        Self { end, ended }
    }

    async fn stop(self) {
        self.end.send(()).unwrap();
        self.ended.await.unwrap();
    }
}

pub(crate) async fn a_locked_database_holds_a_commit_up_and_no_more(bench: &Bench) {
    let config = StoreConfig { operation_timeout: Duration::from_millis(200), ..bench.config() };
    let mut owner = Owner::of(Store::open(&config).await.unwrap()).await;
    let mut commit = owner.next();
    owner.publish(&mut commit, vec![event(1, 1)]);
    let locker = Locker::start(bench).await;

    let (store, lease, same) = (owner.store.clone(), owner.lease.clone(), commit.clone());
    let mut state = store.state();
    let committing = tokio::spawn(async move { store.commit(&lease, &same).await });
    // It is noticed, tried again, and told.
    let away = |attempts| move |state: &DatabaseState| matches!(state, DatabaseState::Away { attempts: seen, .. } if *seen >= attempts);
    state.wait_for(away(3)).await.unwrap();
    assert!(!committing.is_finished());
    assert_eq!(owner.store.counts().await.unwrap().outbox, 0, "readers go on");
    locker.stop().await;
    assert_eq!(committing.await.unwrap().unwrap(), CommitOutcome::Done);
    assert_eq!(*state.borrow_and_update(), DatabaseState::Available);
    owner.last_commit = 1;
    owner.commit(&owner.next()).await;
    assert_eq!(owner.store.counts().await.unwrap().outbox, 1);
    owner.end().await;
}

/// Spoils the connections of a store, each time it is told after how long.
async fn spoiler(bench: &Bench, mut told: mpsc::Receiver<Duration>) -> tokio::task::JoinHandle<()> {
    match bench.kind {
        // Nobody cuts a file off; somebody else holds its lock for a while instead.
        EngineKind::Sqlite => {
            let mut link = bench.sqlite().await;
            tokio::spawn(async move {
                while let Some(after) = told.recv().await {
                    tokio::time::sleep(after).await;
                    let _ = sqlx::query("BEGIN IMMEDIATE").execute(&mut link).await;
                    tokio::time::sleep(3 * after).await;
                    let _ = sqlx::query("ROLLBACK").execute(&mut link).await;
                }
            })
        }
        EngineKind::Postgres => {
            let mut link = bench.postgres().await;
            tokio::spawn(async move {
                while let Some(after) = told.recv().await {
                    tokio::time::sleep(after).await;
                    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                               WHERE datname = current_database() AND pid <> pg_backend_pid()";
                    sqlx::query(sql).execute(&mut link).await.unwrap();
                }
            })
        }
    }
}

pub(crate) async fn commits_survive_connections_that_are_cut_again_and_again(bench: &Bench) {
    const COMMITS: i64 = 120;
    let config = StoreConfig { operation_timeout: Duration::from_millis(500), ..bench.config() };
    let mut owner = Owner::of(Store::open(&config).await.unwrap()).await;
    let (tell, told) = mpsc::channel(1);
    let spoiler = spoiler(bench, told).await;
    for number in 0..COMMITS {
        if number % 2 == 0 {
            // At another moment of the commit each time.
            tell.send(Duration::from_micros(u64::try_from(number).unwrap() * 40)).await.unwrap();
        }
        let number = u128::try_from(number).unwrap();
        let mut commit = owner.next();
        owner.publish(&mut commit, vec![event(0, 3 * number), event(1, 3 * number + 1), event(2, 3 * number + 2)]);
        owner.commit(&commit).await;
    }
    drop(tell);
    spoiler.await.unwrap();
    // Those in the pool that were cut off are found out by being used.
    let rows = patiently(async || owner.store.outbox_after(1, 0, 1_000).await).await;
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), (1..=COMMITS).collect::<Vec<_>>());
    let lease = patiently(async || owner.store.lease_rows().await).await;
    assert!(lease.iter().all(|row| row.commit_no == COMMITS && row.next_outbox_id == COMMITS + 1), "{lease:?}");
    owner.end().await;
}

/// Asks until there is an answer, as callers do while the database is away.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> Result<T, StoreError>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    }
}

/// A commit through a connection that breaks, and what is in the store afterwards.
async fn commit_through(bench: &Bench, fault: Fault) {
    let proxy = Proxy::start(&bench.url).await;
    let config = StoreConfig { operation_timeout: Duration::from_millis(500), ..StoreConfig::new(&proxy.url) };
    let mut owner = Owner::of(Store::open(&config).await.unwrap()).await;
    owner.commit_outbox(vec![event(1, 1)]).await;
    for number in 2..=4 {
        proxy.arm(fault);
        owner.commit_outbox(vec![event(1, number)]).await;
        assert!(proxy.has_struck());
    }
    let ids: Vec<i64> = owner.store.outbox_after(1, 0, 10).await.unwrap().iter().map(|row| row.id).collect();
    assert_eq!(ids, [1, 2, 3, 4]);
    owner.end().await;
}

pub(crate) async fn an_answer_lost_after_the_commit_counts_once(bench: &Bench) {
    commit_through(bench, Fault::LoseAnswer).await;
}

pub(crate) async fn a_commit_lost_on_its_way_is_sent_again(bench: &Bench) {
    commit_through(bench, Fault::LoseCommit).await;
}

pub(crate) async fn an_owner_deposed_in_mid_commit_is_fenced(bench: &Bench) {
    let proxy = Proxy::start(&bench.url).await;
    let config = StoreConfig {
        operation_timeout: Duration::from_millis(500),
        heartbeat_interval: Duration::from_secs(3_600),
        ..StoreConfig::new(&proxy.url)
    };
    let mut old = Owner::of(Store::open(&config).await.unwrap()).await;
    old.commit_outbox(vec![event(1, 1)]).await;
    // The former owner has passed its fence and hangs before COMMIT, its transaction open on the server.
    proxy.arm(Fault::LoseCommitSilently);
    let mut commit: Commit = old.next();
    old.publish(&mut commit, vec![event(1, 2)]);
    let (store, lease) = (old.store.clone(), old.lease.clone());
    let committing = tokio::spawn(async move { store.commit(&lease, &commit).await });
    while !proxy.has_struck() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    committing.abort();
    let _ = committing.await;

    // The newcomer waits for that transaction to end and then owns what is left.
    let store = bench.open().await;
    let lease = loop {
        match store.acquire(SHARDS, "the newcomer", Duration::ZERO).await {
            Ok(lease) => break lease,
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    };
    let mut new = Owner::with(store, lease);
    assert_eq!(new.last_commit, 1);
    new.commit_outbox(vec![event(1, 3)]).await;
    let mut late = old.next();
    old.publish(&mut late, vec![event(1, 4)]);
    assert_eq!(old.store.commit(&old.lease, &late).await.unwrap(), CommitOutcome::Fenced);
    let ids: Vec<_> =
        new.store.outbox_after(1, 0, 10).await.unwrap().iter().map(|row| row.event_id.as_u128()).collect();
    assert_eq!(ids, [1, 3]);
    new.end().await;
}
