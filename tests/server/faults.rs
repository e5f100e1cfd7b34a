//! A world's trouble stays in that world; and it comes back from it. With it the metrics, which all of this moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::bridge_support::{LIMIT, wait_for};
use crate::server_support::ticks::Tick;
use crate::server_support::{EVENTS, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use bevy_app::App;
use bevy_ecs::prelude::*;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::{Value, json};
use worldtick::components::clock::WorldClock;
use worldtick::messages::outside::{EconomySignal, SignalKind};
use worldtick::plugins::metrics::{METRICS, MetricKind};
use worldtick::schedules::HourlyTick;
use worldtick::world::spec::WorldSpec;
use worldtick::world::{Persist, RegisterExt};

/// No trap is set.
const OPEN: u64 = u64::MAX;

/// A plugin of somebody else that panics in worlds whose file says so, from a certain number of inputs on. What came
/// before it must run in a replay as it did.
fn trap(set_from: Arc<AtomicU64>) -> impl Fn(&mut App) + Send + Sync + 'static {
    move |app| {
        let set_from = set_from.clone();
        app.add_systems(HourlyTick, move |spec: Res<WorldSpec>, clock: Res<WorldClock>| {
            let sprung = spec.plugins.contains_key("trap") && clock.inputs >= set_from.load(Ordering::Acquire);
            assert!(!sprung, "the trap was sprung");
        });
    }
}

fn trapped(id: &str) -> String {
    format!("{}\nplugins:\n  trap: {{}}\n", world(id, "manual"))
}

fn outcomes(rows: &[Value]) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    rows.iter().map(|row| (text(&row["world_id"]), text(&row["outcome"]))).collect()
}

fn expected(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(world, outcome)| ((*world).to_owned(), (*outcome).to_owned())).collect()
}

/// What the history says of a tick in world `beta`, oldest first: outcome and events.
fn lines_of(rows: &[Value]) -> Vec<(&str, i64)> {
    let mut of_beta: Vec<&Value> = rows.iter().filter(|row| row["world_id"] == "beta").collect();
    of_beta.sort_by_key(|row| row["commit_no"].as_i64());
    of_beta.iter().map(|row| (row["outcome"].as_str().unwrap(), row["events"].as_i64().unwrap())).collect()
}

/// An hourly tick for every world.
fn for_all() -> Tick {
    Tick::hourly("x", "2077-01-01T00:00:00Z")
}

