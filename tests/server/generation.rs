//! Jobs of generation from end to end: asked for over HTTP, sent on Kafka, answered by a worker, seen in the store.

use crate::bridge_support::wait_for;
use crate::program::program;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, metric, world};
use serde_json::{Value, json};
use uuid::Uuid;

const REQUESTS: &str = "generation.request";
const RESULTS: &str = "generation.result";
const OUTCOMES: &str = "world.command.result";

pub(crate) const KINDS: &str = "
generation:
  kinds:
    scene: { maxAttempts: 2, payload: { style: noir } }
    brief: { maxAttempts: 1, timeoutRealSeconds: 1 }
";

pub(crate) fn server() -> TestServer {
    TestServer::start_with(&[format!("{}{KINDS}", world("hand", "manual"))], |config| {
        config.generation.retry_first_seconds = serde_json::from_value(json!(0.05)).expect("seconds");
        config.generation.in_flight_per_user_max = 2;
    })
}

fn at(rest: &str) -> String {
    format!("/api/v1/worlds/hand/{rest}")
}

pub(crate) fn step(api: &Api) {
    api.post(&at("step"), &json!({ "game_seconds": 1 })).ok();
}

pub(crate) fn ask(api: &Api, wants: &Value) -> u64 {
    let answer = api.post(&at("jobs"), wants);
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.json()["jobId"].as_u64().expect("an id")
}

/// What workers were asked, once it is as much.
pub(crate) fn requests(server: &TestServer, count: usize) -> Vec<Value> {
    wait_for(&format!("{count} requests"), || {
        let records = server.read(REQUESTS);
        let all: Vec<Value> =
            records.iter().map(|record| serde_json::from_str(&record.text()).expect("JSON")).collect();
        (all.len() >= count).then_some(all)
    })
}

/// What a worker says to a request. Its id.
pub(crate) fn answer(server: &TestServer, request: &Value, more: &Value) -> Uuid {
    let id = Uuid::new_v4();
    let mut said = json!({
        "result_id": id, "world_id": request["world_id"], "incarnation": request["incarnation"],
        "job_id": request["job_id"], "attempt": request["attempt"], "status": "succeeded", "worker": "test",
    });
    said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    server.send(RESULTS, 0, &said.to_string());
    id
}

/// What became of an answer.
pub(crate) fn outcome(server: &TestServer, id: Uuid) -> Value {
    wait_for(&format!("the outcome of {id}"), || {
        let records = server.read(OUTCOMES);
        let mut all = records.iter().map(|record| serde_json::from_str::<Value>(&record.text()).expect("JSON"));
        all.find(|result| result["command_id"] == id.to_string())
    })
}

pub(crate) fn taken(server: &TestServer, id: Uuid) {
    assert_eq!(outcome(server, id)["answer"]["result"], "taken");
}

