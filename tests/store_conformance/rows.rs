//! What is committed is what is read.

use worldtick::plugins::store::{
    ClusterUse, CommandRow, Commit, ConfigChangeRow, EventFilter, InputPosition, OutboxRow, Page, StoreError, Swept,
    TickFilter, WorldChange, WorldRow, WorldStatus,
};

use crate::harness::{
    Bench, Owner, SHARDS, dead_letter, event, history, id, journal, mark, market, own_tick, position, relation,
    relation_history, tick, world,
};
use crate::pruning::swept;

/// A commit with something of everything.
fn full(owner: &mut Owner) -> Commit {
    let no = owner.last_commit + 1;
    let mut commit = owner.next();
    commit.worlds = vec![WorldChange::Register(world("demo", 1))];
    commit.journal = vec![journal("demo", no)];
    commit.ticks_seen = vec![tick(0, 7), tick(1, 7)];
    commit.tick_history = vec![history(Some("demo"), 7, no), history(None, 8, no)];
    commit.market_states = vec![market("demo", "grain", no), market("demo", "wood", no)];
    commit.relations = vec![relation("demo", "b", no)];
    commit.relation_history = vec![relation_history("b", no, true), relation_history("b", no, false)];
    commit.dead_letters = vec![dead_letter(no)];
    commit.positions = vec![position("world.tick.hourly", 0, 18), position("world.command", 3, 1)];
    commit.marks = vec![mark(1, "cluster a", 1)];
    let bare = OutboxRow { world_id: None, tick_id: None, key: None, headers: vec![], body: None, ..event(1, 100) };
    owner.publish(&mut commit, vec![event(1, 99), bare, event(0, 101)]);
    commit
}

pub(crate) async fn every_kind_of_row_survives_a_commit(bench: &Bench) {
    let mut owner = bench.owner().await;
    let commit = full(&mut owner);
    owner.commit(&commit).await;
    let store = &owner.store;

    assert_eq!(store.worlds().await.unwrap(), [world("demo", 1)]);
    assert_eq!(store.journal_after("demo", 0, 10).await.unwrap(), commit.journal);
    let ticks: Vec<_> = commit.ticks_seen.iter().map(|row| (row.shard, row.tick_id)).collect();
    assert_eq!(store.known_ticks(&[(0, id(7)), (1, id(7)), (2, id(7)), (0, id(8))]).await.unwrap(), ticks);
    let mut rows = store.tick_history(&TickFilter::default(), Page::Newest, 10).await.unwrap();
    rows.reverse();
    assert_eq!(rows.into_iter().map(|listed| listed.row).collect::<Vec<_>>(), commit.tick_history);
    assert_eq!(store.latest_markets("demo").await.unwrap(), commit.market_states);
    let rows = store.dead_letters(None, Page::Newest, 10).await.unwrap();
    assert_eq!(rows.into_iter().map(|listed| listed.row).collect::<Vec<_>>(), commit.dead_letters);
    assert_eq!(store.outbox_after(1, 0, 10).await.unwrap(), commit.outbox[..2]);
    assert_eq!(store.outbox_after(0, 0, 10).await.unwrap(), commit.outbox[2..]);
    assert_eq!(store.marks("cluster a").await.unwrap(), commit.marks);
    let next: Vec<_> = store.lease_rows().await.unwrap().iter().map(|row| (row.shard, row.next_outbox_id)).collect();
    assert_eq!(next, commit.next_outbox_ids);
    assert_eq!(store.outbox_len().await.unwrap(), 2, "three rows, one of them marked");
    owner.end().await;
}

pub(crate) async fn a_thousand_rows_of_a_kind_are_one_commit(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    owner.publish(&mut commit, (0..1_000).map(|n| event(1, n)).collect());
    commit.tick_history = (0..999).map(|n| history(None, n, 1)).collect();
    owner.commit(&commit).await;
    let mut read = Vec::new();
    while let rows = owner.store.outbox_after(1, read.last().map_or(0, |row: &OutboxRow| row.id), 500).await.unwrap()
        && !rows.is_empty()
    {
        read.extend(rows);
    }
    assert_eq!(read, commit.outbox);
    assert_eq!(owner.store.counts().await.unwrap().tick_history, 999);
    owner.end().await;
}