fn send_to_all(server: &TestServer, tick: &Tick) {
    server.send(HOURLY, 0, &tick.text().replace(r#","world_id":"x""#, ""));
}

#[test]
fn a_panic_faults_its_world_alone_and_the_world_comes_back() {
    let set = Arc::new(AtomicU64::new(OPEN));
    let mut server =
        TestServer::prepare(&[world("alpha", "manual"), trapped("beta")], |_| {}).plugins(trap(set.clone()));
    server.begin();
    let before = for_all();
    send_to_all(&server, &before);
    server.history(&before.id, 2);
    let healthy = server.world("beta");

    set.store(1, Ordering::Release);
    let fatal = for_all();
    send_to_all(&server, &fatal);
    let rows = server.history(&fatal.id, 2);
    assert_eq!(outcomes(&rows), expected(&[("alpha", "applied"), ("beta", "faulted")]));
    let broken = server.world("beta");
    assert_eq!(broken["status"]["state"], "faulted");
    assert!(broken["status"]["error"].as_str().unwrap().contains("the trap was sprung"), "{broken}");
    assert!(broken["status"]["input"].to_string().contains(&fatal.id), "the fault names the input: {broken}");
    assert_eq!(
        (&broken["inputs"], &broken["state_hash"]),
        (&healthy["inputs"], &healthy["state_hash"]),
        "its last commit stands"
    );
    let api = server.api();
    for path in ["pause", "resume", "step", "tick"] {
        api.post(&format!("/api/v1/worlds/beta/{path}"), &json!({})).problem(409);
    }
    assert_eq!(api.get("/readyz").status, 200, "the others are served");
    let later = for_all();
    send_to_all(&server, &later);
    assert_eq!(outcomes(&server.history(&later.id, 2)), expected(&[("alpha", "applied"), ("beta", "faulted")]));
    server.wait_until_published();
    assert_eq!(
        (server.events_of("alpha").len(), server.events_of("beta").len()),
        (3 * EVENTS_PER_HOUR, EVENTS_PER_HOUR)
    );

    // Nothing heals by a restart.
    server.restart();
    let again = server.world("beta");
    for field in ["status", "now", "inputs", "state_hash"] {
        assert_eq!(again[field], broken[field], "{field}");
    }

    // Tried again while the trap is still set, it faults again.
    let refused = server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "retry"})).problem(500);
    assert!(refused.to_string().contains("the trap was sprung"), "{refused}");
    assert_eq!(server.world("beta")["status"]["state"], "faulted");
    assert_eq!(lines_of(&server.history(&fatal.id, 3)), [("faulted", 0), ("faulted", 0)]);
    // The trap gone, it runs what had failed.
    set.store(OPEN, Ordering::Release);
    let retried = server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "retry"})).ok();
    assert_eq!(retried["input"], "retried");
    let healed = server.world("beta");
    assert_eq!((&healed["status"]["state"], &healed["inputs"]), (&json!("running"), &json!(2)));
    server.wait_until_published();
    let of_fatal = server.events_of("beta").iter().filter(|event| event["tick_id"] == fatal.id.as_str()).count();
    assert_eq!(of_fatal, EVENTS_PER_HOUR, "and published");
    let rows = server.history(&fatal.id, 4);
    assert_eq!(lines_of(&rows), [("faulted", 0), ("faulted", 0), ("applied", EVENTS_PER_HOUR as i64)], "{rows:?}");

    // Or it goes on without.
    set.store(2, Ordering::Release);
    let skipped = Tick::hourly("beta", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &skipped.text());
    assert_eq!(outcomes(&server.history(&skipped.id, 1)), expected(&[("beta", "faulted")]));
    set.store(OPEN, Ordering::Release);
    let answer = server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "skip"})).ok();
    assert_eq!(answer["input"], "skipped");
    assert_eq!(lines_of(&server.history(&skipped.id, 2)), [("faulted", 0), ("skipped", 0)]);
    assert_eq!(server.world("beta")["state_hash"], healed["state_hash"]);
    let next = Tick::hourly("beta", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &next.text());
    assert_eq!(outcomes(&server.history(&next.id, 1)), expected(&[("beta", "applied")]));
    // What it went through is what its journal says.
    let state = server.world("beta");
    server.restart();
    assert_eq!(server.world("beta")["state_hash"], state["state_hash"]);
    assert_eq!(server.world("beta")["inputs"], 3);
}

#[test]
fn a_faulted_world_that_cannot_be_brought_back_keeps_the_input_that_failed() {
    let set = Arc::new(AtomicU64::new(1));
    let mut server = TestServer::prepare(&[trapped("beta")], |_| {}).plugins(trap(set.clone()));
    server.begin();
    let (first, fatal) = (for_all(), for_all());
    for tick in [&first, &fatal] {
        send_to_all(&server, tick);
        server.history(&tick.id, 1);
    }
    let broken = server.world("beta");
    server.stop();
    server.change_store("UPDATE journal SET state_hash = state_hash + 1");
    server.begin();
    assert_eq!(server.world("beta")["status"], broken["status"], "what failed first is what is shown");
    set.store(OPEN, Ordering::Release);
    server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "retry"}));
    let still = wait_for("it cannot be brought back", || {
        Some(server.world("beta")).filter(|world| world["status"]["state"] == "faulted")
    });
    assert!(still["status"]["error"].as_str().unwrap().contains("was stored"), "{still}");
    assert_eq!(still["status"]["input"], broken["status"]["input"]);
    assert_eq!(lines_of(&server.history(&fatal.id, 2)), [("faulted", 0), ("faulted", 0)]);
    // The store mended, it is.
    server.change_store("UPDATE journal SET state_hash = state_hash - 1");
    server.api().post("/api/v1/worlds/beta/recover", &json!({"action": "retry"})).ok();
    assert_eq!(
        lines_of(&server.history(&fatal.id, 3)),
        [("faulted", 0), ("faulted", 0), ("applied", EVENTS_PER_HOUR as i64)]
    );
}

