//! The periodic tasks of a whole server: seen and run over HTTP, counted, and kept within their rules.

use crate::bridge_support::wait_for;
use crate::server_support::http::Api;
use crate::server_support::{TestServer, metric, world};
use jiff::Timestamp;
use serde_json::{Value, json};
use worldtick::config::model::TaskSection;

fn items(answer: &Value) -> Vec<Value> {
    answer["items"].as_array().expect("items").clone()
}

fn task(api: &Api, name: &str) -> Value {
    let found = items(&api.get("/api/v1/tasks").ok()).into_iter().find(|task| task["name"] == name);
    found.unwrap_or_else(|| panic!("there is no task {name}"))
}

/// Runs a task; one that runs at this moment is waited for.
fn run(api: &Api, name: &str) -> Value {
    let path = format!("/api/v1/tasks/{name}/run");
    wait_for("the task can be run", || {
        let answer = api.post(&path, &json!({}));
        (answer.status != 409).then(|| answer.ok())
    })
}

#[test]
fn tasks_are_listed_run_and_counted() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let listed: Vec<Value> =
        items(&api.get("/api/v1/tasks").ok()).into_iter().map(|task| task["name"].clone()).collect();
    let configured: Vec<&str> = server.config().tasks.all().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(listed, configured, "each that can be configured is there, and no other");

    for name in configured {
        let before = task(&api, name);
        let jitter = before["jitter_seconds"].as_f64().expect("seconds");
        assert!((0.0..before["interval_seconds"].as_f64().unwrap() / 10.0).contains(&jitter), "{before}");
        assert!(before["next_run_at"].as_str().unwrap().parse::<Timestamp>().is_ok(), "{before}");
        let run = run(&api, name);
        assert_eq!(run["outcome"], "done", "{name}: {run}");
        let after = task(&api, name);
        assert!(after["runs"].as_u64().unwrap() > before["runs"].as_u64().unwrap(), "{after}");
        assert_eq!((&after["failures"], &after["last_error"]), (&0.into(), &Value::Null));
        assert!(after["last_run"]["did"].as_str().is_some_and(|did| !did.is_empty()), "{after}");
    }
    let metrics = api.get("/metrics").text;
    for part in [
        "worldtick_task_runs_total{task=\"outbox\",outcome=\"done\"}",
        "worldtick_task_duration_seconds_count{task=\"topics\"}",
        "worldtick_task_last_success_timestamp_seconds{task=\"tick_ids\"}",
        "worldtick_overdue{what=\"own_ticks\"} 0",
    ] {
        assert!(metrics.contains(part), "{part} is not in\n{metrics}");
    }
    let shown = task(&api, "outbox");
    for (name, field) in [("interval", "interval_seconds"), ("budget", "budget_seconds")] {
        let told = metric(&metrics, &format!("worldtick_task_{name}_seconds{{task=\"outbox\"}}"));
        assert_eq!(Some(told), shown[field].as_f64(), "{name}");
    }
    assert!(metrics.contains("worldtick_task_jitter_seconds{task=\"outbox\"}"));
    assert!(metrics.contains("worldtick_task_failed{task=\"outbox\"} 0"));
    let next = metric(&metrics, "worldtick_task_next_run_timestamp_seconds{task=\"outbox\"}");
    assert!(next > Timestamp::now().as_second() as f64 - 60.0, "{next}");
    let problem = api.post("/api/v1/tasks/nothing/run", &json!({})).problem(404);
    assert!(problem["detail"].as_str().unwrap().contains("/api/v1/tasks"));
    assert_eq!(api.get("/api/v1/tasks/outbox/run").status, 405);
}

#[test]
fn metrics_of_the_past_are_read_by_name_and_page() {
    let server = TestServer::start(&[world("hand", "manual")]);
    let api = server.api();
    let name = "worldtick_build_info";
    let begun = Timestamp::now();
    run(&api, "metric_snapshots");
    run(&api, "metric_snapshots");
    let found = items(&api.get(&format!("/api/v1/metrics/history?name={name}&from={begun}")).ok());
    assert!(found.len() >= 2, "{found:?}");
    for sample in &found {
        assert_eq!((&sample["name"], sample["value"].as_f64()), (&name.into(), Some(1.0)));
        assert_eq!(sample["labels"], format!("version=\"{}\"", env!("CARGO_PKG_VERSION")));
    }
    // The newest first; one page after the other gives the same.
    let first = api.get(&format!("/api/v1/metrics/history?name={name}&limit=1")).ok();
    assert_eq!(first["items"][0], found[0]);
    let cursor = first["next"].as_str().unwrap().replace('"', "%22").replace('=', "%3D");
    let second = api.get(&format!("/api/v1/metrics/history?name={name}&limit=1&cursor={cursor}")).ok();
    assert_eq!(second["items"][0], found[1]);
    // Before they began there was nothing.
    let none = api.get(&format!("/api/v1/metrics/history?name={name}&to={}", found[1]["at"].as_str().unwrap())).ok();
    assert!(items(&none).iter().all(|sample| sample["at"].as_str() < found[1]["at"].as_str()), "{none}");
    assert!(items(&api.get("/api/v1/metrics/history?name=nothing").ok()).is_empty());

    for (query, pointer) in [
        ("", "name"),
        ("?name=a&cursor=x", "cursor"),
        ("?name=a&limit=0", "limit"),
        ("?name=a&cursor=1.&to=2077-01-01T00:00:00Z", "to"),
    ] {
        let problem = api.get(&format!("/api/v1/metrics/history{query}")).problem(422);
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    api.get("/api/v1/metrics/history?name=a&colour=red").problem(400);
}

#[test]
fn a_task_runs_by_itself_as_often_as_it_is_told() {
    let server = TestServer::start_with(&[world("hand", "manual")], |config| {
        let often = json!({"interval_seconds": 1, "budget_seconds": 0.5});
        config.tasks.retry_checks = serde_json::from_value::<TaskSection>(often).unwrap();
    });
    let api = server.api();
    let twice = wait_for("two runs by its own times", || {
        let task = task(&api, "retry_checks");
        (task["runs"].as_u64() >= Some(2)).then_some(task)
    });
    assert_eq!(twice["last_run"]["did"], "everything goes on by itself");
}
