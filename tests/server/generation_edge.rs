//! The edge of generation: limits over all worlds, worlds that stand still, have faulted or are gone, and what is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::bridge_support::wait_for;
use crate::generation::{KINDS, answer, outcome, requests, taken};
use crate::program::program;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, metric, world};
use bevy_app::App;
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::config::ServerConfig;
use worldtick::schedules::HourlyTick;

const LIMITS: &str = "/api/v1/generation/limits";
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

fn file(id: &str) -> String {
    format!("{}{KINDS}", world(id, "manual"))
}

fn two_worlds(change: impl Fn(&mut ServerConfig) + Send + Sync + 'static) -> TestServer {
    TestServer::start_with(&[file("here"), file("there")], change)
}

/// A job of a world that is let go by it: its id.
fn job(api: &Api, id: &str, kind: &str) -> u64 {
    let answer = api.post(&format!("/api/v1/worlds/{id}/jobs"), &json!({ "kind": kind, "user": "alice" }));
    assert_eq!(answer.status, 201, "{}", answer.text);
    step(api, id);
    answer.json()["jobId"].as_u64().expect("an id")
}

fn step(api: &Api, id: &str) {
    api.post(&format!("/api/v1/worlds/{id}/step"), &json!({ "game_seconds": 1 })).ok();
}

fn shown(api: &Api, id: &str, job: u64) -> Value {
    api.get(&format!("/api/v1/worlds/{id}/jobs/{job}")).ok()
}

fn edge(api: &Api) -> Value {
    api.get("/api/v1/generation").ok()
}

/// Changes limits of the edge.
fn limit(api: &Api, patch: &Value) -> Value {
    api.patch(LIMITS, &patch.to_string(), &JSON).ok()
}

/// What workers are asked about the jobs of a world, once it is so much.
fn requests_of(server: &TestServer, id: &str, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} requests of {id}"), || {
        let mut all = requests(server, 0);
        all.retain(|request| request["world_id"] == id);
        (all.len() >= count).then_some(all)
    })
}

#[test]
fn an_answer_makes_room_though_its_world_stands_still() {
    let server = two_worlds(|config| config.generation.in_flight_max = 1);
    let api = server.api();
    ["here", "there"].iter().for_each(|id| step(&api, id));
    let first = job(&api, "here", "scene");
    let request = requests(&server, 1).remove(0);
    let second = job(&api, "there", "scene");
    let held = wait_for("the reason", || {
        let shown = shown(&api, "there", second);
        shown["edge"]["behind"].as_str().is_some_and(|why| why.contains("in all")).then_some(shown)
    });
    assert_eq!((&held["edge"]["stage"], &held["edge"]["before"]), (&"waits".into(), &0.into()), "{held}");
    api.post("/api/v1/worlds/here/pause", &json!({})).ok();
    taken(&server, answer(&server, &request, &json!({})));
    let requests = requests_of(&server, "there", 1);
    assert_eq!((&requests[0]["action"], &requests[0]["job_id"]), (&"generate".into(), &second.into()));
    assert_eq!(shown(&api, "here", first)["state"], "queued", "it takes effect with the next step");
    // Neither is it sent again after a restart.
    let mut server = server;
    server.restart();
    let api = server.api();
    wait_for("the edge", || (edge(&api)["withWorkers"] == 1).then_some(()));
    step(&api, "here");
    assert_eq!(shown(&api, "here", first)["state"], "succeeded");
}

#[test]
fn a_worker_that_says_how_far_it_is_has_its_time_anew_each_time() {
    let server = two_worlds(|_| {});
    let api = server.api();
    step(&api, "here");
    // It may say nothing for one second.
    let job = job(&api, "here", "brief");
    let request = requests(&server, 1).remove(0);
    let begun = Instant::now();
    let mut percent = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        percent = (percent + 1) % 100;
        taken(&server, answer(&server, &request, &json!({ "status": "progress", "progress": percent })));
    }
    step(&api, "here");
    assert_eq!(shown(&api, "here", job)["state"], "running");
    // Then it says nothing more: it is told to stop.
    let all = requests_of(&server, "here", 2);
    assert_eq!((&all[1]["action"], &all[1]["attempt"]), (&"cancel".into(), &1.into()));
    step(&api, "here");
    assert_eq!(shown(&api, "here", job)["state"], "dead");
}