pub(crate) async fn worlds_are_registered_reset_and_removed(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.register(&world("demo", 1)).await;
    let mut commit = owner.next();
    let faulted = WorldStatus::Faulted { error: "a \0 in a panic".to_owned(), input: None, since: 3 };
    commit.worlds = vec![WorldChange::Status { world_id: "demo".to_owned(), status: faulted.clone() }];
    commit.journal = vec![journal("demo", 2)];
    owner.commit(&commit).await;
    assert_eq!(owner.store.worlds().await.unwrap()[0].status, faulted);

    let mut commit = owner.next();
    commit.worlds = vec![WorldChange::Register(world("demo", 2))];
    commit.journal = vec![journal("demo", 3)];
    owner.commit(&commit).await;
    assert_eq!(owner.store.worlds().await.unwrap(), [world("demo", 2)]);
    assert_eq!(owner.store.journal_after("demo", 0, 10).await.unwrap(), [journal("demo", 3)]);

    let mut commit = owner.next();
    commit.worlds = vec![WorldChange::Remove { world_id: "demo".to_owned(), shard: 0, file_hash: 7, at: 1 }];
    owner.commit(&commit).await;
    assert_eq!(owner.store.worlds().await.unwrap(), []);
    assert_eq!(owner.store.journal_after("demo", 0, 10).await.unwrap(), []);
    owner.end().await;
}

pub(crate) async fn a_nul_is_refused_and_leaves_nothing(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = full(&mut owner);
    commit.market_states[1].measures = "{\"note\":\"a\0b\"}".to_owned();
    let error = owner.store.commit(&owner.lease, &commit).await.unwrap_err();
    let StoreError::Refused { table, row, world_id, message } = &error else { panic!("{error}") };
    assert_eq!((*table, *row, world_id.as_deref()), ("market_state", Some(1), Some("demo")));
    assert!(message.contains("measures"), "{message}");
    assert_eq!(owner.store.counts().await.unwrap(), Default::default());
    assert_eq!(owner.store.lease_rows().await.unwrap()[0].commit_no, 0);
    // Without the value the same number is free.
    commit.market_states.remove(1);
    owner.commit(&commit).await;
    owner.end().await;
}

pub(crate) async fn a_repeated_tick_id_is_refused_by_name(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    commit.ticks_seen = vec![tick(1, 5)];
    owner.commit(&commit).await;
    let mut commit = full(&mut owner);
    commit.ticks_seen = (0..40).map(|n| tick(1, 100 + n)).collect();
    commit.ticks_seen[33] = tick(1, 5);
    let error = owner.store.commit(&owner.lease, &commit).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused { table: "tick", row: Some(33), .. }), "{error}");
    assert_eq!(owner.store.counts().await.unwrap().ticks, 1);
    assert_eq!(owner.store.counts().await.unwrap().worlds, 0);
    commit.ticks_seen.remove(33);
    owner.commit(&commit).await;
    owner.end().await;
}

pub(crate) async fn a_change_to_a_world_that_is_not_there_is_refused(bench: &Bench) {
    let owner = bench.owner().await;
    let mut commit = owner.next();
    commit.worlds = vec![WorldChange::Status { world_id: "ghost".to_owned(), status: WorldStatus::Running }];
    let error = owner.store.commit(&owner.lease, &commit).await.unwrap_err();
    let StoreError::Refused { table: "world", world_id, .. } = &error else { panic!("{error}") };
    assert_eq!(world_id.as_deref(), Some("ghost"));
    owner.end().await;
}

pub(crate) async fn outbox_ids_beyond_the_lease_are_refused(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    owner.publish(&mut commit, vec![event(1, 1)]);
    commit.next_outbox_ids[1].1 = 1;
    let error = owner.store.commit(&owner.lease, &commit).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused { table: "outbox", row: Some(0), .. }), "{error}");
    owner.end().await;
}

pub(crate) async fn known_ticks_are_found_among_thousands(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut commit = owner.next();
    commit.ticks_seen = (0..3_000).filter(|n| n % 3 == 0).map(|n| tick(1, n)).collect();
    owner.commit(&commit).await;
    for count in [0, 1, 2, 9, 64, 65, 700, 3_000] {
        let asked: Vec<_> = (0..count).map(|n| (1, id(n))).collect();
        let expected: Vec<_> = asked.iter().copied().filter(|(_, tick)| tick.as_u128() % 3 == 0).collect();
        assert_eq!(owner.store.known_ticks(&asked).await.unwrap(), expected, "{count}");
    }
    owner.end().await;
}