#[test]
fn a_journal_that_gives_another_state_faults_its_world_and_names_the_tick() {
    let mut server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    let ticks = [for_all(), for_all(), for_all()];
    for tick in &ticks {
        send_to_all(&server, tick);
        server.history(&tick.id, 2);
    }
    let last = server.history(&ticks[2].id, 2)[0]["commit_no"].clone();
    let healthy = server.world("alpha");
    server.stop();
    // Without the snapshots of the stop the journal is replayed.
    server.change_store("DELETE FROM snapshot");
    server.change_store(&format!(
        "UPDATE journal SET state_hash = state_hash + 1 WHERE world_id = 'beta' AND commit_no = {last}"
    ));
    server.begin();
    let beta = server.world("beta");
    assert_eq!(beta["status"]["state"], "faulted", "{beta}");
    let words = beta["status"]["error"].as_str().expect("words");
    assert!(words.contains(&format!("commit {last} (tick {})", ticks[2].id)), "{words}");
    let alpha = server.world("alpha");
    for field in ["status", "now", "inputs", "state_hash"] {
        assert_eq!(alpha[field], healthy[field], "the other is replayed: {field}");
    }
    let next = for_all();
    send_to_all(&server, &next);
    assert_eq!(outcomes(&server.history(&next.id, 2)), expected(&[("alpha", "applied"), ("beta", "faulted")]));
}

/// Something that is saved and whose changes nobody notices, as a plugin must not have it.
#[derive(Resource, Default, serde::Serialize, serde::Deserialize)]
struct Secret(u64);

impl Persist for Secret {
    const NAME: &'static str = "test.secret";
}

#[test]
fn a_world_that_cannot_be_saved_is_faulted_after_a_restart_as_well() {
    let worlds = [world("alpha", "manual"), trapped("beta")];
    let mut server = TestServer::prepare(&worlds, |_| {}).plugins(|app| {
        app.init_resource::<Secret>().persist_resource::<Secret>();
        app.add_systems(HourlyTick, |spec: Res<WorldSpec>, mut secret: ResMut<Secret>| {
            secret.bypass_change_detection().0 += u64::from(spec.plugins.contains_key("trap"));
        });
    });
    server.begin();
    for tick in [for_all(), for_all()] {
        send_to_all(&server, &tick);
        server.history(&tick.id, 2);
    }
    assert_eq!(server.world("beta")["status"]["state"], "running");
    // The stop takes a snapshot, and that compares the hashes.
    server.restart();
    let beta = server.world("beta");
    assert_eq!(beta["status"]["state"], "faulted", "{beta}");
    let words = beta["status"]["error"].as_str().expect("words");
    assert!(words.contains("the running state hash"), "{words}");
    assert_eq!(server.world("alpha")["status"]["state"], "running");
}

