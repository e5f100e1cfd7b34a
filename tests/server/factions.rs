//! Factions in a living world: over HTTP, by message, on the command line, on the topic and in the database.

use crate::bridge_support::wait_for;
use crate::program::program;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, metric, world};
use serde_json::{Value, json};
use uuid::Uuid;

const PATH: &str = "/api/v1/worlds/hand";

fn get(api: &Api, path: &str) -> Value {
    api.get(&format!("{PATH}{path}")).ok()
}

fn order(command: &str, payload: &Value) -> Value {
    json!({ "command": command, "payload": payload })
}

fn day(server: &TestServer) {
    server.api().post(&format!("{PATH}/tick"), &json!({"type": "daily"})).ok();
    server.wait_until_published();
}

/// Sends a command by message, and waits for the message that answers it.
fn send(server: &TestServer, command: &str, payload: &Value) -> Value {
    let id = Uuid::new_v4().to_string();
    let text = json!({
        "command_id": id, "command": command, "world_id": "hand", "issued_by": "game-master",
        "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
    });
    server.send("world.command", 0, &text.to_string());
    wait_for("the command's result", || {
        let all = server.read("world.command.result");
        let found = all.iter().map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON"));
        found.into_iter().find(|result| result["command_id"] == id)
    })
}

/// Events of diplomacy on the topic, partition by partition.
fn told(server: &TestServer) -> Vec<Value> {
    let mut all = server.events_of("hand");
    all.retain(|event| event["source"] == "world.diplomacy");
    all
}

#[test]
fn a_war_is_told_kept_and_shown_everywhere() {
    let mut server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    assert_eq!(get(&api, "/factions")["items"].as_array().map(Vec::len), Some(7));
    assert_eq!(get(&api, "/standings")["items"], json!([]), "no day has passed");
    api.get(&format!("{PATH}/factions/nobody")).problem(404);
    api.get(&format!("{PATH}/relations/militia/nobody")).problem(404);
    api.get(&format!("{PATH}/relations/militia/nobody/history")).problem(404);
    let words = api.get(&format!("{PATH}/relations/militia/militia/explain")).problem(422);
    assert!(words.to_string().contains("name two factions"), "{words}");

    // What is refused says why, over HTTP and by message, and changes nothing.
    let before = server.world("hand")["state_hash"].clone();
    let wrong = json!({"by": "milita", "with": "tyger_claws", "days": 3});
    let words = api.post(&format!("{PATH}/commands"), &order("diplomacy.declare_war", &wrong)).problem(422).to_string();
    assert!(words.contains("did you mean `militia`") && words.contains("/days"), "{words}");
    let refused = send(&server, "diplomacy.declare_war", &wrong);
    assert_eq!(refused["outcome"], "refused");
    assert!(refused["error"].as_str().unwrap().contains("did you mean `militia`"), "{refused}");
    assert_eq!(server.world("hand")["state_hash"], before, "nothing has changed");

    let war = json!({"by": "militia", "with": "tyger_claws", "reason": "a stolen shipment"});
    let done = send(&server, "diplomacy.declare_war", &war);
    assert_eq!((&done["outcome"], &done["answer"]["state"]), (&json!("done"), &json!("WAR")), "{done}");
    let pact = json!({"by": "arastov_family", "with": "valentino_gang", "days": 30});
    let answer = api.post(&format!("{PATH}/commands"), &order("diplomacy.form_alliance", &pact)).ok();
    assert!(answer.to_string().contains("ALLIANCE"), "{answer}");
    day(&server);

    // On the topic: both changes with their reasons, and the day.
    let events = told(&server);
    let of = |faction: &str, state: &str| {
        let found =
            events.iter().find(|event| event["faction_b_id"] == faction && event["new_relation_state"] == state);
        found.unwrap_or_else(|| panic!("{state} with {faction}: {events:?}")).clone()
    };
    let war = of("tyger_claws", "WAR");
    assert!(war["reason"].as_str().unwrap().contains("a stolen shipment") && war["score_change"].is_f64(), "{war}");
    assert_eq!(of("valentino_gang", "ALLIANCE")["faction_a_id"], "arastov_family");
    let days: Vec<_> =
        events.iter().filter(|event| event["event_type"] == "simulation.event.diplomacy_summary").collect();
    assert_eq!(days.len(), 1);
    assert_eq!((&days[0]["relations"], &days[0]["changes"]), (&json!(21), &json!(events.len() - 1)));

    // In the database: how every pair stands, as the matrix shows it, and what happened to it.
    compare(&server, &events);
    assert_eq!(shown(&server), ["state_changed militia,tyger_claws PEACE WAR", "war_declared militia,tyger_claws - -"]);
    metrics(&api);
    let world = server.world("hand");
    let history = get(&api, "/relations/tyger_claws/militia/history")["items"].clone();
    for row in history.as_array().unwrap().iter().chain(get(&api, "/standings")["items"].as_array().unwrap()) {
        numbers_are_short(row);
    }
    assert!(history.as_array().unwrap().iter().all(|row| row["incarnation"] == world["incarnation"]), "{history}");

    // It outlives the server; and a world that begins anew forgets how its factions stand.
    let pair = get(&api, "/relations/tyger_claws/militia");
    assert_eq!((&pair["state"], &pair["history"][0]["to"]), (&json!("WAR"), &json!("WAR")));
    server.restart();
    assert_eq!(get(&server.api(), "/relations/tyger_claws/militia"), pair);
    server.api().post(&format!("{PATH}/reset"), &json!({})).ok();
    wait_for("it has begun anew", || {
        (get(&server.api(), "/relations/tyger_claws/militia")["state"] == "PEACE").then_some(())
    });
    assert_eq!(get(&server.api(), "/standings")["items"], json!([]));
    assert_eq!(shown(&server).len(), 2, "what happened is still known");
}

