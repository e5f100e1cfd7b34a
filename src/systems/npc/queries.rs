//! What can be asked about NPCs: one, a list, how one decides.

// time: NPCs: explaining a decision | world | `WorldClock` | a query, between inputs

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::commands::{NpcRef, Registry};
use super::condition::{ConditionContext, name_of};
use super::decide::{Care, Choice, Considered, Desk, choose, decision_draw};
use super::flag_key::flag_json;
use super::last::{EXPLAINED_MAX, Explained, LastDecisions};
use super::live::with_session;
use super::model::BehaviourModel;
use super::mood::Moods;
use super::rules::RuleGround;
use super::score::FACTORS;
use super::society::Around;
use super::turn::Setting;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::StableIndex;
use crate::components::npc::{Flags, Memory, Npc, NpcFlags, NpcState, PlaceId, Relationships, WorldFlags};
use crate::components::tier::{Simulated, SimulationTier, TierReason};
use crate::systems::random::WorldSeed;
use crate::systems::scheduler::{FocusIndex, Sessions};
use crate::world::{Answer, WorldQuery};

/// NPCs in one answer at most.
const LIST_MAX: usize = 500;

/// Asks for everything about one NPC.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowNpc {
    /// Which.
    pub npc: NpcRef,
}

impl WorldQuery for ShowNpc {
    const NAME: &'static str = "npc.show";
}

/// Asks for a list of NPCs, in the order of their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListNpcs {
    /// Only those with a higher id.
    #[serde(default)]
    pub after: u64,
    /// At most so many, 1 to 500.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: usize,
    /// Only those in this tier.
    #[serde(default)]
    pub tier: Option<SimulationTier>,
    /// Only those at this place.
    #[serde(default)]
    pub place: Option<String>,
}

impl WorldQuery for ListNpcs {
    const NAME: &'static str = "npc.list";
}

fn default_limit() -> usize {
    100
}

/// Asks how an NPC decided last, factor by factor, how it would decide now, and what the tier rules say of it now.
///
/// The last decisions of 512 NPCs are kept, until a restart: in a world with more of them, of those who are detailed,
/// pinned or in focus before others. Where there is none, `why` says so. What is said of now is computed from the present
/// state with the draws of the next decision; it changes nothing.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainDecision {
    /// Whose.
    pub npc: NpcRef,
}

impl WorldQuery for ExplainDecision {
    const NAME: &'static str = "npc.decision";
}

type Parts<'w, 's> = Query<
    'w,
    's,
    (
        &'static Npc,
        &'static NpcState,
        &'static Memory,
        &'static Relationships,
        &'static Simulated,
        Option<&'static NpcFlags>,
    ),
>;

/// What answers need to know.
#[derive(SystemParam)]
pub struct Known<'w, 's> {
    model: Res<'w, BehaviourModel>,
    focus: Res<'w, FocusIndex>,
    sessions: Res<'w, Sessions>,
    registry: Registry<'w, 's>,
    npcs: Parts<'w, 's>,
}

/// Answers [`ShowNpc`].
pub fn show_npc(In(ask): In<ShowNpc>, known: Known) -> Answer {
    let (id, entity) = known.registry.find(&ask.npc)?;
    let model = &known.model;
    let (npc, state, memory, relationships, simulated, flags) =
        known.npcs.get(entity).map_err(|error| error.to_string())?;
    let place = |id: PlaceId| model.place_name(id);
    let district = model.place(state.place).and_then(|place| model.districts.name(place.district));
    let memory: Vec<Value> = memory
        .iter()
        .map(|known| {
            let ended = known.ended_at();
            let free = model.free_at(known.activity, ended);
            json!({ "activity": model.activity_name(known.activity), "endedAt": at(ended), "freeAt": at(free) })
        })
        .collect();
    let relationships: Vec<Value> = relationships
        .iter()
        .map(|relation| {
            let axis = model.axes.name(relation.axis().0);
            json!({ "to": relation.to().0, "axis": axis, "value": relation.value() })
        })
        .collect();
    let session = known.focus.session_of(id, Some(state.place));
    Ok(json!({
        "npcId": id.0,
        "name": name_of(npc, id),
        "routine": model.routine_names.name(npc.routine.0),
        "preset": npc.preset.and_then(|preset| model.preset_names.name(preset.0)),
        "home": place(npc.home),
        "work": place(npc.work),
        "roles": model.role_names(npc.roles),
        "tier": simulated.tier,
        "energy": state.energy,
        "valence": state.valence,
        "arousal": state.arousal,
        "moods": Moods::of(f64::from(state.valence), f64::from(state.arousal)).names(),
        "activity": state.activity.map(|activity| model.activity_name(activity)),
        "since": state.since,
        "place": place(state.place),
        "district": district,
        "nextDecisionAt": (state.decisions > 0).then_some(state.next_decision_at),
        "decisions": state.decisions,
        "lastTurnAt": simulated.last,
        "nextTurnAt": simulated.due,
        "session": session.map(ToString::to_string),
        "remembered": memory,
        "relationships": relationships,
        "flags": flags.map(|flags| as_json(&flags.0)).unwrap_or_default(),
    }))
}

fn at(second: i64) -> Option<GameInstant> {
    GameInstant::from_micros(second.checked_mul(1_000_000)?).ok()
}

fn as_json(flags: &Flags) -> Map<String, Value> {
    flags.iter().map(|(key, value)| (key.to_owned(), flag_json(value))).collect()
}

