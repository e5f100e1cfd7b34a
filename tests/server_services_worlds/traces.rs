//! What is left of a world's life: on the topics, in the histories, in the audit.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ground::{Ground, RESULTS};
use crate::lives::items;
use crate::ways::{Player, UNTIL, Way};

/// What is on the topics: each event once, and one result for each command.
pub fn on_the_topics(ground: &Ground, player: &Player<'_>, [pinned, staged]: &[String; 2]) {
    let events = ground.events(|world| world == player.world);
    let ids: BTreeSet<&str> = events.iter().map(|event| event["event_id"].as_str().expect("an id")).collect();
    assert_eq!(ids.len(), events.len(), "each event once");
    let of_kind = |kind: &str| -> Vec<&Value> {
        let kind = format!("simulation.event.{kind}");
        events.iter().filter(|event| event["event_type"] == kind.as_str()).collect()
    };
    let [paused, resumed, changed] =
        ["world_paused", "world_resumed", "world_config_changed"].map(|kind| match of_kind(kind)[..] {
            [event] => event,
            ref other => panic!("{:?}: {kind}: {other:?}", player.way),
        });
    let fields = [&paused["reason"], &paused["by"], &paused["until"], &resumed["by"], &changed["by"]];
    assert_eq!(fields, ["lunch", player.name(), UNTIL, player.name(), player.name()], "{:?}", player.way);
    let expected = json!([
        {"pointer": "/tiers/active/maxNpcs", "from": 100, "to": 7}, {"pointer": "/timeScale", "from": 36000.0, "to": 120.0},
    ]);
    assert_eq!(changed["changes"], expected);
    let moves = of_kind("npc_tier_changed");
    for (npc, reason) in [(pinned, "pin"), (staged, "scene")] {
        let found = moves.iter().filter(|event| event["name"] == npc.as_str() && event["reason"] == reason);
        let found: Vec<_> = found.map(|event| (&event["from"], &event["to"])).collect();
        assert_eq!(found, [(&json!("ambient"), &json!("detailed"))], "{:?}: {npc} {reason}", player.way);
    }
    assert_eq!(of_kind("market_cleared").len(), 2 * 5, "the hour that passed and the one that was forced");

    let results = ground.told(RESULTS, |world| world == player.world);
    let sent = player.sent.borrow();
    let expected: usize = sent.iter().map(|sent| if sent.outcome == "done" { 2 } else { 1 }).sum();
    assert_eq!(results.len(), expected, "{:?}: {results:?}", player.way);
    for sent in sent.iter() {
        let ours: Vec<&Value> = results.iter().filter(|told| told["command_id"] == sent.id.to_string()).collect();
        assert_eq!(ours[0]["outcome"], sent.outcome, "{ours:?}");
        let known = player.api.get(&player.path(&format!("/commands/{}", sent.id))).ok();
        assert_eq!((&ours[0]["answer"], &ours[0]["error"]), (&known["answer"], &known["error"]), "{known}");
        if let Some(again) = ours.get(1) {
            assert_eq!((&again["outcome"], &again["answer"]), (&"duplicate".into(), &known["answer"]), "{ours:?}");
        }
    }
}

/// The histories stay when the world has gone, and the audit holds what was asked, by whichever way.
pub fn in_the_histories(player: &Player<'_>) {
    let history = items(&player.api.get(&player.path("/simulation/history")).ok());
    assert_eq!(history.len(), 2, "{history:?}");
    let commands = items(&player.api.get(&player.path("/commands?limit=1000")).ok());
    let done: BTreeSet<&str> =
        commands.iter().filter(|row| row["outcome"] == "done").filter_map(|row| row["command"].as_str()).collect();
    let expected = [
        "npc.pin",
        "npc.unpin",
        "scheduler.focus",
        "session.end",
        "session.start",
        "world.configure",
        "world.pause",
        "world.register",
        "world.resume",
        "world.step",
        "world.tick",
        "world.unregister",
    ];
    assert_eq!(done, BTreeSet::from(expected), "{:?}", player.way);
    let rows = items(&player.api.get(&format!("/api/v1/audit?world={}&limit=1000", player.world)).ok());
    if player.way == Way::Kafka {
        let by_message = |row: &Value| (row["source"] == "kafka" && row["route"] == "world.command").then_some(());
        assert!(rows.iter().all(|row| by_message(row).is_some()), "nobody has asked over HTTP: {rows:?}");
        let outcomes = |rows: &[Value]| -> Vec<Value> { rows.iter().map(|row| row["outcome"].clone()).collect() };
        assert_eq!(outcomes(&rows), outcomes(&commands), "a row for each command, in the commit of its effect");
        return;
    }
    let asked: BTreeSet<(String, u64)> = rows
        .iter()
        .map(|row| {
            let route = row["route"].as_str().expect("a route").trim_start_matches("/api/v1/worlds");
            (
                format!("{} {route}", row["method"].as_str().expect("a method")),
                row["status"].as_u64().expect("answered"),
            )
        })
        .collect();
    for (route, status) in [
        ("POST ", 201),
        ("POST ", 409),
        ("PATCH /{world}/simulation", 200),
        ("POST /{world}/pause", 200),
        ("POST /{world}/resume", 200),
        ("POST /{world}/step", 200),
        ("POST /{world}/tick", 200),
        ("POST /{world}/npcs/{npc}/pin", 200),
        ("DELETE /{world}/npcs/{npc}/pin", 200),
        ("POST /{world}/sessions", 201),
        ("POST /{world}/focus", 200),
        ("DELETE /{world}/sessions/{session}", 200),
        ("DELETE /{world}", 200),
        ("POST /{world}/pause", 404),
    ] {
        assert!(asked.contains(&(route.to_owned(), status)), "{:?}: {route} {status}: {asked:?}", player.way);
    }
    assert_eq!(asked.contains(&("PATCH /{world}/simulation".to_owned(), 412)), player.way == Way::Http);
    let outcome = |row: &Value| if row["status"].as_u64() < Some(400) { "done" } else { "refused" };
    assert!(rows.iter().all(|row| row["outcome"] == outcome(row)), "{rows:?}");
}
