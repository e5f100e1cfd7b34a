//! What outlives a server: time, state, ticks that were on their way; and the same inputs give the same bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::bridge_support::wait_for;
use crate::server_support::ticks::Tick;
use crate::server_support::{DAILY, EVENTS, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::schedules::HourlyTick;

#[test]
fn worlds_go_on_where_they_were() {
    let mut server = TestServer::start(&[world("live", "live"), world("hand", "manual"), world("ticks", "ticks")]);
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 1800})).ok();
    let tick = Tick::hourly("ticks", "2077-06-01T00:00:00Z");
    server.send(HOURLY, 0, &tick.text());
    server.history(&tick.id, 1);
    server.api().post("/api/v1/worlds/ticks/pause", &json!({"reason": "for later"})).ok();
    wait_for("the live world has lived", || (server.events_of("live").len() >= 2 * EVENTS_PER_HOUR).then_some(()));
    let seen = ["live", "hand", "ticks"].map(|id| server.world(id));
    server.restart();
    let again = ["live", "hand", "ticks"].map(|id| server.world(id));
    for (before, after) in seen.iter().zip(&again) {
        assert_eq!(before["incarnation"], after["incarnation"]);
        assert_eq!(before["shard"], after["shard"]);
    }
    for (before, after) in seen.iter().zip(&again).skip(1) {
        for field in ["now", "state_hash", "inputs", "status"] {
            assert_eq!(before[field], after[field], "{field} of {}", before["world_id"]);
        }
    }
    assert!(again[0]["now"].as_str() >= seen[0]["now"].as_str(), "time never goes back");
    assert!(again[0]["inputs"].as_u64() >= seen[0]["inputs"].as_u64());
    wait_for("the live world goes on", || (server.world("live")["now"] != again[0]["now"]).then_some(()));
    // The broker is new; the history is not: the tick is still known.
    server.send(HOURLY, 0, &tick.text());
    let rows = server.history(&tick.id, 2);
    let mut outcomes: Vec<&str> = rows.iter().map(|row| row["outcome"].as_str().unwrap()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["applied", "duplicate"]);
}

/// A door that lets some hours through and keeps the others waiting until it is opened for good.
struct Door {
    hours: Mutex<Hours>,
    changed: Condvar,
}

struct Hours {
    admitted: usize,
    came: usize,
    open: bool,
}

impl Door {
    fn admitting(admitted: usize) -> Arc<Self> {
        Arc::new(Self { hours: Mutex::new(Hours { admitted, came: 0, open: false }), changed: Condvar::new() })
    }

    fn pass(&self) {
        let mut hours = self.hours.lock().unwrap();
        hours.came += 1;
        let is_kept = |hours: &mut Hours| !hours.open && hours.came > hours.admitted;
        // A test that has failed must end, too.
        drop(self.changed.wait_timeout_while(hours, Duration::from_secs(60), is_kept).unwrap());
    }

    /// Hours of one world that have come to the door: they come one after the other.
    fn came(&self) -> usize {
        self.hours.lock().unwrap().came
    }

    fn open(&self) {
        self.hours.lock().unwrap().open = true;
        self.changed.notify_all();
    }
}

#[test]
fn ticks_that_are_being_worked_on_are_still_on_their_way() {
    let door = Door::admitting(1);
    let of_hours = door.clone();
    let mut server = TestServer::prepare(&[world("hand", "manual")], |_| {}).plugins(move |app| {
        let door = of_hours.clone();
        app.add_systems(HourlyTick, move || door.pass());
    });
    server.begin();
    // A day at once: its 24 hours and the day itself are on their way, and nearly all are taken in together.
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 86_400})).ok();
    wait_for("one hour has run, and the next is at the door", || {
        (server.world("hand")["inputs"].as_u64() >= Some(2) && door.came() == 2).then_some(())
    });
    // Who waits for the last of them waits for what they come to: whatever has not become an input is on its way. The
    // day may have overtaken its hours, as it stands on another topic and this world keeps its own time.
    let held = server.world("hand");
    let (inputs, on_their_way) = (held["inputs"].as_u64().unwrap(), held["outstanding_ticks"].as_u64().unwrap());
    let history = || server.api().get("/api/v1/ticks?world=hand&limit=1000").text;
    assert_eq!(inputs + on_their_way, 26, "{held}; {} at the door; {}", door.came(), history());
    assert!((2..=3).contains(&inputs), "{held}");
    door.open();
    let ran = wait_for("they have run", || {
        let world = server.world("hand");
        (world["outstanding_ticks"] == 0).then_some(world)
    });
    assert_eq!(ran["inputs"], 26, "and what they came to is there");
}

