//! From the interactions section of a world file to an [`InteractionModel`]; all errors at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{ChainModel, InteractionModel, KindModel, StepModel, Target};
use crate::components::interaction::{ChainEnd, KindId};
use crate::systems::generation::GenerationModel;
use crate::systems::generation::model::StepGeneration;
use crate::systems::npc::BehaviourModel;
use crate::systems::npc::compile::{Compiler, effects, extend, model_of, token};
use crate::systems::npc::extend::Extensions;
use crate::systems::npc::flag_key::FlagKey;
use crate::systems::npc::model::Effects;
use crate::systems::npc::names::{Names, unknown};
use crate::world::spec::{
    ChainSpec, ChainStepSpec, ConsequencesSpec, EffectsSpec, GenerationSpec, InteractionKindSpec, InteractionsSpec,
    NpcsSpec, SpecFault, TO_COMPLETED, TO_FAILED, WorldSpec,
};

/// The time for which an intent is worth something where its kind does not say: an hour.
const EXPIRES_SECONDS: i64 = 3_600;

/// Reads the section. The model of behaviour gets what is named here and nowhere else.
///
/// # Errors
/// With everything that is wrong, each with its place in the file as a JSON pointer.
pub fn compile(
    spec: &WorldSpec,
    behaviour: &mut BehaviourModel,
    extensions: Option<&Extensions>,
) -> Result<(InteractionModel, GenerationModel), Vec<SpecFault>> {
    let (nothing, none) = (InteractionsSpec::default(), GenerationSpec::default());
    let section = spec.interactions.as_ref().unwrap_or(&nothing);
    let kind_names = Names::new(section.kinds.keys().map(String::as_str));
    extend(behaviour, spec.npcs.as_ref(), extensions, true, |compiler| {
        let generation = GenerationModel::read(compiler, spec.generation.as_ref().unwrap_or(&none), consequences);
        check_proposals(compiler, spec, (&kind_names, &generation.names));
        let kinds = section.kinds.iter().map(|(id, kind)| one_kind(compiler, id, kind));
        let chains = section.chains.iter().map(|(id, chain)| {
            let at = format!("/interactions/chains/{}", token(id));
            one_chain(compiler, (id, &at), chain, (&kind_names, &generation.names))
        });
        let interactions = InteractionModel {
            kinds: kinds.map(Arc::new).collect(),
            chains: chains.map(Arc::new).collect(),
            chain_names: Names::new(section.chains.keys().map(String::as_str)),
            kind_names: kind_names.clone(),
            generation_names: generation.names.clone(),
            later: Vec::new(),
            later_names: BTreeMap::new(),
            limits: section.limits.clone(),
        };
        (interactions, generation)
    })
}

/// Everything that [`compile`] would find wrong; where it is not known what plugins have added, no name of theirs is.
pub fn faults(spec: &WorldSpec, extensions: Option<&Extensions>) -> Vec<SpecFault> {
    let mut activities = spec.behaviour.iter().flat_map(|behaviour| behaviour.activities.values());
    let asks_nothing = |effects: &EffectsSpec| effects.intents.is_empty() && effects.generations.is_empty();
    let has_none = spec.interactions.is_none() && spec.generation.is_none();
    if has_none && activities.all(|activity| asks_nothing(&activity.effects)) {
        return Vec::new();
    }
    // What is wrong with behaviour is told by its own reader.
    let Some(mut behaviour) = model_of(spec.behaviour.as_ref(), spec.npcs.as_ref(), extensions) else {
        return Vec::new();
    };
    compile(spec, &mut behaviour, extensions).err().unwrap_or_default()
}

/// Reads a chain that comes later than the world file. It may name only what has been named: numbers of names persist.
///
/// # Errors
/// With everything that is wrong, each with its place in the chain.
pub(super) fn compile_later(
    (name, chain): (&str, &ChainSpec),
    kinds: (&Names, &Names),
    behaviour: &BehaviourModel,
    npcs: Option<&NpcsSpec>,
    extensions: &Extensions,
) -> Result<ChainModel, Vec<SpecFault>> {
    let mut known = behaviour.clone();
    extend(&mut known, npcs, Some(extensions), false, |compiler| {
        one_chain(compiler, (name, "/definition"), chain, kinds)
    })
}

/// Activities may propose only what there is.
fn check_proposals(compiler: &Compiler<'_>, spec: &WorldSpec, (kinds, generations): (&Names, &Names)) {
    for (id, activity) in spec.behaviour.iter().flat_map(|behaviour| &behaviour.activities) {
        let effects = &activity.effects;
        for (list, what, named, known) in [
            ("intents", "kind of interaction", &effects.intents, kinds),
            ("generations", "kind of generation", &effects.generations, generations),
        ] {
            for (index, kind) in named.iter().enumerate() {
                if known.find(kind).is_none() {
                    let at = format!("/behaviour/activities/{}/effects/{list}/{index}", token(id));
                    compiler.fault(&at, unknown(what, kind, known.iter()));
                }
            }
        }
    }
}

