//! The people of a world file. Runs in [`WorldSetup`](crate::schedules::WorldSetup).

// time: NPCs: the people of a world file | world | `WorldClock` | once, when the world is set up

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;

use super::model::BehaviourModel;
use super::rules::default_wish;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::{StableId, StableIds};
use crate::components::npc::{AxisId, Memory, Npc, NpcState, PlaceId, PresetId, Relationships, RoutineId};
use crate::systems::random::{SystemDraws, WorldSeed};
use crate::systems::scheduler::{AdmitError, admit};
use crate::world::spec::{NpcGroupSpec, NpcSpec, WorldSpec};

/// Energy at first, where the file says nothing: between these.
const ENERGY: (f64, f64) = (60.0, 100.0);
/// Affinity of acquaintances at first: between these.
const ACQUAINTED: (f64, f64) = (40.0, 80.0);
/// People that a group may have.
const GROUP_MAX: u32 = 1_000_000;
/// Acquaintances that each of a group may have.
const ACQUAINTANCES_MAX: u32 = 16;

/// Spawns everybody whom the world file describes: individuals in the order of their ids, then the groups, each with its
/// stable id in this order.
pub fn people_world(
    spec: Res<WorldSpec>,
    model: Res<BehaviourModel>,
    seed: Res<WorldSeed>,
    clock: Res<WorldClock>,
    mut ids: ResMut<StableIds>,
    mut commands: Commands,
) -> Result {
    let Some(npcs) = &spec.npcs else { return Ok(()) };
    let now = clock.now.unwrap_or(spec.starts_at);
    let mut errors = Vec::new();
    let mut arrivals = Vec::new();
    let mut people = Vec::new();
    let mut by_name = BTreeMap::new();
    for (name, individual) in &npcs.individuals {
        let id = ids.next_id();
        by_name.insert(name.as_str(), id);
        match one(&model, Some(name), individual) {
            Ok(npc) => people.push((id, npc, individual.energy)),
            Err(found) => errors.extend(found.into_iter().map(|error| format!("/npcs/individuals/{name}{error}"))),
        }
    }
    if !errors.is_empty() {
        return Err(errors.join("; ").into());
    }
    let members = Members::new(&npcs.groups, ids.clone().next_id());
    let find = |name: &str| by_name.get(name).copied().or_else(|| members.find(name));
    for (id, npc, energy) in people {
        let name = npc.name.as_deref().unwrap_or_default();
        let relations = npcs.individuals.get(name).map(|individual| relations(&model, individual, &find));
        let relations = relations.transpose()?.unwrap_or_default();
        arrivals.push((id, npc, relations, first_energy(seed.0, id, energy)));
    }
    for (number, group) in npcs.groups.iter().enumerate() {
        found_group(&mut arrivals, &model, seed.0, &mut ids, number, group)?;
    }
    let wish = default_wish(model.default_tier);
    commands.queue(move |world: &mut World| -> Result<(), AdmitError> {
        for (id, npc, relations, energy) in arrivals {
            let state = first_state(npc.home, energy, now);
            admit(world, id, wish, (npc, state, Memory::default(), relations))?;
        }
        Ok(())
    });
    Ok(())
}

/// Somebody who comes into the world, with the energy at first.
type Arrival = (StableId, Npc, Relationships, f32);

/// One NPC of the file.
pub(super) fn one(model: &BehaviourModel, name: Option<&str>, spec: &NpcSpec) -> Result<Npc, Vec<String>> {
    let mut errors = Vec::new();
    let mut take = |at: &str, found: Result<u16, String>| {
        found.unwrap_or_else(|error| {
            errors.push(format!("/{at}: {error}"));
            0
        })
    };
    let routine = RoutineId(take("routine", model.routine_names.require("routine", &spec.routine)));
    let preset = spec.preset.as_ref();
    let preset = preset.map(|name| PresetId(take("preset", model.preset_names.require("preset", name))));
    let home = PlaceId(take("home", model.place_names.require("place", &spec.home)));
    let work = spec.work.as_ref();
    let work = work.map_or(home, |name| PlaceId(take("work", model.place_names.require("place", name))));
    let mut roles = 0;
    for name in &spec.roles {
        roles |= 1_u32 << take("roles", model.roles.require("role", name)).min(31);
    }
    if errors.is_empty() {
        Ok(Npc { name: name.map(Into::into), routine, preset, home, work, roles })
    } else {
        Err(errors)
    }
}

/// The ids that members of groups will have: they come after the individuals, group after group.
struct Members<'a>(Vec<(&'a str, u32, u64)>);

impl<'a> Members<'a> {
    fn new(groups: &'a [NpcGroupSpec], first: StableId) -> Self {
        let mut begin = first.0;
        let groups = groups.iter().map(|group| {
            let at = begin;
            begin += u64::from(group.count);
            (group.name.as_deref().unwrap_or_default(), group.count, at)
        });
        Self(groups.collect())
    }

