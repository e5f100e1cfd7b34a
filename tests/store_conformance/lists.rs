//! Lists by page and filter.

use worldtick::plugins::store::{
    Commit, Cursor, EventFilter, JobFilter, JobRow, JobStage, Listed, OutboxRow, Page, StoreCounts, Sweep, Swept,
    TickFilter, TickHistoryRow,
};

use crate::harness::{
    Bench, Owner, dead_letter, event, history, id, journal, market, relation, relation_history, snapshot, tick, world,
};

/// Ten commits with three rows of history and two events each.
async fn filled(bench: &Bench) -> Owner {
    let mut owner = bench.owner().await;
    for no in 1..=10_i64 {
        let number = u128::try_from(no).unwrap() * 100;
        let mut commit = owner.next();
        commit.tick_history = vec![
            history(Some("demo"), number, no),
            TickHistoryRow { outcome: "late".to_owned(), ..history(Some("other"), number + 1, no) },
            TickHistoryRow { tick_type: "daily".to_owned(), ..history(None, number + 2, no) },
        ];
        let other = OutboxRow {
            world_id: Some("other".to_owned()),
            event_type: "simulation.event.crowd_signal".to_owned(),
            ..event(0, number + 1)
        };
        owner.publish(&mut commit, vec![event(1, number), other]);
        owner.commit(&commit).await;
    }
    owner
}

pub(crate) async fn lists_page_both_ways_without_gaps(bench: &Bench) {
    let owner = filled(bench).await;
    let all = owner.store.tick_history(&TickFilter::default(), Page::Newest, 1_000).await.unwrap();
    assert_eq!(all.len(), 30);
    assert!(all.windows(2).all(|pair| pair[0].cursor > pair[1].cursor));

    let mut down = owner.store.tick_history(&TickFilter::default(), Page::Newest, 7).await.unwrap();
    while let page = owner.store.tick_history(&TickFilter::default(), before(&down), 7).await.unwrap()
        && !page.is_empty()
    {
        down.extend(page);
    }
    assert_eq!(down, all);

    let events = owner.store.events(&EventFilter::default(), Page::Newest, 1_000).await.unwrap();
    assert_eq!(events.len(), 20);
    let mut up: Vec<Listed<OutboxRow>> = Vec::new();
    while let page = owner.store.events(&EventFilter::default(), after(&up), 3).await.unwrap()
        && !page.is_empty()
    {
        up.extend(page);
    }
    up.reverse();
    assert_eq!(up, events);
    owner.end().await;
}

fn before<T>(rows: &[Listed<T>]) -> Page {
    rows.last().map_or(Page::Newest, |row| Page::Before(row.cursor))
}

fn after<T>(rows: &[Listed<T>]) -> Page {
    Page::After(rows.last().map_or(Cursor { commit_no: 0, shard: 0, seq: 0 }, |row| row.cursor))
}

pub(crate) async fn lists_filter(bench: &Bench) {
    let owner = filled(bench).await;
    let ticks = async |filter: TickFilter| owner.store.tick_history(&filter, Page::Newest, 100).await.unwrap().len();
    assert_eq!(ticks(TickFilter { world_id: Some("demo".to_owned()), ..TickFilter::default() }).await, 10);
    assert_eq!(ticks(TickFilter { outcome: Some("late".to_owned()), ..TickFilter::default() }).await, 10);
    assert_eq!(ticks(TickFilter { tick_type: Some("hourly".to_owned()), ..TickFilter::default() }).await, 20);
    assert_eq!(ticks(TickFilter { tick_id: Some(id(301)), ..TickFilter::default() }).await, 1);
    let both =
        TickFilter { world_id: Some("demo".to_owned()), outcome: Some("late".to_owned()), ..TickFilter::default() };
    assert_eq!(ticks(both).await, 0);

    let events = async |filter: EventFilter| owner.store.events(&filter, Page::Newest, 100).await.unwrap().len();
    assert_eq!(events(EventFilter { world_id: Some("other".to_owned()), ..EventFilter::default() }).await, 10);
    let signal = Some("simulation.event.crowd_signal".to_owned());
    assert_eq!(events(EventFilter { event_type: signal, ..EventFilter::default() }).await, 10);
    assert_eq!(events(EventFilter { tick_id: Some(id(50)), ..EventFilter::default() }).await, 2);
    assert_eq!(events(EventFilter { topic: Some("world.tick.daily".to_owned()), ..EventFilter::default() }).await, 0);
    // A name is a value, whatever it holds.
    let hostile = Some("demo' OR '1'='1".to_owned());
    assert_eq!(events(EventFilter { world_id: hostile, ..EventFilter::default() }).await, 0);
    owner.end().await;
}

