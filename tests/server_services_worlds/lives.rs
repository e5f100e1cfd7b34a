//! The whole life of a world, once over HTTP, once through `world.command` and once by the command line.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use worldtick::world::spec::WorldSpec;

use crate::bridge_support::{unique, wait_for};
use crate::ground::{Engine, Ground};
use crate::process::Process;
use crate::server_support::world;
use crate::traces;
use crate::ways::{Deed, Player, SESSION, UNTIL, Way};

pub fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

fn address(process: &mut Process) -> String {
    process.line("the admin API", |line| {
        line.trim().strip_prefix("admin API ").map(|rest| rest.trim().trim_end_matches("/api/v1").to_owned())
    })
}

/// What must be the same after the process was killed.
fn essence(player: &Player<'_>) -> Value {
    let shown = player.shown();
    let names = ["incarnation", "status", "clock", "time_scale", "now", "inputs", "state_hash", "npcs"];
    let of_world: Value = names.iter().map(|name| shown[*name].clone()).collect();
    json!([
        of_world,
        player.api.tagged(&player.path("/simulation")),
        player.api.get(&player.path("/npcs?limit=500")).ok()
    ])
}

#[test]
fn a_world_lives_the_same_over_http_through_kafka_and_by_the_command_line() {
    let Some(ground) = Ground::start(Engine::Postgres) else { return };
    let (mut process, _) = ground.launch(None);
    let server = address(&mut process);
    let ways = [Way::Http, Way::Kafka, Way::CommandLine];
    let mut players = ways.map(|way| Player::new(way, unique("w"), &server, &ground));
    let npcs = players.each_ref().map(lives);
    let told: Vec<Value> = players.iter().map(essence).collect();
    // Whatever way it was asked, it is the same life: status, clock, scale, time, and number of inputs.
    let alike = |told: &Value| told[0].as_array().expect("a list")[1..=5].to_vec();
    assert!(told.iter().all(|other| alike(other) == alike(&told[0])), "{told:?}");

    // What was answered is durable: nothing of it is lost by a kill.
    process.signal("-KILL");
    process.wait();
    let (mut process, _) = ground.launch(None);
    let server = address(&mut process);
    for (player, before) in players.iter_mut().zip(&told) {
        let sent = player.sent.take();
        *player = Player::new(player.way, player.world.clone(), &server, &ground);
        player.sent.replace(sent);
        assert_eq!(essence(player), *before, "{:?}", player.way);
    }
    for player in &players {
        ends(player);
    }
    ground.is_quiet();
    for (player, npcs) in players.iter().zip(&npcs) {
        traces::on_the_topics(&ground, player, npcs);
        traces::in_the_histories(player);
    }
}

/// Everything that can be asked of a world, but its end. Gives the names of two NPCs: one was pinned, one was in a scene.
fn lives(player: &Player<'_>) -> [String; 2] {
    let way = player.way;
    let spec = WorldSpec::from_yaml(&world(&player.world, "manual")).expect("a world file");
    let file = serde_json::to_value(&spec).expect("JSON");
    let registered = player.does(&Deed::Register(file.clone()));
    let listed = match way {
        Way::CommandLine => player.run(&["worlds".into(), "list".into()]).1,
        _ => player.api.get("/api/v1/worlds").ok(),
    };
    let listed =
        items(&listed).into_iter().find(|item| item["world_id"] == player.world.as_str()).expect("it is listed");
    let shown = match way {
        Way::CommandLine => player.run(&["worlds".into(), "show".into(), player.world.clone()]).1,
        _ => player.shown(),
    };
    assert_eq!(
        (&shown["incarnation"], &listed["incarnation"]),
        (&registered["incarnation"], &registered["incarnation"])
    );
    assert_eq!((&shown["status"]["state"], &shown["now"]), (&"running".into(), &"2077-01-01T00:00:00Z".into()));
    let words = player.is_refused(&Deed::Register(file), 409);
    assert!(words.contains("exists"), "{words}");

    configures(player);
    let paused = player.does(&Deed::Pause("lunch"));
    assert!(paused.to_string().contains("paused"), "{paused}");
    let status = player.shown()["status"].clone();
    let fields = [&status["state"], &status["reason"], &status["by"], &status["until"]];
    assert_eq!(fields, ["paused", "lunch", player.name(), UNTIL], "{status}");
    player.does(&Deed::Resume);
    assert_eq!(player.shown()["status"], json!({"state": "running"}));
    player.does(&Deed::Step(1_800, 2));
    assert_eq!(player.shown()["now"], "2077-01-01T01:00:00Z");
    // The hour that has passed goes out as a tick, and comes back.
    wait_for("the world's own tick", || (player.shown()["inputs"] == 5).then_some(()));
    for kind in ["hourly", "daily"] {
        let tick = player.does(&Deed::Tick(kind))["tick_id"].as_str().expect("an id").to_owned();
        let rows = items(&player.api.get(&format!("/api/v1/ticks?tick={tick}")).ok());
        assert_eq!(rows.len(), 1, "{rows:?}");
        assert_eq!((&rows[0]["tick_type"], &rows[0]["outcome"]), (&kind.into(), &"applied".into()), "{rows:?}");
        assert_eq!(rows[0]["world_id"], player.world.as_str());
    }
    steers_npcs(player)
}