/// A plugin of somebody else that panics in the hourly tick of the world `here` while the trap is set.
fn trap(set: Arc<AtomicBool>) -> impl Fn(&mut App) + Send + Sync + 'static {
    use bevy_ecs::prelude::Res;
    use worldtick::world::spec::WorldSpec;
    move |app| {
        let set = set.clone();
        app.add_systems(HourlyTick, move |spec: Res<WorldSpec>| {
            assert!(!(set.load(Ordering::Acquire) && spec.id.as_str() == "here"), "the trap was sprung");
        });
    }
}

fn with_trap(change: impl Fn(&mut ServerConfig) + Send + Sync + 'static) -> (TestServer, Arc<AtomicBool>) {
    let set = Arc::new(AtomicBool::new(false));
    let mut server = TestServer::prepare(&[file("here"), file("there")], change).plugins(trap(set.clone()));
    server.begin();
    (server, set)
}

fn fault(api: &Api, set: &AtomicBool) {
    set.store(true, Ordering::Release);
    api.post("/api/v1/worlds/here/tick", &json!({})).problem(500);
    set.store(false, Ordering::Release);
}

fn recover(api: &Api) {
    api.post("/api/v1/worlds/here/recover", &json!({ "action": "skip" })).ok();
}

#[test]
fn a_world_that_has_faulted_uses_up_nobodys_limits() {
    let (server, set) = with_trap(|config| config.generation.per_hour_per_user_max = 2);
    let api = server.api();
    ["here", "there"].iter().for_each(|id| step(&api, id));
    limit(&api, &json!({ "all": { "concurrent": 0 } }));
    let waiting = job(&api, "here", "scene");
    wait_for("it waits at the edge", || (edge(&api)["waiting"] == 1).then_some(()));
    fault(&api, &set);
    limit(&api, &json!({ "all": { "concurrent": null } }));
    let begun = Instant::now();
    // What the edge would ask of the world again and again must not count.
    wait_for("a while", || {
        assert_eq!(edge(&api)["withinTheHour"], 0);
        (begun.elapsed() > Duration::from_secs(3)).then_some(())
    });
    let other = job(&api, "there", "scene");
    assert_eq!(requests(&server, 1)[0]["job_id"], other, "of the same user");
    recover(&api);
    let request = requests_of(&server, "here", 1).remove(0);
    assert_eq!((&request["job_id"], &request["attempt"]), (&waiting.into(), &1.into()));
    wait_for("it counts", || (edge(&api)["withinTheHour"] == 2).then_some(()));
}

#[test]
fn what_a_worker_says_to_a_world_that_has_faulted_is_kept_until_it_is_back() {
    let (mut server, set) = with_trap(|_| {});
    let api = server.api();
    step(&api, "here");
    let job = job(&api, "here", "scene");
    let request = requests(&server, 1).remove(0);
    fault(&api, &set);
    let id = answer(&server, &request, &json!({ "reference": "s3://kept" }));
    wait_for("it is with the workers no more", || (edge(&api)["withWorkers"] == 0).then_some(()));
    // Another answer to the same is one too many.
    let second = answer(&server, &request, &json!({}));
    assert!(outcome(&server, second)["error"].as_str().is_some_and(|words| words.contains("faulted")));
    let kept = || server.query_store("SELECT world_id FROM generation_answer");
    assert_eq!(kept(), [["here"]]);
    server.restart();
    let api = server.api();
    recover(&api);
    taken(&server, id);
    step(&api, "here");
    let shown = shown(&api, "here", job);
    assert_eq!((&shown["state"], &shown["reference"]), (&"succeeded".into(), &"s3://kept".into()), "{shown}");
    wait_for("it is kept no more", || {
        server.query_store("SELECT world_id FROM generation_answer").is_empty().then_some(())
    });
    // The same again is known by its id.
    let mut again = json!({
        "result_id": id, "world_id": "here", "incarnation": request["incarnation"], "job_id": job, "attempt": 1,
        "status": "succeeded", "reference": "s3://kept", "worker": "test",
    });
    server.send("generation.result", 0, &again.to_string());
    again["result_id"] = json!(Uuid::new_v4());
    server.send("generation.result", 0, &again.to_string());
    let other = again["result_id"].as_str().and_then(|id| id.parse().ok()).expect("an id");
    assert_eq!(outcome(&server, other)["answer"]["result"], "finished");
}