pub(crate) async fn the_latest_state_of_each_market_is_of_this_incarnation(bench: &Bench) {
    let mut owner = bench.owner().await;
    assert_eq!(owner.store.latest_markets("demo").await.unwrap(), []);
    let mut first = world("demo", 1);
    first.registered_commit = 0;
    owner.register(&first).await;
    for no in 2..=5 {
        let mut states = vec![market("demo", "grain", no), market("neighbour", "grain", no)];
        if no == 3 {
            states.push(market("demo", "wood", no));
        }
        let commit = Commit { market_states: states, ..owner.next() };
        owner.commit(&commit).await;
    }
    let latest = owner.store.latest_markets("demo").await.unwrap();
    assert_eq!(latest, [market("demo", "grain", 5), market("demo", "wood", 3)]);
    let history = owner.store.market_history("demo", "market-grain", Page::Newest, 3).await.unwrap();
    assert_eq!(history.iter().map(|listed| listed.row.commit_no).collect::<Vec<_>>(), [5, 4, 3]);

    let mut second = world("demo", 2);
    second.registered_commit = 5;
    owner.register(&second).await;
    assert_eq!(owner.store.latest_markets("demo").await.unwrap(), []);
    let history = owner.store.market_history("demo", "market-grain", before(&history), 3).await.unwrap();
    assert_eq!(history.iter().map(|listed| listed.row.commit_no).collect::<Vec<_>>(), [2]);
    owner.end().await;
}

pub(crate) async fn a_relation_is_kept_once_and_what_happened_for_ever(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.register(&world("demo", 1)).await;
    for no in 2..=4 {
        let relations = vec![relation("demo", "b", no), relation("demo", if no == 2 { "c" } else { "d" }, no)];
        let relation_history =
            vec![relation_history("b", no, false), relation_history("b", no, true), relation_history("c", no, true)];
        let commit = Commit { relations, relation_history, ..owner.next() };
        owner.commit(&commit).await;
    }
    let store = &owner.store;
    let all = [relation("demo", "b", 4), relation("demo", "c", 2), relation("demo", "d", 4)];
    assert_eq!(store.relations("demo", ("", ""), 10).await.unwrap(), all);
    assert_eq!(store.relations("demo", ("", ""), 2).await.unwrap(), all[..2]);
    assert_eq!(store.relations("demo", ("a", "c"), 10).await.unwrap(), all[2..]);
    assert_eq!(store.relations("demo", ("b", ""), 10).await.unwrap(), []);
    assert_eq!(store.relations("neighbour", ("", ""), 10).await.unwrap(), []);
    let history = store.relation_history("demo", ("a", "b"), Page::Newest, 3).await.unwrap();
    let expected = [relation_history("b", 4, true), relation_history("b", 4, false), relation_history("b", 3, true)];
    assert_eq!(history.iter().map(|listed| listed.row.clone()).collect::<Vec<_>>(), expected);
    let older = store.relation_history("demo", ("a", "b"), before(&history), 10).await.unwrap();
    assert_eq!(older.len(), 3);

    // Begun anew, nobody stands in any way; what happened before is still known.
    owner.register(&world("demo", 2)).await;
    assert_eq!(owner.store.relations("demo", ("", ""), 10).await.unwrap(), []);
    let history = owner.store.relation_history("demo", ("a", "c"), Page::Newest, 10).await.unwrap();
    assert_eq!(history.len(), 3);
    owner.end().await;
}