pub(crate) async fn positions_hold_for_every_shard(bench: &Bench) {
    let mut owner = bench.owner().await;
    let enter = async |owner: &Owner, cluster_id, positions: &[InputPosition]| {
        let cluster = ClusterUse { cluster_id, embedded: false, now: 1 };
        owner.store.enter_cluster(&owner.lease, &cluster, positions).await.unwrap();
    };
    enter(&owner, "first", &[position("a", 0, 5), position("a", 1, 6), position("a", 2, 7)]).await;
    owner.store.forget_positions(&owner.lease, &[position("a", 2, 0)]).await.unwrap();
    let mut commit = owner.next();
    // The last word on a partition counts.
    commit.positions = vec![position("a", 1, 7), position("a", 1, 8)];
    owner.commit(&commit).await;
    let expected: Vec<(i32, InputPosition)> =
        (0..SHARDS).flat_map(|shard| [(shard, position("a", 0, 5)), (shard, position("a", 1, 8))]).collect();
    assert_eq!(owner.store.positions().await.unwrap(), expected);

    // Those of one cluster mean nothing on another.
    enter(&owner, "second", &[position("b", 0, 3)]).await;
    let expected: Vec<_> = (0..SHARDS).map(|shard| (shard, position("b", 0, 3))).collect();
    assert_eq!(owner.store.positions().await.unwrap(), expected);
    owner.end().await;
}

pub(crate) async fn marks_never_go_back(bench: &Bench) {
    let mut owner = bench.owner().await;
    let store = owner.store.clone();
    store.save_marks(&[mark(0, "a", 5), mark(1, "a", 2), mark(0, "a", 4)]).await.unwrap();
    store.save_marks(&[mark(0, "a", 3), mark(0, "b", 9), mark(1, "a", 7)]).await.unwrap();
    let mut commit = owner.next();
    commit.marks = vec![mark(1, "a", 6)];
    owner.commit(&commit).await;
    assert_eq!(store.marks("a").await.unwrap(), [mark(0, "a", 5), mark(1, "a", 7)]);
    assert_eq!(store.max_marks().await.unwrap(), [(0, 9), (1, 7)]);
    owner.end().await;
}

pub(crate) async fn own_ticks_count_as_unconsumed_until_they_are_known(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.commit_outbox(vec![own_tick(1, 1), event(1, 2), own_tick(1, 3)]).await;
    let ids = async |owner: &Owner| -> Vec<i64> {
        owner.store.unconsumed_own_ticks(10).await.unwrap().iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(&owner).await, [1, 3]);
    let mut commit = owner.next();
    commit.ticks_seen = vec![tick(1, 1)];
    owner.commit(&commit).await;
    assert_eq!(ids(&owner).await, [3]);
    owner.end().await;
}

pub(crate) async fn the_store_survives_being_opened_again(bench: &Bench) {
    let mut owner = bench.owner().await;
    let commit = full(&mut owner);
    owner.commit(&commit).await;
    let (store_id, epoch) = (owner.store.id(), owner.lease.epoch());
    owner.end().await;

    let owner = bench.owner().await;
    assert_eq!(owner.store.id(), store_id);
    assert_eq!(owner.lease.epoch(), epoch + 1);
    assert_eq!(owner.lease.commit_no(), 1);
    let next: Vec<_> = owner.lease.rows().iter().map(|row| row.next_outbox_id).collect();
    assert_eq!(next, [2, 3, 1]);
    let events = owner.store.events(&EventFilter::default(), Page::Newest, 10).await.unwrap();
    assert_eq!(events.len(), 3);
    owner.end().await;
}

pub(crate) async fn clusters_are_remembered_newest_first(bench: &Bench) {
    let owner = bench.owner().await;
    for (name, embedded, now) in [("a", true, 1), ("b", false, 2), ("a", true, 3)] {
        let cluster = ClusterUse { cluster_id: name, embedded, now };
        owner.store.enter_cluster(&owner.lease, &cluster, &[]).await.unwrap();
    }
    let seen: Vec<_> = owner.store.clusters().await.unwrap();
    let seen: Vec<_> =
        seen.iter().map(|row| (row.cluster_id.as_str(), row.embedded, row.first_used_at, row.last_used_at)).collect();
    assert_eq!(seen, [("a", true, 1, 3), ("b", false, 2, 2)]);
    owner.end().await;
}