#[test]
fn a_step_that_the_store_refuses_leaves_no_ticks_to_wait_for() {
    let server = TestServer::start(&[world("alpha", "manual")]);
    let before = server.world("alpha");
    server.change_store(
        "CREATE TRIGGER spite BEFORE INSERT ON journal WHEN NEW.inputs LIKE '%advance%'
         BEGIN SELECT RAISE(ABORT, 'by spite'); END",
    );
    let answer = server.api().post("/api/v1/worlds/alpha/step", &json!({"game_seconds": 7200}));
    assert!(answer.text.contains("by spite"), "{}", answer.text);
    let after = server.world("alpha");
    assert_eq!(after["status"]["state"], "faulted");
    for field in ["now", "state_hash", "outstanding_ticks"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

/// The names of Prometheus' own lines of a histogram.
fn base_name(series: &str) -> &str {
    let name = series.split(['{', ' ']).next().unwrap_or_default();
    ["_bucket", "_sum", "_count"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

#[test]
fn every_metric_appears_and_every_one_that_appears_is_known() {
    let spring = trap(Arc::new(AtomicU64::new(0)));
    let mut server = TestServer::prepare(&[world("live", "live"), trapped("beta")], |config| {
        config.lag.interval_seconds = serde_json::from_value(json!(1)).expect("seconds");
        config.lag.groups = vec!["somebody".into()];
        config.kafka.read_timeout_seconds = serde_json::from_value(json!(1)).expect("seconds");
    })
    .plugins(move |app| {
        spring(app);
        app.add_systems(HourlyTick, |mut signals: MessageWriter<EconomySignal>| {
            let kind = SignalKind::FoodDemand { change_percent: 5.0 };
            signals.write(EconomySignal { source: "crowd".to_owned(), hours: 1, kind });
        });
    });
    server.begin();
    server.send(HOURLY, 0, "not a tick");
    server.send(HOURLY, 0, &Tick::hourly("beta", "2077-01-01T00:00:00Z").text());
    server.api().post("/api/v1/worlds/live/npcs/mara-voss/pin", &json!({ "tier": "detailed" })).ok();
    let shock = json!({"kind": "need", "commodity": "Food", "factor": 2.0, "durationHours": 1});
    assert_eq!(server.api().post("/api/v1/worlds/live/shocks", &shock).status, 201);
    server.api().token("nobody's").get("/api/v1/worlds").problem(401);
    // Another service, which has read nothing yet.
    let somebody = BaseConsumer::from_config(&server.kafka().consumer("somebody")).expect("a consumer");
    let mut nothing_read = TopicPartitionList::new();
    nothing_read.add_partition_offset(EVENTS, 0, Offset::Offset(0)).expect("an offset");
    somebody.commit(&nothing_read, CommitMode::Sync).expect("committed");
    let began = Instant::now();
    let text = wait_for("every metric", || {
        let text = server.api().get("/metrics").text;
        let shown: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).map(base_name).collect();
        let missing: Vec<&str> =
            METRICS.iter().map(|metric| metric.name).filter(|name| !shown.contains(name)).collect();
        assert!(began.elapsed() < LIMIT / 2, "these never came: {missing:?}");
        missing.is_empty().then_some(text)
    });
    // The gauges are taken one after the other; the lag of a group comes when it is measured next.
    let of_somebody = "worldtick_kafka_consumer_lag{group=\"somebody\",topic=\"simulation.event\",partition=\"0\"}";
    wait_for("the lag of the other service", || {
        server.api().get("/metrics").text.lines().any(|line| line.starts_with(of_somebody)).then_some(())
    });
    for line in text.lines().filter(|line| line.starts_with("worldtick_")) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let metric = METRICS.iter().find(|metric| metric.name == name || metric.name == base_name(line));
        let metric = metric.unwrap_or_else(|| panic!("`{line}` is not among the metrics"));
        let labels = line.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
        for label in labels.split("\",").filter_map(|label| Some(label.split_once('=')?.0)) {
            assert!(label == "le" || metric.labels.contains(&label), "`{line}` has the label {label}");
        }
    }
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE worldtick_")) {
        let (name, kind) = line.split_once(' ').expect("a kind");
        let metric = METRICS.iter().find(|metric| metric.name == format!("worldtick_{name}")).expect("known");
        let expected = match metric.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        assert_eq!(kind, expected, "{name}");
    }
    assert!(text.contains("process_resident_memory_bytes"), "the process's own");
}

/// Two worlds that have had a tick, where only one may have series of its own.
fn with_series_for_one(first: &str, second: &str) -> TestServer {
    let worlds = [world(first, "manual"), world(second, "manual")];
    let mut server = TestServer::prepare(&worlds, |config| config.metrics.world_labels_max = 1);
    server.begin();
    let tick = for_all();
    send_to_all(&server, &tick);
    server.history(&tick.id, 2);
    server
}

#[test]
fn no_more_worlds_have_gauges_of_their_own_than_are_asked_for() {
    let server = with_series_for_one("a-first", "z-last");
    let gauges = ["world_time_seconds", "world_lag_seconds", "market_clearing_price", "market_efficiency_ratio"];
    let text = wait_for("every gauge of a world", || {
        let text = server.api().get("/metrics").text;
        let shown = |name: &&str| text.lines().any(|line| line.contains(*name) && line.contains("\"a-first\""));
        gauges.iter().all(shown).then_some(text)
    });
    assert!(!text.contains("z-last"), "{text}");
}

#[test]
fn a_world_that_is_gone_leaves_no_series_behind_and_its_place_to_the_next() {
    let server = with_series_for_one("a-first", "b-next");
    let of = |id: &str| -> Vec<String> {
        let text = server.api().get("/metrics").text;
        text.lines().filter(|line| line.contains(&format!("world=\"{id}\""))).map(str::to_owned).collect()
    };
    wait_for("the first has series", || {
        let lines = of("a-first");
        let shown = |name: &&str| lines.iter().any(|line| line.starts_with(&format!("worldtick_{name}{{")));
        ["world_lag_seconds", "market_clearing_price"].iter().all(shown).then_some(())
    });
    assert_eq!(server.api().delete("/api/v1/worlds/a-first").status, 200);
    wait_for("the next has its place", || (!of("b-next").is_empty()).then_some(()));
    assert_eq!(of("a-first"), Vec::<String>::new());
}
