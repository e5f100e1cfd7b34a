//! Worlds that take long, spans that are absurd, and files that no world can be made of: the others go on, and nothing is
//! half done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::bridge_support::wait_for;
use crate::server_support::{TestServer, metric, world};
use bevy_ecs::prelude::{IntoScheduleConfigs as _, Res};
use serde_json::json;
use worldtick::schedules::{SetupSystems, WorldSetup, WorldStep};
use worldtick::world::spec::WorldSpec;

/// A door that steps of one world wait at while it is shut.
#[derive(Default)]
struct Door {
    shut: Mutex<bool>,
    changed: Condvar,
}

impl Door {
    fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let shut = self.shut.lock().unwrap();
        drop(self.changed.wait_timeout_while(shut, Duration::from_secs(60), |shut| *shut).unwrap());
    }
}

#[test]
fn a_world_in_a_long_step_keeps_no_other_waiting_and_is_seen_to_fall_behind() {
    let door = Arc::new(Door::default());
    let of_steps = door.clone();
    let worlds: Vec<String> = ["slow", "a", "b", "c", "d"].map(|id| world(id, "live")).to_vec();
    let mut server = TestServer::prepare(&worlds, |config| config.host.worker_threads = 2).plugins(move |app| {
        let door = of_steps.clone();
        app.add_systems(WorldStep, move |spec: Res<WorldSpec>| {
            if spec.id.as_str() == "slow" {
                door.pass();
            }
        });
    });
    server.begin();
    wait_for("it lives", || (server.world("slow")["inputs"].as_u64()? >= 2).then_some(()));
    door.set(true);
    let lag = |id: &str| server.world(id)["lag_seconds"].as_f64().expect("seconds");
    wait_for("it falls behind, and that shows", || (lag("slow") > 2.0).then_some(()));
    for id in ["a", "b", "c", "d"] {
        let seen = server.world(id)["inputs"].as_u64().expect("a number");
        wait_for("the others go on", || (server.world(id)["inputs"].as_u64()? >= seen + 5).then_some(()));
    }
    assert_eq!(server.api().get("/api/v1/worlds/a/npcs?limit=1").status, 200, "and answer");
    door.set(false);
    wait_for("it keeps up again", || (lag("slow") < 1.0).then_some(()));
    let dropped = server.world("slow")["dropped_seconds"].as_f64().expect("seconds");
    assert!(dropped > 0.0);
    // What was lost stays lost: a pause does not hide it.
    let api = server.api();
    let kept = |id: &str| server.world(id)["dropped_seconds"].as_f64() >= Some(dropped);
    api.post("/api/v1/worlds/slow/pause", &json!({ "reason": "to look" })).ok();
    assert!(kept("slow"), "while it is paused: {}", server.world("slow"));
    api.post("/api/v1/worlds/slow/resume", &json!({})).ok();
    assert!(kept("slow"), "and when it goes on: {}", server.world("slow"));
    wait_for("the metrics say so, too", || {
        let text = api.get("/metrics").text;
        let of_world = metric(&text, "worldtick_world_dropped_seconds_total{world=\"slow\"}");
        (of_world >= dropped && metric(&text, "worldtick_steps_dropped_total") * 0.1 >= dropped - 0.001).then_some(())
    });
}

