//! Admitting NPCs, and making anew after a restart what is derived from them.

// time: tiers: admission, and turns after a change of the intervals | world | `WorldClock` | when an NPC is made; when the configuration changes

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use thiserror::Error;

use super::focus::{FocusIndex, Places, wish_for};
use super::roster::Roster;
use super::session::{Pins, Sessions};
use super::share::Division;
use super::times::next_turn;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::StableId;
use crate::components::npc::{NpcState, PlaceId};
use crate::components::tier::{PerTier, Simulated, SimulationTier, TierWish};
use crate::messages::control::SimulationReconfigured;
use crate::messages::tier::StepReport;
use crate::world::Touched;
use crate::world::spec::{WorldSimulationConfig, WorldSpec};

/// Why an NPC cannot be admitted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AdmitError {
    /// There is no room.
    #[error(
        "the world is full: tier `{wish}` and the coarser ones hold the {most} NPCs that `maxNpcs` allows; raise \
         meta.simulation.tiers.dormant.maxNpcs"
    )]
    Full {
        /// The tier that was wished.
        wish: SimulationTier,
        /// What it and the coarser ones may hold.
        most: u64,
    },
    /// The scheduler is missing.
    #[error("the world has no scheduler: add SchedulerPlugin before what admits NPCs")]
    NoScheduler,
}

/// Spawns an NPC into the tier that `rule_wish` asks for, or the next coarser one that has room. Its first turn comes
/// within one interval of that tier.
///
/// # Errors
/// When that tier and all coarser ones are full. Nothing is spawned then.
pub fn admit(
    world: &mut World,
    id: StableId,
    rule_wish: TierWish,
    components: impl Bundle,
) -> Result<Entity, AdmitError> {
    let now = world.resource::<WorldClock>().now;
    let (Some(config), Some(roster)) = (world.get_resource::<WorldSimulationConfig>(), world.get_resource::<Roster>())
    else {
        return Err(AdmitError::NoScheduler);
    };
    let Some(tier) = roster.room_for(config, &rule_wish) else {
        let tiers = SimulationTier::ALL.into_iter().filter(|tier| *tier >= rule_wish.tier);
        let most = tiers.map(|tier| u64::from(config.tiers.of(tier).max_npcs)).sum();
        return Err(AdmitError::Full { wish: rule_wish.tier, most });
    };
    // Before a `ticks` world's first tick nobody knows when that will be: everybody's turn is then.
    let (since, due) = match now {
        Some(now) => (now, next_turn(id, now, Division::new(config).interval[tier])),
        None => (GameInstant::MIN, GameInstant::MIN),
    };
    let npc = Simulated { tier, rule_wish, wish: rule_wish, since, last: since, due };
    Ok(world.spawn((id, npc, components)).id())
}

/// Enters who has come up.
pub(crate) fn enter_roster(
    inserted: On<Insert<Simulated>>,
    npcs: Query<(&StableId, &Simulated)>,
    mut roster: ResMut<Roster>,
) {
    if let Ok((id, npc)) = npcs.get(inserted.event_target()) {
        roster.enter(*id, npc);
        roster.reconsider(*id);
    }
}

/// Strikes who goes.
pub(crate) fn leave_roster(
    gone: On<Discard<Simulated>>,
    npcs: Query<(&StableId, &Simulated)>,
    mut roster: ResMut<Roster>,
) {
    if let Ok((id, npc)) = npcs.get(gone.event_target()) {
        roster.leave(*id, npc);
    }
}

/// Unpins who is gone for good.
pub(crate) fn forget_pin(gone: On<Remove<Simulated>>, ids: Query<&StableId>, mut pins: ResMut<Pins>) {
    if let Ok(id) = ids.get(gone.event_target())
        && pins.get(*id).is_some()
    {
        pins.pins.remove(id);
    }
}

/// What is derived, and not persisted.
#[derive(SystemParam)]
pub(crate) struct Derived<'w> {
    roster: ResMut<'w, Roster>,
    focus: ResMut<'w, FocusIndex>,
    places: ResMut<'w, Places>,
    report: ResMut<'w, StepReport>,
}

/// Makes everything anew that is derived: the roster with its queues, what is in focus, the names of places.
///
/// Whose wish is not what pins, focus and rules say by now is noted, as it was before the restart.
pub(crate) fn rebuild_roster(
    spec: Res<WorldSpec>,
    config: Res<WorldSimulationConfig>,
    sessions: Res<Sessions>,
    pins: Res<Pins>,
    npcs: Query<(&StableId, &Simulated, Option<&NpcState>)>,
    mut derived: Derived,
) {
    let Derived { roster, focus, places, report } = &mut derived;
    **report = StepReport::default();
    **focus = FocusIndex::of(&sessions);
    let named = spec.npcs.iter().flat_map(|npcs| npcs.places.keys());
    // Places are numbered in the order of their ids.
    places.set_names(named.zip(0..=u16::MAX).map(|(name, number)| (name.clone(), PlaceId(number))));
    let mut population = PerTier::<usize>::default();
    for (_, npc, _) in &npcs {
        population[npc.tier] += 1;
    }
    **roster = Roster::sized(&population, &Division::new(&config));
    for (id, npc, state) in &npcs {
        roster.enter(*id, npc);
        let place = state.map(|state| state.place);
        if wish_for(*id, npc.rule_wish, place, &pins, focus) != npc.wish {
            roster.reconsider(*id);
        }
    }
}

/// When the intervals of tiers have changed, the turns that lie ahead are moved to the new ones.
///
/// It looks at everybody of those tiers: once for each change.
pub(crate) fn move_turns(
    changed: On<SimulationReconfigured>,
    config: Res<WorldSimulationConfig>,
    clock: Res<WorldClock>,
    mut roster: ResMut<Roster>,
    mut npcs: Query<(Entity, &StableId, &mut Simulated)>,
    mut touched: ResMut<Touched>,
    mut credits: ResMut<super::Credits>,
) {
    let (old, new) = (Division::new(&changed.event().before), Division::new(&config));
    if old.budget != new.budget || old.share != new.share {
        *credits = super::Credits::default();
    }
    let Some(now) = clock.now else { return };
    if old.interval == new.interval {
        return;
    }
    for (entity, id, mut npc) in &mut npcs {
        let interval = new.interval[npc.tier];
        if interval == old.interval[npc.tier] {
            continue;
        }
        // Who is late already stays so: a change takes nobody's place away.
        let due = npc.due.min(next_turn(*id, now, interval));
        if due != npc.due {
            roster.queues[npc.tier].remove(npc.due, *id);
            npc.due = due;
            roster.queues[npc.tier].push(due, *id);
            touched.note(entity);
        }
    }
}
