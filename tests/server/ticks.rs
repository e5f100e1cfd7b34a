//! A whole server: ticks come in over Kafka, markets clear, events go out.

use std::collections::BTreeMap;

use crate::bridge_support::{Rec, wait_for};
use crate::server_support::http::Api;
use crate::server_support::ticks::{DAILY_EXAMPLE, DAILY_EXAMPLE_TICK, HOURLY_EXAMPLE, HOURLY_EXAMPLE_TICK, Tick};
use crate::server_support::{COMMODITIES, DAILY, EVENTS, EVENTS_PER_HOUR, HOURLY, TestServer, world};
use serde_json::Value;

fn header<'a>(record: &'a Rec, name: &str) -> Option<&'a str> {
    let value = record.headers.iter().find(|(found, _)| found == name);
    value.and_then(|(_, value)| std::str::from_utf8(value).ok())
}

fn outcomes(rows: &[Value]) -> Vec<&str> {
    let mut outcomes: Vec<&str> = rows.iter().map(|row| row["outcome"].as_str().expect("an outcome")).collect();
    outcomes.sort_unstable();
    outcomes
}

#[test]
fn the_hourly_example_clears_each_commodity_once_and_its_repetition_does_nothing() {
    let server = TestServer::start(&[world("alpha", "manual")]);
    server.send(HOURLY, 0, HOURLY_EXAMPLE);
    let rows = server.history(HOURLY_EXAMPLE_TICK, 1);
    assert_eq!(outcomes(&rows), ["applied"]);
    assert_eq!((&rows[0]["world_id"], &rows[0]["markets_cleared"]), (&"alpha".into(), &5.into()));
    let all = wait_for("the events of an hour", || {
        Some(server.read(EVENTS)).filter(|records| records.len() >= EVENTS_PER_HOUR)
    });
    let of_type = |name: &str| {
        let name = format!("simulation.event.{name}");
        all.iter().filter(|record| header(record, "event_type") == Some(name.as_str())).collect::<Vec<_>>()
    };
    let records = of_type("market_cleared");
    assert_eq!((of_type("demand_signal").len(), of_type("aggregated_stats").len(), all.len()), (5, 1, EVENTS_PER_HOUR));
    let mut commodities = Vec::new();
    for record in &records {
        let event: Value = serde_json::from_str(&record.text()).expect("JSON");
        assert_eq!(event["event_type"], "simulation.event.market_cleared");
        assert_eq!(event["tick_id"], HOURLY_EXAMPLE_TICK);
        assert_eq!(event["world_id"], "alpha");
        assert_eq!(event["timestamp"], "2077-01-01T00:00:00Z", "the time of the world, not of the tick");
        assert!(event["price"].as_f64().is_some_and(|price| price > 0.0), "{event}");
        let commodity = event["commodity"].as_str().expect("a name").to_owned();
        assert_eq!(event["market_id"], format!("market-{commodity}"));
        assert_eq!(record.key.as_deref(), Some(format!("market-{commodity}").as_bytes()));
        assert_eq!(header(record, "event_type"), Some("simulation.event.market_cleared"));
        assert_eq!(header(record, "tick_id"), Some(HOURLY_EXAMPLE_TICK));
        assert_eq!(header(record, "ce_id"), event["event_id"].as_str());
        commodities.push(commodity);
    }
    commodities.sort();
    assert_eq!(commodities, COMMODITIES);

    // The same again, on another partition: a duplicate. The tick behind it shows that it was taken in.
    server.send(HOURLY, 1, HOURLY_EXAMPLE);
    let next = Tick::hourly("alpha", "2024-01-15T15:00:00Z");
    server.send(HOURLY, 1, &next.text());
    assert_eq!(outcomes(&server.history(HOURLY_EXAMPLE_TICK, 2)), ["applied", "duplicate"]);
    assert_eq!(outcomes(&server.history(&next.id, 1)), ["applied"]);
    server.wait_until_published();
    let mut by_tick: BTreeMap<String, usize> = BTreeMap::new();
    for event in server.events_of("alpha") {
        *by_tick.entry(event["tick_id"].as_str().expect("an id").to_owned()).or_default() += 1;
    }
    assert_eq!(by_tick, BTreeMap::from([HOURLY_EXAMPLE_TICK, &next.id].map(|id| (id.to_owned(), EVENTS_PER_HOUR))));
}

#[test]
fn the_daily_example_runs_its_schedule_once() {
    let server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    server.send(DAILY, 0, DAILY_EXAMPLE);
    server.send(DAILY, 0, DAILY_EXAMPLE);
    let rows = wait_for("both worlds ran it, and its repetition is known", || {
        let rows = server.history(DAILY_EXAMPLE_TICK, 2);
        (outcomes(&rows).ends_with(&["duplicate"])).then_some(rows)
    });
    let applied: Vec<&Value> = rows.iter().filter(|row| row["outcome"] == "applied").collect();
    assert_eq!(applied.len(), 2, "{rows:?}");
    assert!(applied.iter().all(|row| row["tick_type"] == "daily" && row["markets_cleared"] == 0), "{rows:?}");
    assert_eq!(server.world("alpha")["inputs"], 1);
    assert_eq!(server.world("beta")["inputs"], 1);
}

