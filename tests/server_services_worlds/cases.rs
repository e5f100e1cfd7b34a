//! One command that a server dies at: how it is sent, and what the store holds of it when it is done and when it is not.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::ground::{COMMANDS, Ground};
use crate::server_support::http::{Answer, Api};
use crate::services::Rows;

/// Where the server dies, and whether the command is done by then.
type Place = (&'static str, bool);

/// A command over HTTP: before anything, in the middle of its commit, before the answer, and while that is under way.
const OVER_HTTP: [Place; 4] = [
    ("admin.audit.begun", false),
    ("store.commit.before_commit", false),
    ("store.commit.after_commit", true),
    ("admin.audit.answered", true),
];
/// A command from Kafka: in the middle of its commit, before its result is told, in the middle of that, and when it is
/// told and nobody knows.
const FROM_KAFKA: [Place; 4] = [
    ("store.commit.before_commit", false),
    ("store.commit.after_commit", true),
    ("publish.before_commit", true),
    ("publish.after_commit", true),
];
const PARTITIONS: i32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Register,
    Configure,
    Pause,
}

/// A command to a world of its own.
#[derive(Debug, Clone)]
pub struct Case {
    pub what: What,
    pub from_kafka: bool,
    pub place: &'static str,
    /// Whether it is done when the server has died.
    pub done: bool,
    pub world: String,
    pub id: Uuid,
    number: i32,
    /// Of its world's configuration before.
    tag: String,
}

/// All commands by all ways at all places, for worlds whose names begin so; where only the store makes a difference, at
/// those around its commit.
pub fn all(prefix: &str, only_commits: bool) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let over_http = OVER_HTTP.map(|place| (false, place));
    let places: Vec<(bool, Place)> = over_http.into_iter().chain(FROM_KAFKA.map(|place| (true, place))).collect();
    for what in [What::Register, What::Configure, What::Pause] {
        for (from_kafka, (place, done)) in places.iter().copied() {
            if only_commits && !place.starts_with("store.commit.") {
                continue;
            }
            let number = i32::try_from(cases.len()).unwrap();
            let (world, id) = (format!("{prefix}-{number}"), Uuid::new_v4());
            cases.push(Case { what, from_kafka, place, done, world, id, number, tag: String::new() });
        }
    }
    cases
}

impl Case {
    pub fn path(&self, rest: &str) -> String {
        format!("/api/v1/worlds/{}{rest}", self.world)
    }

    fn reason(&self) -> String {
        format!("reason {}", self.world)
    }

    /// The name of the command, the kind of the input that it gives its world, and the event that follows.
    fn names(&self) -> (&'static str, Option<(&'static str, &'static str)>) {
        match self.what {
            What::Register => ("world.register", None),
            What::Configure => ("world.configure", Some(("configure", "simulation.event.world_config_changed"))),
            What::Pause => ("world.pause", Some(("paused", "simulation.event.world_paused"))),
        }
    }

