//! What the edge holds back is in nobody's way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::generation_support::{
    answer, ask, changes, done, jobs, painted, refused, same_again, show, status, village, world_of,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use worldtick::components::generation::JobState;
use worldtick::testing::{StepError, Stepper};

fn second(world: &mut Stepper) -> Result<(), StepError> {
    world.step(Duration::from_secs(1)).map(|_| ())
}

fn wants(kind: &str, user: &str) -> Value {
    json!({"kind": kind, "user": user})
}

fn counts(world: &mut Stepper) -> [u64; 3] {
    let status = status(world);
    ["pending", "inFlight", "heldBack"].map(|what| status[what].as_u64().expect("a count"))
}

#[test]
fn what_the_edge_holds_back_is_in_nobodys_way() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["limits"] = json!({"maxInFlight": 4, "maxInFlightPerUser": 4, "maxPendingPerUser": 6});
    let mut world = world_of(&file)?;
    for _ in 0..6 {
        ask(&mut world, wants("picture", "a"))?;
    }
    second(&mut world)?;
    let pictures = jobs(&mut world, &json!({"state": "queued"}));
    let line = ask(&mut world, wants("line", "b"))?;
    second(&mut world)?;
    assert_eq!((counts(&mut world), show(&mut world, line)["state"].as_str()), ([3, 4, 0], Some("pending")));
    // The edge cannot let pictures go: neither others nor other kinds of the same user wait for that.
    let held = json!({"jobIds": pictures, "reason": "all painters are busy"});
    world.send("generation.hold", held)?;
    assert_eq!(counts(&mut world), [3, 0, 4]);
    let own = ask(&mut world, wants("line", "a")).expect_err("the held ones wait, too").to_string();
    assert!(own.contains("maxPendingPerUser allows 6"), "{own}");
    world.send("generation.limits", json!({"maxPendingPerUser": 10}))?;
    let own = ask(&mut world, wants("line", "a"))?;
    second(&mut world)?;
    assert_eq!(jobs(&mut world, &json!({"kind": "line", "state": "queued"})), [line, own]);
    assert_eq!(counts(&mut world), [2, 2, 4], "of what is held back no more is let go");
    let waits = jobs(&mut world, &json!({"state": "pending"}))[0];
    let why = |world: &mut Stepper, job: u64| show(world, job)["why"].as_str().expect("words").to_owned();
    assert!(why(&mut world, waits).contains("holds back 4 of its user and kind"), "{}", why(&mut world, waits));
    assert!(why(&mut world, pictures[0]).contains("all painters are busy"));
    assert_eq!(show(&mut world, pictures[0])["heldBack"], "all painters are busy");
    same_again(&mut world);
    // One may go: it counts from then on, and the others still wait.
    world.send("generation.admit", json!({"jobIds": [pictures[0]]}))?;
    second(&mut world)?;
    assert_eq!(counts(&mut world), [2, 3, 3]);
    for job in [line, own, pictures[0]] {
        if job != pictures[0] {
            world.send("generation.admit", json!({"jobIds": [job]}))?;
        }
        answer(&mut world, job, 1, done());
    }
    // The edge has room again for all of them.
    world.send("generation.hold", json!({"jobIds": pictures[1..]}))?;
    second(&mut world)?;
    assert_eq!(counts(&mut world), [1, 4, 0], "one more is let go beside the three");
    same_again(&mut world);
    Ok(())
}

#[test]
fn what_the_edge_holds_back_takes_the_room_of_what_waits() -> Result<(), StepError> {
    let mut file = painted();
    file["generation"]["limits"] = json!({"maxPending": 2});
    let mut world = world_of(&file)?;
    let first = ask(&mut world, wants("line", "a"))?;
    second(&mut world)?;
    world.send("generation.hold", json!({"jobIds": [first], "reason": "so"}))?;
    let other = ask(&mut world, wants("line", "b"))?;
    let error = refused(&mut world, "generation.request", wants("line", "c"));
    assert!(error.contains("2 jobs wait already"), "{error}");
    let urgent = json!({"kind": "line", "user": "c", "priority": 900});
    let urgent = ask(&mut world, urgent)?;
    assert_eq!(jobs(&mut world, &json!({})), [first, urgent], "{other} makes room: it is still in the world");
    world.send("generation.cancel", json!({ "jobId": first }))?;
    assert_eq!(counts(&mut world), [1, 0, 0]);
    same_again(&mut world);
    Ok(())
}

