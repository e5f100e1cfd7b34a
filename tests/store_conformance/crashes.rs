//! A process that dies at every step of a commit and of a snapshot, with either engine.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use worldtick::plugins::store::{CommitOutcome, Store, StoreConfig, WorldChange};

use crate::harness::{Bench, Owner, event, id, journal, mark, position, snapshot, tick, world};

/// Where the dying process finds its store.
const URL: &str = "WORLDTICK_TEST_CRASH_URL";
const SIGABRT: i32 = 6;
/// Each life tries this many commits.
const COMMITS_A_LIFE: i64 = 3;

const PLACES: [&str; 7] = [
    "store.commit.before",
    "store.commit.after_fence",
    "store.commit.before_commit",
    "store.commit.after_commit",
    "store.mark.after",
    "store.snapshot.before",
    "store.snapshot.after",
];

/// The commits of one life. Everything in them follows from the commit's number, as from replayed input.
async fn live(mut owner: Owner) {
    for _ in 0..COMMITS_A_LIFE {
        let mut commit = owner.next();
        let no = commit.commit_no;
        let number = u128::try_from(no).unwrap();
        if no == 1 {
            commit.worlds = vec![WorldChange::Register(world("demo", 1))];
        }
        commit.journal = vec![journal("demo", no)];
        commit.ticks_seen = vec![tick(1, number)];
        commit.positions = vec![position("world.tick.hourly", 0, no)];
        commit.marks = vec![mark(1, "cluster", no)];
        owner.publish(&mut commit, vec![event(1, number), event(2, 1_000_000 + number)]);
        assert_eq!(owner.store.commit(&owner.lease, &commit).await.unwrap(), CommitOutcome::Done);
        owner.last_commit = no;
        assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world("demo", 1), no)).await.unwrap());
    }
    owner.end().await;
}

/// One life in a process of its own; see `crash_child`.
pub(crate) fn child() {
    let Ok(url) = std::env::var(URL) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async { live(Owner::of(Store::open(&StoreConfig::new(url)).await.unwrap()).await).await });
}

async fn run_child(url: &str, failpoint: &str) -> ExitStatus {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash_child", "--ignored"]).env(URL, url).env("WORLDTICK_FAILPOINT", failpoint);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    tokio::task::spawn_blocking(move || command.status()).await.unwrap().unwrap()
}

/// What holds after any number of deaths: everything up to the last commit is there once, and nothing else.
async fn check(bench: &Bench) -> i64 {
    let owner = bench.owner().await;
    let last = owner.last_commit;
    let numbers: Vec<i64> = (1..=last).collect();
    for shard in [1, 2] {
        let rows = owner.store.outbox_after(shard, 0, 1_000).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), numbers);
        let events: Vec<u128> = rows.iter().map(|row| row.event_id.as_u128() % 1_000_000).collect();
        assert_eq!(events, numbers.iter().map(|no| u128::try_from(*no).unwrap()).collect::<Vec<_>>());
    }
    let ticks: Vec<_> = (0..=last + 1).map(|no| (1, id(u128::try_from(no).unwrap()))).collect();
    let known = owner.store.known_ticks(&ticks).await.unwrap();
    assert_eq!(known, ticks[1..ticks.len() - 1]);
    let positions = owner.store.positions().await.unwrap();
    assert!(positions.iter().all(|(_, position)| position.next == last), "{positions:?}");
    if last > 0 {
        // The newest snapshot and the journal after it lead to the last commit without a gap.
        let newest = owner.store.latest_snapshot("demo", id(1)).await.unwrap();
        let from = newest.map_or(0, |snapshot| snapshot.commit_no);
        let journal = owner.store.journal_after("demo", from, 1_000).await.unwrap();
        assert_eq!(journal.iter().map(|row| row.commit_no).collect::<Vec<_>>(), (from + 1..=last).collect::<Vec<_>>());
    }
    owner.end().await;
    last
}

pub(crate) async fn dying_at_any_step_loses_and_doubles_nothing(bench: &Bench) {
    for place in PLACES {
        for count in 1..=2 {
            let before = check(bench).await;
            let status = run_child(&bench.url, &format!("{place}:{count}")).await;
            assert_eq!(status.signal(), Some(SIGABRT), "{place}:{count} was not reached");
            let after = check(bench).await;
            let committed = if place.starts_with("store.commit") && !place.ends_with("after_commit") { 0 } else { 1 };
            assert_eq!(after - before, count - 1 + committed, "{place}:{count}");
        }
    }
    let before = check(bench).await;
    assert!(run_child(&bench.url, "").await.success());
    assert_eq!(check(bench).await, before + COMMITS_A_LIFE);
}
