//! Routines of world files: circles, dead ends, where they begin, and when their ways are open.

use crate::world_support::{errors, sound, warnings};
use serde_json::{Value, json};
use worldtick::world::spec::WorldSpec;

#[test]
fn long_circles_and_large_routines_are_checked_without_recursion() {
    let mut world = sound();
    let count = 1_000;
    let mut nodes = vec![json!({"id": "n0", "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400}})];
    nodes.extend((1..count).map(|number| json!({"id": format!("n{number}"), "nodeType": "decision"})));
    let edges =
        (0..count).map(|number| json!({"from": format!("n{number}"), "to": format!("n{}", number % (count - 1) + 1)}));
    world["behaviour"]["routines"]["maze"] = json!({"nodes": nodes, "edges": edges.collect::<Vec<_>>()});
    let told = errors(&serde_json::from_value(world.clone()).expect("the shape is right"));
    assert!(told.iter().any(|line| line.contains("leads in a circle: n1 → n2")), "{:?}", told.first());
    nodes.push(json!({"id": "last", "nodeType": "decision"}));
    world["behaviour"]["routines"]["maze"]["nodes"] = nodes.into();
    let told = errors(&serde_json::from_value(world).expect("the shape is right"));
    assert!(told.iter().any(|line| line.contains("there are 1001; it takes at most 1000")), "{:?}", told.first());
}

#[test]
fn a_routine_without_time_slots_begins_where_nothing_leads() {
    let nodes = json!([
        {"id": "pit", "nodeType": "activity", "preferredActivities": [{"activityId": "dig"}]},
        {"id": "fresh", "nodeType": "decision", "timeRangeSeconds": {"start": 0, "end": 43_200}},
        {"id": "bed", "nodeType": "activity", "preferredActivities": [{"activityId": "sleep"}]},
    ]);
    let mut world = sound();
    let edges = json!([{"from": "fresh", "to": "pit"}]);
    world["behaviour"]["routines"]["digger"] = json!({"nodes": nodes, "edges": edges});
    let sound: WorldSpec = serde_json::from_value(world.clone()).expect("valid");
    assert_eq!((errors(&sound), warnings(&sound)), (vec![], vec![]));
    world["behaviour"]["routines"]["digger"]["edges"] = json!([{"from": "fresh", "to": "fresh"}]);
    world["behaviour"]["routines"]["digger"]["nodes"] = json!([{"id": "fresh", "nodeType": "decision"}]);
    let told = errors(&serde_json::from_value(world).expect("the shape is right"));
    assert!(told.iter().any(|line| line.contains("there is no node to begin at")), "{told:?}");
}

#[test]
fn times_along_a_way_are_taken_together() {
    let mut world = sound();
    let nodes = "/behaviour/routines/digger/nodes";
    // By day from 6 to 22, then from 20 to 10, then from 8 to 12: 8 to 10 is left.
    *world.pointer_mut(&format!("{nodes}/2")).expect("a node") =
        json!({"id": "fresh", "nodeType": "decision", "timeRangeSeconds": {"start": 72_000, "end": 36_000}});
    world.pointer_mut(&format!("{nodes}/3")).expect("a node")["timeRangeSeconds"] =
        json!({"start": 28_800, "end": 43_200});
    let read = |world: &Value| -> WorldSpec { serde_json::from_value(world.clone()).expect("valid") };
    assert_eq!((errors(&read(&world)), warnings(&read(&world))), (vec![], vec![]));
    world.pointer_mut(&format!("{nodes}/3/timeRangeSeconds")).expect("a time")["start"] = json!(36_000);
    let told = warnings(&read(&world));
    assert!(told.iter().any(|line| line.contains("nodes/3: it never holds at the times of the ways")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("activities/dig: it can never be chosen")), "{told:?}");
    assert_eq!(errors(&read(&world)), Vec::<String>::new());
}

#[test]
fn what_only_an_activity_node_leads_to_is_never_entered() {
    let mut world = sound();
    let activity =
        |id: &str, does: &str| json!({"id": id, "nodeType": "activity", "preferredActivities": [{"activityId": does}]});
    world["behaviour"]["routines"]["digger"] = json!({
        "nodes": [activity("pit", "dig"), activity("bed", "sleep")], "edges": [{"from": "pit", "to": "bed"}],
    });
    let told = warnings(&serde_json::from_value(world.clone()).expect("valid"));
    assert!(told.iter().any(|line| line.contains("nodes/1: no way leads here: it is never entered")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("activities/sleep: it can never be chosen")), "{told:?}");
    world["behaviour"]["routines"]["digger"]["edges"] =
        json!([{"from": "pit", "to": "bed"}, {"from": "bed", "to": "pit"}]);
    let told = errors(&serde_json::from_value(world).expect("the shape is right"));
    assert!(told.iter().any(|line| line.contains("there is no node to begin at")), "{told:?}");
}
