//! Where one chain stands, what its step asks for, and why it does not go on.

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::chain_commands::{NOT_RUNNING, steps_of};
use super::definitions::Definitions;
use super::ground::Ground;
use super::queries::Known;
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::interaction::{ChainPhase, ChainState, CooldownScope, Interactions, KindId, NO_SESSION};
use crate::components::npc::{FlagValue, Npc, NpcFlags, NpcState, Relationships, WorldFlags};
use crate::systems::npc::BehaviourModel;
use crate::systems::npc::commands::NpcRef;
use crate::systems::npc::condition::ConditionContext;
use crate::systems::npc::live::session_flags;
use crate::systems::npc::society::Around;
use crate::systems::random::{SystemDraws, WorldSeed};
use crate::systems::scheduler::Sessions;
use crate::world::{Answer, WorldQuery};

/// Chains before another that are counted at most.
const BEFORE_MAX: usize = 10_000;

/// Asks for everything about one chain: where it stands, what it waits for, how long, and what is before it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskChain {
    /// The chain.
    pub chain: String,
    /// The NPC that it is of.
    pub npc: NpcRef,
    /// The session that it runs in; without it in none.
    #[serde(default)]
    pub session_id: Option<String>,
}

impl WorldQuery for AskChain {
    const NAME: &'static str = "chain.show";
}

/// What a step asks for: flags, conditions, cooldowns.
#[derive(SystemParam)]
pub(crate) struct Asks<'w, 's> {
    behaviour: Res<'w, BehaviourModel>,
    seed: Res<'w, WorldSeed>,
    world_flags: Res<'w, WorldFlags>,
    sessions: Res<'w, Sessions>,
    around: Around<'w, 's>,
    definitions: Definitions<'w>,
    npcs: Query<'w, 's, (&'static Npc, &'static NpcState, &'static Relationships, Option<&'static NpcFlags>)>,
}

/// Answers [`AskChain`].
pub(crate) fn show_chain(In(ask): In<AskChain>, known: Known, asks: Asks) -> Answer {
    let chain = known.model.require_chain(&ask.chain)?;
    let model = known.model.chain(chain).ok_or("its definition is gone")?;
    let npc = known.npc(Some(&ask.npc))?.ok_or("no NPC is named")?;
    let session = known.session(ask.session_id.as_deref())?.unwrap_or(NO_SESSION);
    let id = known.book.id_of((session, npc));
    let of = id.and_then(|id| known.state(id));
    let ended = of.and_then(|of| of.finished().iter().find(|known| known.chain == chain));
    let ended =
        ended.map(|ended| json!({ "end": ended.end.as_str(), "at": ended.ended, "completions": ended.completions }));
    let Some((of, state)) = of.and_then(|of| Some((of, of.chain(chain)?))) else {
        let never = || format!("chain `{}` {NOT_RUNNING} there, and never has", ask.chain);
        let ended = ended.ok_or_else(never)?;
        return Ok(json!({ "chain": ask.chain, "npcId": npc.0, "sessionId": ask.session_id, "ended": ended }));
    };
    let step = model.steps.get(usize::from(state.step));
    let mut answer = known.row(of, state);
    answer["started"] = json!(state.started);
    answer["completedSteps"] = steps_of(model, state.completed).into();
    answer["skippedSteps"] = steps_of(model, state.skipped).into();
    answer["windowEnds"] = json!(step.and_then(|step| step.window_end(state.since)));
    answer["expires"] = json!(model.expires_at(state.started));
    answer["before"] = json!(ended);
    let job = known.jobs.of_chain(of.key(), chain);
    answer["jobId"] = json!(job.map(|job| job.0));
    answer["why"] = known.why(id.unwrap_or(npc), of, state).into();
    answer["asks"] = asks.of_step((id.unwrap_or(npc), &known), of, state);
    Ok(answer)
}

