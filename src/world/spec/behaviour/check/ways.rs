//! Ways through a routine: where they lead, and when.

use std::collections::BTreeSet;

use super::day::Part;
use crate::world::spec::behaviour::RoutineNodeSpec;

/// Where one gets in a routine.
pub(super) struct Graph {
    /// By node: where its edges lead, those included that are never followed.
    pub(super) edges: Vec<Vec<usize>>,
    /// By node: where a walk gets from it.
    pub(super) ways: Vec<Vec<usize>>,
    /// By node: whether any edge leads to it.
    pub(super) is_led_to: Vec<bool>,
}

/// When the nodes of a routine hold together with the ways to them, and with the ways from them.
pub(super) struct Held {
    /// By node: when a way leads to it, and it holds.
    pub(super) entered: Vec<Part>,
    /// By node: when it holds, and it or a node that a way leads to from it offers something.
    pub(super) fruitful: Vec<Part>,
}

impl Held {
    /// Of the nodes, of which some are entries and some offer something.
    pub(super) fn new(
        nodes: &[RoutineNodeSpec],
        ways: &[Vec<usize>],
        is_entry: &dyn Fn(usize) -> bool,
        offers: &dyn Fn(usize) -> bool,
    ) -> Self {
        let own: Vec<Part> = nodes.iter().map(|node| Part::of(node.time_range_seconds)).collect();
        let order = in_order(ways);
        let part = |whole: bool| if whole { Part::whole() } else { Part::default() };
        let mut entered: Vec<Part> = (0..nodes.len()).map(|number| part(is_entry(number))).collect();
        for number in &order {
            let here = entered[*number].common(&own[*number]);
            ways[*number].iter().for_each(|to| entered[*to].add(&here));
            entered[*number] = here;
        }
        let mut fruitful: Vec<Part> = (0..nodes.len()).map(|number| part(offers(number))).collect();
        for number in order.iter().rev() {
            let mut here = std::mem::take(&mut fruitful[*number]);
            ways[*number].iter().for_each(|to| here.add(&fruitful[*to]));
            fruitful[*number] = here.common(&own[*number]);
        }
        Self { entered, fruitful }
    }
}

/// The nodes in an order in which every way leads onwards. Those that lie on a circle or behind one, which is refused,
/// are not in it.
fn in_order(ways: &[Vec<usize>]) -> Vec<usize> {
    let mut before = vec![0_usize; ways.len()];
    ways.iter().flatten().for_each(|to| before[*to] += 1);
    let mut order: Vec<usize> = (0..ways.len()).filter(|number| before[*number] == 0).collect();
    let mut next = 0;
    while let Some(number) = order.get(next).copied() {
        next += 1;
        for to in &ways[number] {
            before[*to] -= 1;
            if before[*to] == 0 {
                order.push(*to);
            }
        }
    }
    order
}

/// Everything that can be reached, the starts among it.
pub(super) fn reach(starts: impl Iterator<Item = usize>, next: &[Vec<usize>]) -> BTreeSet<usize> {
    let mut waiting: Vec<usize> = starts.collect();
    let mut reached = BTreeSet::new();
    while let Some(number) = waiting.pop() {
        if reached.insert(number)
            && let Some(list) = next.get(number)
        {
            waiting.extend(list);
        }
    }
    reached
}
