//! Stories, sessions, NPCs and jobs in a tangle: whatever comes and goes, who waits for a job has one, and a job has somebody
//! who waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::generation_support::{admit, answer, changes, jobs, same_again, show, village, world_of};
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::testing::Stepper;

const SESSIONS: [&str; 3] = ["a", "b", "c"];
const NPCS: [&str; 2] = ["anna", "ben"];

#[derive(Debug, Clone)]
enum Deed {
    Begin(usize),
    End(usize),
    Copy(usize, usize),
    Start(usize, usize),
    Cancel(usize, usize),
    Complete(usize, usize, bool),
    Ask { session: usize, npc: usize, priority: i16, key: bool },
    Step(u64),
    Admit,
    Hold(bool),
    Answer { which: usize, status: u8 },
    CancelJob(usize),
    Resend,
    Keep(u8),
    Leave(usize),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let (session, npc) = (0_usize..3, 0_usize..2);
    let key = (session.clone(), npc.clone());
    prop_oneof![
        4 => session.clone().prop_map(Deed::Begin),
        1 => session.clone().prop_map(Deed::End),
        2 => (session.clone(), session).prop_map(|(from, to)| Deed::Copy(from, to)),
        6 => key.clone().prop_map(|(session, npc)| Deed::Start(session, npc)),
        1 => key.clone().prop_map(|(session, npc)| Deed::Cancel(session, npc)),
        2 => (key.clone(), any::<bool>()).prop_map(|((session, npc), first)| Deed::Complete(session, npc, first)),
        4 => (key, -600_i16..900, any::<bool>())
            .prop_map(|((session, npc), priority, key)| Deed::Ask { session, npc, priority, key }),
        8 => (1_u64..40).prop_map(Deed::Step),
        5 => Just(Deed::Admit),
        1 => any::<bool>().prop_map(Deed::Hold),
        9 => (0_usize..6, 0_u8..4).prop_map(|(which, status)| Deed::Answer { which, status }),
        1 => (0_usize..6).prop_map(Deed::CancelJob),
        2 => Just(Deed::Resend),
        1 => (0_u8..3).prop_map(Deed::Keep),
        1 => npc.prop_map(Deed::Leave),
        2 => Just(Deed::Restart),
    ]
}

/// A story that wants a picture that it may share with others, then a line of its own.
fn tangled() -> Value {
    let mut file = village(
        &json!({
            "kinds": {"picture": {"maxAttempts": 2, "cost": 3, "deadlineSeconds": 200}, "line": {"maxAttempts": 1}},
            "limits": {"maxPending": 5, "maxPendingPerUser": 3, "maxInFlight": 4, "maxInFlightPerUser": 2, "maxDead": 2},
        }),
        &json!({"limits": {"recheckSeconds": 20}, "chains": {"tale": {"repeatable": true, "steps": [
            {"stepId": "paint", "generation": {"kind": "picture", "user": "all", "dedupKey": "k"},
                "branches": {"failed": "rest", "dead": "talk"}},
            {"stepId": "talk", "generation": {"kind": "line"}, "branches": {"refused": "rest", "shed": "paint"},
                "next": "$completed"},
            {"stepId": "rest", "waitSeconds": 10, "autoAdvance": true, "next": "paint"},
        ]}}}),
    );
    file["meta"]["simulation"]["maxJobOpsPerStep"] = json!(3);
    file
}

fn tale(session: usize, npc: usize) -> Value {
    json!({"chain": "tale", "npc": NPCS[npc], "sessionId": SESSIONS[session]})
}

