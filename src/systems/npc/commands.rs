//! What can be ordered of NPCs: creation, removal, flags. Everything is checked before anything is changed.

// time: NPCs: their first turn when one is made | world | `WorldClock` | a command of the world

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use bevy_ecs::system::{SystemParam, SystemState};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::condition::name_of;
use super::flag_key::{check_key, flag_value};
use super::last::LastDecisions;
use super::model::BehaviourModel;
use super::rules::{RuleGround, default_wish};
use super::setup::{first_energy, first_state, one};
use super::society::{People, Presence, note_arrival, note_departure};
use crate::components::clock::WorldClock;
use crate::components::ids::{StableId, StableIds};
use crate::components::npc::{
    Flags, Memory, NPC_FLAGS_MAX, Npc, NpcFlags, NpcState, Relationships, WORLD_FLAGS_MAX, WorldFlags,
};
use crate::components::tier::Simulated;
use crate::systems::random::WorldSeed;
use crate::systems::scheduler::{NpcLookup, Places, Roster, admit};
use crate::world::spec::{NpcSpec, WorldSpec, is_control};
use crate::world::{Answer, Touched, WorldCommand};

/// Characters of an NPC's name at most.
const NAME_MAX: usize = 64;

/// An NPC by its id or its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NpcRef {
    /// Its stable id.
    Id(u64),
    /// Its name; `npc-<id>` for one without.
    Name(String),
}

/// Creates an NPC.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNpc {
    /// Its name, 1 to 64 printable characters, once in the world.
    #[serde(default)]
    pub name: Option<String>,
    /// The routine that it follows.
    pub routine: String,
    /// Its preferences, from the presets.
    #[serde(default)]
    pub preset: Option<String>,
    /// The place where it lives.
    pub home: String,
    /// The place where it works; without it, at home.
    #[serde(default)]
    pub work: Option<String>,
    /// Its roles.
    #[serde(default)]
    pub roles: Vec<String>,
}

impl WorldCommand for CreateNpc {
    const NAME: &'static str = "npc.create";
}

/// Removes an NPC for good.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoveNpc {
    /// Which.
    pub npc: NpcRef,
}

impl WorldCommand for RemoveNpc {
    const NAME: &'static str = "npc.remove";
}

/// Sets a flag of an NPC.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetNpcFlag {
    /// Whose.
    pub npc: NpcRef,
    /// The key, 1 to 128 printable characters.
    pub key: String,
    /// True, false, a number or a text of at most 256 characters; null takes the flag away.
    pub value: Value,
}

impl WorldCommand for SetNpcFlag {
    const NAME: &'static str = "npc.set_flag";
}

/// Sets a flag of the world.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetWorldFlag {
    /// The key, 1 to 128 printable characters.
    pub key: String,
    /// True, false, a number or a text of at most 256 characters; null takes the flag away.
    pub value: Value,
}

impl WorldCommand for SetWorldFlag {
    const NAME: &'static str = "world.set_flag";
}

/// Finds NPCs by id or name.
#[derive(SystemParam)]
pub struct Registry<'w, 's> {
    lookup: NpcLookup<'w, 's>,
    model: Res<'w, BehaviourModel>,
}

impl Registry<'_, '_> {
    /// The NPC that is meant.
    ///
    /// # Errors
    /// With a sentence, where there is none; it suggests names that the world file uses.
    pub fn find(&self, npc: &NpcRef) -> Result<(StableId, Entity), String> {
        match npc {
            NpcRef::Id(id) => self.lookup.find(&format!("npc-{id}")).map_err(|_| format!("there is no NPC {id}")),
            NpcRef::Name(name) => self.lookup.find(name),
        }
    }
}

fn is_numbered(name: &str) -> bool {
    name.strip_prefix("npc-").is_some_and(|number| number.parse::<u64>().is_ok())
}

/// Takes [`CreateNpc`].
pub fn create_npc(In(order): In<CreateNpc>, world: &mut World) -> Answer {
    world.resource_scope(|world, model: Mut<BehaviourModel>| {
        let npc = check_creation(world, &model, order)?;
        let now = world.resource::<WorldClock>().now.unwrap_or(world.resource::<WorldSpec>().starts_at);
        let seed = world.resource::<WorldSeed>().0;
        // The id is used up only when there is room.
        let id = world.resource::<StableIds>().clone().next_id();
        let energy = first_energy(seed, id, None);
        let parts = (npc.clone(), first_state(npc.home, energy, now), Memory::default(), Relationships::default());
        let entity = admit(world, id, default_wish(model.default_tier), parts).map_err(|error| error.to_string())?;
        world.resource_mut::<StableIds>().next_id();
        world.resource_scope(|world, mut presence: Mut<Presence>| {
            world.resource_scope(|world, mut people: Mut<People>| {
                let mut places = world.resource_mut::<Places>();
                note_arrival((&mut presence, &mut people, &mut places), &model, id, &npc, npc.home);
            });
        });
        let tier = world.get::<Simulated>(entity).map(|simulated| simulated.tier);
        Ok(json!({ "npcId": id.0, "name": name_of(&npc, id), "tier": tier }))
    })
}

