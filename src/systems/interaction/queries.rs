//! What can be asked of chains, cooldowns and intents.

// time: interactions: how long something still waits | world | `WorldClock` | a query, between inputs

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::InteractionBook;
use super::intent_book::IntentBook;
use super::intent_commands::NO_INTENT;
use super::model::InteractionModel;
use super::numbers::SessionNumbers;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::{StableId, StableIndex};
use crate::components::interaction::{
    ChainPhase, ChainState, CooldownScope, Intent, IntentSource, InteractionTotals, Interactions, NO_SESSION, NOBODY,
};
use crate::messages::interaction::InteractionReport;
use crate::systems::generation::JobBook;
use crate::systems::npc::commands::{NpcRef, Registry};
use crate::systems::scheduler::{LIST_MAX, NpcLookup, Sessions, session_of};
use crate::world::spec::WorldSimulationConfig;
use crate::world::{Answer, WorldQuery};

/// Entities that are looked at for one page of a list at most.
const LOOKED_AT_MAX: usize = 20_000;

/// Asks which chains run, by session and NPC.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskChains {
    /// Only those of this session.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Only those of this NPC.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// Only this chain.
    #[serde(default)]
    pub chain: Option<String>,
    /// Only those that wait for this: `waiting`, `blocked` or `open`.
    #[serde(default)]
    pub phase: Option<String>,
    /// The cursor of the page before.
    #[serde(default)]
    pub after: Option<String>,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskChains {
    const NAME: &'static str = "chain.list";
}

/// Asks which cooldowns last, of all scopes that count for an NPC in a session.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskCooldowns {
    /// The NPC.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// The session.
    #[serde(default)]
    pub session_id: Option<String>,
}

impl WorldQuery for AskCooldowns {
    const NAME: &'static str = "cooldown.list";
}

/// Asks which intents wait or are unanswered, in the order of their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskIntents {
    /// Only those of this session.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Only those of this NPC.
    #[serde(default)]
    pub npc: Option<NpcRef>,
    /// Only those that are handed out, or only the others.
    #[serde(default)]
    pub handed_out: Option<bool>,
    /// Only those after this id.
    #[serde(default)]
    pub after: u64,
    /// At most so many: 1 to 500.
    pub limit: u32,
}

impl WorldQuery for AskIntents {
    const NAME: &'static str = "intent.list";
}

/// Asks for one intent.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AskIntent {
    /// Which.
    pub intent_id: u64,
}

impl WorldQuery for AskIntent {
    const NAME: &'static str = "intent.show";
}

/// Asks how much runs and waits, and what has come of it.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskInteractions {}

impl WorldQuery for AskInteractions {
    const NAME: &'static str = "interaction.status";
}

/// What answers are made of.
#[derive(SystemParam)]
pub(crate) struct Known<'w, 's> {
    pub(super) clock: Res<'w, WorldClock>,
    pub(super) config: Res<'w, WorldSimulationConfig>,
    pub(super) model: Res<'w, InteractionModel>,
    pub(super) numbers: Res<'w, SessionNumbers>,
    sessions: Res<'w, Sessions>,
    pub(super) book: Res<'w, InteractionBook>,
    pub(super) intents: Res<'w, IntentBook>,
    pub(super) jobs: Res<'w, JobBook>,
    totals: Res<'w, InteractionTotals>,
    report: Res<'w, InteractionReport>,
    pub(super) index: Res<'w, StableIndex>,
    registry: Registry<'w, 's>,
    pub(super) names: NpcLookup<'w, 's>,
    pub(super) states: Query<'w, 's, &'static Interactions>,
    all: Query<'w, 's, &'static Intent>,
}

fn within(limit: u32) -> Result<usize, String> {
    match limit {
        1..=LIST_MAX => usize::try_from(limit).map_err(|error| error.to_string()),
        _ => Err(format!("limit: {limit} is not within 1 and {LIST_MAX}")),
    }
}

fn phase_name(phase: ChainPhase) -> &'static str {
    match phase {
        ChainPhase::Waiting => "waiting",
        ChainPhase::Blocked => "blocked",
        ChainPhase::Open => "open",
    }
}