/// Looked at, changed, and refused to whom another was quicker than.
fn configures(player: &Player<'_>) {
    let path = player.path("/simulation");
    let (tag, _) = player.api.tagged(&path);
    let text = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let seen = match player.way {
        Way::Http => player
            .api
            .send(
                "PATCH",
                &format!("{path}?dryRun=true"),
                r#"{"timeScale": 120}"#,
                &[("Content-Type", "application/merge-patch+json")],
            )
            .ok(),
        Way::CommandLine => player.run(&text(&["worlds", "set", &player.world, "timeScale=120", "--dry-run"])).1,
        // Whoever sends messages is not there to look.
        Way::Kafka => json!({"dry_run": true, "changes": [{"to": 120.0}]}),
    };
    assert_eq!((&seen["dry_run"], &seen["changes"][0]["to"]), (&true.into(), &120.0.into()), "{seen}");
    assert_eq!(player.api.tagged(&path).0, tag, "looking changes nothing");
    let changed = player.does(&Deed::Configure(120, 7, tag.clone()));
    let pointers: Vec<&str> = changed["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .filter_map(|change| change["pointer"].as_str())
        .collect();
    assert_eq!(pointers, ["/tiers/active/maxNpcs", "/timeScale"]);
    let (new, block) = player.api.tagged(&path);
    assert_eq!((&block["timeScale"], &block["tiers"]["active"]["maxNpcs"]), (&120.0.into(), &7.into()));
    assert_eq!((changed["etag"].as_str(), new == tag), (Some(new.as_str()), false));
    if player.way != Way::CommandLine {
        // The command line asks for the tag itself, at that very moment.
        let words = player.is_refused(&Deed::Configure(240, 8, tag), 412);
        assert!(words.contains("look at it again"), "{words}");
        assert_eq!(player.api.tagged(&path).0, new);
    }
    let history = match player.way {
        Way::CommandLine => player.run(&text(&["worlds", "history", &player.world])).1,
        _ => player.api.get(&player.path("/simulation/history")).ok(),
    };
    let rows: BTreeSet<String> = items(&history)
        .iter()
        .map(|row| format!("{} {} {} {}", row["pointer"], row["from"], row["to"], row["changed_by"]))
        .collect();
    let by = player.name();
    let expected =
        [format!(r#""/timeScale" 36000.0 120.0 "{by}""#), format!(r#""/tiers/active/maxNpcs" 100 7 "{by}""#)];
    assert_eq!(rows, BTreeSet::from(expected), "{history}");
}

/// One is pinned and one is put into a scene; the next step moves both, and each says why.
fn steers_npcs(player: &Player<'_>) -> [String; 2] {
    let text = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let listed = match player.way {
        Way::CommandLine => player.run(&text(&["npcs", "list", &player.world, "--tier", "ambient", "--limit", "2"])).1,
        _ => player.api.get(&player.path("/npcs?tier=ambient&limit=2")).ok(),
    };
    let names: Vec<String> =
        items(&listed).iter().map(|npc| npc["name"].as_str().expect("a name").to_owned()).collect();
    let [pinned, staged]: [String; 2] = names.try_into().expect("two of them");
    player.does(&Deed::Pin(pinned.clone()));
    // Sessions are started by the game, by the same two ways.
    let game = Player::new(
        if player.way == Way::CommandLine { Way::Http } else { player.way },
        player.world.clone(),
        &player.address,
        player.ground(),
    );
    let game = if player.way == Way::CommandLine { &game } else { player };
    game.does(&Deed::StartSession);
    player.does(&Deed::Focus(staged.clone()));
    player.does(&Deed::Step(60, 1));
    let explained = |npc: &str| match player.way {
        Way::CommandLine => player.run(&text(&["npcs", "explain", &player.world, npc])).1["tier"].clone(),
        _ => player.api.get(&player.path(&format!("/npcs/{npc}/explain"))).ok()["tier"].clone(),
    };
    let why = explained(&pinned);
    assert_eq!((&why["tier"], &why["pin"]), (&"detailed".into(), &"detailed".into()), "{why}");
    let why = explained(&staged);
    assert_eq!((&why["tier"], &why["session"]), (&"detailed".into(), &SESSION.into()), "{why}");
    assert_eq!(player.api.get(&player.path("/scheduler")).ok()["state"]["sessions"], 1);
    game.does(&Deed::EndSession);
    assert_eq!(player.api.get(&player.path("/scheduler")).ok()["state"]["sessions"], 0);
    player.does(&Deed::Unpin(pinned.clone()));
    assert_eq!(explained(&pinned)["pin"], Value::Null);
    [pinned, staged]
}

fn ends(player: &Player<'_>) {
    player.does(&Deed::Unregister);
    player.api.get(&player.path("")).problem(404);
    let words = player.is_refused(&Deed::Pause("too late"), 404);
    assert!(words.contains(&format!("there is no world `{}`", player.world)), "{words}");
}
