//! What holds of jobs whatever is done to them: fair turns, nobody starves, limits hold, each job ends exactly once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generation_support::{admit, ask, changes, jobs, same_again, status, total, village, world_of};
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::components::generation::JobState;
use worldtick::testing::Stepper;

/// The dearest kind.
const DEAREST: u32 = 7;

fn kinds(limits: &Value) -> Value {
    let kinds = json!({"cheap": {}, "fair": {"cost": 3}, "dear": {"cost": DEAREST}});
    village(&json!({ "kinds": kinds, "limits": limits }), &json!({}))
}

fn cost(kind: &str) -> u32 {
    match kind {
        "cheap" => 1,
        "fair" => 3,
        _ => DEAREST,
    }
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("cheap"), Just("fair"), Just("dear")]
}

fn second(world: &mut Stepper) {
    world.step(Duration::from_secs(1)).expect("a step");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Over every span in which two users have jobs that could go, what they were given differs by no more than three times
    /// the price of the dearest job.
    #[test]
    fn users_have_fair_turns(
        queues in prop::collection::vec(prop::collection::vec(kind(), 20..40), 2..5),
        budget in 1_u32..9,
        restart in any::<bool>(),
    ) {
        let mut file = kinds(&json!({"maxInFlight": 100_000, "maxInFlightPerUser": 100_000}));
        file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(budget);
        let mut world = world_of(&file).expect("a world");
        let mut left: Vec<usize> = queues.iter().map(Vec::len).collect();
        for (user, queue) in queues.iter().enumerate() {
            for kind in queue {
                ask(&mut world, json!({"kind": kind, "user": user.to_string()})).expect("room");
            }
        }
        for _ in 0..40 {
            second(&mut world);
            if restart {
                world.restart().expect("a restart");
            }
        }
        let mut served = vec![0_u32; queues.len()];
        // How far each pair was apart, at least and at most, while both had jobs.
        let mut apart: BTreeMap<(usize, usize), (i64, i64)> = BTreeMap::new();
        for change in changes(&world).into_iter().filter(|change| change.state == JobState::Queued) {
            let user: usize = change.user.parse().expect("a number");
            for other in 0..queues.len() {
                for one in 0..other {
                    if left[one] == 0 || left[other] == 0 {
                        continue;
                    }
                    let now = i64::from(served[one]) - i64::from(served[other]);
                    let span = apart.entry((one, other)).or_insert((now, now));
                    *span = (span.0.min(now), span.1.max(now));
                    prop_assert!(span.1 - span.0 <= i64::from(3 * DEAREST), "{one} and {other}: {span:?}");
                }
            }
            served[user] += cost(&change.kind);
            left[user] -= 1;
        }
        prop_assert!(served.iter().sum::<u32>() > 0);
    }

    /// However much that is more urgent comes in with every step, everything that waits is let go some time.
    #[test]
    fn nobody_starves(priority in -1_000_i16..500, users in 1_usize..6, budget in 1_u32..4) {
        let mut file = kinds(&json!({"maxInFlight": 100_000, "maxInFlightPerUser": 100_000}));
        file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(budget);
        let mut world = world_of(&file).expect("a world");
        let low = ask(&mut world, json!({"kind": "cheap", "user": "low", "priority": priority})).expect("room");
        let mut steps = 0;
        while jobs(&mut world, &json!({"state": "pending"})).contains(&low) {
            for user in 0..users {
                for more in [400_i16, 999] {
                    let wants = json!({"kind": "dear", "user": format!("u{user}"), "priority": more});
                    // A full queue of somebody else's is their own trouble.
                    let _ = world.send("generation.request", wants);
                }
            }
            second(&mut world);
            steps += 1;
            prop_assert!(steps <= 16 * (users + 1), "{steps} steps with {users} others");
        }
    }
}

