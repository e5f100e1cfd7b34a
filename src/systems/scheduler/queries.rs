//! What can be asked of the scheduler: why an NPC is where it is, and how the whole does.

// time: tiers: explaining a tier | world | `WorldClock` | a query, between inputs

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{SchedulerParts, SchedulerState, WorldSimulationContext};
use super::focus::{FocusIndex, Places, wish_for};
use super::names::NpcLookup;
use super::roster::{Roster, capacity};
use super::session::{FocusTarget, Pins, Sessions};
use super::share::{Credits, Division, longest_wait};
use super::tiers::Dwell;
use super::{SessionId, TierMoves};
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::StableId;
use crate::components::npc::{NpcState, PlaceId};
use crate::components::tier::{Simulated, SimulationTier, TierReason, TierWish};
use crate::messages::tier::StepReport;
use crate::world::spec::{WorldSimulationConfig, WorldSpec};
use crate::world::{Answer, WorldQuery};

/// NPCs before another in the queue are counted up to here.
const BEFORE_MAX: usize = 100_000;

/// Asks why an NPC is in its tier, when its next turn is due, and why that late.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskTier {
    /// The NPC, by name or as `npc-<number>`.
    pub npc: String,
}

impl WorldQuery for AskTier {
    const NAME: &'static str = "npc.tier";
}

/// Asks how the scheduler does: see [`SchedulerState`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskStatus {}

impl WorldQuery for AskStatus {
    const NAME: &'static str = "scheduler.status";
}

/// Asks for the whole of it with time and configuration: see [`WorldSimulationContext`].
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskContext {}

impl WorldQuery for AskContext {
    const NAME: &'static str = "scheduler.context";
}

/// Everything that answers are made of.
#[derive(SystemParam)]
pub(crate) struct Facts<'w> {
    spec: Res<'w, WorldSpec>,
    clock: Res<'w, WorldClock>,
    config: Res<'w, WorldSimulationConfig>,
    roster: Res<'w, Roster>,
    credits: Res<'w, Credits>,
    sessions: Res<'w, Sessions>,
    focus: Res<'w, FocusIndex>,
    pins: Res<'w, Pins>,
    moves: Res<'w, TierMoves>,
    report: Res<'w, StepReport>,
    places: Res<'w, Places>,
}

impl Facts<'_> {
    fn state(&self) -> SchedulerState {
        SchedulerState::new(&SchedulerParts {
            config: &self.config,
            roster: &self.roster,
            credits: &self.credits,
            sessions: &self.sessions,
            focus: &self.focus,
            pins: &self.pins,
            moves: &self.moves,
            report: &self.report,
        })
    }
}

/// Answers [`AskStatus`].
pub(crate) fn show_status(_: In<AskStatus>, facts: Facts) -> Answer {
    serde_json::to_value(facts.state()).map_err(|error| error.to_string())
}

/// Answers [`AskContext`].
pub(crate) fn show_context(_: In<AskContext>, facts: Facts) -> Answer {
    let context = WorldSimulationContext {
        world_id: facts.spec.id.clone(),
        shard_id: None,
        current_world_time: facts.clock.now,
        config: facts.config.clone(),
        state: Some(facts.state()),
    };
    serde_json::to_value(context).map_err(|error| error.to_string())
}

/// Answers [`AskTier`].
pub(crate) fn explain_tier(
    In(ask): In<AskTier>,
    facts: Facts,
    lookup: NpcLookup,
    npcs: Query<(&Simulated, Option<&NpcState>)>,
) -> Answer {
    let (id, entity) = lookup.find(&ask.npc)?;
    let (npc, state) = npcs.get(entity).map_err(|error| error.to_string())?;
    let place = state.map(|state| state.place);
    let wish = wish_for(id, npc.rule_wish, place, &facts.pins, &facts.focus);
    let dwell = i64::from(facts.config.tier_dwell_seconds) * 1_000_000;
    let leaves = (npc.wish.tier > npc.tier && npc.wish.reason != TierReason::Pin)
        .then(|| npc.since.checked_add_micros(dwell).unwrap_or(GameInstant::MAX));
    Ok(json!({
        "npcId": id,
        "name": lookup.name_of(id),
        "tier": npc.tier,
        "since": npc.since,
        "place": place.and_then(|place| facts.places.name_of(place)),
        "wish": show_wish(&npc.wish),
        "ruleWish": show_wish(&npc.rule_wish),
        "wishInNextStep": (wish != npc.wish).then(|| show_wish(&wish)),
        "pin": facts.pins.get(id),
        "focus": show_focus(&facts, id, place),
        "session": facts.focus.session_of(id, place),
        "mayLeaveAt": leaves,
        "why": why_here(&facts, id, npc, leaves),
        "turn": show_turn(&facts, id, npc),
    }))
}

fn show_wish(wish: &TierWish) -> Value {
    let (reason, rule) = match wish.reason {
        TierReason::Rule(number) => ("rule", Some(number)),
        TierReason::Default => ("default", None),
        TierReason::PlayerLocation => ("player_location", None),
        TierReason::Scene => ("scene", None),
        TierReason::Story => ("story", None),
        TierReason::Pin => ("pin", None),
    };
    json!({ "tier": wish.tier, "priority": wish.priority, "reason": reason, "rule": rule })
}

