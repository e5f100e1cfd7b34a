//! Chains that are defined while the world lives.
//!
//! They are numbered after those of the world file, and no number is used twice. They may name only what the world file
//! names: axes, people and kinds have numbers that persist.

use std::sync::Arc;

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::book::{InteractionBook, Key};
use super::compile::compile_later;
use super::intent_book::IntentBook;
use super::model::{ChainModel, InteractionModel};
use crate::components::ids::{StableId, StableIndex};
use crate::components::interaction::{ChainId, InteractionTotals, Interactions};
use crate::systems::generation::{Forsaken, JobBook, forsake_jobs};
use crate::systems::npc::BehaviourModel;
use crate::systems::npc::extend::Extensions;
use crate::world::spec::{ChainSpec, InteractionsSpec, SpecFault, WorldSpec, check_chain, is_word};
use crate::world::{Answer, Touched, WorldCommand};

/// What is said of a chain that cannot be defined because the world file has it.
pub const IN_FILE: &str = "is a chain of the world file";
/// Chains that are defined at once at most.
const LATER_MAX: usize = 4_096;
/// Numbers that there are for them.
const NUMBERS_MAX: usize = 32_767;

/// Defines a chain, in the place of one that was defined before. Those of the world file cannot be replaced. Chains that
/// run of the one that it replaces are gone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefineChain {
    /// Its id: 1 to 64 printable characters.
    pub chain: String,
    /// What it is, as in a world file.
    pub definition: ChainSpec,
}

impl WorldCommand for DefineChain {
    const NAME: &'static str = "chain.define";
}

/// Takes the definition of a chain away that was made by command. Those that run of it are gone.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndefineChain {
    /// Its id.
    pub chain: String,
}

impl WorldCommand for UndefineChain {
    const NAME: &'static str = "chain.undefine";
}

/// Chains that were defined by command, in the order of their numbers: name and definition as JSON. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LaterChains(Vec<Option<(String, String)>>);

impl LaterChains {
    /// The definition of a chain as JSON.
    pub(super) fn definition(&self, chain: &str) -> Option<&str> {
        self.0.iter().flatten().find(|(name, _)| name == chain).map(|(_, text)| text.as_str())
    }
}

impl InteractionModel {
    fn add_later(&mut self, at: usize, chain: Option<ChainModel>) {
        self.later.resize(self.later.len().max(at + 1), None);
        if let (Some(chain), Ok(number)) = (&chain, u16::try_from(at)) {
            self.later_names.insert(chain.name.clone(), number);
        }
        self.later[at] = chain.map(Arc::new);
    }
}

/// Makes anew what was defined by command. Runs in [`WorldReady`](crate::schedules::WorldReady).
pub(crate) fn restore_later(
    later: Res<LaterChains>,
    spec: Res<WorldSpec>,
    behaviour: Res<BehaviourModel>,
    extensions: Res<Extensions>,
    mut model: ResMut<InteractionModel>,
) -> Result {
    for (at, defined) in later.0.iter().enumerate() {
        let Some((name, text)) = defined else {
            model.add_later(at, None);
            continue;
        };
        let chain: ChainSpec = serde_json::from_str(text)?;
        let read = compile_later((name, &chain), model.names(), &behaviour, spec.npcs.as_ref(), &extensions);
        let read = read.map_err(|faults| {
            let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
            format!("chain `{name}`, which was defined by command, can no longer be read: {}", faults.join("; "))
        })?;
        model.add_later(at, Some(read));
    }
    Ok(())
}