#[test]
fn ticks_that_the_broker_has_lost_are_published_again_and_run_once() {
    let door = Door::admitting(2);
    let of_hours = door.clone();
    let worlds = [world("early", "manual"), world("hand", "manual")];
    // Four times as many inputs may be under way as go into one commit: eight.
    let mut server = TestServer::prepare(&worlds, |config| config.host.inputs_per_commit_max = 2).plugins(move |app| {
        let door = of_hours.clone();
        app.add_systems(HourlyTick, move || door.pass());
    });
    server.begin();
    // Not an hour, but a step: at a stop it is kept in a snapshot.
    server.api().post("/api/v1/worlds/early/step", &json!({"game_seconds": 60})).ok();
    // Two days at once: the ticks of 48 hours and two days are on their way when the server ends.
    server.api().post("/api/v1/worlds/hand/step", &json!({"game_seconds": 172_800})).ok();
    wait_for("an hour is kept at the door", || (door.came() == 3).then_some(()));
    let snapshot = "SELECT CAST(COUNT(*) AS TEXT), CAST(MAX(commit_no) AS TEXT) FROM snapshot WHERE world_id = 'early'";
    let before = server.query_store(snapshot);
    let running = server.take_running();
    std::thread::scope(|scope| {
        let stopping = scope.spawn(move || running.stop());
        // From then on nothing is taken in, and what had been is finished: the door may open.
        wait_for("the engine has begun to stop", || (server.query_store(snapshot) != before).then_some(()));
        assert_eq!(door.came(), 3, "nothing has passed meanwhile");
        door.open();
        stopping.join().unwrap().expect("it stops cleanly");
    });
    assert!(
        (3..=10).contains(&door.came()),
        "two were let through, and eight may have been under way: {}",
        door.came()
    );
    server.begin();
    let again = wait_for("ticks on the new broker", || Some(server.read(HOURLY)).filter(|records| !records.is_empty()));
    let first: Value = serde_json::from_str(&again[0].text()).expect("JSON");
    assert_eq!(first["world_id"], "hand");
    let rows = wait_for("fifty ticks in the history", || {
        let found = server.api().get("/api/v1/ticks?world=hand&limit=1000").ok();
        let rows = found["items"].as_array().expect("items").clone();
        (rows.iter().filter(|row| row["outcome"] == "applied").count() >= 50).then_some(rows)
    });
    let applied: Vec<&Value> = rows.iter().filter(|row| row["outcome"] == "applied").collect();
    let ids: BTreeSet<&str> = applied.iter().map(|row| row["tick_id"].as_str().unwrap()).collect();
    assert_eq!((applied.len(), ids.len()), (50, 50), "each once");
    let hours: Vec<&str> = applied
        .iter()
        .filter(|row| row["tick_type"] == "hourly")
        .map(|row| row["game_time"].as_str().unwrap())
        .collect();
    assert!(hours.is_sorted_by(|later, earlier| later > earlier), "in their order (newest first): {hours:?}");
    wait_for("none is on its way", || (server.world("hand")["outstanding_ticks"] == 0).then_some(()));
    // The events of both lives are in the store, once each.
    let mut events = BTreeSet::new();
    let mut path = "/api/v1/events?world=hand&limit=1000".to_owned();
    let mut count = 0;
    loop {
        let page = server.api().get(&path).ok();
        // A day may overtake its hours, and be summed up with the next; factions and the crowd live by the day.
        let of_hours = |event: &&Value| is_of_an_hour(&event["body"]);
        for event in page["items"].as_array().expect("items").iter().filter(of_hours) {
            events.insert(event["event_id"].as_str().unwrap().to_owned());
            count += 1;
        }
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/events?world=hand&limit=1000&cursor={next}");
    }
    assert_eq!((count, events.len()), (48 * EVENTS_PER_HOUR, 48 * EVENTS_PER_HOUR));
    // And a third life has nothing to do.
    server.restart();
    assert_eq!(server.read(HOURLY).len(), 0);
}