fn show_focus(facts: &Facts<'_>, id: StableId, place: Option<PlaceId>) -> Value {
    let targets = [Some(FocusTarget::Npc(id)), place.map(FocusTarget::Place)];
    let mut all = Vec::new();
    for target in targets.into_iter().flatten() {
        for (kind, session) in facts.focus.by(target) {
            let until = facts.sessions.until(session.as_ref(), *kind, target);
            let on = match target {
                FocusTarget::Npc(_) => "npc",
                FocusTarget::Place(_) => "place",
            };
            let session = session.as_ref().map(SessionId::as_str);
            all.push(json!({ "kind": kind, "session": session, "on": on, "until": until }));
        }
    }
    all.into()
}

/// Whether an NPC is the one who comes into the full tier of its wish next, because it goes before somebody there.
fn is_best_of_waiting(facts: &Facts<'_>, id: StableId, npc: &Simulated) -> bool {
    let tier = npc.wish.tier;
    let is_candidate = facts.roster.candidate(tier) == Some((npc.wish.priority, id));
    is_candidate && facts.roster.gives_way(tier, npc.wish.priority, id).is_some()
}

/// From when an NPC may take the place of another, where that is not now.
fn pushes_from(facts: &Facts<'_>, npc: &Simulated) -> Option<GameInstant> {
    let dwell = Dwell::new(&facts.config, facts.clock.began.unwrap_or(GameInstant::MIN));
    let from = dwell.may_push_from(npc.since, npc.wish.reason);
    facts.clock.now.is_some_and(|now| now < from).then_some(from)
}

/// One sentence on why an NPC is in its tier.
fn why_here(facts: &Facts<'_>, id: StableId, npc: &Simulated, leaves: Option<GameInstant>) -> String {
    // Rules are asked at turns, and when a flag of the NPC is set: what has changed around it since is not in them yet.
    let asked = match npc.last {
        GameInstant::MIN => String::new(),
        last => format!(" as of its last turn at {last}, or a flag of its own set since"),
    };
    let reason = match npc.wish.reason {
        TierReason::Default => format!("no rule holds for it{asked}"),
        TierReason::Rule(number) => format!("priority rule {number} holds for it{asked}"),
        TierReason::PlayerLocation => "a player is where it is".to_owned(),
        TierReason::Scene => "it is in a running scene".to_owned(),
        TierReason::Story => "its story runs".to_owned(),
        TierReason::Pin => "an operator pinned it".to_owned(),
    };
    let (tier, wish) = (npc.tier, npc.wish.tier);
    let room = |tier: SimulationTier| {
        let (held, most) = (facts.roster.population(tier), capacity(&facts.config, tier));
        format!("{tier} holds {held} of at most {most}")
    };
    match wish.cmp(&tier) {
        std::cmp::Ordering::Equal => format!("it is {tier} because {reason}"),
        std::cmp::Ordering::Less if facts.roster.population(wish) < capacity(&facts.config, wish) => {
            format!("it should be {wish} because {reason}, and moves in the next step")
        }
        std::cmp::Ordering::Less if is_best_of_waiting(facts, id, npc) => match pushes_from(facts, npc) {
            Some(at) => format!(
                "it should be {wish} because {reason}, but {}: it may take the place of another from {at}, when it has been \
                 {tier} for tierDwellSeconds",
                room(wish)
            ),
            None => format!("it should be {wish} because {reason}, and moves in the next step"),
        },
        std::cmp::Ordering::Less => {
            let priority = npc.wish.priority;
            format!(
                "it should be {wish} because {reason}, but {}: others have a priority above {priority}, or the same and a \
                 lower number",
                room(wish)
            )
        }
        std::cmp::Ordering::Greater => match leaves {
            Some(at) if facts.clock.now.is_none_or(|now| now < at) => {
                format!("it should be {wish} because {reason}, and stays {tier} until {at} unless the room is needed")
            }
            _ => format!(
                "it should be {wish} because {reason}; it moves in the next step if there is room: {}",
                room(wish)
            ),
        },
    }
}

/// When the next turn of an NPC is due, and where it stands among those who wait.
fn show_turn(facts: &Facts<'_>, id: StableId, npc: &Simulated) -> Value {
    let division = Division::new(&facts.config);
    let late = facts.clock.now.map_or(0, |now| now.micros_since(npc.due));
    let is_late = facts.clock.now.is_some_and(|now| now >= npc.due);
    let population = facts.roster.population(npc.tier) as u64;
    let steps = longest_wait(&division, npc.tier, population);
    let before = is_late.then(|| facts.roster.queues[npc.tier].before(npc.due, id, BEFORE_MAX));
    let why = before.map(|before| {
        format!(
            "{before} NPCs of its tier are more overdue; a step has {} turns, of which its tier is sure of {} in {}",
            division.budget,
            division.share[npc.tier],
            division.share.iter().map(|(_, share)| share).sum::<u64>(),
        )
    });
    json!({
        "last": npc.last,
        "due": npc.due,
        "intervalSeconds": facts.config.tiers.interval_seconds(npc.tier),
        "waiting": is_late,
        "lateSeconds": late.max(0) / 1_000_000,
        "before": before,
        "longestWaitSteps": steps,
        "why": why,
    })
}