/// Takes [`DefineChain`].
pub(crate) fn define_chain(In(order): In<DefineChain>, world: &mut World) -> Answer {
    let DefineChain { chain: name, definition } = order;
    if !is_word(&name) {
        return Err("/chain: it has 1 to 64 printable characters".into());
    }
    let (model, later) = (world.resource::<InteractionModel>(), world.resource::<LaterChains>());
    if model.chain_names.find(&name).is_some() {
        return Err(format!("/chain: `{name}` {IN_FILE}"));
    }
    let old = model.later_names.get(name.as_str()).copied();
    if later.0.iter().flatten().count() >= LATER_MAX + usize::from(old.is_some()) || later.0.len() >= NUMBERS_MAX {
        return Err(format!("{LATER_MAX} chains are defined already, or all {NUMBERS_MAX} numbers are used up"));
    }
    let spec = world.resource::<WorldSpec>();
    let nothing = InteractionsSpec::default();
    let section = spec.interactions.as_ref().unwrap_or(&nothing);
    let mut faults = check_chain(&definition, section);
    let (behaviour, extensions) = (world.resource::<BehaviourModel>(), world.resource::<Extensions>());
    let read = compile_later((&name, &definition), model.names(), behaviour, spec.npcs.as_ref(), extensions);
    let chain = match read {
        Ok(chain) if faults.is_empty() => chain,
        read => {
            for SpecFault { pointer, message } in read.err().unwrap_or_default() {
                // What both find is told once; what is said of the whole has no place of its own.
                let is_told = !pointer.is_empty() && faults.iter().any(|(known, _)| *known == pointer);
                if !is_told {
                    faults.push((if pointer.is_empty() { "/definition".to_owned() } else { pointer }, message));
                }
            }
            let faults: Vec<String> = faults.into_iter().map(|(at, message)| format!("{at}: {message}")).collect();
            return Err(faults.join("; "));
        }
    };
    let text = serde_json::to_string(&definition).map_err(|error| error.to_string())?;
    let at = later.0.len();
    let gone = old.map_or(0, |old| take_away(world, old));
    world.resource_mut::<LaterChains>().0.push(Some((name.clone(), text)));
    world.resource_mut::<InteractionModel>().add_later(at, Some(chain));
    Ok(json!({ "chain": name, "replaced": old.is_some(), "gone": gone }))
}

/// Takes [`UndefineChain`].
pub(crate) fn undefine_chain(In(order): In<UndefineChain>, world: &mut World) -> Answer {
    let known = world.resource::<InteractionModel>().later_names.get(order.chain.as_str()).copied();
    let number = known.ok_or_else(|| format!("there is no chain `{}` that was defined by command", order.chain))?;
    let gone = take_away(world, number);
    Ok(json!({ "chain": order.chain, "gone": gone }))
}

/// Takes an intent and a job of a chain back whose definition goes.
fn withdraw(world: &mut World, key: Key, chain: ChainId) {
    if world.resource::<JobBook>().of_chain(key, chain).is_some() {
        // It fails only where it could not run at all, as no world would have been made then.
        let _ = world.run_system_cached_with(forsake_jobs, Forsaken::Chain(key, chain));
    }
    let Some(id) = world.resource::<IntentBook>().of_chain(key, chain) else { return };
    let limits = world.resource::<InteractionModel>().limits.clone();
    world.resource_mut::<IntentBook>().strike(id, &limits);
    if let Some(entity) = world.resource::<StableIndex>().get(id) {
        world.despawn(entity);
    }
    world.resource_mut::<InteractionTotals>().intents_withdrawn += 1;
}

/// Takes a definition away, with all chains that run of it. How many they were. It looks at all chains, once.
fn take_away(world: &mut World, number: u16) -> usize {
    let chain = ChainId(ChainId::LATER | number);
    let (book, index) = (world.resource::<InteractionBook>(), world.resource::<StableIndex>());
    let runs = |id: StableId| {
        let entity = index.get(id)?;
        world.get::<Interactions>(entity)?.chain(chain).map(|_| entity)
    };
    let running: Vec<(Key, StableId, Entity)> =
        book.from((0, StableId(0))).filter_map(|(key, id)| Some((key, id, runs(id)?))).collect();
    for (key, id, entity) in &running {
        withdraw(world, *key, chain);
        let Some(mut state) = world.get::<Interactions>(*entity).cloned() else { continue };
        let mut book = world.resource_mut::<InteractionBook>();
        book.strike(*id, &state);
        state.take(chain);
        if state.is_empty() {
            world.despawn(*entity);
            continue;
        }
        book.enter(*id, &state);
        world.resource_mut::<Touched>().note(*entity);
        world.entity_mut(*entity).insert(state);
    }
    world.resource_mut::<InteractionTotals>().chains_gone += running.len() as u64;
    let at = usize::from(number);
    if let Some(defined) = world.resource_mut::<LaterChains>().0.get_mut(at) {
        *defined = None;
    }
    let mut model = world.resource_mut::<InteractionModel>();
    model.later_names.retain(|_, known| *known != number);
    model.add_later(at, None);
    running.len()
}
