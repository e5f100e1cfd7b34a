//! Routines: every edge leads somewhere, every way ends at an activity, and the whole day is covered.

use std::collections::BTreeMap;

use super::chances::Offers;
use super::day::{DAY, Part};
use super::ways::{Graph, Held, reach};
use super::{LIST_MAX, conditions};
use crate::world::spec::behaviour::{RoutineNodeSpec, RoutineNodeType, RoutineSpec, TimeRangeSpec};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::names::{Names, must_be_in};

/// Nodes and edges of one routine.
const GRAPH_MAX: usize = 1_000;

/// Checks one routine, and notes at which times of the day it offers which activity.
pub(super) fn check<'a>(
    routine: &'a RoutineSpec,
    place: &Place,
    names: &Names<'_>,
    offers: &mut Offers<'a>,
    found: &mut Findings,
) {
    found.at_most(&place.key("nodes"), routine.nodes.len(), GRAPH_MAX);
    found.at_most(&place.key("edges"), routine.edges.len(), GRAPH_MAX);
    if routine.nodes.len() > GRAPH_MAX || routine.edges.len() > GRAPH_MAX {
        return;
    }
    let numbers = check_nodes(routine, &place.key("nodes"), names, found);
    let graph = check_edges(routine, &numbers, &place.key("edges"), names, found);
    check_day(routine, &place.key("nodes"), found);
    check_cycles(routine, &graph.edges, &place.key("nodes"), found);
    check_ways(routine, &graph, &place.key("nodes"), offers, found);
}

/// The nodes; gives back their numbers by id.
fn check_nodes<'a>(
    routine: &'a RoutineSpec,
    place: &Place,
    names: &Names<'_>,
    found: &mut Findings,
) -> BTreeMap<&'a str, usize> {
    let mut numbers = BTreeMap::new();
    for (index, node) in routine.nodes.iter().enumerate() {
        let place = place.at(index);
        found.name(&place.key("id"), &node.id);
        if let Some(first) = numbers.insert(node.id.as_str(), index) {
            found.error(&place.key("id"), format!("`{}` is there twice", node.id));
            numbers.insert(node.id.as_str(), first);
        }
        check_range(node, &place, found);
        conditions::check_all(&node.decision_conditions, &place.key("decisionConditions"), names, found);
        let preferred = place.key("preferredActivities");
        found.at_most(&preferred, node.preferred_activities.len(), LIST_MAX);
        for (index, one) in node.preferred_activities.iter().enumerate() {
            let place = preferred.at(index);
            must_be_in(names.activities, "activity", &one.activity_id, &place.key("activityId"), found);
            found.between(&place.key("weight"), one.weight, 0.0, 10.0);
            conditions::check_all(&one.conditions, &place.key("conditions"), names, found);
        }
    }
    numbers
}

fn check_range(node: &RoutineNodeSpec, place: &Place, found: &mut Findings) {
    let place = place.key("timeRangeSeconds");
    match (node.node_type, node.time_range_seconds) {
        (RoutineNodeType::TimeSlot, None) => found.error(&place, "a time slot needs its time"),
        (_, Some(TimeRangeSpec { start, end })) => {
            for (key, value) in [("start", start), ("end", end)].into_iter().filter(|(_, value)| *value > DAY) {
                found.error(&place.key(key), format!("{value} is outside 0 to {DAY}, the seconds of a day"));
            }
            if start % DAY == end % DAY && (start, end) != (0, DAY) {
                found.error(&place, "there is no time in it; the whole day is 0 to 86400");
            }
        }
        (_, None) => {}
    }
}

/// The edges; gives back for each node where one gets from it. Time slots are entered by the clock alone, activity nodes
/// are ends, and an edge whose weight is 0 is never followed.
fn check_edges(
    routine: &RoutineSpec,
    numbers: &BTreeMap<&str, usize>,
    place: &Place,
    names: &Names<'_>,
    found: &mut Findings,
) -> Graph {
    let count = routine.nodes.len();
    let mut graph =
        Graph { edges: vec![Vec::new(); count], ways: vec![Vec::new(); count], is_led_to: vec![false; count] };
    for (index, edge) in routine.edges.iter().enumerate() {
        let place = place.at(index);
        let ends = [("from", &edge.from), ("to", &edge.to)].map(|(key, id)| {
            let number = numbers.get(id.as_str()).copied();
            if number.is_none() {
                found.unknown(&place.key(key), "node", id, numbers.keys().copied());
            }
            number
        });
        found.between(&place.key("weight"), edge.weight, 0.0, 10.0);
        conditions::check_all(&edge.conditions, &place.key("conditions"), names, found);
        let [Some(from), Some(to)] = ends else { continue };
        graph.is_led_to[to] = true;
        let [leaves, enters] = [from, to].map(|number| routine.nodes[number].node_type);
        if enters == RoutineNodeType::TimeSlot {
            continue;
        }
        if leaves == RoutineNodeType::Activity {
            found.warn(&place, "it leaves an activity node: a way ends there, and the next begins at a time slot");
            continue;
        }
        graph.edges[from].push(to);
        if edge.weight > 0.0 {
            graph.ways[from].push(to);
        } else {
            found.warn(&place.key("weight"), "its weight is 0: it is never followed");
        }
    }
    graph
}