#[derive(Debug, Clone)]
enum Deed {
    Ask { kind: &'static str, user: u8 },
    Step,
    Hold(u8),
    Free(u8),
    Admit(u8),
    Done(u8),
    Restart,
}

fn deed() -> impl Strategy<Value = Deed> {
    let kind = prop::sample::select(vec!["cheap", "fair"]);
    prop_oneof![
        8 => (kind, 0_u8..4).prop_map(|(kind, user)| Deed::Ask { kind, user }),
        6 => Just(Deed::Step),
        3 => any::<u8>().prop_map(Deed::Hold),
        1 => any::<u8>().prop_map(Deed::Free),
        2 => any::<u8>().prop_map(Deed::Admit),
        3 => any::<u8>().prop_map(Deed::Done),
        1 => Just(Deed::Restart),
    ]
}

/// Rows of jobs that are not over.
fn rows(world: &mut Stepper) -> Vec<Value> {
    let list = world.ask("generation.list", json!({"limit": 500})).expect("a list");
    list["jobs"].as_array().expect("rows").clone()
}

fn whose(row: &Value) -> (String, String) {
    (row["user"].to_string(), row["kind"].to_string())
}

/// Users and kinds of which something is held back; jobs under way, by user.
fn stand(rows: &[Value]) -> (BTreeSet<(String, String)>, BTreeMap<String, u64>) {
    let (mut held, mut under_way) = (BTreeSet::new(), BTreeMap::new());
    for row in rows.iter().filter(|row| row["state"] != "pending" && row["state"] != "dead") {
        if row["heldBack"].is_null() {
            *under_way.entry(row["user"].to_string()).or_insert(0) += 1;
        } else {
            held.insert(whose(row));
        }
    }
    (held, under_way)
}

const MOST: u64 = 5;
const OF_ONE: u64 = 2;

fn perform(world: &mut Stepper, deed: &Deed) -> Result<(), TestCaseError> {
    // Some of those that the edge has, by the bits of a number.
    let some = |world: &mut Stepper, bits: u8| -> Vec<u64> {
        let all = jobs(world, &json!({"state": "queued", "waitsForEdge": true}));
        all.into_iter().enumerate().filter(|(at, _)| bits >> (at % 8) & 1 == 1).map(|(_, job)| job).collect()
    };
    match deed {
        Deed::Ask { kind, user } => {
            let _ = world.send("generation.request", wants(kind, &user.to_string()));
        }
        Deed::Hold(bits) => {
            let jobs = some(world, *bits);
            let _ = world.send("generation.hold", json!({"jobIds": jobs, "reason": "full"}));
        }
        Deed::Free(bits) => {
            let jobs = some(world, *bits);
            let _ = world.send("generation.hold", json!({ "jobIds": jobs }));
        }
        Deed::Admit(bits) => {
            let jobs = some(world, *bits);
            let _ = world.send("generation.admit", json!({ "jobIds": jobs }));
        }
        Deed::Done(which) => {
            let sent: Vec<u64> =
                rows(world).iter().filter(|row| row["attempt"] == 1).filter_map(|row| row["jobId"].as_u64()).collect();
            if let Some(job) = sent.get(usize::from(*which) % sent.len().max(1)) {
                answer(world, *job, 1, done());
            }
        }
        Deed::Restart => {
            world.restart().expect("a restart");
        }
        Deed::Step => {
            let (held, _) = stand(&rows(world));
            let before = changes(world).len();
            second(world).expect("a step");
            let after = rows(world);
            let (_, under_way) = stand(&after);
            let all: u64 = under_way.values().sum();
            let let_go: Vec<_> = changes(world)
                .split_off(before)
                .into_iter()
                .filter(|change| change.state == JobState::Queued)
                .collect();
            for change in &let_go {
                let whose = (json!(change.user).to_string(), json!(change.kind).to_string());
                prop_assert!(!held.contains(&whose), "{change:?} of {held:?}");
                prop_assert!(all <= MOST && under_way[&whose.0] <= OF_ONE, "{under_way:?}");
            }
            let waits = after.iter().filter(|row| row["state"] == "pending");
            for row in waits.filter(|_| let_go.is_empty()) {
                let of_user = under_way.get(&row["user"].to_string()).copied().unwrap_or(0);
                let stuck = all >= MOST || of_user >= OF_ONE || held.contains(&whose(row));
                prop_assert!(stuck, "nothing holds back {row}: {held:?} {under_way:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever the edge holds back and lets go: of what it holds back no more is let go, everything else is as far as the limits
    /// allow, and what finds jobs is what it would be made anew.
    #[test]
    fn only_what_is_held_back_waits_for_the_edge(deeds in prop::collection::vec(deed(), 1..80)) {
        let kinds = json!({"cheap": {}, "fair": {"cost": 3}});
        let limits = json!({"maxPending": 20, "maxPendingPerUser": 6, "maxInFlight": MOST, "maxInFlightPerUser": OF_ONE});
        let mut world = world_of(&village(&json!({"kinds": kinds, "limits": limits}), &json!({}))).expect("a world");
        for deed in &deeds {
            perform(&mut world, deed)?;
        }
        same_again(&mut world);
    }
}