/// Whether it is an event of the economy's or of people, and not of a whole day.
fn is_of_an_hour(event: &Value) -> bool {
    let of_days = ["world.crowd", "world.diplomacy"];
    event["stats_type"] != "daily_summary" && !of_days.iter().any(|source| event["source"] == *source)
}

/// What a server made of fixed inputs: events by world and key, in order, without the id that belongs to the
/// incarnation; and the state hashes.
type Trace = (BTreeMap<(String, String), Vec<Vec<u8>>>, Vec<Value>);

fn run(threads: u32, restart_after: Option<usize>) -> Trace {
    let ids = ["a", "b", "c", "d", "e"];
    let worlds: Vec<String> = ids
        .iter()
        .enumerate()
        .map(|(seed, id)| world(id, "ticks").replace("seed: 2281", &format!("seed: {seed}")))
        .collect();
    let mut server = TestServer::start_with(&worlds, move |config| config.host.worker_threads = threads);
    let mut records = Vec::new();
    for hour in 0..6 {
        if restart_after == Some(hour) {
            server.wait_until_published();
            records.extend(server.read(EVENTS));
            server.restart();
        }
        let time = format!("2077-01-01T{:02}:00:00Z", hour + 1);
        let tick = Tick::hourly("x", &time).with_id(Uuid::from_u128(1_000 + hour as u128));
        server.send(HOURLY, 0, &tick.text().replace(r#","world_id":"x""#, ""));
        server.history(&tick.id, ids.len());
    }
    let daily = Tick::hourly("x", "2077-01-02T00:00:00Z").with_id(Uuid::from_u128(2_000));
    let text =
        daily.text().replace(r#","world_id":"x""#, "").replace("hourly", "daily").replace("game_hour", "game_day");
    server.send(DAILY, 0, &text);
    server.history(&daily.id, ids.len());
    server.wait_until_published();
    records.extend(server.read(EVENTS));
    let mut events: BTreeMap<(String, String), Vec<Vec<u8>>> = BTreeMap::new();
    for record in records {
        let mut event: Value = serde_json::from_str(&record.text()).expect("JSON");
        let world = event["world_id"].as_str().expect("a world").to_owned();
        event.as_object_mut().expect("an object").shift_remove("event_id").expect("it has an id");
        let key = String::from_utf8(record.key.expect("a key")).expect("text");
        events.entry((world, key)).or_default().push(serde_json::to_vec(&event).expect("JSON"));
    }
    (events, ids.map(|id| server.world(id)["state_hash"].clone()).to_vec())
}

#[test]
fn the_same_inputs_give_the_same_bytes_on_any_number_of_threads_and_through_a_restart() {
    let one = run(1, None);
    let of_hours = |events: &Vec<Vec<u8>>| {
        let all = events.iter().map(|event| serde_json::from_slice::<Value>(event).expect("JSON"));
        all.filter(is_of_an_hour).count()
    };
    let of_hours: Vec<_> = one.0.iter().map(|(key, events)| (key, of_hours(events))).filter(|of| of.1 > 0).collect();
    assert_eq!(of_hours.len(), 30, "five markets of five worlds, and each world itself");
    // Of a market each hour's clearing; of a world what was wanted and done in each hour.
    let expected = |world: &str, key: &str| if world == key { 6 * (EVENTS_PER_HOUR - 5) } else { 6 };
    assert!(of_hours.iter().all(|((world, key), count)| *count == expected(world, key)), "{of_hours:?}");
    let sectors = one.0.keys().filter(|(_, key)| key.starts_with("night_city_sector_")).count();
    assert!(sectors >= 5 * 5, "sectors tell of their day: {:?}", one.0.keys());
    let hashes: BTreeSet<String> = one.1.iter().map(ToString::to_string).collect();
    assert_eq!(hashes.len(), 5, "five seeds, five histories");
    assert_eq!(run(2, None), one);
    assert_eq!(run(8, None), one);
    assert_eq!(run(2, Some(3)), one, "through a restart");
}
