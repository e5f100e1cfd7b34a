//! Random commits against a plain list of what was committed.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use uuid::Uuid;
use worldtick::plugins::store::{
    Commit, Cursor, DeadLetterRow, EventFilter, InputPosition, JournalRow, Listed, MarketStateRow, OutboxRow, Page,
    TickFilter, TickHistoryRow, TickSeenRow,
};

use crate::harness::{Bench, Owner, SHARDS};

const SEQUENCES: usize = 40;

/// Text that every engine takes: anything but NUL.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_map(|text| text.replace('\0', "\u{2400}"))
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    option::of(vec(any::<u8>(), 0..40))
}

fn uuid() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn history() -> impl Strategy<Value = TickHistoryRow> {
    let first = (uuid(), text(), option::of(text()), 0..SHARDS, text(), option::of(text()));
    let second = (option::of(any::<i64>()), option::of(text()), option::of(any::<i32>()), option::of(any::<i64>()));
    (first, second, any::<[i64; 3]>()).prop_map(|(first, second, [events, markets_cleared, recorded_at])| {
        let (tick_id, tick_type, world_id, shard, outcome, detail) = first;
        let (game_time, topic, partition, offset) = second;
        TickHistoryRow {
            tick_id,
            tick_type,
            world_id,
            shard,
            outcome,
            detail,
            game_time,
            topic,
            partition,
            offset,
            events,
            markets_cleared,
            recorded_at,
            commit_no: 0,
        }
    })
}

fn market() -> impl Strategy<Value = MarketStateRow> {
    (0..SHARDS, text(), option::of(any::<i64>()), any::<[i64; 5]>(), uuid(), text()).prop_map(
        |(shard, commodity, price, numbers, tick_id, measures)| {
            let [volume, asks_unfilled, bids_unfilled, game_time, recorded_at] = numbers;
            MarketStateRow {
                world_id: "demo".to_owned(),
                shard,
                market_id: "market".to_owned(),
                commodity,
                price,
                volume,
                asks_unfilled,
                bids_unfilled,
                tick_id,
                game_time,
                recorded_at,
                measures,
                commit_no: 0,
            }
        },
    )
}

fn dead_letter() -> impl Strategy<Value = DeadLetterRow> {
    let place = (0..SHARDS, text(), any::<i32>(), any::<i64>(), option::of(any::<i64>()));
    (place, bytes(), bytes(), text(), text(), any::<i64>()).prop_map(
        |(place, key, value, error_class, error_message, recorded_at)| {
            let (shard, topic, partition, offset, timestamp_ms) = place;
            DeadLetterRow {
                shard,
                topic,
                partition,
                offset,
                timestamp_ms,
                key,
                value,
                error_class,
                error_message,
                recorded_at,
                commit_no: 0,
            }
        },
    )
}

fn outbox() -> impl Strategy<Value = OutboxRow> {
    let names = (0..SHARDS, uuid(), text(), text(), option::of(text()), option::of(uuid()));
    let headers = vec((text(), vec(any::<u8>(), 0..9)), 0..4);
    (names, bytes(), headers, bytes(), any::<i64>()).prop_map(|(names, key, headers, body, created_at)| {
        let (shard, event_id, topic, event_type, world_id, tick_id) = names;
        OutboxRow { shard, id: 0, event_id, topic, event_type, world_id, tick_id, key, headers, body, created_at }
    })
}

fn position() -> impl Strategy<Value = InputPosition> {
    ("[a-c]", 0..3_i32, any::<i64>()).prop_map(|(topic, partition, next)| InputPosition { topic, partition, next })
}

fn journal() -> impl Strategy<Value = JournalRow> {
    (0..SHARDS, text(), text(), any::<i64>(), any::<i64>()).prop_map(
        |(shard, simulation_version, inputs, state_hash, cost_micros)| JournalRow {
            world_id: "demo".to_owned(),
            shard,
            commit_no: 0,
            simulation_version,
            inputs,
            state_hash,
            cost_micros,
        },
    )
}