pub(crate) async fn commands_are_known_by_world_and_id_and_go_by_age(bench: &Bench) {
    let mut owner = bench.owner().await;
    let command = |number: u128, world: &str, recorded_at: i64| CommandRow {
        command_id: id(number),
        world_id: world.to_owned(),
        shard: 1,
        command: "world.step".to_owned(),
        issued_by: "the tests".to_owned(),
        issued_at: 7,
        source: "api".to_owned(),
        outcome: "done".to_owned(),
        answer: Some("{\"now\":1}".to_owned()),
        recorded_at,
        commit_no: 1,
        ..CommandRow::default()
    };
    let refused = CommandRow {
        outcome: "refused".to_owned(),
        answer: None,
        error: Some("no".to_owned()),
        error_kind: Some("conflict".to_owned()),
        game_time: Some(-5),
        fingerprint: Some("of it".to_owned()),
        incarnation: Some(id(9)),
        ..command(2, "a", 20)
    };
    let change = |pointer: &str| ConfigChangeRow {
        world_id: "a".to_owned(),
        shard: 1,
        pointer: pointer.to_owned(),
        from: None,
        to: Some("2".to_owned()),
        changed_by: "the tests".to_owned(),
        command_id: Some(id(1)),
        recorded_at: 10,
        commit_no: 1,
    };
    let mut commit = owner.next();
    commit.commands = vec![command(1, "a", 10), command(1, "b", 10), refused.clone()];
    commit.config_changes = vec![change("/x"), change("/y")];
    owner.commit(&commit).await;
    let asked = |pairs: &[(&str, u128)]| pairs.iter().map(|(w, n)| ((*w).to_owned(), id(*n))).collect::<Vec<_>>();
    let known = owner.store.known_commands(&asked(&[("a", 1), ("a", 3), ("c", 1)])).await.unwrap();
    assert_eq!(known, [command(1, "a", 10)], "an id counts within its world");
    let many: Vec<(String, uuid::Uuid)> = (0..700).map(|number| ("a".to_owned(), id(number))).collect();
    assert_eq!(owner.store.known_commands(&many).await.unwrap().len(), 2);
    let listed = owner.store.commands(Some("a"), Page::Newest, 10).await.unwrap();
    assert_eq!(listed.into_iter().map(|listed| listed.row).collect::<Vec<_>>(), [refused.clone(), command(1, "a", 10)]);
    let changes = owner.store.config_changes("a", Page::Newest, 10).await.unwrap();
    assert_eq!(changes.into_iter().map(|listed| listed.row).collect::<Vec<_>>(), [change("/y"), change("/x")]);
    // The same id for the same world is refused: whoever commits must have looked.
    let mut again = owner.next();
    again.commands = vec![command(1, "a", 30)];
    let error = owner.store.commit(&owner.lease, &again).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Refused { table: "command", world_id: Some(world), .. } if world == "a"),
        "{error}"
    );

    // Commands go by age and never by number; changes of configuration the other way round.
    assert_eq!(swept(&owner.store, Swept::Commands, 20, Some(0)).await, 2);
    assert_eq!(swept(&owner.store, Swept::ConfigChanges, i64::MIN, None).await, 0);
    assert_eq!(swept(&owner.store, Swept::ConfigChanges, i64::MIN, Some(1)).await, 1);
    assert_eq!(
        owner.store.config_changes("a", Page::Newest, 10).await.unwrap()[0].row,
        change("/y"),
        "the newest stays"
    );
    assert_eq!(owner.store.known_commands(&asked(&[("a", 1), ("b", 1), ("a", 2)])).await.unwrap(), [refused]);
    owner.end().await;
}

pub(crate) async fn worlds_change_in_place_and_leave_a_mark_when_they_go(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.register(&world("demo", 1)).await;
    let change = |simulation: &str, spec: Option<&str>| WorldChange::Configure {
        world_id: "demo".to_owned(),
        simulation: simulation.to_owned(),
        spec: spec.map(str::to_owned),
    };
    let mut commit = owner.next();
    commit.worlds = vec![change("{\"a\":1}", None)];
    owner.commit(&commit).await;
    let expected = WorldRow { simulation: Some("{\"a\":1}".to_owned()), ..world("demo", 1) };
    assert_eq!(owner.store.worlds().await.unwrap(), std::slice::from_ref(&expected));
    let mut commit = owner.next();
    commit.worlds = vec![change("{\"a\":2}", Some("{}"))];
    owner.commit(&commit).await;
    let expected = WorldRow { simulation: Some("{\"a\":2}".to_owned()), spec: "{}".to_owned(), ..expected };
    assert_eq!(owner.store.worlds().await.unwrap(), [expected]);

    let remove = |file_hash| WorldChange::Remove { world_id: "demo".to_owned(), shard: 1, file_hash, at: 5 };
    let mut commit = owner.next();
    commit.worlds = vec![remove(7)];
    owner.commit(&commit).await;
    let gone = owner.store.unregistered_worlds().await.unwrap();
    assert_eq!(gone.iter().map(|gone| (gone.world_id.as_str(), gone.file_hash)).collect::<Vec<_>>(), [("demo", 7)]);
    owner.register(&world("demo", 2)).await;
    assert_eq!(owner.store.unregistered_worlds().await.unwrap(), [], "it is back");
    assert_eq!(owner.store.worlds().await.unwrap(), [world("demo", 2)], "as it was registered");
    owner.end().await;
}
