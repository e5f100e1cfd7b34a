//! Where the steps of a chain lead, and whether all of it can be walked.

use std::collections::BTreeMap;

use super::{ChainSpec, ChainStepSpec, DONE, REFUSED, SKIPPED, TO_COMPLETED, TO_FAILED};

/// Where something leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leads {
    /// To a step, by its place.
    Step(usize),
    /// To the end.
    End,
    /// Nowhere: no step bears the name.
    Nowhere,
}

/// The steps of a chain by their names.
pub(super) struct Paths<'a> {
    chain: &'a ChainSpec,
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Paths<'a> {
    pub(super) fn of(chain: &'a ChainSpec) -> Self {
        let places = chain.steps.iter().enumerate().rev().map(|(at, step)| (step.step_id.as_str(), at)).collect();
        Self { chain, places }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let steps = self.chain.steps.iter().map(|step| step.step_id.as_str());
        steps.chain([TO_COMPLETED, TO_FAILED])
    }

    /// Where a name leads.
    pub(super) fn to(&self, name: &str) -> Leads {
        match name {
            TO_COMPLETED | TO_FAILED => Leads::End,
            name => self.places.get(name).map_or(Leads::Nowhere, |at| Leads::Step(*at)),
        }
    }

    fn onward(&self, at: usize, step: &ChainStepSpec) -> Leads {
        match &step.next {
            Some(next) => self.to(next),
            None if at + 1 < self.chain.steps.len() => Leads::Step(at + 1),
            None => Leads::End,
        }
    }

    fn by(&self, at: usize, step: &ChainStepSpec, outcome: &str) -> Leads {
        step.branches.get(outcome).map_or_else(|| self.onward(at, step), |name| self.to(name))
    }

    /// Whether some outcome of a step leads where no branch does.
    fn goes_on(step: &ChainStepSpec) -> bool {
        // A step that is not automatic takes any word of the game.
        !step.auto_advance || !step.branches.contains_key(DONE) || step.optional && !step.branches.contains_key(SKIPPED)
    }

    /// The steps that can be reached from the first.
    pub(super) fn reached(&self) -> Vec<bool> {
        let mut reached = vec![false; self.chain.steps.len()];
        let mut open = vec![0];
        while let Some(at) = open.pop() {
            let Some((step, known)) = self.chain.steps.get(at).zip(reached.get_mut(at)) else { continue };
            if std::mem::replace(known, true) {
                continue;
            }
            let branches = step.branches.values().map(|name| self.to(name));
            let onward = Self::goes_on(step).then(|| self.onward(at, step));
            open.extend(branches.chain(onward).filter_map(|to| match to {
                Leads::Step(to) => Some(to),
                Leads::End | Leads::Nowhere => None,
            }));
        }
        reached
    }

    /// Where a step leads that may be passed in the very instant in which it begins, without the game saying anything.
    fn at_once(&self, at: usize) -> Vec<usize> {
        let Some(step) = self.chain.steps.get(at) else { return Vec::new() };
        if step.wait() != Some(0) {
            return Vec::new();
        }
        let outcomes = [
            (DONE, step.auto_advance),
            (SKIPPED, step.optional),
            (REFUSED, step.interaction.is_some() || step.generation.is_some()),
        ];
        // A refusal passes a step only where a branch is there for it.
        let possible = outcomes
            .into_iter()
            .filter(|(outcome, may)| *may && (*outcome != REFUSED || step.branches.contains_key(REFUSED)));
        let led = possible.filter_map(|(outcome, _)| match self.by(at, step, outcome) {
            Leads::Step(to) => Some(to),
            Leads::End | Leads::Nowhere => None,
        });
        led.collect()
    }

    /// A cycle of steps that would be walked for ever in one instant, in the order of its steps.
    pub(super) fn cycle(&self) -> Option<Vec<&'a str>> {
        let count = self.chain.steps.len();
        let mut done = vec![false; count];
        for start in 0..count {
            if let Some(cycle) = self.cycle_from(start, &mut Vec::new(), &mut done) {
                return Some(
                    cycle.into_iter().filter_map(|at| Some(self.chain.steps.get(at)?.step_id.as_str())).collect(),
                );
            }
        }
        None
    }

    /// At most as deep as there are steps, of which there are few.
    fn cycle_from(&self, at: usize, way: &mut Vec<usize>, done: &mut [bool]) -> Option<Vec<usize>> {
        if let Some(begin) = way.iter().position(|other| *other == at) {
            return Some(way[begin..].to_vec());
        }
        if done.get(at).copied().unwrap_or(true) {
            return None;
        }
        way.push(at);
        let found = self.at_once(at).into_iter().find_map(|to| self.cycle_from(to, way, done));
        way.pop();
        if let Some(known) = done.get_mut(at) {
            *known = true;
        }
        found
    }
}