/// A commit whose numbers are still to be filled in.
fn commit() -> impl Strategy<Value = Commit> {
    let ticks = vec((0..SHARDS, uuid(), any::<i64>()), 0..20);
    let lists = (vec(history(), 0..20), vec(market(), 0..20), vec(dead_letter(), 0..4), vec(outbox(), 0..40));
    (option::of(journal()), ticks, lists, vec(position(), 0..6)).prop_map(|(journal, ticks, lists, positions)| {
        let (tick_history, market_states, dead_letters, outbox) = lists;
        let ticks_seen =
            ticks.into_iter().map(|(shard, tick_id, seen_at)| TickSeenRow { shard, tick_id, seen_at }).collect();
        let journal = journal.into_iter().collect();
        Commit {
            journal,
            ticks_seen,
            tick_history,
            market_states,
            dead_letters,
            outbox,
            positions,
            ..Commit::default()
        }
    })
}

/// Fills in what the engine would.
fn number(owner: &mut Owner, mut commit: Commit) -> Commit {
    let rows = std::mem::take(&mut commit.outbox);
    let no = owner.last_commit + 1;
    commit.journal.iter_mut().for_each(|row| row.commit_no = no);
    commit.tick_history.iter_mut().for_each(|row| row.commit_no = no);
    commit.market_states.iter_mut().for_each(|row| row.commit_no = no);
    commit.dead_letters.iter_mut().for_each(|row| row.commit_no = no);
    let mut commit = Commit { epoch: owner.lease.epoch(), commit_no: no, ..commit };
    owner.publish(&mut commit, rows);
    commit
}

/// In the order in which rows of one commit are listed: by shard, then as they came.
fn listed<T: Clone>(commits: &[Commit], rows: impl Fn(&Commit) -> &[T], shard: impl Fn(&T) -> i32) -> Vec<T> {
    let mut all = Vec::new();
    for commit in commits {
        let mut some = rows(commit).to_vec();
        some.sort_by_key(|row| shard(row));
        all.extend(some);
    }
    all
}

fn bare<T>(rows: Vec<Listed<T>>) -> Vec<T> {
    rows.into_iter().map(|listed| listed.row).collect()
}

async fn compare(owner: &Owner, commits: &[Commit], positions: &BTreeMap<(String, i32), i64>) {
    let store = &owner.store;
    let start = commits[0].commit_no;
    let page = Page::After(Cursor { commit_no: start, shard: -1, seq: -1 });
    let journal: Vec<JournalRow> = commits.iter().flat_map(|commit| commit.journal.clone()).collect();
    assert_eq!(store.journal_after("demo", start - 1, 1_000).await.unwrap(), journal);
    let rows = store.tick_history(&TickFilter::default(), page, 1_000).await.unwrap();
    assert_eq!(bare(rows), listed(commits, |commit| &commit.tick_history, |row| row.shard));
    let rows = store.market_history("demo", "market", page, 1_000).await.unwrap();
    assert_eq!(bare(rows), listed(commits, |commit| &commit.market_states, |row| row.shard));
    let rows = store.dead_letters(None, page, 1_000).await.unwrap();
    assert_eq!(bare(rows), listed(commits, |commit| &commit.dead_letters, |row| row.shard));
    let rows = store.events(&EventFilter::default(), page, 1_000).await.unwrap();
    assert_eq!(bare(rows), listed(commits, |commit| &commit.outbox, |row| row.shard));
    let mut ticks: Vec<_> =
        commits.iter().flat_map(|commit| &commit.ticks_seen).map(|row| (row.shard, row.tick_id)).collect();
    ticks.sort_unstable();
    assert_eq!(store.known_ticks(&ticks).await.unwrap(), ticks);
    let expected: Vec<_> = (0..SHARDS)
        .flat_map(|shard| {
            positions.iter().map(move |((topic, partition), next)| {
                (shard, InputPosition { topic: topic.clone(), partition: *partition, next: *next })
            })
        })
        .collect();
    assert_eq!(store.positions().await.unwrap(), expected);
}

pub(crate) async fn random_commits_read_back_as_they_were(bench: &Bench) {
    let mut owner = bench.owner().await;
    let mut positions = BTreeMap::new();
    // A fixed seed: a failure comes again, and both engines get the same rows.
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let sequences = vec(commit(), 1..6);
    for _ in 0..SEQUENCES {
        let sequence = sequences.new_tree(&mut runner).unwrap().current();
        let mut done = Vec::new();
        for commit in sequence {
            let commit = number(&mut owner, commit);
            owner.commit(&commit).await;
            let news = commit.positions.iter().map(|row| ((row.topic.clone(), row.partition), row.next));
            positions.extend(news);
            done.push(commit);
        }
        compare(&owner, &done, &positions).await;
    }
    owner.end().await;
}