    /// The id of `<group>-<number>`.
    fn find(&self, name: &str) -> Option<StableId> {
        let (group, number) = name.rsplit_once('-')?;
        let number = number.parse::<u32>().ok()?;
        let (.., begin) = self.0.iter().find(|(known, count, _)| *known == group && (1..=*count).contains(&number))?;
        Some(StableId(begin + u64::from(number) - 1))
    }
}

fn relations(
    model: &BehaviourModel,
    spec: &NpcSpec,
    find: &dyn Fn(&str) -> Option<StableId>,
) -> Result<Relationships, BevyError> {
    let mut all = Relationships::default();
    for (to, axes) in &spec.relationships {
        let id = find(to).ok_or_else(|| super::names::unknown("NPC", to, model.people.iter()))?;
        for (axis, value) in axes {
            let axis = AxisId(model.axes.require("axis of relationships", axis)?);
            all.set(id, axis, *value);
        }
    }
    Ok(all)
}

fn found_group(
    arrivals: &mut Vec<Arrival>,
    model: &BehaviourModel,
    seed: u64,
    ids: &mut StableIds,
    number: usize,
    group: &NpcGroupSpec,
) -> Result {
    let at = format!("/npcs/groups/{number}");
    if !(1..=GROUP_MAX).contains(&group.count) || group.acquaintances > ACQUAINTANCES_MAX {
        return Err(format!("{at}: count is 1 to {GROUP_MAX}, acquaintances 0 to {ACQUAINTANCES_MAX}").into());
    }
    if group.routines.is_empty() || group.homes.is_empty() {
        return Err(format!("{at}: a group needs at least one routine and one home").into());
    }
    // Each combination of the lists is resolved once, not once for each NPC.
    let spec = NpcSpec {
        routine: String::new(),
        preset: None,
        home: String::new(),
        work: None,
        roles: group.roles.clone(),
        relationships: BTreeMap::new(),
        energy: None,
    };
    let spec_of = |routine: &String, preset: Option<&String>, home: &String, work: Option<&String>| NpcSpec {
        routine: routine.clone(),
        preset: preset.cloned(),
        home: home.clone(),
        work: work.cloned(),
        ..spec.clone()
    };
    let resolve = |spec: &NpcSpec| one(model, None, spec).map_err(|errors| format!("{at}{}", errors.join("; ")));
    let (first, home) = (&group.routines[0], &group.homes[0]);
    let mut lists = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for routine in &group.routines {
        lists[0].push(resolve(&spec_of(routine, None, home, None))?);
    }
    for preset in &group.presets {
        lists[1].push(resolve(&spec_of(first, Some(preset), home, None))?);
    }
    for home in &group.homes {
        lists[2].push(resolve(&spec_of(first, None, home, None))?);
    }
    for work in &group.works {
        lists[3].push(resolve(&spec_of(first, None, home, Some(work)))?);
    }
    let of = |list: usize, turn: usize| lists[list].get(turn % lists[list].len().max(1));
    let begin = ids.next_id();
    let draws = SystemDraws::new(seed, 0, "npc.found");
    for turn in 0..group.count {
        let id = if turn == 0 { begin } else { ids.next_id() };
        let index = usize::try_from(turn)?;
        let Some((by_routine, by_home)) = of(0, index).zip(of(2, index)) else { continue };
        let npc = Npc {
            name: group.name.as_ref().map(|name| format!("{name}-{}", turn + 1).into()),
            routine: by_routine.routine,
            preset: of(1, index).and_then(|npc| npc.preset),
            home: by_home.home,
            work: of(3, index).map_or(by_home.home, |npc| npc.work),
            roles: by_routine.roles,
        };
        let mut draw = draws.for_id(id);
        let others = (0..group.acquaintances).map(|_| {
            let other = StableId(begin.0 + draw.below(u64::from(group.count)));
            (other, model.affinity, draw.between(ACQUAINTED.0, ACQUAINTED.1))
        });
        let relations = Relationships::from_values(others.filter(|(other, ..)| *other != id));
        arrivals.push((id, npc, relations, first_energy(seed, id, None)));
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a small range")]
pub(super) fn first_energy(seed: u64, id: StableId, given: Option<f64>) -> f32 {
    let drawn = || SystemDraws::new(seed, 0, "npc.energy").for_id(id).between(ENERGY.0, ENERGY.1);
    given.unwrap_or_else(drawn).clamp(0.0, 100.0) as f32
}

/// How an NPC begins: at home, doing nothing, about to decide.
pub(super) fn first_state(home: PlaceId, energy: f32, now: GameInstant) -> NpcState {
    NpcState {
        energy,
        valence: 0.0,
        arousal: 0.0,
        activity: None,
        place: home,
        since: now,
        next_decision_at: GameInstant::MIN,
        decisions: 0,
    }
}
