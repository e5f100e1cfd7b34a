//! The turns of a step, tier by tier. Runs in [`TierSystems`](crate::schedules::TierSystems).
//!
//! Reads the work plan, the model, sessions, flags and who is where as of the beginning of the step. Writes the NPCs of
//! the plan; what touches others (moves, flags of sessions and of the world) is written when all have had their turn, in
//! the order of ids, so that the order of turns changes nothing.

// time: NPCs: decisions and what they do | world | `WorldClock` | turns of the work plan, in each `WorldStep`

use std::collections::BTreeMap;

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;

use super::decide::{Care, Desk};
use super::effects::{Left, LeftBehind};
use super::flag_key::{flag_json, flag_value};
use super::last::LastDecisions;
use super::model::BehaviourModel;
use super::preferences::Preferences;
use super::society::{Around, Move, Presence, note_move};
use super::turn::{Body, CATCH_UP_MICROS, CatchUp, InSession, Setting, catch_up, take_turn};
use super::{compile::compile_override, condition::name_of, rules::wish};
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::ids::StableId;
use crate::components::npc::{
    Flags, Memory, Npc, NpcFlags, NpcState, Relationships, SESSION_FLAGS_MAX, WORLD_FLAGS_MAX, WorldFlags,
};
use crate::components::tier::{Simulated, SimulationTier, TierReason};
use crate::messages::npc::{ActivityReason, NpcActivityChanged};
use crate::systems::random::{SystemDraws, WorldSeed};
use crate::systems::scheduler::{FocusIndex, Places, Session, SessionId, Sessions, Turn, WorkPlan};
use crate::world::Touched;
use crate::world::spec::WorldSimulationConfig;

/// Sessions that are kept ready at most.
const VIEWS_MAX: usize = 256;

/// What turns leave to be written at the end of the step.
#[derive(Resource, Debug, Default)]
pub struct Pending {
    moves: Vec<Move>,
    left: Vec<Left>,
    /// Flags of NPCs that had none.
    first_flags: Vec<(Entity, Flags)>,
}

/// What a session brings, made ready. Derived; a change of the session is seen at the next turn.
#[derive(Debug, Default)]
struct SessionView {
    of: (BTreeMap<String, String>, crate::world::spec::PreferencesSpec),
    flags: Flags,
    preferences: Option<Preferences>,
}

/// Sessions made ready, by their ids.
#[derive(Resource, Debug, Default)]
pub struct SessionViews(BTreeMap<SessionId, SessionView>);

impl SessionViews {
    /// The flags of a session, made ready; nothing where it has none, which takes nobody's place among the views.
    pub(crate) fn flags(&mut self, id: &SessionId, session: &Session, model: &BehaviourModel) -> Option<&Flags> {
        if session.flags.is_empty() {
            return None;
        }
        self.refresh(id, session, model);
        self.0.get(id).map(|view| &view.flags)
    }

    fn refresh(&mut self, id: &SessionId, session: &Session, model: &BehaviourModel) {
        let known = self.0.get(id);
        if known.is_some_and(|view| view.of.0 == session.flags && view.of.1 == session.preferences) {
            return;
        }
        if known.is_none() && self.0.len() >= VIEWS_MAX {
            // Sessions come and go: what is not asked for any more is made anew when it is.
            self.0.clear();
        }
        self.0.insert(id.clone(), SessionView::of(session, model));
    }
}

/// The flags of a session as conditions see them.
pub(crate) fn session_flags(session: &Session) -> Flags {
    let mut flags = Flags::default();
    for (key, text) in &session.flags {
        let value = serde_json::from_str(text).ok().and_then(|value| flag_value(&value).ok());
        flags.set(key, value.flatten(), SESSION_FLAGS_MAX);
    }
    flags
}

impl SessionView {
    fn of(session: &Session, model: &BehaviourModel) -> Self {
        let flags = session_flags(session);
        // They were checked when the session took them.
        let preferences = compile_override(model, &session.preferences).ok();
        Self { of: (session.flags.clone(), session.preferences.clone()), flags, preferences }
    }

    fn as_seen<'a>(&'a self, id: &'a SessionId) -> InSession<'a> {
        InSession { id: id.as_str(), flags: &self.flags, preferences: self.preferences.as_ref() }
    }
}

/// What an NPC consists of.
type Parts = (
    &'static Npc,
    &'static mut NpcState,
    &'static mut Memory,
    &'static mut Relationships,
    &'static mut Simulated,
    Option<&'static mut NpcFlags>,
);