fn check_creation(world: &mut World, model: &BehaviourModel, order: CreateNpc) -> Result<Npc, String> {
    let mut errors = Vec::new();
    if let Some(name) = &order.name {
        let printable = !name.trim().is_empty() && !name.chars().any(is_control);
        let mut lookup = SystemState::<NpcLookup>::new(world);
        let is_taken = lookup.get(world).is_ok_and(|lookup| lookup.get(name).is_some());
        if !printable || name.chars().count() > NAME_MAX {
            errors.push(format!("/name: a name has 1 to {NAME_MAX} printable characters"));
        } else if name.bytes().all(|byte| byte.is_ascii_digit()) {
            errors.push("/name: a number stands for the NPC of that id: give a name with a letter in it".to_owned());
        } else if is_numbered(name) {
            errors.push("/name: names like `npc-7` stand for NPCs without a name".to_owned());
        } else if is_taken || model.roles.find(name).is_some() {
            errors.push(format!("/name: `{name}` is the name of an NPC or a role already"));
        }
    }
    let described = NpcSpec {
        routine: order.routine,
        preset: order.preset,
        home: order.home,
        work: order.work,
        roles: order.roles,
        relationships: BTreeMap::new(),
        energy: None,
    };
    match one(model, order.name.as_deref(), &described) {
        Ok(npc) if errors.is_empty() => Ok(npc),
        Ok(_) => Err(errors.join("; ")),
        Err(found) => {
            errors.extend(found);
            Err(errors.join("; "))
        }
    }
}

/// Takes [`RemoveNpc`]. What others feel for it they forget in time; it means nobody any more.
#[expect(clippy::too_many_arguments, reason = "each is a resource of its own")]
pub fn remove_npc(
    In(order): In<RemoveNpc>,
    registry: Registry,
    npcs: Query<(&Npc, &NpcState)>,
    mut presence: ResMut<Presence>,
    mut people: ResMut<People>,
    mut places: ResMut<Places>,
    mut decisions: ResMut<LastDecisions>,
    mut commands: Commands,
) -> Answer {
    let (id, entity) = registry.find(&order.npc)?;
    let (npc, state) = npcs.get(entity).map_err(|error| error.to_string())?;
    note_departure((&mut presence, &mut people, &mut places), &registry.model, id, npc, state.place);
    decisions.forget(id);
    commands.entity(entity).despawn();
    Ok(json!({ "npcId": id.0, "name": name_of(npc, id) }))
}

/// What a flag of an NPC is set with.
type Flagged<'w, 's> = Query<
    'w,
    's,
    (&'static Npc, &'static NpcState, &'static Relationships, &'static mut Simulated, Option<&'static mut NpcFlags>),
>;

/// Takes [`SetNpcFlag`]. The tier rules are asked at once: the NPC need not wait for its turn to move.
pub fn set_npc_flag(
    In(order): In<SetNpcFlag>,
    registry: Registry,
    ground: RuleGround,
    mut npcs: Flagged,
    mut roster: ResMut<Roster>,
    mut touched: ResMut<Touched>,
    mut commands: Commands,
) -> Answer {
    check_key(&order.key).map_err(|error| format!("/key: {error}"))?;
    let value = flag_value(&order.value).map_err(|error| format!("/value: {error}"))?;
    let (id, entity) = registry.find(&order.npc)?;
    let (npc, state, relationships, mut simulated, mut held) =
        npcs.get_mut(entity).map_err(|error| error.to_string())?;
    let mut first = Flags::default();
    let flags = held.as_mut().map_or(&mut first, |held| &mut held.0);
    if !flags.set(&order.key, value, NPC_FLAGS_MAX) {
        return Err(format!("NPC {id} has {NPC_FLAGS_MAX} flags already"));
    }
    let wished = ground.wish(&registry.model, id, (npc, state, relationships, Some(&*flags)));
    if let Some(wished) = wished.filter(|wished| simulated.rule_wish != *wished) {
        simulated.rule_wish = wished;
        roster.reconsider(id);
    }
    if !first.is_empty() {
        commands.entity(entity).insert(NpcFlags(first));
    }
    touched.note(entity);
    Ok(json!({ "npcId": id.0, "key": order.key, "value": order.value }))
}

/// Takes [`SetWorldFlag`]. It may concern everybody; so each sees it at its own turn, its tier rules included.
pub fn set_world_flag(In(order): In<SetWorldFlag>, mut flags: ResMut<WorldFlags>) -> Answer {
    check_key(&order.key).map_err(|error| format!("/key: {error}"))?;
    let value = flag_value(&order.value).map_err(|error| format!("/value: {error}"))?;
    if !flags.0.set(&order.key, value, WORLD_FLAGS_MAX) {
        return Err(format!("the world has {WORLD_FLAGS_MAX} flags already"));
    }
    Ok(json!({ "key": order.key, "value": order.value }))
}
