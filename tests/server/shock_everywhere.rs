//! A shock that a message brings, followed everywhere: events, database, metrics, and the report of the markets.

use std::collections::BTreeSet;

use crate::bridge_support::{unique, wait_for};
use crate::program::program;
use crate::server_support::{TestServer, metric, world};
use crate::services::{Rows, Services};
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::messages::SimulationEvent;
use worldtick::messages::market::MarketCleared;

/// Hours before the shock, and while it lasts.
const HOURS: [usize; 2] = [6, 24];

/// A server, the rows of its store, and the world that is shocked.
struct Ground {
    server: TestServer,
    rows: Rows,
    world: String,
}

impl Ground {
    fn tick(&self, hours: usize) {
        for _ in 0..hours {
            self.server.api().post(&format!("/api/v1/worlds/{}/tick", self.world), &json!({})).ok();
        }
        self.server.wait_until_published();
    }

    /// Sends a command by message, and waits for the message that answers it.
    fn command(&self, payload: &Value) -> Value {
        let id = Uuid::new_v4().to_string();
        let text = json!({
            "command_id": id, "command": "economy.add_shock", "world_id": self.world, "issued_by": "game-master",
            "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
        });
        self.server.send("world.command", 0, &text.to_string());
        wait_for("the command's result", || {
            let all = self.server.read("world.command.result");
            let found = all.iter().map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON"));
            found.into_iter().find(|result| result["command_id"] == id)
        })
    }