/// Everything that turns need.
#[derive(SystemParam)]
pub struct Living<'w, 's> {
    model: Res<'w, BehaviourModel>,
    config: Res<'w, WorldSimulationConfig>,
    seed: Res<'w, WorldSeed>,
    clock: Res<'w, WorldClock>,
    world_flags: Res<'w, WorldFlags>,
    focus: Res<'w, FocusIndex>,
    sessions: Res<'w, Sessions>,
    around: Around<'w, 's>,
    views: ResMut<'w, SessionViews>,
    pending: ResMut<'w, Pending>,
    decisions: ResMut<'w, LastDecisions>,
    touched: ResMut<'w, Touched>,
    events: MessageWriter<'w, NpcActivityChanged>,
    npcs: Query<'w, 's, Parts>,
}

/// Turns of detailed NPCs.
pub fn live_detailed(plan: Res<WorkPlan>, mut living: Living) {
    living.run(plan.turns(SimulationTier::Detailed), SimulationTier::Detailed);
}

/// Turns of active NPCs.
pub fn live_active(plan: Res<WorkPlan>, mut living: Living) {
    living.run(plan.turns(SimulationTier::Active), SimulationTier::Active);
}

/// Turns of ambient NPCs.
pub fn live_ambient(plan: Res<WorkPlan>, mut living: Living) {
    living.run(plan.turns(SimulationTier::Ambient), SimulationTier::Ambient);
}

/// Coarse updates of dormant NPCs.
pub fn live_dormant(plan: Res<WorkPlan>, mut living: Living) {
    living.run(plan.turns(SimulationTier::Dormant), SimulationTier::Dormant);
}

impl Living<'_, '_> {
    fn run(&mut self, turns: &[Turn], tier: SimulationTier) {
        let Some(now) = self.clock.now else { return };
        let mut desk = Desk::default();
        for turn in turns {
            self.turn(turn, tier, now, &mut desk);
        }
    }

    fn turn(&mut self, turn: &Turn, tier: SimulationTier, now: GameInstant, desk: &mut Desk) {
        let Ok((npc, mut state, mut memory, mut relationships, mut simulated, mut held)) =
            self.npcs.get_mut(turn.entity)
        else {
            return;
        };
        self.touched.note(turn.entity);
        let in_focus = self.focus.session_of(turn.id, Some(state.place));
        let session = in_focus.and_then(|id| Some((id, self.sessions.get(id)?)));
        if let Some((id, session)) = session {
            self.views.refresh(id, session, &self.model);
        }
        let setting = Setting {
            model: &self.model,
            seed: self.seed.0,
            world_flags: &self.world_flags.0,
            session: session.and_then(|(id, _)| Some(self.views.0.get(id)?.as_seen(id))),
            society: &self.around,
        };
        let (from, at) = (state.activity, state.place);
        let mut no_flags = Flags::default();
        let mut body = Body {
            id: turn.id,
            npc,
            state: &mut state,
            memory: &mut memory,
            relationships: &mut relationships,
            flags: held.as_mut().map_or(&mut no_flags, |held| &mut held.0),
        };
        // Who came before the first tick of a world that takes its time from ticks begins now.
        let last = if turn.last == GameInstant::MIN { now } else { turn.last };
        let is_dormant = tier == SimulationTier::Dormant;
        let is_long = is_dormant || now.micros_since(last) > CATCH_UP_MICROS;
        let care = if tier == SimulationTier::Ambient { Care::Simple } else { Care::Full };
        let is_watched = tier == SimulationTier::Detailed
            || !matches!(simulated.wish.reason, TierReason::Rule(_) | TierReason::Default);
        let decides = body.state.next_decision_at <= now;
        let told = if decides { self.decisions.page(turn.id, is_watched) } else { None };
        let changes = &mut self.pending.left;
        if is_long {
            // Who is dormant meets nobody.
            let changes = (!is_dormant).then_some(changes);
            catch_up(&mut body, &setting, last, now, desk, &mut CatchUp { care, changes, told });
        } else {
            take_turn(&mut body, &setting, last, now, care, desk, changes, told);
        }
        let wished = wish(&body.context(&setting, now), setting.seed);
        if simulated.rule_wish != wished {
            simulated.rule_wish = wished;
        }
        if !no_flags.is_empty() {
            self.pending.first_flags.push((turn.entity, no_flags));
        }
        if state.place != at {
            self.pending.moves.push(Move { id: turn.id, roles: npc.roles, from: at, to: state.place });
        }
        if (state.activity, state.place) != (from, at) {
            let share = self.config.events.npc_activity_changed.of(tier);
            let draws = SystemDraws::new(self.seed.0, u64::from(state.decisions), "npc.activity_event");
            if share >= 1.0 || (share > 0.0 && draws.for_id(turn.id).chance(share)) {
                let reason = match state.activity {
                    _ if is_long => ActivityReason::CaughtUp,
                    Some(_) => ActivityReason::Decision,
                    None => ActivityReason::NothingPossible,
                };
                let name = |activity| self.model.activity_name(activity).to_owned();
                self.events.write(NpcActivityChanged {
                    npc_id: turn.id.0,
                    name: name_of(npc, turn.id),
                    from: from.map(name),
                    to: state.activity.map(name),
                    place: self.model.place_name(state.place).to_owned(),
                    tier,
                    reason,
                });
            }
        }
    }
}