impl Known<'_, '_> {
    pub(super) fn state(&self, id: StableId) -> Option<&Interactions> {
        self.states.get(self.index.get(id)?).ok()
    }

    pub(super) fn npc(&self, npc: Option<&NpcRef>) -> Result<Option<StableId>, String> {
        npc.map(|npc| self.registry.find(npc).map(|(id, _)| id)).transpose()
    }

    /// The number of a session; one that nothing has where it has none.
    pub(super) fn session(&self, session: Option<&str>) -> Result<Option<u32>, String> {
        let id = session_of(session, &self.sessions)?;
        Ok(id.map(|id| self.numbers.find(Some(&id)).unwrap_or(u32::MAX)))
    }

    pub(super) fn seconds(&self, until: GameInstant) -> Option<i64> {
        let micros = until.micros_since(self.clock.now?);
        (until < GameInstant::MAX).then(|| micros.max(0).div_euclid(1_000_000))
    }

    pub(super) fn row(&self, of: &Interactions, state: &ChainState) -> Value {
        let model = self.model.chain(state.chain);
        json!({
            "chain": self.model.chain_name(state.chain),
            "npcId": of.npc.0,
            "npc": self.names.name_of(of.npc),
            "sessionId": self.numbers.id(of.session),
            "step": model.map(|model| model.step_name(state.step)),
            "phase": phase_name(state.phase),
            "since": state.since,
            "due": (state.due < GameInstant::MAX).then_some(state.due),
            "remainingSeconds": self.seconds(state.due),
        })
    }
}

/// Answers [`AskChains`].
pub(crate) fn list_chains(In(ask): In<AskChains>, known: Known) -> Answer {
    let limit = within(ask.limit)?;
    let (session, npc) = (known.session(ask.session_id.as_deref())?, known.npc(ask.npc.as_ref())?);
    let chain = ask.chain.as_deref().map(|chain| known.model.require_chain(chain)).transpose()?;
    let phases = [ChainPhase::Waiting, ChainPhase::Blocked, ChainPhase::Open];
    if let Some(phase) = ask.phase.as_deref().filter(|phase| phases.iter().all(|known| phase_name(*known) != *phase)) {
        return Err(format!("phase: `{phase}` is none of waiting, blocked and open"));
    }
    let mut from = (session.unwrap_or(0), StableId(0), None);
    if let Some(after) = &ask.after {
        let mut parts = after.split('.').map(str::parse::<u64>);
        let (Some(Ok(number)), Some(Ok(npc)), Some(Ok(chain)), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("after: `{after}` is no cursor of this list"));
        };
        from = (u32::try_from(number).unwrap_or(u32::MAX), StableId(npc), Some(chain));
    }
    let (mut rows, mut last, mut more) = (Vec::new(), None, false);
    let begin = (from.0, from.1);
    'pages: for (looked_at, (key, id)) in known.book.from(begin).enumerate() {
        if session.is_some_and(|session| key.0 != session) {
            break;
        }
        if looked_at >= LOOKED_AT_MAX {
            more = true;
            break;
        }
        let Some(state) = known.state(id).filter(|_| npc.is_none_or(|npc| npc == key.1)) else {
            last = Some((key, u64::from(u16::MAX)));
            continue;
        };
        for running in state.chains() {
            let number = u64::from(running.chain.0);
            let seen = key == begin && from.2.is_some_and(|seen| number <= seen);
            let wanted = chain.is_none_or(|chain| chain == running.chain)
                && ask.phase.as_deref().is_none_or(|phase| phase == phase_name(running.phase));
            if seen || !wanted {
                continue;
            }
            if rows.len() >= limit {
                more = true;
                break 'pages;
            }
            rows.push(known.row(state, running));
            last = Some((key, number));
        }
    }
    let cursor = last.filter(|_| more).map(|((session, npc), chain)| format!("{session}.{npc}.{chain}"));
    Ok(json!({ "chains": rows, "more": more, "after": cursor }))
}