fn micros(seconds: i64) -> i64 {
    seconds.saturating_mul(1_000_000)
}

fn one_kind(compiler: &Compiler<'_>, id: &str, spec: &InteractionKindSpec) -> KindModel {
    let at = format!("/interactions/kinds/{}/requirements", token(id));
    let cooldowns = spec.cooldown_seconds;
    KindModel {
        priority: spec.priority,
        expires_micros: micros(spec.expires_after_seconds.unwrap_or(EXPIRES_SECONDS)),
        requirements: compiler.conditions(&at, &spec.requirements),
        cooldowns: [cooldowns.npc_and_session, cooldowns.npc, cooldowns.session, cooldowns.global].map(micros),
        data: (!spec.data.is_null()).then(|| spec.data.to_string().into()),
    }
}

fn one_chain(
    compiler: &Compiler<'_>,
    (name, at): (&str, &str),
    spec: &ChainSpec,
    kinds: (&Names, &Names),
) -> ChainModel {
    let steps = spec.steps.iter().enumerate();
    ChainModel {
        name: name.into(),
        category: spec.category,
        npc: spec.npc.as_ref().and_then(|npc| compiler.whom(&format!("{at}/npc"), npc)),
        repeatable: spec.repeatable,
        repeat_cooldown_micros: micros(spec.repeat_cooldown_seconds),
        expires_micros: spec.expires_after_seconds.map(micros),
        on_expiry: consequences(compiler, &format!("{at}/onExpiry"), &spec.on_expiry),
        steps: steps
            .map(|(index, step)| one_step(compiler, &format!("{at}/steps/{index}"), (index, step), spec, kinds))
            .collect(),
    }
}

fn one_step(
    compiler: &Compiler<'_>,
    at: &str,
    (index, step): (usize, &ChainStepSpec),
    chain: &ChainSpec,
    (kinds, generations): (&Names, &Names),
) -> StepModel {
    let numbered = |at: usize| u8::try_from(at).map_or(Target::End(ChainEnd::Failed), Target::Step);
    let target = |at: &str, name: &str| match name {
        TO_COMPLETED => Target::End(ChainEnd::Completed),
        TO_FAILED => Target::End(ChainEnd::Failed),
        name => match chain.steps.iter().position(|step| step.step_id == name) {
            Some(place) => numbered(place),
            None => {
                compiler.fault(at, unknown("step", name, chain.steps.iter().map(|step| step.step_id.as_str())));
                Target::End(ChainEnd::Failed)
            }
        },
    };
    let onward = if index + 1 < chain.steps.len() { numbered(index + 1) } else { Target::End(ChainEnd::Completed) };
    let branches = step
        .branches
        .iter()
        .map(|(outcome, to)| (outcome.as_str().into(), target(&format!("{at}/branches/{}", token(outcome)), to)));
    let interaction = step.interaction.as_ref().and_then(|kind| {
        let found = kinds.require("kind of interaction", kind);
        compiler.take(&format!("{at}/interaction"), found).map(KindId)
    });
    let asks = step.generation.as_ref();
    let generation =
        asks.and_then(|asks| StepGeneration::read(compiler, &format!("{at}/generation"), asks, generations));
    let required = step
        .required_flags
        .iter()
        .enumerate()
        .filter_map(|(index, key)| compiler.take(&format!("{at}/requiredFlags/{index}"), FlagKey::parse(key)));
    StepModel {
        name: step.step_id.as_str().into(),
        interaction,
        generation,
        wait_micros: micros(step.wait().unwrap_or(i64::MAX)),
        window_micros: step.max_wait_seconds.map(micros),
        required: required.collect(),
        conditions: compiler.conditions(&format!("{at}/conditions"), &step.conditions),
        optional: step.optional,
        auto_advance: step.auto_advance,
        branches: branches.collect(),
        next: step.next.as_ref().map_or(onward, |to| target(&format!("{at}/next"), to)),
        effects: consequences(compiler, &format!("{at}/effects"), &step.effects),
        on_expiry: consequences(compiler, &format!("{at}/onExpiry"), &step.on_expiry),
    }
}

fn consequences(compiler: &Compiler<'_>, at: &str, spec: &ConsequencesSpec) -> Effects {
    let spec = EffectsSpec {
        relationship_changes: spec.relationship_changes.clone(),
        flags_set: spec.flags_set.clone(),
        custom_effects: spec.custom_effects.clone(),
        ..EffectsSpec::default()
    };
    effects(compiler, at, &spec)
}