/// Writes what turns have left: who has moved, and flags. Runs after the turns, before the scheduler settles them.
pub fn settle_turns(
    mut pending: ResMut<Pending>,
    mut presence: ResMut<Presence>,
    mut places: ResMut<Places>,
    mut sessions: ResMut<Sessions>,
    mut world_flags: ResMut<WorldFlags>,
    mut proposed: ResMut<Proposed>,
    mut commands: Commands,
) {
    let Pending { moves, left, first_flags } = &mut *pending;
    moves.sort_unstable_by_key(|made| made.id);
    for made in moves.drain(..) {
        note_move(&mut presence, &mut places, made);
    }
    for (entity, flags) in first_flags.drain(..) {
        commands.entity(entity).insert(NpcFlags(flags));
    }
    // Stable: what one NPC did stays in its order.
    left.sort_by_key(|change| change.by);
    *proposed = Proposed::default();
    settle_left(left, &mut sessions, &mut world_flags, &mut proposed);
}

/// Carries out what was left: flags are set, proposals are passed on.
pub(crate) fn settle_left(
    left: &mut Vec<Left>,
    sessions: &mut Sessions,
    world_flags: &mut WorldFlags,
    proposed: &mut Proposed,
) {
    for Left { by, session, what } in left.drain(..) {
        match (what, session) {
            (LeftBehind::Flag { key, value }, None) => {
                world_flags.0.set(&key, value, WORLD_FLAGS_MAX);
            }
            (LeftBehind::Flag { key, value }, Some(id)) => {
                set_session_flag(sessions, &id, &key, value.as_ref().map(flag_json));
            }
            (LeftBehind::Intent { kind }, session) => proposed.intents.push((by, session, kind)),
            (LeftBehind::Generation { kind }, session) => proposed.generations.push((by, session, kind)),
        }
    }
}

/// Who, in which session, what kind.
pub(crate) type Proposal = (StableId, Option<Box<str>>, Box<str>);

/// What NPCs have proposed in the turns of this step. Whoever handles it takes it after the turns; the next step begins
/// with none.
#[derive(Resource, Debug, Default)]
pub struct Proposed {
    /// Interactions.
    pub(crate) intents: Vec<Proposal>,
    /// Jobs of generation.
    pub(crate) generations: Vec<Proposal>,
}

fn set_session_flag(sessions: &mut Sessions, id: &str, key: &str, value: Option<serde_json::Value>) {
    let Ok(id) = SessionId::try_from(id.to_owned()) else { return };
    let Some(session) = sessions.sessions.get_mut(&id) else { return };
    match value {
        None => {
            session.flags.remove(key);
        }
        Some(_) if session.flags.len() >= SESSION_FLAGS_MAX && !session.flags.contains_key(key) => {}
        Some(value) => {
            session.flags.insert(key.to_owned(), value.to_string());
        }
    }
}

/// What a session brings for an NPC that is asked about, outside of a turn.
pub(super) fn with_session<T>(
    focus: &FocusIndex,
    sessions: &Sessions,
    model: &BehaviourModel,
    (id, state): (StableId, &NpcState),
    then: impl FnOnce(Option<InSession<'_>>) -> T,
) -> T {
    let in_focus = focus.session_of(id, Some(state.place));
    match in_focus.and_then(|id| Some((id, SessionView::of(sessions.get(id)?, model)))) {
        Some((id, view)) => then(Some(view.as_seen(id))),
        None => then(None),
    }
}