/// Answers [`AskCooldowns`].
pub(crate) fn list_cooldowns(In(ask): In<AskCooldowns>, known: Known) -> Answer {
    let now = known.clock.now.ok_or("the world's clock has not begun")?;
    let npc = known.npc(ask.npc.as_ref())?.unwrap_or(NOBODY);
    let session = known.session(ask.session_id.as_deref())?.unwrap_or(NO_SESSION);
    let held = |key| known.book.id_of(key).and_then(|id| known.state(id)).map(Interactions::cooldowns);
    let mut rows = Vec::new();
    for scope in CooldownScope::ALL {
        let lasting = held(scope.key((session, npc))).unwrap_or_default().iter();
        for cooldown in lasting.filter(|cooldown| cooldown.scope == scope && cooldown.until > now) {
            rows.push(json!({
                "kind": known.model.kind_name(cooldown.kind),
                "scope": scope.as_str(),
                "freeAt": cooldown.until,
                "remainingSeconds": known.seconds(cooldown.until),
            }));
        }
    }
    Ok(json!({ "cooldowns": rows }))
}

/// Answers [`AskIntents`].
pub(crate) fn list_intents(In(ask): In<AskIntents>, known: Known) -> Answer {
    let limit = within(ask.limit)?;
    let (session, npc) = (known.session(ask.session_id.as_deref())?, known.npc(ask.npc.as_ref())?);
    let found = known.intents.after(StableId(ask.after)).filter_map(|id| {
        let intent = known.all.get(known.index.get(id)?).ok()?;
        let wanted = session.is_none_or(|session| session == intent.session)
            && npc.is_none_or(|npc| npc == intent.npc)
            && ask.handed_out.is_none_or(|out| out == intent.handed_out.is_some());
        wanted.then_some((id, intent))
    });
    let mut found = found.peekable();
    let rows: Vec<Value> = found.by_ref().take(limit).map(|(id, intent)| known.intent(id, intent)).collect();
    Ok(json!({ "intents": rows, "more": found.peek().is_some() }))
}

/// Answers [`AskIntent`].
pub(crate) fn show_intent(In(ask): In<AskIntent>, known: Known) -> Answer {
    let id = StableId(ask.intent_id);
    let intent = known.index.get(id).and_then(|entity| known.all.get(entity).ok());
    let intent = intent.ok_or_else(|| format!("{NO_INTENT} {id}: it was answered, has expired, or never was"))?;
    let mut answer = known.intent(id, intent);
    let data = intent.data.as_deref().or_else(|| known.model.kind(intent.kind)?.data.as_deref());
    answer["data"] = data.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null);
    Ok(answer)
}

impl Known<'_, '_> {
    fn intent(&self, id: StableId, intent: &Intent) -> Value {
        let (source, chain) = match intent.source {
            IntentSource::Behaviour => ("behaviour", None),
            IntentSource::Command => ("command", None),
            IntentSource::Chain { chain, step, .. } => ("chain", self.model.chain(chain).map(|model| (model, step))),
        };
        json!({
            "intentId": id.0,
            "kind": self.model.kind_name(intent.kind),
            "npcId": intent.npc.0,
            "npc": self.names.name_of(intent.npc),
            "sessionId": self.numbers.id(intent.session),
            "target": intent.target,
            "priority": intent.priority,
            "source": source,
            "chain": chain.map(|(model, _)| &model.name),
            "step": chain.map(|(model, step)| model.step_name(step)),
            "proposed": intent.proposed,
            "earliest": intent.earliest,
            "expires": intent.expires,
            "handedOut": intent.handed_out,
            "why": self.intents.why(id, &self.model.limits),
        })
    }
}

/// Answers [`AskInteractions`].
pub(crate) fn show_status(In(_): In<AskInteractions>, known: Known) -> Answer {
    Ok(json!({
        "chains": known.book.chains(),
        "chainsDue": known.book.waiting(),
        "intents": known.intents.len(),
        "intentsHandedOut": known.intents.open(),
        "maxChainOpsPerStep": known.config.max_chain_ops_per_step,
        "limits": known.model.limits,
        "last": {
            "steps": known.report.steps, "ops": known.report.ops, "deferred": known.report.deferred, "handedOut": known.report.handed_out,
        },
        "totals": *known.totals,
    }))
}