#[test]
fn a_job_goes_to_a_worker_and_comes_back() {
    let server = server();
    let api = server.api();
    step(&api);
    let job = ask(&api, &json!({ "kind": "scene", "user": "alice" }));
    assert_eq!(api.get(&at(&format!("jobs/{job}"))).ok()["state"], "pending");
    step(&api);
    let [request] = &requests(&server, 1)[..] else { panic!("one request") };
    assert_eq!(
        (&request["action"], &request["job_id"], &request["attempt"]),
        (&"generate".into(), &job.into(), &1.into())
    );
    assert_eq!(request["payload"], json!({ "style": "noir" }));
    taken(&server, answer(&server, request, &json!({ "status": "progress", "progress": 30 })));
    step(&api);
    assert_eq!(api.get(&at(&format!("jobs/{job}"))).ok()["progress"], 30);
    taken(&server, answer(&server, request, &json!({ "reference": "s3://one" })));
    step(&api);
    let shown = api.get(&at(&format!("jobs/{job}"))).ok();
    assert_eq!(
        (&shown["state"], &shown["reference"], &shown["over"]),
        (&"succeeded".into(), &"s3://one".into(), &true.into())
    );
    // What workers should not have said is told, each as what it is.
    let over = answer(&server, request, &json!({}));
    assert_eq!(outcome(&server, over)["answer"]["result"], "finished");
    let unknown = answer(&server, request, &json!({ "job_id": 1_000_000 }));
    assert_eq!(outcome(&server, unknown)["answer"]["result"], "unknown");
    let foreign = answer(&server, request, &json!({ "incarnation": Uuid::nil() }));
    assert!(outcome(&server, foreign)["error"].as_str().is_some_and(|words| words.contains("incarnation")));
    let nowhere = answer(&server, request, &json!({ "world_id": "nowhere" }));
    assert_eq!(outcome(&server, nowhere)["outcome"], "refused");
    server.send(RESULTS, 0, "no JSON");
    answer(&server, request, &json!({ "reference": "x".repeat(70_000) }));
    let letters = wait_for("dead letters", || {
        let letters = server.read("generation.result.dlq");
        (letters.len() >= 2).then_some(letters)
    });
    let texts: Vec<String> = letters.iter().map(crate::bridge_support::Rec::text).collect();
    assert!(texts.iter().any(|text| text == "no JSON"), "as it came: {texts:?}");
    assert!(texts.iter().any(|text| text.len() > 70_000 && text.ends_with('}')) && texts.len() == 2);
    let text = wait_for("metrics", || {
        let text = api.get("/metrics").text;
        text.contains("worldtick_generation_results_total").then_some(text)
    });
    // Those of a process are those of all servers in it.
    assert!(metric(&text, r#"worldtick_generation_jobs_total{outcome="succeeded"}"#) >= 1.0);
}

#[test]
fn attempts_follow_each_other_until_a_job_is_dead_and_it_is_sent_again() {
    let mut server = server();
    let api = server.api();
    step(&api);
    let job = ask(&api, &json!({ "kind": "scene", "user": "alice" }));
    step(&api);
    let first = requests(&server, 1).remove(0);
    taken(&server, answer(&server, &first, &json!({ "status": "failed", "error": "overloaded" })));
    step(&api);
    let second = requests(&server, 2).remove(1);
    assert_eq!((&second["job_id"], &second["attempt"]), (&job.into(), &2.into()));
    let late = answer(&server, &first, &json!({}));
    assert_eq!(outcome(&server, late)["answer"]["result"], "late");
    // A restart forgets nothing of it.
    server.restart();
    let api = server.api();
    assert_eq!(api.get(&at(&format!("jobs/{job}"))).ok()["attempt"], 2);
    taken(&server, answer(&server, &second, &json!({ "status": "failed", "error": "transient" })));
    step(&api);
    let dead = api.get(&at("jobs?state=dead")).ok()["items"].clone();
    assert_eq!((dead.as_array().map(Vec::len), &dead[0]["jobId"]), (Some(1), &job.into()));
    assert_eq!(api.post(&at("jobs/resend"), &json!({ "countOnly": true })).ok()["matching"], 1);
    let again = api.post(&at("jobs/resend"), &json!({})).ok()["sent"][0]["newJobId"].clone();
    step(&api);
    let shown = wait_for("the job that is sent again", || {
        let all = requests(&server, 1);
        all.into_iter().find(|request| request["job_id"] == again)
    });
    taken(&server, answer(&server, &shown, &json!({})));
}

#[test]
fn a_worker_that_says_nothing_has_failed() {
    let server = server();
    let api = server.api();
    step(&api);
    let job = ask(&api, &json!({ "kind": "brief" }));
    step(&api);
    requests(&server, 1);
    let shown = wait_for("the time-out", || {
        step(&api);
        let shown = api.get(&at(&format!("jobs/{job}"))).ok();
        (shown["state"] == "dead").then_some(shown)
    });
    assert_eq!(shown["error"], "no worker has said anything in time", "{shown}");
}

#[test]
fn limits_of_the_server_hold_back_and_say_so() {
    let server = server();
    let api = server.api();
    step(&api);
    let jobs: Vec<u64> = (0..3).map(|_| ask(&api, &json!({ "kind": "scene", "user": "alice" }))).collect();
    let other = ask(&api, &json!({ "kind": "scene", "user": "bob" }));
    // A step that puts off turns of NPCs lets few go.
    (0..3).for_each(|_| step(&api));
    let sent = requests(&server, 3);
    let of = |user: &str| sent.iter().filter(|request| request["user"] == user).count();
    assert_eq!((of("alice"), of("bob")), (2, 1), "alice may have two with the workers, and holds back nobody");
    assert!(sent.iter().any(|request| request["job_id"] == other));
    let held = wait_for("the reason", || {
        let shown = jobs.iter().map(|job| api.get(&at(&format!("jobs/{job}"))).ok());
        shown.into_iter().find(|job| job["why"].as_str().is_some_and(|why| why.contains("jobs of its user")))
    });
    // A cancelled job makes room; its worker is told.
    let under_way = sent.iter().find(|request| request["user"] == "alice").expect("one of hers");
    api.delete(&at(&format!("jobs/{}", under_way["job_id"]))).ok();
    let all = requests(&server, 5);
    assert!(all.iter().any(|request| request["action"] == "cancel" && request["job_id"] == under_way["job_id"]));
    assert!(all.iter().any(|request| request["action"] == "generate" && request["job_id"] == held["jobId"]));
    api.delete(&at(&format!("jobs/{}", under_way["job_id"]))).problem(404);
    api.get(&at("jobs/one")).problem(404);
    api.get(&at("jobs?state=done")).problem(400);
    api.post(&at("jobs"), &json!({ "kind": "song" })).problem(422);
    assert_eq!(
        api.patch(&at("generation"), r#"{"maxPending": 0}"#, &[("content-type", "application/json")]).ok()["limits"]["maxPending"],
        0
    );
    api.post(&at("jobs"), &json!({ "kind": "scene" })).problem(409);
    assert_eq!(api.get(&at("generation")).ok()["limits"]["maxPending"], 0);
}

#[test]
fn the_command_line_asks_explains_and_cancels() {
    let server = server();
    let api = server.api();
    step(&api);
    let address = server.running().admin_address().to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| {
        let url = format!("http://{address}");
        let all = [&["jobs"], arguments, &["--server", &url, "--output", "json"]].concat();
        let output = program(folder.path(), &all).output().expect("it runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let job = run(&["request", "hand", "scene", "--user", "alice"])["jobId"].to_string();
    assert!(run(&["explain", "hand", &job])["why"].as_str().is_some_and(|why| why.contains("maxJobOpsPerStep")));
    assert_eq!(run(&["list", "hand", "--state", "pending"])["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(run(&["quotas", "hand", "--max-in-flight", "3"])["limits"]["maxInFlight"], 3);
    assert_eq!(run(&["status", "hand"])["pending"], 1);
    assert_eq!(run(&["cancel", "hand", &job])["was"], "pending");
    assert_eq!(run(&["retry", "hand", "--count-only"])["matching"], 0);
}