/// The rows of the database against the matrix of the world and the events of the topic.
fn compare(server: &TestServer, events: &[Value]) {
    let api = server.api();
    let matrix = get(&api, "/relations");
    let names: Vec<&str> = matrix["factions"].as_array().unwrap().iter().map(|of| of["id"].as_str().unwrap()).collect();
    let rows = server.query_store("SELECT faction_a, faction_b, state FROM relation WHERE world_id = 'hand'");
    let standings = get(&api, "/standings")["items"].as_array().unwrap().clone();
    assert_eq!((rows.len(), standings.len(), names.len()), (21, 21, 7));
    let at = |name: &str| names.iter().position(|known| *known == name).expect("a faction");
    for row in rows {
        assert_eq!(matrix["cells"][at(&row[0])][at(&row[1])]["state"].as_str(), Some(row[2].as_str()), "{row:?}");
    }
    for standing in &standings {
        let name = |side: &str| at(standing[side].as_str().unwrap());
        let cell = &matrix["cells"][name("factionA")][name("factionB")];
        assert_eq!(standing["state"], cell["state"]);
        let (kept, shown) = (standing["score"].as_f64().unwrap(), cell["score"].as_f64().unwrap());
        assert!((kept - shown).abs() < 6e-4, "{standing} {cell}");
    }
    let page = get(&api, "/standings?limit=20");
    let rest = get(&api, &format!("/standings?limit=20&cursor={}", page["next"].as_str().expect("a cursor")));
    assert_eq!(rest["items"], json!([standings[20]]));
    let mut changes =
        server.query_store("SELECT faction_a, faction_b, to_state FROM relation_history WHERE what = 'state_changed'");
    let updates = events.iter().filter(|event| event["event_type"] == "simulation.event.diplomacy_update");
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_owned();
    let mut updates: Vec<_> = updates
        .map(|event| ["faction_a_id", "faction_b_id", "new_relation_state"].map(|name| text(event, name)))
        .collect();
    changes.sort_unstable();
    updates.sort_unstable();
    assert_eq!(changes, updates, "every change that was told");
}

/// What the API has of the history of a pair, whichever is named first.
fn shown(server: &TestServer) -> Vec<String> {
    let history = get(&server.api(), "/relations/tyger_claws/militia/history");
    let pair = format!("{},{}", history["factionA"].as_str().unwrap(), history["factionB"].as_str().unwrap());
    let word = |one: &Value, name: &str| one[name].as_str().unwrap_or("-").to_owned();
    let mut all: Vec<String> = history["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {pair} {} {}", word(one, "what"), word(one, "from"), word(one, "to")))
        .collect();
    // Whatever else the day brought to these two comes on top.
    all.drain(..all.len() - 2);
    all
}

/// No digits beyond those of single precision, and no zero below zero.
fn numbers_are_short(row: &Value) {
    for (name, value) in row.as_object().unwrap().iter().filter(|(_, value)| value.is_f64()) {
        let text = value.to_string();
        let single: f32 = text.parse().unwrap();
        assert!(text != "-0.0" && text.trim_end_matches(".0") == single.to_string(), "{name}: {row}");
    }
}