#[test]
fn workers_are_told_to_stop_when_a_world_is_gone_or_begins_anew() {
    let server = two_worlds(|_| {});
    let api = server.api();
    ["here", "there"].iter().for_each(|id| step(&api, id));
    let jobs = [job(&api, "here", "scene"), job(&api, "there", "scene")];
    let sent = ["here", "there"].map(|id| requests_of(&server, id, 1).remove(0));
    api.post("/api/v1/worlds/here/reset", &json!({})).ok();
    api.delete("/api/v1/worlds/there").ok();
    for ((id, job), sent) in ["here", "there"].into_iter().zip(jobs).zip(&sent) {
        let stop = requests_of(&server, id, 2).remove(1);
        let told = ["action", "job_id", "attempt", "incarnation"].map(|field| stop[field].clone());
        assert_eq!(told, ["cancel".into(), job.into(), 1.into(), sent["incarnation"].clone()], "{id}");
    }
    assert_eq!((&edge(&api)["withWorkers"], &edge(&api)["waiting"]), (&0.into(), &0.into()));
    // The ids of the new world begin anew: an answer to the old one is none to it.
    step(&api, "here");
    let again = job(&api, "here", "scene");
    assert_eq!(again, jobs[0], "the test is about that");
    requests_of(&server, "here", 3);
    let old = outcome(&server, answer(&server, &sent[0], &json!({})));
    assert!(old["error"].as_str().is_some_and(|words| words.contains("incarnation")), "{old}");
    assert_eq!(shown(&api, "here", again)["state"], "queued");
    api.get("/api/v1/worlds/there/jobs").problem(404);
}

#[test]
fn nobody_outside_lets_jobs_go_past_the_limits_or_answers_for_another_world() {
    let server = two_worlds(|config| config.generation.in_flight_max = 0);
    let api = server.api();
    step(&api, "here");
    let job = job(&api, "here", "scene");
    let send = |command: &str, payload: Value| {
        api.post("/api/v1/worlds/here/commands", &json!({ "command": command, "payload": payload }))
    };
    send("generation.admit", json!({ "jobIds": [job] })).problem(422);
    send("generation.hold", json!({ "all": true, "reason": "mine" })).problem(422);
    let says = json!({ "jobId": job, "attempt": 1, "status": "succeeded" });
    let missing = send("generation.result", says.clone()).problem(422);
    assert_eq!(missing["errors"][0]["pointer"], "/payload/incarnation", "{missing}");
    let mut foreign = says;
    foreign["incarnation"] = json!(Uuid::nil());
    send("generation.result", foreign.clone()).problem(409);
    let command = |name: &str, payload: &Value| {
        let id = Uuid::new_v4();
        let command = json!({
            "command_id": id, "command": name, "world_id": "here", "issued_by": "test",
            "issued_at": "2077-01-01T00:00:00Z", "payload": payload,
        });
        server.send("world.command", 0, &command.to_string());
        outcome(&server, id)
    };
    for (name, payload) in [
        ("generation.admit", json!({ "jobIds": [job] })),
        ("generation.result", json!({ "jobId": job, "attempt": 1, "status": "succeeded" })),
        ("generation.result", foreign),
    ] {
        assert_eq!(command(name, &payload)["outcome"], "refused", "{name}");
    }
    assert_eq!(requests(&server, 0), Vec::<Value>::new());
}

