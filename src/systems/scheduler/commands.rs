//! What can be ordered of the scheduler: focus and pins.

// time: tiers: focus and pins | world | `WorldClock` | a command of the world

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::assign::reconsider_target;
use super::focus::{FocusIndex, Places};
use super::names::{NpcLookup, stranger};
use super::roster::Roster;
use super::session::{FocusKind, FocusTarget, Pins, SessionId, Sessions};
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::tier::SimulationTier;
use crate::systems::npc::names::unknown;
use crate::world::{Answer, WorldCommand};

/// How a world begins its answer where a session does not run.
pub const NO_SESSION: &str = "no session";
/// Focus entries of one session at most, and of all that belong to none.
pub const FOCUS_MAX: usize = 1_000;
/// NPCs that are pinned at once at most.
pub const PINS_MAX: usize = 10_000;
/// Unknown NPCs of one command for which the name that was meant is looked for.
const SUGGESTED_MAX: usize = 8;
/// Places that an unknown one is compared with at most.
const COMPARED_MAX: usize = 2_000;
/// The longest that focus lasts without being renewed: a week of world time.
pub const TTL_MAX_SECONDS: u32 = 604_800;

/// Puts NPCs into focus for a while of world time. What is in focus already stays until the later of the two ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Focus {
    /// The session whose focus it is; it must run. Without it the focus belongs to nobody.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Why.
    pub kind: FocusKind,
    /// Everybody at this place. Either this or `npcs`.
    #[serde(default)]
    pub place: Option<String>,
    /// These NPCs, by name or as `npc-<number>`: at most 1,000.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1_000))]
    pub npcs: Option<Vec<String>>,
    /// For so many seconds of world time: 1 to 604,800.
    #[schemars(range(min = 1, max = 604_800))]
    pub ttl_seconds: u32,
}

impl WorldCommand for Focus {
    const NAME: &'static str = "scheduler.focus";
}

/// Ends focus before its time. What is not said does not matter: with nothing said, all focus of the session ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unfocus {
    /// The session whose focus it is; without it, that of nobody.
    #[serde(default)]
    pub session_id: Option<String>,
    /// Only focus of this kind.
    #[serde(default)]
    pub kind: Option<FocusKind>,
    /// Only focus on this place.
    #[serde(default)]
    pub place: Option<String>,
    /// Only focus on these NPCs.
    #[serde(default)]
    #[schemars(length(min = 1, max = 1_000))]
    pub npcs: Option<Vec<String>>,
}

impl WorldCommand for Unfocus {
    const NAME: &'static str = "scheduler.unfocus";
}

/// Pins an NPC into a tier: before every rule and every focus, until it is unpinned.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pin {
    /// The NPC, by name or as `npc-<number>`.
    pub npc: String,
    /// The tier.
    pub tier: SimulationTier,
}

impl WorldCommand for Pin {
    const NAME: &'static str = "npc.pin";
}

/// Takes the pin of an NPC away.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unpin {
    /// The NPC, by name or as `npc-<number>`.
    pub npc: String,
}

impl WorldCommand for Unpin {
    const NAME: &'static str = "npc.unpin";
}

/// What focus commands read and change.
#[derive(SystemParam)]
pub(crate) struct FocusParts<'w, 's> {
    clock: Res<'w, WorldClock>,
    lookup: NpcLookup<'w, 's>,
    places: Res<'w, Places>,
    sessions: ResMut<'w, Sessions>,
    index: ResMut<'w, FocusIndex>,
    roster: ResMut<'w, Roster>,
}

/// The session of a command; it must run.
pub(crate) fn session_of(id: Option<&str>, sessions: &Sessions) -> Result<Option<SessionId>, String> {
    let Some(id) = id else { return Ok(None) };
    let id: SessionId = id.parse().map_err(|error: super::InvalidSessionId| error.to_string())?;
    if sessions.get(&id).is_none() {
        return Err(format!("{NO_SESSION} `{id}` runs"));
    }
    Ok(Some(id))
}

impl FocusParts<'_, '_> {
    /// What a command names. Everything that is not known is noted, with its place in the command as a JSON pointer.
    fn targets(&self, place: Option<&str>, npcs: Option<&[String]>, errors: &mut Vec<String>) -> Vec<FocusTarget> {
        let mut targets = Vec::new();
        if let Some(name) = place {
            match self.places.by_name(name) {
                Some(place) => targets.push(FocusTarget::Place(place)),
                None => {
                    let known = self.places.names().take(COMPARED_MAX);
                    errors.push(format!("/place: {}", unknown("place", name, known)));
                }
            }
        }
        let npcs = npcs.unwrap_or_default();
        if npcs.len() > FOCUS_MAX {
            errors.push(format!("/npcs: {} NPCs are too many: at most {FOCUS_MAX}", npcs.len()));
            return targets;
        }
        let mut suggested = 0;
        for (number, name) in npcs.iter().enumerate() {
            let found = if suggested < SUGGESTED_MAX {
                self.lookup.find(name)
            } else {
                self.lookup.get(name).ok_or_else(|| stranger(name))
            };
            match found {
                Ok((id, _)) => targets.push(FocusTarget::Npc(id)),
                Err(error) => {
                    suggested += 1;
                    errors.push(format!("/npcs/{number}: {error}"));
                }
            }
        }
        targets
    }
}

