//! Snapshots and the journal that they replace.

use worldtick::plugins::store::{Commit, SnapshotRow};

use crate::harness::{Bench, Owner, journal, snapshot, world};

/// Commits journal rows of `demo` up to `last`.
async fn journal_until(owner: &mut Owner, last: i64) {
    while owner.last_commit < last {
        let commit = Commit { journal: vec![journal("demo", owner.last_commit + 1)], ..owner.next() };
        owner.commit(&commit).await;
    }
}

async fn journaled(owner: &Owner) -> Vec<i64> {
    owner.store.journal_after("demo", 0, 100).await.unwrap().iter().map(|row| row.commit_no).collect()
}

pub(crate) async fn the_newest_two_are_kept_with_their_journal(bench: &Bench) {
    let mut owner = bench.owner().await;
    let world = world("demo", 1);
    owner.register(&world).await;
    journal_until(&mut owner, 9).await;
    assert_eq!(owner.store.replay_costs().await.unwrap(), [("demo".to_owned(), 8 * 250)]);

    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world, 3)).await.unwrap());
    assert_eq!(journaled(&owner).await, (2..=9).collect::<Vec<_>>(), "one snapshot alone replaces nothing");
    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world, 5)).await.unwrap());
    assert_eq!(journaled(&owner).await, [4, 5, 6, 7, 8, 9]);
    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world, 8)).await.unwrap());
    assert_eq!(journaled(&owner).await, [6, 7, 8, 9]);

    for (before, expected) in [(8, Some(5)), (5, None)] {
        let older = owner.store.snapshot_before("demo", world.incarnation, before).await.unwrap();
        assert_eq!(older, expected.map(|commit_no| snapshot(&world, commit_no)), "before {before}");
    }
    let newest = owner.store.latest_snapshot("demo", world.incarnation).await.unwrap();
    assert_eq!(newest, Some(snapshot(&world, 8)));
    assert_eq!(owner.store.replay_costs().await.unwrap(), [("demo".to_owned(), 250)]);
    // The same again changes nothing.
    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world, 8)).await.unwrap());
    assert_eq!(owner.store.counts().await.unwrap().snapshots, 2);
    owner.end().await;
}

pub(crate) async fn a_snapshot_of_a_former_owner_or_incarnation_is_refused(bench: &Bench) {
    let mut owner = bench.owner().await;
    let first = world("demo", 1);
    owner.register(&first).await;
    let old_lease = owner.lease.clone();
    owner.store.release(&old_lease).await.unwrap();
    let mut owner = Owner::of(owner.store).await;
    assert!(!owner.store.save_snapshot(&old_lease, &snapshot(&first, 1)).await.unwrap());
    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&first, 1)).await.unwrap());

    let second = world("demo", 2);
    owner.register(&second).await;
    assert!(!owner.store.save_snapshot(&owner.lease, &snapshot(&first, 2)).await.unwrap());
    assert_eq!(owner.store.counts().await.unwrap().snapshots, 0);
    assert_eq!(owner.store.latest_snapshot("demo", second.incarnation).await.unwrap(), None);
    owner.end().await;
}

pub(crate) async fn a_large_snapshot_comes_back_whole(bench: &Bench) {
    let mut owner = bench.owner().await;
    let world = world("demo", 1);
    owner.register(&world).await;
    let bytes: Vec<u8> = (0..20_000_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let row = SnapshotRow { bytes, ..snapshot(&world, 1) };
    assert!(owner.store.save_snapshot(&owner.lease, &row).await.unwrap());
    assert!(owner.store.latest_snapshot("demo", world.incarnation).await.unwrap() == Some(row));
    // Commits go on afterwards.
    owner.commit(&owner.next()).await;
    owner.end().await;
}

pub(crate) async fn a_snapshot_ahead_of_the_commits_is_refused(bench: &Bench) {
    let mut owner = bench.owner().await;
    let world = world("demo", 1);
    owner.register(&world).await;
    assert!(!owner.store.save_snapshot(&owner.lease, &snapshot(&world, 2)).await.unwrap());
    assert_eq!(owner.store.counts().await.unwrap().snapshots, 0);
    owner.end().await;
}