/// Needs a Kafka of its own, which goes away.
#[cfg(unix)]
#[test]
fn the_time_of_workers_stands_still_while_kafka_is_away() {
    use crate::bridge_support::private_kafka::PrivateKafka;
    use worldtick::plugins::bridge::KafkaSettings;
    use worldtick::plugins::bridge::topics::{TopicCatalogue, apply};
    const TIMEOUT: u64 = 8;
    let Some(mut kafka) = PrivateKafka::start() else { return };
    apply(&KafkaSettings::new(kafka.plain.clone()), &TopicCatalogue::built_in().expect("a catalogue"), Some(1))
        .expect("topics");
    let servers = kafka.plain.clone();
    let kinds = KINDS.replace("timeoutRealSeconds: 1 ", &format!("timeoutRealSeconds: {TIMEOUT} "));
    assert_ne!(kinds, KINDS);
    let server = TestServer::start_with(&[format!("{}{kinds}", world("here", "manual"))], move |config| {
        config.kafka.bootstrap_servers = Some(servers.clone());
    });
    let api = server.api();
    step(&api, "here");
    let first = job(&api, "here", "brief");
    let request = requests(&server, 1).remove(0);
    kafka.stop();
    // What is let go now reaches nobody.
    let second = job(&api, "here", "brief");
    let begun = Instant::now();
    wait_for("longer than workers have", || {
        step(&api, "here");
        for job in [first, second] {
            assert_eq!(shown(&api, "here", job)["state"], "queued");
        }
        (begun.elapsed() > Duration::from_secs(TIMEOUT * 2)).then_some(())
    });
    kafka.run();
    server.wait_until_ready();
    taken(&server, answer(&server, &request, &json!({})));
    let all = requests_of(&server, "here", 2);
    assert_eq!((&all[1]["job_id"], &all[1]["attempt"]), (&second.into(), &1.into()));
    taken(&server, answer(&server, &all[1], &json!({})));
    step(&api, "here");
    assert_eq!([first, second].map(|job| shown(&api, "here", job)["state"].clone()), ["succeeded", "succeeded"]);
}

