//! Routines of a world file, made ready.

use super::{Compiler, token};
use crate::components::npc::ActivityId;
use crate::systems::npc::model::{Edge, Node, Routine, Slot};
use crate::systems::npc::mood::DAY_SECONDS;
use crate::systems::npc::names::Names;
use crate::world::spec::{RoutineNodeSpec, RoutineNodeType, RoutineSpec};

impl Compiler<'_> {
    pub(crate) fn routine(&self, id: &str, spec: &RoutineSpec) -> Routine {
        let at = format!("/behaviour/routines/{}", token(id));
        let names = Names::new(spec.nodes.iter().map(|node| node.id.as_str()));
        if names.len() != spec.nodes.len() {
            self.fault(&format!("{at}/nodes"), "two nodes have the same id, or there are more than 65,535");
        }
        let mut edges: Vec<Vec<Edge>> = spec.nodes.iter().map(|_| Vec::new()).collect();
        let mut is_entered = vec![false; spec.nodes.len()];
        for (index, edge) in spec.edges.iter().enumerate() {
            let at = format!("{at}/edges/{index}");
            let from = self.take(&format!("{at}/from"), names.require("node", &edge.from));
            let to = self.take(&format!("{at}/to"), names.require("node", &edge.to));
            let weight = self.within(&format!("{at}/weight"), edge.weight, 0.0, 10.0);
            let conditions = self.conditions(&format!("{at}/conditions"), &edge.conditions);
            if let (Some(from), Some(to)) = (from, to) {
                is_entered[usize::from(to)] = true;
                // The clock alone enters time slots, and no walk follows an edge without weight.
                let is_slot = spec.nodes[usize::from(to)].node_type == RoutineNodeType::TimeSlot;
                if !is_slot && weight > 0.0 {
                    edges[usize::from(from)].push(Edge { to, weight, conditions });
                }
            }
        }
        let mut nodes: Vec<Node> = spec
            .nodes
            .iter()
            .zip(edges)
            .enumerate()
            .map(|(index, (node, edges))| self.node(&format!("{at}/nodes/{index}"), node, edges))
            .collect();
        rank(&mut nodes);
        let numbered = || nodes.iter().enumerate().filter_map(|(index, node)| Some((u16::try_from(index).ok()?, node)));
        let is_slot = |node: &Node| node.node_type == RoutineNodeType::TimeSlot;
        let mut entries: Vec<u16> = numbered().filter(|(_, node)| is_slot(node)).map(|(index, _)| index).collect();
        if entries.is_empty() {
            entries =
                numbered().filter(|(index, _)| !is_entered[usize::from(*index)]).map(|(index, _)| index).collect();
        }
        let defaults = spec.default_preferences.as_ref();
        let defaults = defaults
            .map(|defaults| self.preferences(&format!("{at}/defaultPreferences"), defaults))
            .unwrap_or_default();
        Routine { nodes, entries, defaults }
    }

    fn node(&self, at: &str, spec: &RoutineNodeSpec, edges: Vec<Edge>) -> Node {
        if let Some(range) = spec.time_range_seconds
            && (range.start > DAY_SECONDS || range.end > DAY_SECONDS)
        {
            self.fault(&format!("{at}/timeRangeSeconds"), format!("a day has {DAY_SECONDS} seconds"));
        }
        if spec.node_type == RoutineNodeType::TimeSlot && spec.time_range_seconds.is_none() {
            self.fault(&format!("{at}/timeRangeSeconds"), "a time slot needs a start and an end");
        }
        let preferred = spec.preferred_activities.iter().enumerate().filter_map(|(index, preferred)| {
            let at = format!("{at}/preferredActivities/{index}");
            let known = &self.model.activity_names;
            let activity = self.take(&format!("{at}/activityId"), known.require("activity", &preferred.activity_id));
            let weight = self.within(&format!("{at}/weight"), preferred.weight, 0.0, 10.0);
            let conditions = self.conditions(&format!("{at}/conditions"), &preferred.conditions);
            Some((ActivityId(activity?), weight, conditions))
        });
        Node {
            name: spec.id.as_str().into(),
            node_type: spec.node_type,
            slot: spec.time_range_seconds.map(|range| Slot { start: range.start, end: range.end }),
            conditions: self.conditions(&format!("{at}/decisionConditions"), &spec.decision_conditions),
            preferred: preferred.collect(),
            // What an activity is followed by, its own end decides.
            edges: if spec.node_type == RoutineNodeType::Activity { Box::default() } else { edges.into_boxed_slice() },
            rank: u16::MAX,
        }
    }
}

/// Gives every node its place in an order in which every edge leads onwards. Those on a circle, which the check of the
/// file refuses, come last.
fn rank(nodes: &mut [Node]) {
    let mut before = vec![0_usize; nodes.len()];
    for edge in nodes.iter().flat_map(|node| &node.edges) {
        before[usize::from(edge.to)] += 1;
    }
    let mut free: Vec<usize> = (0..nodes.len()).filter(|number| before[*number] == 0).collect();
    for rank in 0..=u16::MAX {
        let Some(number) = free.pop() else { break };
        nodes[number].rank = rank;
        for edge in &nodes[number].edges {
            let left = &mut before[usize::from(edge.to)];
            *left -= 1;
            if *left == 0 {
                free.push(usize::from(edge.to));
            }
        }
    }
}