impl Known<'_, '_> {
    /// Why a chain does not go on, in words.
    fn why(&self, id: StableId, of: &Interactions, state: &ChainState) -> String {
        let is_due = self.clock.now.is_some_and(|now| state.due <= now);
        if is_due {
            let before = self.book.before(of.due().unwrap_or(state.due), id, BEFORE_MAX);
            let budget = self.config.max_chain_ops_per_step;
            return format!(
                "its time has come: {before} NPCs are before it, and maxChainOpsPerStep lets {budget} chains be looked at \
                 in a step"
            );
        }
        match state.phase {
            ChainPhase::Waiting => format!("its step waits until {}", state.due),
            ChainPhase::Blocked => {
                format!(
                    "flags, conditions, a cooldown or want of room do not let its step open, or nobody took up what it \
                     proposed; it is asked again at {}",
                    state.due
                )
            }
            ChainPhase::Open if self.jobs.of_chain(of.key(), state.chain).is_some() => {
                "its step waits for a job of generation: `generation.show` says why that waits".to_owned()
            }
            ChainPhase::Open if state.due < GameInstant::MAX => {
                format!("the game has to say what came of its step, until {}", state.due)
            }
            ChainPhase::Open => "the game has to say what came of its step; it may take its time".to_owned(),
        }
    }
}

impl Known<'_, '_> {
    /// From when on a kind can be used by an NPC in a session, where that is still to come.
    fn free_at(&self, (session, npc): (u32, StableId), kind: KindId) -> Option<GameInstant> {
        let now = self.clock.now?;
        let scopes = CooldownScope::ALL.into_iter().map(|scope| (scope.key((session, npc)), scope));
        scopes.filter_map(|(key, scope)| self.state(self.book.id_of(key)?)?.free_at(kind, scope, now)).max()
    }
}

impl Asks<'_, '_> {
    /// What the step of a chain asks for, each with whether it holds now. Conditions of chance are those of the instant at
    /// which it is asked next.
    fn of_step(&self, (id, known): (StableId, &Known), of: &Interactions, state: &ChainState) -> Value {
        let now = known.clock.now.unwrap_or(GameInstant::MIN);
        let Some(model) = known.model.chain(state.chain) else { return Value::Null };
        let Some(step) = model.steps.get(usize::from(state.step)) else { return Value::Null };
        let Some((npc, body, relationships, flags)) = known.index.get(of.npc).and_then(|npc| self.npcs.get(npc).ok())
        else {
            return Value::Null;
        };
        let session = known.numbers.id(of.session).and_then(|id| self.sessions.get(id)).map(session_flags);
        let context = ConditionContext {
            id: of.npc,
            npc,
            state: body,
            relationships,
            flags: flags.map(|flags| &flags.0),
            session_flags: session.as_ref(),
            world_flags: &self.world_flags.0,
            now,
            model: &self.behaviour,
            society: &self.around,
        };
        let is_set = |key| context.flag(key).is_some_and(|value| *value != FlagValue::Bool(false));
        let flags: Vec<Value> =
            step.required.iter().map(|key| json!({ "flag": key.to_string(), "set": is_set(key) })).collect();
        let asked_at = if state.due < GameInstant::MAX { state.due.max(now) } else { now };
        let mut draw =
            SystemDraws::new(self.seed.0, Ground::draws_of(asked_at, state.chain), "interaction.condition").for_id(id);
        let words = self.definitions.conditions(&model.name, state.step);
        let conditions: Vec<Value> = step
            .conditions
            .iter()
            .zip(words.into_iter().chain(std::iter::repeat(Value::Null)))
            .map(|(condition, words)| json!({ "condition": words, "holds": condition.holds(&context, &mut draw) }))
            .collect();
        let free_at = step.interaction.and_then(|kind| known.free_at(of.key(), kind));
        json!({
            "interaction": step.interaction.map(|kind| known.model.kind_name(kind)),
            "freeAt": free_at,
            "restsSeconds": free_at.and_then(|until| known.seconds(until)),
            "requiredFlags": flags,
            "conditions": conditions,
        })
    }
}
