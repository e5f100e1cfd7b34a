//! How a routine is walked: which ways are followed, and what weight they give.

use crate::npc_support::{hermit, world};
use serde_json::{Map, Value, json};
use worldtick::testing::StepError;

/// What Anna weighs in a routine of these nodes and edges: activities with their weights and chances.
fn weighed(activities: usize, nodes: Vec<Value>, edges: Vec<Value>) -> Result<Vec<(String, f64, f64)>, StepError> {
    let spec = hermit(|spec| {
        let all = (0..activities)
            .map(|number| (format!("do{number:03}"), json!({"category": "any", "minDurationSeconds": 60})));
        spec["behaviour"]["activities"] = all.collect::<Map<_, _>>().into();
        spec["behaviour"]["routines"]["only"] = json!({"nodes": nodes, "edges": edges});
    });
    let mut world = world(spec)?;
    world.hours(1)?;
    let decision = world.ask("npc.decision", json!({"npc": "anna"})).expect("an answer");
    let rows = decision["now"]["considered"].as_array().expect("a list").iter();
    let number = |row: &Value, key: &str| row[key].as_f64().expect("a number");
    Ok(rows
        .map(|row| (row["activity"].as_str().expect("a name").to_owned(), number(row, "weight"), number(row, "chance")))
        .collect())
}

fn slot(id: &str) -> Value {
    json!({"id": id, "nodeType": "time_slot", "timeRangeSeconds": {"start": 0, "end": 86_400}})
}

fn node(id: &str, kind: &str, offers: &[&str]) -> Value {
    let offers: Vec<Value> = offers.iter().map(|id| json!({"activityId": id})).collect();
    json!({"id": id, "nodeType": kind, "preferredActivities": offers})
}

fn edge(from: &str, to: &str, weight: f64) -> Value {
    json!({"from": from, "to": to, "weight": weight})
}

fn weights(found: &[(String, f64, f64)]) -> Vec<(&str, f64)> {
    found.iter().map(|(activity, weight, _)| (activity.as_str(), *weight)).collect()
}

#[test]
fn of_several_ways_to_a_node_the_largest_weight_counts() -> Result<(), StepError> {
    let nodes = || {
        vec![
            slot("day"),
            node("weak", "decision", &[]),
            node("strong", "decision", &[]),
            node("both", "decision", &["do000"]),
            node("end", "activity", &["do001", "do000"]),
        ]
    };
    let mut edges = vec![
        edge("day", "weak", 0.5),
        edge("day", "strong", 5.0),
        edge("weak", "both", 0.5),
        edge("strong", "both", 1.0),
        edge("both", "end", 2.0),
    ];
    for _ in 0..edges.len() {
        // In whichever order the file has them.
        edges.rotate_left(1);
        assert_eq!(weights(&weighed(2, nodes(), edges.clone())?), [("do000", 10.0), ("do001", 10.0)]);
    }
    Ok(())
}

#[test]
fn the_clock_alone_enters_time_slots() -> Result<(), StepError> {
    let mut late = slot("late");
    late["preferredActivities"] = json!([{"activityId": "do000"}]);
    let edges = vec![edge("early", "late", 10.0), edge("early", "end", 1.0)];
    let found = weighed(2, vec![slot("early"), late, node("end", "activity", &["do001"])], edges)?;
    assert_eq!(weights(&found), [("do001", 1.0), ("do000", 1.0)], "an edge into a slot gives it no weight");
    Ok(())
}

#[test]
fn everything_is_offered_in_the_largest_routine_that_is_allowed() -> Result<(), StepError> {
    let ids: Vec<String> = (0..999).map(|number| format!("do{number:03}")).collect();
    let mut nodes = vec![slot("day")];
    nodes.extend(ids.iter().map(|id| node(&format!("n-{id}"), "activity", &[id])));
    let edges = ids.iter().map(|id| edge("day", &format!("n-{id}"), 1.0)).collect();
    let found = weighed(999, nodes, edges)?;
    assert_eq!(found.len(), 999);
    assert!(found.iter().map(|(id, ..)| id).eq(&ids), "in the order of the edges");
    Ok(())
}

#[test]
fn the_longest_way_leaves_weights_that_are_numbers() -> Result<(), StepError> {
    for weight in [10.0, 1e-300] {
        let mut nodes = vec![slot("n0")];
        nodes.extend((1..999).map(|number| node(&format!("n{number}"), "decision", &[])));
        nodes.push(node("n999", "activity", &["do000", "do001"]));
        let edges = (1..1_000).map(|number| edge(&format!("n{}", number - 1), &format!("n{number}"), weight)).collect();
        let found = weighed(2, nodes, edges)?;
        let chances: f64 = found.iter().map(|(.., chance)| chance).sum();
        assert!(found.len() == 2 && (chances - 1.0).abs() < 1e-9, "{found:?}");
    }
    Ok(())
}
