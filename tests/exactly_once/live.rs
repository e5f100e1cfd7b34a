//! A world with a clock of its own that lives through the kills.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use worldtick::components::clock::{GameInstant, MICROS_PER_HOUR};

use super::check::{COMMODITIES, history};
use super::ground::wait_for;
use super::script::Script;
use super::server::Server;
use super::topics::{json_of, of_world, read_all};

const LIMIT: Duration = Duration::from_secs(120);
/// Game hours that it lives undisturbed at the end.
const LIVE_HOURS: i64 = 24;

/// A world with a clock of its own: what it runs depends on when it was killed, so there is no run to compare with.
/// But its hours follow each other, each is on the topic once, and each clears every market once.
pub struct Live {
    world: &'static str,
    /// The hourly ticks that it has asked for itself, as they are on the topic.
    hours: Vec<Value>,
    /// The daily ones.
    days: Vec<Value>,
    /// All that it has run, of others too.
    applied: BTreeSet<String>,
}

impl Live {
    /// Lets the world live for a while, stops its clock, and waits until it has run what it has asked for.
    pub fn at_rest(world: &'static str, server: &mut Server, bootstrap_servers: &str) -> Self {
        server.is_ready();
        let path = format!("/api/v1/worlds/{world}");
        let begun = server.get(&path)["now"].as_str().map(|now| now.parse::<GameInstant>().unwrap()).unwrap();
        let wait = |server: &mut Server, what: &str, found: &dyn Fn(&Value) -> bool| {
            wait_for(what, LIMIT, || server.try_get(&path).filter(found).map(|_| ()));
        };
        wait(server, "the live world lives", &|view| {
            let now: GameInstant = view["now"].as_str().unwrap().parse().unwrap();
            now.micros_since(begun) > LIVE_HOURS * MICROS_PER_HOUR
        });
        server.post(&format!("{path}/pause"));
        wait(server, "the live world's own ticks come back", &|view| {
            assert_eq!(view["status"]["state"], "paused", "{view}");
            view["outstanding_ticks"] == 0
        });
        let [hours, days] = ["world.tick.hourly", "world.tick.daily"].map(|topic| {
            let ticks = read_all(bootstrap_servers, topic);
            of_world(&ticks, world).flatten().map(|bytes| json_of(bytes)).collect::<Vec<Value>>()
        });
        let ids: BTreeSet<String> = hours.iter().chain(&days).map(tick_id).collect();
        assert_eq!(ids.len(), hours.len() + days.len(), "each of its ticks is published once");
        let applied = wait_for("the live world has run all of its own ticks", LIMIT, || {
            let rows = history(server, world, "applied");
            let applied: BTreeSet<String> = rows.iter().cloned().collect();
            assert_eq!(applied.len(), rows.len(), "no tick is applied twice");
            ids.is_subset(&applied).then_some(applied)
        });
        Self { world, hours, days, applied }
    }

    /// Checks it against the topics.
    pub fn happened_once(&self, script: &Script, bootstrap_servers: &str) {
        follow_each_other(&self.hours, MICROS_PER_HOUR);
        follow_each_other(&self.days, 24 * MICROS_PER_HOUR);
        let mut hourly: BTreeSet<String> = self.hours.iter().map(tick_id).collect();
        hourly.extend(script.sent_to_all().iter().map(|tick| tick.tick_id.to_string()));
        let mut all: BTreeSet<String> = self.days.iter().map(tick_id).collect();
        assert!(!all.is_empty(), "it has lived for more than a day");
        all.extend(hourly.iter().cloned());
        assert_eq!(self.applied, all, "it has run its own ticks and those for all");
        let events = read_all(bootstrap_servers, "simulation.event");
        let (mut markets, mut demand, mut of_people) = (0, 0, 0);
        let mut ids = BTreeSet::new();
        for bytes in of_world(&events, self.world) {
            let of_key: Vec<Value> = bytes.iter().map(|bytes| json_of(bytes)).collect();
            for event in &of_key {
                assert!(ids.insert(event["event_id"].to_string()), "twice on the topic: {event}");
            }
            let of_type = |name: &str| {
                let name = format!("simulation.event.{name}");
                let found = of_key.iter().filter(|event| event["event_type"] == name.as_str());
                found.filter_map(|event| event["tick_id"].as_str()).collect::<Vec<_>>()
            };
            let of_ticks = of_type("market_cleared");
            if of_ticks.is_empty() {
                demand += of_type("demand_signal").len();
                of_people += of_key.iter().filter(|event| event["tick_id"].is_null()).count();
                continue;
            }
            markets += 1;
            assert_eq!(of_ticks.len(), hourly.len(), "{}: each hour clears each market once", self.world);
            assert_eq!(of_ticks.into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), hourly);
        }
        assert_eq!(markets, COMMODITIES);
        assert_eq!(demand, COMMODITIES * hourly.len(), "{}: each hour tells of each commodity", self.world);
        assert!(of_people > 0, "{}: people do things, between ticks", self.world);
        eprintln!(
            "{}: {} hours and {} days of its own, {} hours for all",
            self.world,
            self.hours.len(),
            self.days.len(),
            script.sent_to_all().len()
        );
    }
}

fn tick_id(tick: &Value) -> String {
    tick["data"]["tick_id"].as_str().unwrap().to_owned()
}

fn follow_each_other(ticks: &[Value], micros: i64) {
    let times: Vec<GameInstant> =
        ticks.iter().map(|tick| tick["data"]["game_time"].as_str().unwrap().parse().unwrap()).collect();
    for pair in times.windows(2) {
        assert_eq!(pair[1].micros_since(pair[0]), micros, "one after another, none is missing");
    }
}