/// Answers [`ListNpcs`].
pub fn list_npcs(In(ask): In<ListNpcs>, index: Res<StableIndex>, model: Res<BehaviourModel>, npcs: Parts) -> Answer {
    if ask.limit == 0 || ask.limit > LIST_MAX {
        return Err(format!("limit {} is outside 1 to {LIST_MAX}", ask.limit));
    }
    let place = ask.place.map(|name| model.place_names.require("place", &name).map(PlaceId)).transpose()?;
    let mut rows = Vec::new();
    let mut more = false;
    for (id, entity) in index.iter().skip_while(|(id, _)| id.0 <= ask.after) {
        let Ok((npc, state, _, _, simulated, _)) = npcs.get(entity) else { continue };
        if ask.tier.is_some_and(|tier| tier != simulated.tier) || place.is_some_and(|place| place != state.place) {
            continue;
        }
        if rows.len() == ask.limit {
            more = true;
            break;
        }
        rows.push(json!({
            "npcId": id.0,
            "name": name_of(npc, id),
            "tier": simulated.tier,
            "activity": state.activity.map(|activity| model.activity_name(activity)),
            "place": model.place_name(state.place),
            "energy": state.energy,
        }));
    }
    Ok(json!({ "npcs": rows, "more": more }))
}

/// What is read to explain a decision.
#[derive(SystemParam)]
pub struct Ground<'w, 's> {
    clock: Res<'w, WorldClock>,
    seed: Res<'w, WorldSeed>,
    world_flags: Res<'w, WorldFlags>,
    decisions: Res<'w, LastDecisions>,
    around: Around<'w, 's>,
}

/// Answers [`ExplainDecision`].
pub fn explain_decision(In(ask): In<ExplainDecision>, known: Known, ground: Ground, rules: RuleGround) -> Answer {
    let (id, entity) = known.registry.find(&ask.npc)?;
    let model = &known.model;
    let (npc, state, memory, relationships, simulated, flags) =
        known.npcs.get(entity).map_err(|error| error.to_string())?;
    let flags = flags.map(|flags| &flags.0);
    let last = ground.decisions.of(id);
    let now = ground.clock.now.ok_or("the world's time has not begun")?;
    let care = if simulated.tier == SimulationTier::Ambient { Care::Simple } else { Care::Full };
    let would = with_session(&known.focus, &known.sessions, model, (id, state), |session| {
        let session_flags = session.map(|session| session.flags);
        let (world_flags, society) = (&ground.world_flags.0, &ground.around);
        let setting = Setting { model, seed: ground.seed.0, world_flags, session, society };
        let context =
            ConditionContext { id, npc, state, relationships, flags, session_flags, world_flags, now, model, society };
        let mut draw = decision_draw(setting.seed, id, state.decisions);
        let (mut considered, mut desk) = (Vec::new(), Desk::default());
        let cascade = setting.cascade(npc);
        let choice = choose(&context, &cascade, memory, care, &mut draw, &mut desk, Some(&mut considered));
        let session = session.map(|session| session.id.to_owned());
        Explained { at: now, decision: state.decisions, care, session, considered, choice }
    });
    let rules_now = rules.wish(model, id, (npc, state, relationships, flags)).map(|wish| {
        let rule = if let TierReason::Rule(number) = wish.reason { Some(number) } else { None };
        json!({ "tier": wish.tier, "priority": wish.priority, "rule": rule, "differs": wish != simulated.rule_wish })
    });
    Ok(json!({
        "npcId": id.0, "tier": simulated.tier, "nextDecisionAt": (state.decisions > 0).then_some(state.next_decision_at),
        "last": last.map(|last| decision(model, last)), "why": why_none(last, state, &ground.decisions),
        "now": decision(model, &would), "rulesNow": rules_now,
    }))
}

/// Why the last decision of an NPC is not known, where it is not.
fn why_none(last: Option<&Explained>, state: &NpcState, decisions: &LastDecisions) -> Option<String> {
    match last {
        Some(_) => None,
        None if state.decisions == 0 => Some("it has not decided anything yet".to_owned()),
        None if decisions.has_room() => Some(
            "it has not decided anything since the world was loaded, and what was weighed before is not kept"
                .to_owned(),
        ),
        None => Some(format!(
            "the last decisions of {EXPLAINED_MAX} NPCs are kept, and this one is not among them; those of who is detailed, \
             pinned or in focus are kept first"
        )),
    }
}

fn decision(model: &BehaviourModel, told: &Explained) -> Value {
    json!({
        "at": told.at, "decision": told.decision, "session": told.session, "care": told.care.as_str(),
        "considered": considered(model, &told.considered), "chosen": chosen(model, told.choice),
    })
}

fn considered(model: &BehaviourModel, all: &[Considered]) -> Vec<Value> {
    let total: f64 = all.iter().filter_map(|one| one.verdict.as_ref().ok()).map(|score| score.total).sum();
    let rows = all.iter().map(|one| match &one.verdict {
        Ok(score) => {
            let factors = FACTORS.iter().zip(score.factors).map(|(name, value)| ((*name).to_owned(), value.into()));
            let factors: Map<String, Value> = factors.collect();
            json!({
                "activity": model.activity_name(one.activity), "weight": one.weight, "possible": true,
                "score": score.total, "chance": score.total / total, "factors": factors, "ownFactors": score.custom,
            })
        }
        Err(refusal) => json!({
            "activity": model.activity_name(one.activity), "weight": one.weight, "possible": false,
            "because": refusal.as_str(),
        }),
    });
    rows.collect()
}

fn chosen(model: &BehaviourModel, choice: Option<Choice>) -> Option<Value> {
    choice.map(
        |choice| json!({ "activity": model.activity_name(choice.activity), "place": model.place_name(choice.place) }),
    )
}
