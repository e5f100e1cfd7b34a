//! The work plan of a step: whose turn it is, and what becomes of who had one.

// time: tiers: whose turn it is, and when the next one is | world | `WorldClock`, shown as `Time<GameTime>` | each `WorldStep`, by a queue of due instants

use bevy_ecs::entity::Entities;
use bevy_ecs::prelude::*;
use bevy_time::Time;

use super::assign::Population;
use super::roster::Roster;
use super::share::{Credits, Division, choose};
use super::times::next_turn;
use crate::components::clock::{GameInstant, GameTime};
use crate::components::ids::{StableId, StableIndex};
use crate::components::tier::{PerTier, Simulated, SimulationTier};
use crate::messages::tier::StepReport;
use crate::world::spec::WorldSimulationConfig;

/// The turn of one NPC in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// The NPC.
    pub entity: Entity,
    /// Its stable id.
    pub id: StableId,
    /// When the turn was due.
    pub due: GameInstant,
    /// When it had its last turn: what it does is applied over the time from here to now.
    pub last: GameInstant,
}

/// Whose turn it is in this step, tier by tier, the most overdue first. Made anew in each step; empty between steps.
#[derive(Resource, Debug, Default)]
pub struct WorkPlan {
    pub(crate) turns: PerTier<Vec<Turn>>,
    /// Whose turn it is by the queues, before they were looked up. Kept for its memory only.
    chosen: Vec<(SimulationTier, GameInstant, StableId)>,
}

impl WorkPlan {
    /// The turns of a tier.
    pub fn turns(&self, tier: SimulationTier) -> &[Turn] {
        &self.turns[tier]
    }
}

/// Whether the step has turns for a tier: the run condition of its set.
pub fn has_turns(tier: SimulationTier) -> impl Fn(Res<WorkPlan>) -> bool + Clone {
    move |plan: Res<WorkPlan>| !plan.turns(tier).is_empty()
}

/// Makes the plan of this step.
#[expect(clippy::too_many_arguments, reason = "each is a resource of its own")]
pub(crate) fn plan_turns(
    time: Res<Time<GameTime>>,
    config: Res<WorldSimulationConfig>,
    (entities, index): (&Entities, Res<StableIndex>),
    npcs: Query<&Simulated>,
    mut roster: ResMut<Roster>,
    mut credits: ResMut<Credits>,
    mut plan: ResMut<WorkPlan>,
    mut report: ResMut<StepReport>,
) {
    let clock = time.context();
    let (Some(now), began) = (clock.now, clock.began.unwrap_or(GameInstant::MIN)) else { return };
    let division = Division::new(&config);
    for tier in SimulationTier::ALL {
        if roster.queues[tier].has_outgrown() {
            let population = roster.population(tier);
            roster.queues[tier] = roster.queues[tier].resized(division.interval[tier], population);
        }
        roster.queues[tier].open(now);
    }
    let mut spent = *credits;
    let WorkPlan { turns, chosen } = &mut *plan;
    choose(&mut roster.queues, &mut spent, &division, now, |tier, due, id| chosen.push((tier, due, id)));
    // Among many NPCs each look-up waits for memory: in loops of their own they wait together.
    for (tier, due, id) in chosen.drain(..) {
        if let Some(entity) = index.get(id) {
            turns[tier].push(Turn { entity, id, due, last: due });
        }
    }
    for tier in SimulationTier::ALL {
        turns[tier].retain(|turn| entities.contains_spawned(turn.entity));
        turns[tier].retain_mut(|turn| {
            let Ok(npc) = npcs.get(turn.entity) else { return false };
            let holds = npc.tier == tier && npc.due == turn.due;
            // Before the world's first instant there was nothing to live through and nothing to be late for.
            (turn.due, turn.last) = (turn.due.max(began), npc.last.max(began));
            holds
        });
    }
    if spent != *credits {
        *credits = spent;
    }
    report.steps += 1;
    for tier in SimulationTier::ALL {
        let waiting = u32::try_from(roster.waiting(tier)).unwrap_or(u32::MAX);
        report.waiting[tier] = waiting;
        report.deferred[tier] = report.deferred[tier].saturating_add(waiting);
        report.turns[tier] += u32::try_from(plan.turns[tier].len()).unwrap_or(u32::MAX);
        report.population[tier] = u32::try_from(roster.population(tier)).unwrap_or(u32::MAX);
        for turn in &plan.turns[tier] {
            report.lateness[tier].count(now.micros_since(turn.due));
        }
    }
}

/// Puts the next turns of those who had one into the queue, and makes up their wishes.
pub(crate) fn settle_turns(time: Res<Time<GameTime>>, mut plan: ResMut<WorkPlan>, mut population: Population) {
    let Some(now) = time.context().now else { return };
    let division = Division::new(&population.config);
    for tier in SimulationTier::ALL {
        for turn in plan.turns[tier].drain(..) {
            // It may have gone in its turn, or have been replaced.
            let Ok((mut npc, _)) = population.npcs.get_mut(turn.entity) else { continue };
            population.roster.queues[npc.tier].remove(npc.due, turn.id);
            npc.last = now;
            npc.due = next_turn(turn.id, now, division.interval[npc.tier]);
            population.roster.queues[npc.tier].push(npc.due, turn.id);
            population.touched.note(turn.entity);
            population.make_up_wish(turn.id);
        }
    }
}
