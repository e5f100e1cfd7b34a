//! A village whose stories ask for pictures, with an edge and workers played by hand.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::expect_used, reason = "a test may panic")]

use std::time::Duration;

use bevy_app::App;
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::components::generation::JobState;
use worldtick::messages::generation::GenerationJobChanged;
use worldtick::messages::{CommandInput, Input, Outcome};
use worldtick::plugins::interaction::InteractionPlugin;
use worldtick::plugins::npc::NpcPlugin;
use worldtick::plugins::scheduler::SchedulerPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::generation::JobBook;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::WorldSpec;

/// A village of `anna` and `ben`, who do nothing but sit, with these sections.
pub(crate) fn village(generation: &Value, interactions: &Value) -> Value {
    json!({
        "id": "village", "clock": "manual", "seed": 5,
        "meta": {"simulation": {"maxStepGameSeconds": 3600, "maxNpcTicksPerStep": 1000}},
        "behaviour": {
            "activityCategories": {"any": {}},
            "activities": {"sit": {"category": "any", "minDurationSeconds": 3600}},
            "routines": {"only": {"nodes": [{
                "id": "always", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86400},
                "preferredActivities": [{"activityId": "sit", "weight": 1}],
            }]}},
        },
        "npcs": {
            "places": {"hut": {"district": "wood", "locationTypes": ["home"]}},
            "individuals": {
                "anna": {"routine": "only", "home": "hut", "energy": 50},
                "ben": {"routine": "only", "home": "hut", "energy": 50},
            },
        },
        "interactions": interactions,
        "generation": generation,
    })
}

/// Pictures and lines, and a story that waits for a picture.
pub(crate) fn painted() -> Value {
    village(
        &json!({"kinds": {
            "picture": {
                "priority": 5, "cost": 3, "maxAttempts": 2, "deadlineSeconds": 7200, "payload": {"style": "oil"},
                "referenceFlag": "session.picture", "onSuccess": {"flagsSet": {"session.ready": true}},
                "onFailure": {"flagsSet": {"session.spoiled": true}},
            },
            "line": {"maxAttempts": 3},
        }}),
        &json!({"chains": {"portrait": {"repeatable": true, "steps": [
            {"stepId": "paint", "generation": {"kind": "picture", "payload": {"who": "anna"}},
                "branches": {"failed": "sketch", "refused": "sketch", "ugly": "$failed"}},
            {"stepId": "hang", "autoAdvance": true, "next": "$completed"},
            {"stepId": "sketch", "waitSeconds": 10, "autoAdvance": true, "next": "$completed"},
        ]}}}),
    )
}

pub(crate) fn world_of(file: &Value) -> Result<Stepper, StepError> {
    let spec = WorldSpec::from_yaml(&file.to_string()).unwrap_or_else(|error| panic!("{error}"));
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, SchedulerPlugin, NpcPlugin, InteractionPlugin));
        app
    })
}

/// Why a world file is refused.
pub(crate) fn refused_file(file: &Value) -> String {
    WorldSpec::from_yaml(&file.to_string()).expect_err("it is refused").report
}

/// Asks for a job. Its id.
pub(crate) fn ask(world: &mut Stepper, payload: Value) -> Result<u64, StepError> {
    Ok(world.send("generation.request", payload)?["jobId"].as_u64().expect("an id"))
}

/// The ids of jobs that stand somewhere.
pub(crate) fn jobs(world: &mut Stepper, filter: &Value) -> Vec<u64> {
    let mut ask = json!({"limit": 500});
    ask.as_object_mut().expect("an object").extend(filter.as_object().expect("an object").clone());
    let list = world.ask("generation.list", ask).expect("a list");
    list["jobs"].as_array().expect("rows").iter().map(|row| row["jobId"].as_u64().expect("an id")).collect()
}

/// The edge lets everything go that waits for it. What it was.
pub(crate) fn admit(world: &mut Stepper) -> Vec<u64> {
    let waiting = jobs(world, &json!({"state": "queued", "waitsForEdge": true}));
    if !waiting.is_empty() {
        world.send("generation.admit", json!({ "jobIds": waiting })).expect("they wait for it");
    }
    waiting
}

/// A worker answers. What has become of the answer.
pub(crate) fn answer(world: &mut Stepper, job: u64, attempt: u8, mut said: Value) -> String {
    said["jobId"] = job.into();
    said["attempt"] = attempt.into();
    let answer = world.send("generation.result", said).expect("an answer of a worker");
    answer["result"].as_str().expect("a word").to_owned()
}

pub(crate) fn done() -> Value {
    json!({"status": "succeeded"})
}

/// Lets a job that waits for the edge fail as often as it may be tried: it is dead.
pub(crate) fn let_die(world: &mut Stepper, job: u64) -> Result<(), StepError> {
    for attempt in 1..=u8::MAX {
        admit(world);
        assert_eq!(answer(world, job, attempt, failed("transient")), "taken");
        world.step(Duration::from_secs(1))?;
        if life(world, job).last() == Some(&JobState::Dead) {
            return Ok(());
        }
    }
    panic!("job {job} does not die")
}

/// Sends a command. What it came to, with what the edge is told.
pub(crate) fn order(world: &mut Stepper, command: &str, payload: Value) -> Result<Outcome, StepError> {
    let command_id = Uuid::new_v5(&Uuid::nil(), format!("{command} {payload} {:?}", world.now()).as_bytes());
    world.apply(Input::Command(CommandInput { command_id, command: command.into(), issued_by: "test".into(), payload }))
}

/// A job as the world shows it.
pub(crate) fn show(world: &mut Stepper, job: u64) -> Value {
    world.ask("generation.show", json!({ "jobId": job })).expect("a job")
}

pub(crate) fn failed(error: &str) -> Value {
    json!({"status": "failed", "error": error, "message": "no paint"})
}

pub(crate) fn changes(world: &Stepper) -> Vec<GenerationJobChanged> {
    world.events_of::<GenerationJobChanged>().expect("events of jobs")
}

/// Where a job has stood, in order.
pub(crate) fn life(world: &Stepper, job: u64) -> Vec<JobState> {
    changes(world).into_iter().filter(|change| change.job_id == job).map(|change| change.state).collect()
}

pub(crate) fn status(world: &mut Stepper) -> Value {
    world.ask("generation.status", json!({})).expect("a status")
}

pub(crate) fn total(world: &mut Stepper, what: &str) -> u64 {
    let status = status(world);
    status["totals"][what].as_u64().unwrap_or_else(|| panic!("no {what} in {status}"))
}

/// Why a command is refused. It has changed nothing.
pub(crate) fn refused(world: &mut Stepper, command: &str, payload: Value) -> String {
    let before = world.state_hash().expect("a hash");
    let error = world.send(command, payload.clone()).expect_err(&payload.to_string()).to_string();
    assert_eq!(world.state_hash().expect("a hash"), before, "{command} {payload} has changed something");
    error
}

/// Restarts the world: what finds its jobs is the same as before. Runs everything that it has taken in a second time: it
/// comes to the same.
pub(crate) fn same_again(world: &mut Stepper) {
    let book = world.world().ecs().resource::<JobBook>().clone();
    world.restart().expect("a restart");
    assert_eq!(*world.world().ecs().resource::<JobBook>(), book, "what is derived is what it is made anew");
    let (mut again, events) = world.replay().expect("a replay");
    assert_eq!(again.state_hash().expect("a hash"), world.state_hash().expect("a hash"));
    assert_eq!(events, world.events());
}