/// Takes [`Focus`].
pub(crate) fn focus_npcs(In(order): In<Focus>, mut parts: FocusParts) -> Answer {
    let now = parts.clock.now.ok_or("the world's clock has not begun: it waits for its first tick")?;
    let mut errors = Vec::new();
    if !(1..=TTL_MAX_SECONDS).contains(&order.ttl_seconds) {
        errors.push(format!("/ttlSeconds: {} is not within 1 and {TTL_MAX_SECONDS}", order.ttl_seconds));
    }
    if order.place.is_some() == order.npcs.is_some() {
        errors.push("name either a `place` or `npcs`".to_owned());
    } else if order.npcs.as_ref().is_some_and(Vec::is_empty) {
        errors.push("/npcs: name at least one".to_owned());
    }
    let targets = parts.targets(order.place.as_deref(), order.npcs.as_deref(), &mut errors);
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    let session = session_of(order.session_id.as_deref(), &parts.sessions)?;
    let until = now.checked_add_micros(i64::from(order.ttl_seconds) * 1_000_000).unwrap_or(GameInstant::MAX);

    let FocusParts { sessions, index, roster, places, .. } = &mut parts;
    let entries = sessions.entries(session.as_ref()).ok_or("the session has ended")?;
    let mut fresh: Vec<_> =
        targets.iter().map(|target| (order.kind, *target)).filter(|entry| !entries.contains_key(entry)).collect();
    fresh.sort_unstable();
    fresh.dedup();
    if entries.len() + fresh.len() > FOCUS_MAX {
        return Err(format!("{} are in focus already: at most {FOCUS_MAX} fit", entries.len()));
    }
    for target in &targets {
        let old = entries.get(&(order.kind, *target)).copied();
        let until = old.map_or(until, |old| old.max(until));
        if let Some(old) = old {
            index.remove(session.clone(), order.kind, *target, old);
        }
        entries.insert((order.kind, *target), until);
        index.insert(session.clone(), order.kind, *target, until);
        reconsider_target(roster, places, *target);
    }
    let npcs: usize = targets
        .iter()
        .map(|target| match target {
            FocusTarget::Place(place) => places.count(*place),
            FocusTarget::Npc(_) => 1,
        })
        .sum();
    Ok(json!({ "until": until, "npcs": npcs, "entries": entries.len() }))
}

/// Takes [`Unfocus`].
pub(crate) fn unfocus_npcs(In(order): In<Unfocus>, mut parts: FocusParts) -> Answer {
    let session = session_of(order.session_id.as_deref(), &parts.sessions)?;
    let mut errors = Vec::new();
    let mut targets = parts.targets(order.place.as_deref(), order.npcs.as_deref(), &mut errors);
    if !errors.is_empty() {
        return Err(errors.join("; "));
    }
    targets.sort_unstable();
    let any = order.place.is_none() && order.npcs.is_none();
    let FocusParts { sessions, index, roster, places, .. } = &mut parts;
    let entries = sessions.entries(session.as_ref()).ok_or("the session has ended")?;
    let ended: Vec<_> = entries
        .iter()
        .filter(|((kind, target), _)| {
            order.kind.is_none_or(|wanted| wanted == *kind) && (any || targets.binary_search(target).is_ok())
        })
        .map(|((kind, target), until)| (*kind, *target, *until))
        .collect();
    for (kind, target, until) in &ended {
        entries.remove(&(*kind, *target));
        index.remove(session.clone(), *kind, *target, *until);
        reconsider_target(roster, places, *target);
    }
    Ok(json!({ "ended": ended.len(), "entries": entries.len() }))
}

/// Takes [`Pin`].
pub(crate) fn pin_npc(
    In(order): In<Pin>,
    lookup: NpcLookup,
    mut pins: ResMut<Pins>,
    mut roster: ResMut<Roster>,
) -> Answer {
    let (id, _) = lookup.find(&order.npc)?;
    let before = pins.get(id);
    if before.is_none() && pins.len() >= PINS_MAX {
        return Err(format!("{PINS_MAX} NPCs are pinned already: unpin one first"));
    }
    if before != Some(order.tier) {
        pins.pins.insert(id, order.tier);
        roster.reconsider(id);
    }
    Ok(json!({ "npcId": id, "tier": order.tier, "before": before }))
}

/// Takes [`Unpin`].
pub(crate) fn unpin_npc(
    In(order): In<Unpin>,
    lookup: NpcLookup,
    mut pins: ResMut<Pins>,
    mut roster: ResMut<Roster>,
) -> Answer {
    let (id, _) = lookup.find(&order.npc)?;
    if pins.get(id).is_none() {
        return Err(format!("NPC `{}` is not pinned", lookup.name_of(id)));
    }
    let before = pins.pins.remove(&id);
    roster.reconsider(id);
    Ok(json!({ "npcId": id, "before": before }))
}