#[test]
fn a_step_that_comes_to_too_many_or_leaves_the_calendar_is_refused_and_changes_nothing() {
    let long = world("long", "manual").replace("maxStepGameSeconds: 900", "maxStepGameSeconds: 1");
    let late = world("late", "manual").replace("startsAt: 2077-01-01T00:00:00Z", "startsAt: 9999-12-20T00:00:00Z");
    let live = late.replace("id: late", "id: end").replace("clock: manual", "clock: live");
    let live =
        live.replace("9999-12-20T00", "9999-12-30T20").replace("maxStepGameSeconds: 900", "maxStepGameSeconds: 3600");
    let server = TestServer::start(&[long, late, live]);
    let api = server.api();
    let step = |id: &str, body: serde_json::Value| api.post(&format!("/api/v1/worlds/{id}/step"), &body);
    for (id, body, words) in [
        ("long", json!({ "game_seconds": 2_678_400 }), "maxStepGameSeconds"),
        ("long", json!({ "game_seconds": 3, "steps": 6_000 }), "18000 steps"),
        ("late", json!({ "game_seconds": 2_678_400 }), "the calendar ends"),
    ] {
        let before = server.world(id);
        let told = step(id, body).problem(422);
        assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
        assert_eq!(server.world(id)["state_hash"], before["state_hash"]);
        assert_eq!(server.world(id)["status"]["state"], "running");
    }
    step("long", json!({ "game_seconds": 10 })).ok();
    step("late", json!({ "game_seconds": 86_400 })).ok();
    // A live world that comes to the end of the calendar pauses there.
    let status = wait_for("it comes to the end", || {
        let status = server.world("end")["status"].clone();
        (status["state"] != "running").then_some(status)
    });
    assert_eq!((&status["state"], &status["by"]), (&"paused".into(), &"worldtick".into()), "{status}");
    assert!(status["reason"].as_str().unwrap().contains("the calendar ends"), "{status}");
}

#[test]
fn a_reset_that_cannot_be_made_leaves_the_world_as_it_was() {
    let spoilt = Arc::new(AtomicBool::new(false));
    let of_setup = spoilt.clone();
    let mut server = TestServer::prepare(&[world("hand", "manual")], |_| {}).plugins(move |app| {
        let spoilt = of_setup.clone();
        let fails = move || assert!(!spoilt.load(Ordering::Acquire), "it cannot be set up");
        app.add_systems(WorldSetup, fails.in_set(SetupSystems::Domains));
    });
    server.begin();
    let api = server.api();
    api.post("/api/v1/worlds/hand/step", &json!({ "game_seconds": 7_200 })).ok();
    let before = wait_for("its ticks have run", || {
        let world = server.world("hand");
        (world["inputs"] == 3 && world["outstanding_ticks"] == 0).then_some(world)
    });
    spoilt.store(true, Ordering::Release);
    let told = api.post("/api/v1/worlds/hand/reset", &json!({})).problem(422);
    assert!(told["detail"].as_str().unwrap().contains("it cannot be set up"), "{told}");
    let kept = server.world("hand");
    for field in ["incarnation", "status", "now", "inputs", "state_hash"] {
        assert_eq!(kept[field], before[field], "{field}");
    }
    spoilt.store(false, Ordering::Release);
    api.post("/api/v1/worlds/hand/step", &json!({ "game_seconds": 60 })).ok();
    let stepped = server.world("hand");
    server.restart();
    let again = server.world("hand");
    for field in ["incarnation", "now", "inputs", "state_hash", "commit_no"] {
        assert_eq!(again[field], stepped[field], "{field}");
    }
    server.api().post("/api/v1/worlds/hand/reset", &json!({})).ok();
    assert_ne!(server.world("hand")["incarnation"], before["incarnation"]);
}

#[test]
fn a_live_world_whose_interval_is_odd_does_not_drift() {
    let odd = world("odd", "live").replace("tickIntervalSeconds: 0.1", "tickIntervalSeconds: 0.0500009");
    let odd = odd.replace("timeScale: 36000", "timeScale: 86400");
    let odd = odd.replace("maxStepGameSeconds: 900", "maxStepGameSeconds: 3600");
    let server = TestServer::start(&[odd]);
    wait_for("it lives", || (server.world("odd")["steps"].as_u64()? >= 30).then_some(()));
    server.api().post("/api/v1/worlds/odd/pause", &json!({ "reason": "to count" })).ok();
    let shown = server.world("odd");
    let now: jiff::Timestamp = shown["now"].as_str().unwrap().parse().unwrap();
    let began: jiff::Timestamp = "2077-01-01T00:00:00Z".parse().unwrap();
    let passed = now.as_microsecond() - began.as_microsecond();
    // 0.0500009 s is 50,001 whole microseconds, and each is a day of 86,400.
    let steps = shown["steps"].as_i64().unwrap();
    assert_eq!(passed, steps * 50_001 * 86_400);
}