#[test]
fn a_world_that_follows_ticks_takes_its_time_from_them() {
    let server = TestServer::start(&[world("gamma", "ticks")]);
    assert_eq!(server.world("gamma")["now"], Value::Null, "no time before its first tick");
    let first = Tick::hourly("gamma", "2077-03-01T10:00:00Z");
    let late = Tick::hourly("gamma", "2077-03-01T09:00:00Z");
    let same = Tick::hourly("gamma", "2077-03-01T10:00:00Z");
    let next = Tick::hourly("gamma", "2077-03-01T12:30:00Z");
    for tick in [&first, &late, &same, &next] {
        server.send(HOURLY, 2, &tick.text());
    }
    assert_eq!(outcomes(&server.history(&next.id, 1)), ["applied"]);
    assert_eq!(outcomes(&server.history(&first.id, 1)), ["applied"]);
    assert_eq!(outcomes(&server.history(&late.id, 1)), ["late"]);
    assert_eq!(outcomes(&server.history(&same.id, 1)), ["applied"], "same game time, other id: it runs");
    assert_eq!(server.world("gamma")["now"], "2077-03-01T12:30:00Z");
    server.wait_until_published();
    let events = server.events_of("gamma");
    assert_eq!(events.len(), 3 * EVENTS_PER_HOUR, "nothing is published of a late tick");
    assert!(events.iter().all(|event| event["tick_id"] != late.id.as_str()));
}

#[test]
fn ticks_for_worlds_that_cannot_take_them_are_in_the_history_and_publish_nothing() {
    let server = TestServer::start(&[world("alpha", "manual"), world("beta", "manual")]);
    server.api().post("/api/v1/worlds/beta/pause", &serde_json::json!({"reason": "a test"})).ok();
    let nobody = Tick::hourly("nobody", "2077-01-01T00:00:00Z");
    let paused = Tick::hourly("beta", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &nobody.text());
    server.send(HOURLY, 0, &paused.text());
    // One for every world: it runs where it can.
    server.send(HOURLY, 0, HOURLY_EXAMPLE);
    let rows = server.history(&nobody.id, 1);
    assert_eq!(outcomes(&rows), ["unknown_world"]);
    assert!(rows[0]["detail"].as_str().expect("words").contains("`nobody`"), "{rows:?}");
    let rows = server.history(&paused.id, 1);
    assert_eq!((outcomes(&rows), &rows[0]["detail"]), (vec!["paused"], &"a test".into()));
    assert_eq!(outcomes(&server.history(HOURLY_EXAMPLE_TICK, 2)), ["applied", "paused"]);
    server.wait_until_published();
    assert_eq!(server.events_of("alpha").len(), EVENTS_PER_HOUR);
    let told: Vec<String> =
        server.events_of("beta").iter().map(|event| event["event_type"].as_str().expect("text").to_owned()).collect();
    assert_eq!(told, ["simulation.event.world_paused"], "nothing but the pause");
    assert_eq!(server.world("beta")["inputs"], 1, "the pause");
    // Resumed, it takes the next one.
    server.api().post("/api/v1/worlds/beta/resume", &serde_json::json!({})).ok();
    let next = Tick::hourly("beta", "2077-01-01T00:00:00Z");
    server.send(HOURLY, 0, &next.text());
    assert_eq!(outcomes(&server.history(&next.id, 1)), ["applied"]);
}

#[test]
fn a_live_world_ticks_itself_through_kafka() {
    let server = TestServer::start(&[world("live", "live")]);
    let records = wait_for("three of its own ticks on the topic", || {
        Some(server.read(HOURLY)).filter(|records| records.len() >= 3)
    });
    let incarnation = server.world("live")["incarnation"].clone();
    for record in &records {
        let tick: Value = serde_json::from_str(&record.text()).expect("JSON");
        assert_eq!((&tick["world_id"], &tick["incarnation"]), (&"live".into(), &incarnation));
        assert_eq!(tick["data"]["triggered_by"], "system");
        let rows = server.history(tick["data"]["tick_id"].as_str().expect("an id"), 1);
        assert_eq!(outcomes(&rows), ["applied"]);
        assert_eq!(rows[0]["topic"], HOURLY, "it came back over Kafka");
    }
    wait_for("markets of three hours", || (server.events_of("live").len() >= 3 * EVENTS_PER_HOUR).then_some(()));
    let seen = ticks_of_metrics(&server.api());
    assert!(seen >= 3.0, "{seen}");
}

fn ticks_of_metrics(api: &Api) -> f64 {
    let text = api.get("/metrics").text;
    crate::server_support::metric(&text, r#"worldtick_ticks_total{type="hourly",outcome="applied"}"#)
}