/// Times of the day that no slot covers.
fn check_day(routine: &RoutineSpec, place: &Place, found: &mut Findings) {
    if !has_slots(routine) {
        // It is entered at any time, where nothing leads.
        return;
    }
    let slots = routine.nodes.iter().filter(|node| node.node_type == RoutineNodeType::TimeSlot);
    let mut covered = Part::default();
    for range in slots.filter_map(|node| node.time_range_seconds) {
        covered.add(&Part::of(Some(range)));
    }
    let gaps = covered.gaps();
    if !gaps.is_empty() {
        let gaps = gaps.into_iter().take(8).collect::<Vec<_>>().join(", ");
        found.warn(place, format!("no time slot covers {gaps}: then everybody goes on with what they are doing"));
    }
}

fn has_slots(routine: &RoutineSpec) -> bool {
    routine.nodes.iter().any(|node| node.node_type == RoutineNodeType::TimeSlot)
}

/// Decisions that lead back to themselves.
fn check_cycles(routine: &RoutineSpec, next: &[Vec<usize>], place: &Place, found: &mut Findings) {
    // 0: not seen, 1: on the way that is being followed, 2: done.
    let mut seen = vec![0_u8; next.len()];
    for start in 0..next.len() {
        let mut way: Vec<(usize, usize)> = Vec::new();
        if seen.get(start) == Some(&0) {
            seen[start] = 1;
            way.push((start, 0));
        }
        while let Some((node, turn)) = way.last_mut() {
            let Some(&to) = next.get(*node).and_then(|list| list.get(*turn)) else {
                seen[*node] = 2;
                way.pop();
                continue;
            };
            *turn += 1;
            match seen[to] {
                0 => {
                    seen[to] = 1;
                    way.push((to, 0));
                }
                1 => {
                    let round = way.iter().map(|(node, _)| *node).skip_while(|node| *node != to).chain([to]);
                    let names = round.filter_map(|node| routine.nodes.get(node)).map(|node| node.id.as_str());
                    let names: Vec<&str> = names.take(12).collect();
                    found.error(&place.at(to), format!("its way leads in a circle: {}", names.join(" → ")));
                }
                _ => {}
            }
        }
    }
}

/// Nodes from which no activity can be reached, and nodes that cannot be reached: at all, or at the times at which they
/// and what lies between hold.
fn check_ways<'a>(
    routine: &'a RoutineSpec,
    graph: &Graph,
    place: &Place,
    offers: &mut Offers<'a>,
    found: &mut Findings,
) {
    let nodes = &routine.nodes;
    let has_slots = has_slots(routine);
    // A routine without time slots begins, at any time, at the nodes that no edge leads to.
    let is_entry = |number: usize| {
        if has_slots { nodes[number].node_type == RoutineNodeType::TimeSlot } else { !graph.is_led_to[number] }
    };
    let entries: Vec<usize> = (0..nodes.len()).filter(|number| is_entry(*number)).collect();
    if entries.is_empty() {
        found.error(place, "there is no node to begin at, neither a time slot nor one that no edge leads to");
    }
    // Backwards from the nodes that offer something.
    let mut before = vec![Vec::new(); nodes.len()];
    for (from, list) in graph.ways.iter().enumerate() {
        list.iter().for_each(|to| before[*to].push(from));
    }
    let offered = |number: &usize| nodes[*number].preferred_activities.iter().any(|one| one.weight > 0.0);
    let fruitful = reach((0..nodes.len()).filter(offered), &before);
    let reached = reach(entries.into_iter(), &graph.ways);
    let held = Held::new(nodes, &graph.ways, &is_entry, &|number| offered(&number));
    for (number, node) in nodes.iter().enumerate() {
        let at = place.at(number);
        let entered = &held.entered[number];
        offers.note(node, entered);
        if !fruitful.contains(&number) {
            let what = match node.node_type {
                RoutineNodeType::TimeSlot => "this time slot",
                RoutineNodeType::Decision => "this decision",
                RoutineNodeType::Activity => "this node",
            };
            found.error(&at, format!("no activity can be reached from {what}: it is a dead end"));
        } else if !reached.contains(&number) {
            let what = if has_slots { "no time slot leads here" } else { "no way leads here" };
            found.warn(&at, format!("{what}: it is never entered"));
        } else if entered.is_empty() {
            found.warn(&at, "it never holds at the times of the ways that lead here: it is never entered");
        } else if entered.common(&held.fruitful[number]).is_empty() {
            found
                .warn(&at, "what it leads to never holds at the times at which it is entered: nothing is offered then");
        }
    }
}