/// Something that is done to a world.
#[derive(Debug, Clone)]
enum Deed {
    Ask { kind: &'static str, user: u8, priority: i16, deadline: i64, key: Option<u8> },
    Step(u64),
    Admit,
    Answer { job: usize, attempt: u8, status: u8 },
    Cancel(usize),
    Resend,
    Hold(u8, bool),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let asked = (kind(), 0_u8..4, -600_i16..600, 1_i64..400, prop::option::of(0_u8..3));
    prop_oneof![
        6 => asked.prop_map(|(kind, user, priority, deadline, key)| Deed::Ask { kind, user, priority, deadline, key }),
        5 => (1_u64..60).prop_map(Deed::Step),
        4 => Just(Deed::Admit),
        8 => (0_usize..40, 0_u8..4, 0_u8..4).prop_map(|(job, attempt, status)| Deed::Answer { job, attempt, status }),
        1 => (0_usize..40).prop_map(Deed::Cancel),
        1 => Just(Deed::Resend),
        1 => (0_u8..4, any::<bool>()).prop_map(|(user, held)| Deed::Hold(user, held)),
        1 => Just(Deed::Restart),
    ]
}

/// Jobs that there ever were, the youngest last.
fn all(world: &Stepper) -> Vec<u64> {
    changes(world).iter().filter(|change| change.previous.is_none()).map(|change| change.job_id).collect()
}

fn perform(world: &mut Stepper, deed: &Deed) {
    // What is refused has changed nothing: that is looked at elsewhere.
    match deed {
        Deed::Ask { kind, user, priority, deadline, key } => {
            let mut wants = json!({"kind": kind, "user": user.to_string(), "priority": priority,
                "deadlineSeconds": deadline});
            if let Some(key) = key {
                wants["dedupKey"] = key.to_string().into();
            }
            let _ = world.send("generation.request", wants);
        }
        Deed::Step(seconds) => {
            world.step(Duration::from_secs(*seconds)).expect("a step");
        }
        Deed::Admit => {
            admit(world);
        }
        Deed::Answer { job, attempt, status } => {
            let all = all(world);
            if let Some(job) = all.len().checked_sub(job + 1).and_then(|at| all.get(at)) {
                let said = match status {
                    0 => json!({"status": "progress", "progress": 10}),
                    1 => json!({"status": "succeeded"}),
                    2 => json!({"status": "failed", "error": "timeout"}),
                    _ => json!({"status": "failed", "error": "invalid"}),
                };
                crate::generation_support::answer(world, *job, *attempt, said);
            }
        }
        Deed::Cancel(job) => {
            let all = all(world);
            if let Some(job) = all.len().checked_sub(job + 1).and_then(|at| all.get(at)) {
                let _ = world.send("generation.cancel", json!({ "jobId": job }));
            }
        }
        Deed::Resend => {
            let _ = world.send("generation.resend", json!({}));
        }
        Deed::Hold(user, held) => {
            let reason = if *held { json!("so") } else { Value::Null };
            let _ = world.send("generation.hold", json!({"user": user.to_string(), "reason": reason}));
        }
        Deed::Restart => {
            world.restart().expect("a restart");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever is asked, said, cancelled and lost, in whatever order: limits hold after every input, each job has exactly one
    /// end, and the same inputs come to the same.
    #[test]
    fn every_job_ends_exactly_once(deeds in prop::collection::vec(deed(), 1..80)) {
        let mut file = kinds(&json!({"maxPending": 9, "maxPendingPerUser": 4, "maxInFlight": 6, "maxInFlightPerUser": 2,
            "maxDead": 3}));
        file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(3);
        let mut world = world_of(&file).expect("a world");
        for deed in &deeds {
            perform(&mut world, deed);
            let held = status(&mut world);
            let count = |what: &str| held[what].as_u64().expect("a count");
            prop_assert!(count("pending") <= 9 && count("inFlight") <= 6 && count("dead") <= 3, "{}", held);
            let mut under_way: BTreeMap<String, u32> = BTreeMap::new();
            let listed = world.ask("generation.list", json!({"limit": 500})).expect("a list");
            for row in listed["jobs"].as_array().expect("rows") {
                if ["queued", "running"].contains(&row["state"].as_str().expect("a state")) {
                    *under_way.entry(row["user"].to_string()).or_default() += 1;
                }
            }
            prop_assert!(under_way.values().all(|count| *count <= 2), "{:?}", under_way);
        }
        // At the end of time every deadline has passed.
        world.step(Duration::from_secs(500)).expect("a step");
        let mut states: BTreeMap<u64, Vec<JobState>> = BTreeMap::new();
        for change in changes(&world) {
            let life = states.entry(change.job_id).or_default();
            prop_assert_eq!(change.previous, life.last().copied());
            life.push(change.state);
        }
        for (job, life) in &states {
            let ends = life.iter().filter(|state| state.is_final()).count();
            prop_assert_eq!((ends, life[0]), (1, JobState::Pending), "job {}: {:?}", job, life);
            prop_assert!(life.last().is_some_and(|state| state.is_final()));
        }
        let sum: u64 = ["succeeded", "failed", "cancelled", "expired", "dead"].map(|what| total(&mut world, what)).iter().sum();
        prop_assert_eq!((sum, total(&mut world, "asked")), (states.len() as u64, states.len() as u64));
        same_again(&mut world);
    }
}