    fn run(&self, arguments: &[&str]) -> String {
        let address = format!("http://{}", self.server.running().admin_address());
        let output = program(self.server.folder.path(), &[arguments, &["--server", &address]].concat())
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

fn locusts() -> Value {
    json!({"id": "locusts", "kind": "yield", "commodity": "Food", "factor": 0.5, "durationHours": HOURS[1]})
}

/// What is refused says why, by field, and changes nothing.
fn refuse(ground: &Ground) {
    let refused = ground.command(&json!({"kind": "export", "commodity": "Food", "quantity": 1, "price": 0}));
    assert_eq!(
        (&refused["outcome"], &refused["errors"][0]["pointer"]),
        (&json!("refused"), &json!("/price")),
        "{refused}"
    );
    let refused = ground.command(&json!({"kind": "export", "commodity": "Bread", "quantity": 1, "price": 9}));
    for words in ["/commodity: there is no commodity `Bread`", "/durationHours: a `export` shock needs it"] {
        assert!(refused["error"].as_str().unwrap().contains(words), "{refused}");
    }
}

/// The prices of food that were told on the topic, in the order of their hours.
fn told_prices(events: &[Value]) -> Vec<f64> {
    let food = events.iter().filter(|event| event["event_type"] == "simulation.event.market_cleared");
    let mut food: Vec<&Value> = food.filter(|event| event["commodity"] == "Food").collect();
    food.sort_by_key(|event| event["timestamp"].as_str().unwrap().to_owned());
    food.iter().map(|event| event["price"].as_f64().unwrap()).collect()
}

/// What a clearing says beside its columns.
const COLUMNS: [&str; 6] = ["commodity", "market_id", "price", "volume", "bids_unfilled", "asks_unfilled"];

/// Every measure of every clearing of food is the same in the event, in the row and in what the API shows.
fn compare_measures(ground: &Ground, events: &[Value]) {
    let world = &ground.world;
    let mut told: Vec<&Value> = events.iter().filter(|event| event["market_id"] == "market-Food").collect();
    told.sort_by_key(|event| event["timestamp"].as_str().unwrap().to_owned());
    let rows = ground.rows.of(&format!(
        "SELECT measures FROM market_state WHERE world_id = '{world}' AND market_id = 'market-Food' ORDER BY game_time"
    ));
    let api = ground.server.api();
    let shown = api.get(&format!("/api/v1/worlds/{world}/markets/market-Food?limit=500")).ok();
    // The latest first.
    let shown: Vec<&Value> = shown["items"].as_array().unwrap().iter().rev().collect();
    assert_eq!((told.len(), rows.len(), shown.len()), (HOURS[0] + HOURS[1] + 1, told.len(), told.len()));
    // What an event may say, the place left out that this world has only one of.
    let all = serde_json::to_value(MarketCleared::example()).unwrap();
    let fields: Vec<&String> = all.as_object().unwrap().keys().filter(|name| *name != "place").collect();
    let mut seen = BTreeSet::new();
    for ((event, row), shown) in told.into_iter().zip(rows).zip(shown) {
        let row: Value = serde_json::from_str(&row[0]).unwrap();
        assert_eq!(shown["measures"], row);
        for name in &fields {
            let (event, row, shown) = (&event[*name], &row[*name], &shown[*name]);
            if COLUMNS.contains(&name.as_str()) {
                assert_eq!((shown, row), (event, &Value::Null), "{name}");
            } else {
                assert_eq!(row, event, "{name}");
            }
            if !event.is_null() {
                seen.insert(name.as_str());
            }
        }
        assert!(row.as_object().unwrap().keys().all(|name| fields.contains(&name)), "{row}");
    }
    let never: Vec<_> = fields.iter().filter(|name| !seen.contains(name.as_str())).collect();
    assert!(never.is_empty(), "in no clearing: {never:?}");
    let last = api.get(&format!("/api/v1/worlds/{world}/markets")).ok();
    let last = last["items"].as_array().unwrap().iter().find(|market| market["market_id"] == "market-Food").unwrap();
    let newest = api.get(&format!("/api/v1/worlds/{world}/markets/market-Food?limit=1")).ok();
    assert_eq!(*last, newest["items"][0]);
}

fn follow(ground: &Ground) {
    refuse(ground);
    ground.tick(HOURS[0]);
    let done = ground.command(&locusts());
    assert_eq!((&done["outcome"], &done["answer"]["id"]), (&json!("done"), &json!("locusts")), "{done}");
    ground.tick(HOURS[1] + 1);

    // On the topic: its beginning and its end once each, and what it did to the price.
    let events = ground.server.events_of(&ground.world);
    let shocks = events.iter().filter(|event| event["event_type"] == "simulation.event.market_shock");
    let phases: Vec<&str> = shocks.map(|event| event["phase"].as_str().unwrap()).collect();
    assert_eq!(phases, ["started", "ended"]);
    let prices = told_prices(&events);
    assert_eq!(prices.len(), HOURS[0] + HOURS[1] + 1);
    let (before, highest) = (prices[HOURS[0] - 1], prices.iter().copied().fold(0.0, f64::max));
    assert!(highest >= 1.5 * before, "food at {before}, then at {highest} at most");

    // In the database: the commands with their outcomes, and every clearing.
    let world = &ground.world;
    let outcomes = ground.rows.of(&format!(
        "SELECT outcome FROM command WHERE world_id = '{world}' AND command = 'economy.add_shock' ORDER BY outcome"
    ));
    assert_eq!(outcomes, [["done"], ["refused"], ["refused"]]);
    let stored = ground.rows.of(&format!(
        "SELECT CAST(price AS TEXT) FROM market_state WHERE world_id = '{world}' AND commodity = 'Food' ORDER BY game_time"
    ));
    let stored: Vec<f64> = stored.iter().map(|row| row[0].parse::<f64>().unwrap() / 100.0).collect();
    assert_eq!(stored, prices);
    compare_measures(ground, &events);

    // In the metrics: the count, which all servers of a process share, and the last price.
    let text = || ground.server.api().get("/metrics").text;
    for phase in ["started", "ended"] {
        let series = format!(r#"worldtick_economy_shocks_total{{kind="yield",phase="{phase}"}}"#);
        wait_for("it is counted", || (metric(&text(), &series) >= 1.0).then_some(()));
    }
    let metrics = text();
    let series = format!(r#"worldtick_market_clearing_price{{world="{world}",commodity="Food"}}"#);
    assert!((metric(&metrics, &series) - prices[prices.len() - 1]).abs() < 1e-9, "{series}");

    // In the report.
    ground.run(&["markets", "report", world, "--out", "markets.html"]);
    let report = std::fs::read_to_string(ground.server.folder.path().join("markets.html")).expect("a report");
    for words in ["market-Food", "<svg", "locusts started", "locusts ended", "Gini coefficient"] {
        assert!(report.contains(words), "no `{words}` in the report");
    }
    assert!(!report.contains("NaN"), "a value that is none");
    let wealth = report.split("<h2>Wealth, goods at market prices included</h2>").nth(1).unwrap();
    let wealth = wealth.split("</figure>").next().unwrap();
    let lines: Vec<usize> = wealth
        .lines()
        .filter(|line| line.starts_with(r#"<path class="line""#))
        .map(|line| line.matches('L').count())
        .collect();
    assert_eq!(lines, [prices.len() - 1; 3], "three lines, a point for each hour: {wealth}");
    // The world's time stands still while it is stepped by hand; the hours of its economy do not.
    let marks = report.split(r#"class="mark" x1=""#).skip(1).map(|rest| rest.split('"').next().unwrap());
    let mut marks: Vec<f64> = marks.map(|x| x.parse().unwrap()).collect();
    marks.dedup();
    let width = f64::from(u32::try_from(HOURS[1]).unwrap()) / f64::from(u32::try_from(prices.len() - 1).unwrap());
    assert!(((marks[1] - marks[0]) / (860.0 - 64.0 - 14.0) - width).abs() < 0.01, "{marks:?}");
    let listed = ground.run(&["shocks", "list", world]);
    assert!(listed.contains("locusts") && listed.contains("ended"), "{listed}");
}

#[test]
fn a_message_brings_a_shock_that_is_seen_everywhere() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let rows = Rows::of_file(&server.folder.path().join("data/worldtick.db"));
    follow(&Ground { server, rows, world: "hand".to_owned() });
}

#[test]
fn on_kafka_and_postgresql_it_is_seen_everywhere_too() {
    let Some(services) = Services::named() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let applied = program(folder.path(), &["topics", "apply", "--replication-factor", "1"])
        .env("KAFKA_BOOTSTRAP_SERVERS", &services.kafka)
        .output()
        .expect("it runs");
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    let world_id = unique("shocked");
    let server = TestServer::start_with(&[world(&world_id, "manual")], services.configure(&unique("group")));
    let rows = Rows::Postgres(services.url());
    follow(&Ground { server, rows, world: world_id });
}

#[test]
fn a_report_of_nothing_says_so() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let address = format!("http://{}", server.running().admin_address());
    let run = |arguments: &[&str]| {
        let output = program(server.folder.path(), &[arguments, &["--server", &address]].concat()).output();
        let output = output.expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_done, said) = run(&["markets", "report", "hand"]);
    assert!(!is_done && said.contains("have not been cleared yet"), "{said}");
    let (is_done, said) = run(&["markets", "report", "hnad"]);
    assert!(!is_done && said.contains("hand"), "{said}");
    assert!(!server.folder.path().join("markets.html").exists());
}