fn metrics(api: &Api) {
    let text = wait_for("the changes are counted", || {
        let text = api.get("/metrics").text;
        (metric(&text, r#"worldtick_diplomacy_changes_total{state="WAR"}"#) >= 1.0).then_some(text)
    });
    let states = get(api, "/factions")["byState"].clone();
    for state in ["war", "cold_war", "peace", "alliance"] {
        let series = format!(r#"worldtick_diplomacy_relations{{world="hand",state="{state}"}}"#);
        assert_eq!(json!(metric(&text, &series)), json!(states[state].as_f64().unwrap()), "{state}");
    }
}

#[test]
fn the_command_line_lists_shows_explains_and_draws() {
    let server = TestServer::start(&[world("hand", "manual")]);
    day(&server);
    let address = format!("http://{}", server.running().admin_address());
    let run = |arguments: &[&str]| {
        let all = [&["factions"], arguments, &["--server", &address]].concat();
        let output = program(server.folder.path(), &all).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let shown = |arguments: &[&str]| {
        let (is_done, out, err) = run(arguments);
        assert!(is_done, "{arguments:?}: {out}{err}");
        out
    };
    let list = shown(&["list", "hand"]);
    assert!(list.starts_with("FACTION") && list.lines().count() == 8 && list.contains("Maelstrom"), "{list}");
    let one = shown(&["show", "hand", "militia"]);
    assert!(one.contains("firstPowers") || one.contains("exhaustion"), "{one}");
    let grid = shown(&["matrix", "hand"]);
    assert_eq!(grid.lines().filter(|line| line.contains("  ") && line.contains('-')).count(), 7, "{grid}");
    let why = shown(&["explain", "hand", "militia", "maelstrom_gang"]);
    assert!(why.contains("fear") && why.contains("PART OF THE SCORE"), "{why}");
    let file = server.folder.path().join("matrix.svg");
    shown(&["render", "hand", "--to", file.to_str().expect("text")]);
    let drawn = std::fs::read_to_string(&file).expect("a file");
    assert!(drawn.starts_with("<svg ") && drawn.contains("Valentinos and Nomads: ALLIANCE"), "{drawn}");
    let two = shown(&["matrix", "hand", "--factions", "militia,corporation"]);
    assert!(!two.contains("tyger_claws") && two.contains("corporation"), "{two}");
    // As data: a row for each pair, the parts of a score; a picture has no other form.
    let csv = shown(&["matrix", "hand", "-o", "csv"]);
    assert!(csv.starts_with("faction_a,faction_b,state,score\n") && csv.lines().count() == 22, "{csv}");
    let terms = shown(&["explain", "hand", "militia", "maelstrom_gang", "-o", "csv"]);
    assert!(terms.starts_with("part_of_the_score_now,value\n") && terms.contains("\nfear,"), "{terms}");
    let (is_done, out, err) = run(&["render", "hand", "-o", "json"]);
    assert!(!is_done && out.is_empty() && err.contains("worldtick factions matrix --output json"), "{out}{err}");
    let crowd = program(server.folder.path(), &["crowd", "render", "w.yaml", "-o", "json"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&crowd.stderr).contains("unexpected argument '-o'"), "{crowd:?}");

    // Treaties with their ends, in force or not yet.
    for (treaty, begins, ends) in
        [("trade", "2077-01-01", "2077-03-01"), ("non_aggression", "2078-01-01", "2079-01-01")]
    {
        let instant = |day: &str| format!("{day}T00:00:00Z");
        let pact = json!({
            "by": "militia", "with": "maelstrom_gang", "treaty": treaty, "begins": instant(begins), "ends": instant(ends),
        });
        server.api().post(&format!("{PATH}/commands"), &order("diplomacy.sign_treaty", &pact)).ok();
    }
    let why = shown(&["explain", "hand", "militia", "maelstrom_gang"]);
    assert!(why.contains("treaty of trade in force until 2077-03-01T00:00:00Z\n"), "{why}");
    let later = "treaty of non_aggression signed for later: from 2078-01-01T00:00:00Z until 2079-01-01T00:00:00Z\n";
    assert!(why.contains(later) && why.contains("score when last evaluated "), "{why}");

    let (is_done, _, err) = run(&["explain", "hand", "militia", "maelstrom"]);
    assert!(!is_done && err.contains("did you mean `maelstrom_gang`"), "{err}");
}