    /// The event that follows, once.
    pub fn event(&self) -> Option<&'static str> {
        self.names().1.map(|(_, event)| event)
    }

    /// Makes its world, unless that is what it is about.
    pub fn prepare(&mut self, api: &Api) {
        if self.what != What::Register {
            assert_eq!(api.post("/api/v1/worlds", &json!({"id": self.world, "clock": "manual"})).status, 201);
            self.tag = api.tagged(&self.path("/simulation")).0;
        }
    }

    /// Sends it over HTTP under its key; the tag is the one from before, however often it is sent.
    pub fn ask(&self, api: &Api) -> Answer {
        let id = self.id.to_string();
        let kind = if self.what == What::Configure { "application/merge-patch+json" } else { "application/json" };
        let keyed = [("Idempotency-Key", id.as_str()), ("Content-Type", kind), ("If-Match", self.tag.as_str())];
        let pause = json!({"reason": self.reason(), "until": "2100-01-01T00:00:00Z"});
        match self.what {
            What::Register => {
                let file = json!({"id": self.world, "clock": "manual"});
                api.send("POST", "/api/v1/worlds", &file.to_string(), &keyed[..2])
            }
            What::Configure => api.send("PATCH", &self.path("/simulation"), r#"{"timeScale": 120}"#, &keyed),
            What::Pause => api.send("POST", &self.path("/pause"), &pause.to_string(), &keyed[..2]),
        }
    }

    /// The partition that it is sent to: any will do, and the repetition goes to another.
    pub fn partition(&self, again: bool) -> i32 {
        (self.number + i32::from(again)) % PARTITIONS
    }

    /// Sends it through Kafka.
    pub fn send(&self, ground: &Ground, again: bool) {
        let payload = match self.what {
            What::Register => json!({"world": {"id": self.world, "clock": "manual"}}),
            What::Configure => json!({"patch": {"timeScale": 120}, "if_match": self.tag}),
            What::Pause => json!({"reason": self.reason(), "until": "2100-01-01T00:00:00Z"}),
        };
        ground.send(self.partition(again), &self.world, self.id, self.names().0, &payload);
    }

    /// Everything in the store that comes of it, each with how often it must be there if it is done, and all of it in
    /// one commit; or nothing of it.
    pub fn is_never_half(&self, rows: &Rows, done: bool) {
        let (world, (command, rest)) = (&self.world, self.names());
        let of_world = format!("world_id = '{world}'");
        let mut facts = vec![("command", format!("{of_world} AND command = '{command}' AND outcome = 'done'"), 1)];
        if let Some((input, event)) = rest {
            facts.push(("journal", format!("{of_world} AND inputs LIKE '%\"kind\":\"{input}\"%'"), 1));
            facts.push(("outbox", format!("{of_world} AND event_type = '{event}'"), 1));
        }
        let told = i64::from(self.from_kafka);
        facts.push(("outbox", format!("{of_world} AND event_type = 'world.command.result'"), told));
        let changed = format!("{of_world} AND pointer = '/timeScale' AND from_value = '60.0' AND to_value = '120.0'");
        facts.push(("config_change", changed, i64::from(self.what == What::Configure)));
        let mut commits = Vec::new();
        for (table, condition, count) in facts {
            let query = format!(
                "SELECT CAST(count(*) AS TEXT), CAST(COALESCE(max(commit_no), 0) AS TEXT) FROM {table} WHERE {condition}"
            );
            let [found, commit] = rows.numbers(&query);
            assert_eq!(found, if done { count } else { 0 }, "{self:?} is done: {done}; {query}");
            commits.extend((found > 0).then_some(commit));
        }
        let state = format!(
            "SELECT status, COALESCE(simulation, ''), CAST(registered_commit AS TEXT) FROM world WHERE {of_world}"
        );
        let state = rows.of(&state);
        assert_eq!(state.len(), usize::from(done || self.what != What::Register), "{self:?} is done: {done}");
        if let Some([status, simulation, registered]) = state.first().map(Vec::as_slice) {
            let (is_paused, is_changed) = (status.contains("paused"), simulation.contains("\"timeScale\":120.0"));
            assert_eq!(is_paused, done && self.what == What::Pause, "{self:?} is done: {done}; {status}");
            assert!(!is_paused || status.contains(&self.reason()), "{status}");
            assert_eq!(is_changed, done && self.what == What::Configure, "{self:?} is done: {done}; {simulation}");
            // Everything of the world comes after the commit that was the last when its registration began.
            let before: i64 = registered.parse().unwrap();
            assert!(commits.iter().all(|commit| *commit > before), "{self:?}: {before}, {commits:?}");
        }
        commits.dedup();
        assert_eq!(commits.len(), usize::from(done), "{self:?}: one commit holds all of it: {commits:?}");
        let strays = "SELECT CAST(count(*) AS TEXT) FROM snapshot kept WHERE NOT EXISTS (SELECT 1 FROM world \
                      WHERE world.world_id = kept.world_id AND world.incarnation = kept.incarnation)";
        assert_eq!(rows.numbers(strays), [0], "no snapshot is of a world that is not there");
        let strays = "SELECT CAST(count(*) AS TEXT) FROM journal kept WHERE NOT EXISTS (SELECT 1 FROM world \
                      WHERE world.world_id = kept.world_id)";
        assert_eq!(rows.numbers(strays), [0], "no journal is of a world that is not there");
    }

    /// How far the partition of its command has been read, as every shard has it.
    pub fn position(&self, rows: &Rows) -> i64 {
        let query = format!(
            "SELECT CAST(min(next_offset) AS TEXT), CAST(max(next_offset) AS TEXT) FROM input_position \
             WHERE topic = '{COMMANDS}' AND partition_no = {}",
            self.partition(false)
        );
        let [least, most] = rows.numbers(&query);
        assert_eq!(least, most, "all shards have read as far");
        most
    }

    /// What the audit says of it, in order.
    pub fn audited(&self, rows: &Rows) -> Vec<String> {
        let route = match self.what {
            What::Register => "/api/v1/worlds",
            What::Configure => "/api/v1/worlds/{world}/simulation",
            What::Pause => "/api/v1/worlds/{world}/pause",
        };
        let query =
            format!("SELECT outcome FROM audit WHERE world_id = '{}' AND route = '{route}' ORDER BY seq", self.world);
        rows.of(&query).into_iter().flatten().collect()
    }

    /// The command as the API knows it.
    pub fn known(&self, api: &Api) -> Option<Value> {
        Ground::known(api, &self.world, self.id)
    }

    /// Its world, as the API shows it.
    pub fn shown(&self, api: &Api) -> Option<Value> {
        let answer = api.get(&self.path(""));
        (answer.status == 200).then(|| answer.json())
    }

    /// Whether a world that is shown is as the command wants it.
    pub fn holds(&self, shown: Option<&Value>) -> bool {
        match (self.what, shown) {
            (_, None) => false,
            (What::Register, Some(_)) => true,
            (What::Configure, Some(world)) => world["time_scale"] == 120.0,
            (What::Pause, Some(world)) => {
                let status = &world["status"];
                status["state"] == "paused"
                    && status["reason"] == self.reason()
                    && status["until"] == "2100-01-01T00:00:00Z"
            }
        }
    }
}