#[test]
fn limits_change_while_the_server_runs_and_are_kept() {
    let mut server = two_worlds(|_| {});
    let api = server.api();
    let before = api.get(LIMITS).ok();
    assert_eq!((&before["all"]["concurrent"], &before["perUser"]["perHour"]), (&256.into(), &1_000.into()));
    ["here", "there"].iter().for_each(|id| step(&api, id));
    let changed = limit(
        &api,
        &json!({
            "perUser": { "concurrent": 1 }, "users": { "bob": { "concurrent": 3, "perHour": 5 } },
            "kinds": { "scene": { "perHour": 9 } }, "shards": { "2": { "concurrent": 7 } }, "worlds": { "there": { "concurrent": 0 } },
        }),
    );
    assert_eq!(changed["perUser"], json!({ "concurrent": 1, "perHour": 1_000 }));
    assert_eq!(changed["users"], json!({ "bob": { "concurrent": 3, "perHour": 5 } }));
    assert_eq!(changed["configured"]["perUser"]["concurrent"], 16);
    let by_whom = changed["changed"].as_array().expect("changes");
    assert!(by_whom.len() == 5 && by_whom.iter().all(|change| change["by"] == "loopback"), "{changed}");
    let (_, second, there) = (job(&api, "here", "scene"), job(&api, "here", "scene"), job(&api, "there", "scene"));
    let behind = |api: &Api, id: &str, job: u64, words: &str| {
        wait_for(words, || {
            let shown = shown(api, id, job);
            shown["edge"]["behind"].as_str().is_some_and(|why| why.contains(words)).then_some(())
        });
    };
    behind(&api, "here", second, "its user are with");
    behind(&api, "there", there, "its user are with");
    server.restart();
    let api = server.api();
    let again = api.get(LIMITS).ok();
    assert_eq!(again, changed, "they are kept");
    // Taken back one by one.
    let taken_back =
        limit(&api, &json!({ "perUser": { "concurrent": null }, "users": { "bob": { "perHour": null } } }));
    assert_eq!(
        (&taken_back["perUser"]["concurrent"], &taken_back["users"]["bob"]["perHour"]),
        (&16.into(), &Value::Null)
    );
    // The broker is another one since the restart.
    assert_eq!(requests_of(&server, "here", 1)[0]["job_id"], second);
    behind(&api, "there", there, "its world are with");
    let taken_back = limit(&api, &json!({ "worlds": { "there": null }, "users": { "bob": null } }));
    assert_eq!((&taken_back["worlds"], &taken_back["users"]), (&json!({}), &json!({})));
    requests_of(&server, "there", 1);
    // What cannot be is refused whole.
    let wrong =
        json!({ "shards": { "one": { "concurrent": 1 } }, "worlds": { "A b": null }, "all": { "concurrent": 5 } });
    let told = api.patch(LIMITS, &wrong.to_string(), &JSON).problem(422);
    let pointers: Vec<_> =
        told["errors"].as_array().expect("errors").iter().map(|error| error["pointer"].clone()).collect();
    assert_eq!(pointers, ["/shards/one", "/worlds/A b"]);
    api.patch(LIMITS, r#"{"all": {"concurrent": -1}}"#, &JSON).problem(422);
    api.patch(LIMITS, r#"{"everybody": {}}"#, &JSON).problem(422);
    assert_eq!(api.get(LIMITS).ok()["all"]["concurrent"], 256);
    let audit = api.get("/api/v1/audit?outcome=done").ok();
    let rows = audit["items"].as_array().expect("rows");
    let of_limits = |row: &&Value| row["route"] == "/api/v1/generation/limits" && row["status"] == 200;
    assert_eq!(rows.iter().filter(of_limits).count(), 3, "{audit}");
}

#[test]
fn the_command_line_shows_the_edge_and_changes_its_limits() {
    let server = two_worlds(|config| config.generation.in_flight_per_kind_max = 1);
    let api = server.api();
    step(&api, "here");
    let (_, second) = (job(&api, "here", "scene"), job(&api, "here", "scene"));
    wait_for("one waits", || (edge(&api)["waiting"] == 1).then_some(()));
    let address = server.running().admin_address().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let url = format!("http://{address}");
        let all = [&["jobs"], arguments, &["--server", &url, "--output", "json"]].concat();
        let output = program(folder.path(), &all).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let edge = run(&["edge", "--user", "alice", "--world", "here", "--kind", "scene"]);
    assert_eq!((&edge["jobs"][0]["jobId"], &edge["withWorkers"]), (&second.into(), &1.into()), "{edge}");
    assert!(edge["jobs"][0]["behind"].as_str().is_some_and(|why| why.contains("its kind")), "{edge}");
    assert_eq!(
        edge["worlds"][0],
        json!({
            "name": "here", "waiting": 1, "withWorkers": 1, "concurrent": 256, "withinTheHour": 1, "perHour": 100_000,
            "saturation": 1.0 / 256.0,
        })
    );
    assert_eq!(run(&["edge", "--user", "bob"])["jobs"], json!([]));
    let limits = run(&["limits", "--of", "kind:scene", "--concurrent", "2", "--per-hour", "50"]);
    assert_eq!(limits["kinds"]["scene"], json!({ "concurrent": 2, "perHour": 50 }));
    requests(&server, 2);
    assert_eq!(run(&["limits", "--of", "kind"]), json!({ "concurrent": 1, "perHour": 100_000 }));
    assert_eq!(
        run(&["limits", "--of", "kind:scene", "--concurrent", "default"])["kinds"]["scene"]["concurrent"],
        Value::Null
    );
    // Per world, for whoever looks at many.
    let text = wait_for("metrics", || {
        let text = api.get("/metrics").text;
        (metric(&text, r#"worldtick_generation_started_total{world="here"}"#) >= 2.0).then_some(text)
    });
    assert!(text.contains(r#"worldtick_generation_completed_total{world="here"} 0"#), "{text}");
    assert!(
        text.contains("worldtick_generation_saturation_ratio")
            && text.contains("worldtick_generation_edge_oldest_seconds")
    );
}