/// A job of the world as `world("demo", incarnation)` makes it.
pub(crate) fn job(incarnation: u128, job_id: i64, commit_no: i64, (state, stage): (&str, JobStage)) -> JobRow {
    JobRow {
        world_id: "demo".to_owned(),
        incarnation: world("demo", incarnation).incarnation,
        job_id,
        shard: 1,
        commit_no,
        state: state.to_owned(),
        is_over: state == "dead",
        stage,
        kind: "scene".to_owned(),
        user: if job_id == 7 { "alice" } else { "bob" }.to_owned(),
        session: Some("s".to_owned()),
        npc_id: Some(4),
        priority: -5,
        attempt: commit_no - 2,
        timeout_seconds: if stage == JobStage::Sent { 30 } else { 0 },
        reason: (state == "dead").then(|| "timeout".to_owned()),
        deadline: 9_000,
        recorded_at: 1_000 + commit_no,
        ..JobRow::default()
    }
}

pub(crate) async fn a_job_is_kept_once_and_those_for_the_edge_are_found(bench: &Bench) {
    let mut owner = bench.owner().await;
    owner.register(&world("demo", 1)).await;
    let (waits, sent) = (("queued", JobStage::Waits), ("queued", JobStage::Sent));
    let commit = Commit { jobs: vec![job(1, 7, 2, waits), job(1, 8, 2, ("pending", JobStage::None))], ..owner.next() };
    owner.commit(&commit).await;
    let commit = Commit { jobs: vec![job(1, 7, 3, sent), job(1, 8, 3, waits)], ..owner.next() };
    owner.commit(&commit).await;
    let everything = JobFilter::default();
    let all = [job(1, 7, 3, sent), job(1, 8, 3, waits)];
    assert_eq!(owner.store.jobs("demo", &everything, 0, 10).await.unwrap(), all);
    assert_eq!(owner.store.jobs("demo", &everything, 7, 10).await.unwrap(), all[1..]);
    assert_eq!(owner.store.jobs("demo", &everything, 0, 1).await.unwrap(), all[..1]);
    assert_eq!(owner.store.open_jobs().await.unwrap(), all);
    let of_bob = JobFilter { user: Some("bob".to_owned()), state: Some("queued".to_owned()), ..JobFilter::default() };
    assert_eq!(owner.store.jobs("demo", &of_bob, 0, 10).await.unwrap(), all[1..]);
    // One that runs keeps the time that workers were given.
    let running = JobRow { timeout_seconds: 0, ..job(1, 7, 4, ("running", JobStage::Sent)) };
    let commit = Commit { jobs: vec![running, job(1, 8, 4, ("dead", JobStage::None))], ..owner.next() };
    owner.commit(&commit).await;
    let open = owner.store.open_jobs().await.unwrap();
    assert_eq!(open, [job(1, 7, 4, ("running", JobStage::Sent))]);
    // Begun anew, the world has none; those of before go by age.
    owner.register(&world("demo", 2)).await;
    assert_eq!(owner.store.jobs("demo", &everything, 0, 10).await.unwrap(), []);
    assert_eq!(owner.store.open_jobs().await.unwrap(), []);
    let mut sweep = Sweep::new(Swept::GenerationJobs, 2_000, None);
    let mut removed = 0;
    while !sweep.is_done() {
        removed += owner.store.sweep(&mut sweep, 1).await.unwrap();
    }
    assert_eq!(removed, 2);
    owner.end().await;
}

pub(crate) async fn counts_count_every_table(bench: &Bench) {
    let mut owner = bench.owner().await;
    assert_eq!(owner.store.counts().await.unwrap(), StoreCounts::default());
    owner.register(&world("demo", 1)).await;
    let mut commit = owner.next();
    commit.journal = vec![journal("demo", 2)];
    commit.ticks_seen = (0..2).map(|n| tick(0, n)).collect();
    commit.tick_history = (0..3).map(|n| history(None, n, 2)).collect();
    commit.market_states = (0..4).map(|n| market("demo", &format!("good-{n}"), 2)).collect();
    commit.dead_letters = (0..5).map(|_| dead_letter(2)).collect();
    owner.publish(&mut commit, (0..6).map(|n| event(2, n)).collect());
    owner.commit(&commit).await;
    assert!(owner.store.save_snapshot(&owner.lease, &snapshot(&world("demo", 1), 2)).await.unwrap());
    let expected = StoreCounts {
        worlds: 1,
        journal: 1,
        snapshots: 1,
        ticks: 2,
        tick_history: 3,
        market_states: 4,
        dead_letters: 5,
        outbox: 6,
    };
    assert_eq!(owner.store.counts().await.unwrap(), expected);
    owner.end().await;
}
