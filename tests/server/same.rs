//! The same seed and the same orders give the same hash at every step, on any number of threads and through a restart:
//! tiers, focus, pins, sessions and a budget that is too small included.

use std::collections::BTreeMap;

use crate::server_support::{TestServer, world};
use serde_json::{Value, json};

const WORLDS: [&str; 5] = ["a", "b", "c", "d", "e"];
const HOURS: usize = 14;

/// The world that ships, with a seed of its own and too few turns for its people.
fn busy(seed: usize, id: &str) -> String {
    world(id, "manual")
        .replace("seed: 2281", &format!("seed: {seed}"))
        .replace("maxNpcTicksPerStep: 400", "maxNpcTicksPerStep: 70")
}

/// What is ordered of a world besides time.
fn orders(hour: usize) -> Vec<(&'static str, Value)> {
    match hour {
        1 => vec![
            (
                "sessions",
                json!({ "sessionId": "alice", "flags": { "met": true }, "preferences": { "nightOwl": true } }),
            ),
            (
                "focus",
                json!({ "kind": "player_location", "place": "bazaar", "ttlSeconds": 9_000, "sessionId": "alice" }),
            ),
        ],
        3 => vec![("focus", json!({ "kind": "story", "npcs": ["mara-voss", "docker-3"], "ttlSeconds": 20_000 }))],
        4 => vec![("npcs/silas-crow/pin", json!({ "tier": "detailed" }))],
        6 => vec![
            ("npcs/clerk-7/pin", json!({ "tier": "dormant" })),
            (
                "commands",
                json!({
                    "command": "npc.create",
                    "payload": { "name": "newcomer", "routine": "drifter", "home": "lantern-court" },
                }),
            ),
        ],
        9 => vec![("unfocus", json!({ "sessionId": "alice" }))],
        _ => Vec::new(),
    }
}

/// The hash of a world after each of its steps, and what its scheduler says at the end.
type Trace = BTreeMap<&'static str, (Vec<Value>, Value)>;

/// An hour in one world.
fn hour(server: &TestServer, id: &str, hour: usize) -> Vec<Value> {
    let api = server.api();
    for (path, body) in orders(hour) {
        let answer = api.post(&format!("/api/v1/worlds/{id}/{path}"), &body);
        assert!((200..300).contains(&answer.status), "{path}: {}", answer.text);
    }
    // The hash out of the step's own answer: whoever asks the world afterwards may be overtaken by the hour's tick.
    let quarter =
        || api.post(&format!("/api/v1/worlds/{id}/step"), &json!({ "game_seconds": 900 })).ok()["state_hash"].clone();
    let mut hashes: Vec<Value> = (0..4).map(|_| quarter()).collect();
    assert!(hashes.iter().all(Value::is_string), "a hash in every answer: {hashes:?}");
    // The hour's own tick comes by way of the broker.
    crate::bridge_support::wait_for("the ticks of the hour", || {
        let world = server.world(id);
        (world["outstanding_ticks"] == 0).then(|| hashes.push(world["state_hash"].clone()))
    });
    hashes
}

fn run(threads: u32, restart_after: Option<usize>) -> Trace {
    let worlds: Vec<String> = WORLDS.iter().enumerate().map(|(seed, id)| busy(seed, id)).collect();
    let mut server = TestServer::start_with(&worlds, move |config| config.host.worker_threads = threads);
    let mut hashes: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for now in 0..HOURS {
        if restart_after == Some(now) {
            server.restart();
        }
        // All worlds at once, so that the threads have something to mix up.
        let of_all: Vec<(&str, Vec<Value>)> = std::thread::scope(|scope| {
            let server = &server;
            let each = WORLDS.map(|id| scope.spawn(move || (id, hour(server, id, now))));
            each.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        for (id, found) in of_all {
            hashes.entry(id).or_default().extend(found);
        }
    }
    let told = |id: &str| server.api().get(&format!("/api/v1/worlds/{id}/scheduler")).ok()["state"].clone();
    hashes.into_iter().map(|(id, found)| (id, (found, told(id)))).collect()
}

#[test]
fn the_same_orders_give_the_same_hash_at_every_step_on_any_number_of_threads_and_through_a_restart() {
    let one = run(1, None);
    for (id, (hashes, state)) in &one {
        assert!(state["moves"].as_array().expect("a list").len() > 4, "{id}: the tiers were used: {state}");
        let deferred = state["last"]["deferredBy"]["maxNpcTicksPerStep"].as_u64();
        assert!(deferred > Some(0), "{id}: the budget told: {state}");
        assert_eq!(hashes.len(), 5 * HOURS);
    }
    assert_ne!(one["a"].0, one["b"].0, "other seeds, other histories");
    for (threads, restart_after) in [(2, None), (8, None), (2, Some(5))] {
        let again = run(threads, restart_after);
        for (id, (hashes, state)) in &one {
            let first = hashes.iter().zip(&again[id].0).position(|(one, other)| one != other);
            assert_eq!(first, None, "world {id} on {threads} threads, restart after {restart_after:?}");
            assert_eq!(state, &again[id].1, "world {id} on {threads} threads, restart after {restart_after:?}");
        }
    }
}
