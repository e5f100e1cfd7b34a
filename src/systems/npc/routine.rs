//! What a routine offers an NPC at this moment.

use super::condition::{ConditionContext, all_hold};
use super::model::Routine;
use super::mood::second_of_day;
use crate::components::npc::ActivityId;
use crate::systems::random::Draw;

/// Weights along a way stay within these: a way of a thousand edges shall neither come to nothing nor to what is no
/// number any more.
const WEIGHTS: (f64, f64) = (1e-100, 1e100);

/// What a walk needs room for; one for each step, used again and again.
#[derive(Debug, Default)]
pub struct Walk {
    /// What may be chosen, with its weight; each activity once, with the largest weight that leads to it.
    pub offers: Vec<(ActivityId, f64)>,
    /// By node: whether it has been visited.
    visited: Vec<bool>,
    /// By node: the largest weight that leads to it.
    weights: Vec<f64>,
    open: Vec<u16>,
    followed: Vec<Followed>,
    /// What nodes offer, with the weight that they give it.
    found: Vec<(u16, ActivityId, f64)>,
}

/// An edge that was followed.
#[derive(Debug, Clone, Copy)]
struct Followed {
    /// The rank of the node that it leaves.
    rank: u16,
    from: u16,
    to: u16,
    weight: f64,
}

/// Collects what may be chosen now: from the time slots that hold, along the edges whose conditions hold, through the
/// decisions whose conditions hold, to the activities. Weights of edges multiply along the way; where several ways lead to
/// a node, the largest weight counts.
///
/// Every node is visited once and every edge asked once, whichever way comes first, so that the cost follows the size of
/// the routine, and even a cycle ends.
pub fn collect_offers(routine: &Routine, context: &ConditionContext<'_>, draw: &mut Draw, walk: &mut Walk) {
    visit(routine, context, draw, walk);
    weigh(walk);
    let Walk { offers, weights, found, .. } = walk;
    offers.clear();
    for (node, activity, own) in found.drain(..) {
        offer(offers, activity, weights[usize::from(node)] * own);
    }
}

/// Visits the nodes, each before those that it leads to first.
fn visit(routine: &Routine, context: &ConditionContext<'_>, draw: &mut Draw, walk: &mut Walk) {
    let Walk { visited, weights, open, followed, found, .. } = walk;
    visited.clear();
    visited.resize(routine.nodes.len(), false);
    weights.clear();
    weights.resize(routine.nodes.len(), 0.0);
    open.clear();
    followed.clear();
    found.clear();
    let second = second_of_day(context.now);
    for entry in routine.entries.iter().rev() {
        let node = routine.nodes.get(usize::from(*entry));
        if node.is_some_and(|node| node.slot.is_none_or(|slot| slot.holds(second))) {
            weights[usize::from(*entry)] = 1.0;
            open.push(*entry);
        }
    }
    while let Some(number) = open.pop() {
        let Some(node) = routine.nodes.get(usize::from(number)) else { continue };
        if std::mem::replace(&mut visited[usize::from(number)], true)
            || !node.slot.is_none_or(|slot| slot.holds(second))
            || !all_hold(&node.conditions, context, draw)
        {
            continue;
        }
        for (activity, own, conditions) in &node.preferred {
            if *own > 0.0 && all_hold(conditions, context, draw) {
                found.push((number, *activity, *own));
            }
        }
        for edge in node.edges.iter().rev() {
            if all_hold(&edge.conditions, context, draw) {
                followed.push(Followed { rank: node.rank, from: number, to: edge.to, weight: edge.weight });
                if !visited[usize::from(edge.to)] {
                    open.push(edge.to);
                }
            }
        }
    }
}

/// The largest weight that leads to each node: along the edges that were followed, in the order of the graph, so that the
/// weight of a node is known before it is handed on.
fn weigh(walk: &mut Walk) {
    let Walk { weights, followed, .. } = walk;
    followed.sort_unstable_by_key(|edge| edge.rank);
    for edge in followed.iter() {
        let weight = (weights[usize::from(edge.from)] * edge.weight).clamp(WEIGHTS.0, WEIGHTS.1);
        let known = &mut weights[usize::from(edge.to)];
        *known = known.max(weight);
    }
}

fn offer(offers: &mut Vec<(ActivityId, f64)>, activity: ActivityId, weight: f64) {
    match offers.iter_mut().find(|(known, _)| *known == activity) {
        Some((_, known)) => *known = known.max(weight),
        None => offers.push((activity, weight)),
    }
}