fn perform(world: &mut Stepper, deed: &Deed) {
    let session = |at: usize| json!({"sessionId": SESSIONS[at]});
    // What is refused changes nothing: that is looked at elsewhere.
    let (command, payload) = match deed {
        Deed::Begin(at) => ("session.start", session(*at)),
        Deed::End(at) => ("session.end", session(*at)),
        Deed::Copy(from, to) => ("session.copy", json!({"sessionId": SESSIONS[*from], "newSessionId": SESSIONS[*to]})),
        Deed::Start(session, npc) => ("chain.start", tale(*session, *npc)),
        Deed::Cancel(session, npc) => ("chain.cancel", tale(*session, *npc)),
        Deed::Complete(session, npc, first) => {
            let mut payload = tale(*session, *npc);
            payload["step"] = if *first { "paint" } else { "talk" }.into();
            ("chain.complete", payload)
        }
        Deed::Ask { session, npc, priority, key } => {
            let mut wants = json!({"kind": "picture", "npc": NPCS[*npc], "sessionId": SESSIONS[*session], "user": "all",
                "priority": priority});
            if *key {
                wants["dedupKey"] = "k".into();
            }
            ("generation.request", wants)
        }
        Deed::Hold(held) => {
            let jobs = jobs(world, &json!({"state": "queued", "waitsForEdge": true}));
            ("generation.hold", json!({"jobIds": jobs, "reason": held.then_some("full")}))
        }
        Deed::CancelJob(which) => {
            let Some(job) = jobs(world, &json!({})).get(*which).copied() else { return };
            ("generation.cancel", json!({ "jobId": job }))
        }
        Deed::Resend => ("generation.resend", json!({})),
        Deed::Keep(most) => ("generation.limits", json!({ "maxDead": most })),
        Deed::Leave(npc) => ("npc.remove", json!({"npc": NPCS[*npc]})),
        Deed::Admit => {
            admit(world);
            return;
        }
        Deed::Step(seconds) => {
            world.step(Duration::from_secs(*seconds)).expect("a step");
            return;
        }
        Deed::Answer { which, status } => {
            let Some(job) = jobs(world, &json!({})).get(*which).copied() else { return };
            let attempt = u8::try_from(show(world, job)["attempt"].as_u64().expect("a number")).expect("few");
            let said = match status {
                0 | 1 => json!({"status": "succeeded"}),
                2 => json!({"status": "failed", "error": "timeout"}),
                _ => json!({"status": "failed", "error": "invalid"}),
            };
            answer(world, job, attempt, said);
            return;
        }
        Deed::Restart => {
            world.restart().expect("a restart");
            return;
        }
    };
    let _ = world.send(command, payload);
}

fn look(world: &mut Stepper) -> Result<(), TestCaseError> {
    for (session, npc) in (0..3).flat_map(|session| (0..2).map(move |npc| (session, npc))) {
        let Ok(shown) = world.ask("chain.show", tale(session, npc)) else { continue };
        if shown["phase"] == "open" {
            prop_assert!(shown["jobId"].is_u64(), "it waits for nothing: {}", shown);
        }
    }
    for state in ["pending", "queued", "running"] {
        for job in jobs(world, &json!({ "state": state })) {
            let shown = show(world, job);
            prop_assert!(shown["askers"].as_u64() > Some(0), "nobody waits for it: {}", shown);
            prop_assert!(
                shown["npcId"].is_u64() && shown["sessionId"].is_string() || shown["source"] == "command",
                "{}",
                shown
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn who_waits_has_a_job_and_a_job_has_somebody_who_waits(deeds in prop::collection::vec(deed(), 1..100)) {
        let mut world = world_of(&tangled()).expect("a world");
        for deed in &deeds {
            perform(&mut world, deed);
            look(&mut world)?;
        }
        let mut ends: BTreeMap<u64, u32> = BTreeMap::new();
        for change in changes(&world) {
            *ends.entry(change.job_id).or_default() += u32::from(change.state.is_final());
            if change.reason.as_deref() == Some("forsaken") {
                prop_assert!(change.session.is_some(), "{:?}", change);
            }
        }
        prop_assert!(ends.values().all(|ends| *ends <= 1), "{:?}", ends);
        same_again(&mut world);
    }
}
