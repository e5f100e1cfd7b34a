//! The turn of one NPC: time passes for it, and when its activity has had its time, it decides.

use super::condition::{ConditionContext, Society};
use super::decide::{Care, Choice, Desk, RETRY_SECONDS, choose, decision_draw};
use super::effects::{EffectContext, FlagChange, add, pass_time};
use super::last::Explained;
use super::model::BehaviourModel;
use super::preferences::{Cascade, Preferences};
use crate::components::clock::{GameInstant, MICROS_PER_DAY};
use crate::components::ids::StableId;
use crate::components::npc::{Flags, Memory, Npc, NpcState, Relationships};

/// A longer time than this is caught up with by [`catch_up`], in every tier: an hour.
pub const CATCH_UP_MICROS: i64 = 3_600_000_000;
/// The shortest time for which an NPC does something while time is caught up with: a quarter of an hour.
const PIECE_SECONDS: u32 = 900;

/// The parts of an NPC.
pub struct Body<'a> {
    /// Its stable id.
    pub id: StableId,
    /// Who it is.
    pub npc: &'a Npc,
    /// How it is.
    pub state: &'a mut NpcState,
    /// What it remembers.
    pub memory: &'a mut Memory,
    /// How it stands to others.
    pub relationships: &'a mut Relationships,
    /// Its flags.
    pub flags: &'a mut Flags,
}

/// A session in whose focus an NPC is.
#[derive(Debug, Clone, Copy)]
pub struct InSession<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its flags.
    pub flags: &'a Flags,
    /// Preferences that go before the NPC's own.
    pub preferences: Option<&'a Preferences>,
}

/// What is around an NPC at its turn.
#[derive(Clone, Copy)]
pub struct Setting<'a> {
    /// The names and rules of the world file.
    pub model: &'a BehaviourModel,
    /// The world's seed.
    pub seed: u64,
    /// The flags of the world.
    pub world_flags: &'a Flags,
    /// The session in whose focus the NPC is.
    pub session: Option<InSession<'a>>,
    /// The others.
    pub society: &'a dyn Society,
}

impl<'a> Setting<'a> {
    /// The preferences that hold for an NPC.
    pub fn cascade(&self, npc: &Npc) -> Cascade<'a> {
        let routine = self.model.routine(npc.routine).map(|routine| &routine.defaults);
        let preset = npc.preset.and_then(|preset| self.model.preset(preset));
        Cascade { layers: [self.session.and_then(|session| session.preferences), preset, routine] }
    }
}

impl Body<'_> {
    /// What conditions are asked of.
    pub fn context<'b>(&'b self, setting: &'b Setting<'b>, now: GameInstant) -> ConditionContext<'b> {
        ConditionContext {
            id: self.id,
            npc: self.npc,
            state: self.state,
            relationships: self.relationships,
            flags: Some(self.flags),
            session_flags: setting.session.map(|session| session.flags),
            world_flags: setting.world_flags,
            now,
            model: setting.model,
            society: setting.society,
        }
    }
}

/// A turn by which time passes evenly since the last one. Decides at most once, so that an activity without a duration
/// is decided about once in a step. Gives the choice where there was a decision, which is written into `told`.
#[expect(clippy::too_many_arguments, reason = "one caller, which has all of it at hand")]
pub fn take_turn(
    body: &mut Body<'_>,
    setting: &Setting<'_>,
    last: GameInstant,
    now: GameInstant,
    care: Care,
    desk: &mut Desk,
    changes: &mut Vec<FlagChange>,
    told: Option<&mut Explained>,
) -> Option<Option<Choice>> {
    let activity = body.state.activity.and_then(|id| setting.model.activity(id));
    pass_time(body.state, activity, now.micros_since(last));
    if body.state.next_decision_at > now {
        return None;
    }
    end_activity(body, setting, now, Some(changes));
    Some(decide(body, setting, now, (care, 0), desk, told))
}

/// How a longer time is caught up with.
#[derive(Debug)]
pub struct CatchUp<'a> {
    /// How decisions are made.
    pub care: Care,
    /// Where flags of sessions and of the world go that the ends of activities set. Without it an end brings nothing but
    /// its cooldown.
    pub changes: Option<&'a mut Vec<FlagChange>>,
    /// Gets the last decision, where somebody wants to know.
    pub told: Option<&'a mut Explained>,
}

/// A longer time at once: the NPC decides as it would have, at the times at which it would have, but does not do anything
/// for less than a quarter of an hour. With `changes`, activities end as they do in a turn: relations, flags and effects
/// of developers change then, with the others seen as they were at the beginning of the step. Without, it meets nobody,
/// and they stay as they are. Beyond two days the first is lived, its change of needs and mood is taken for the whole
/// days that follow, and the last day or two are lived again; so that a turn has at most 288 decisions, whatever the time.
///
/// Against turns of a minute, energy agrees in the mean over a population with the same routine: within 4 points at each
/// four hours of two days, of which dormant NPCs live four at a turn where nothing else is configured (some 2 were
/// measured); and within 8 points at the end of one to seven days, whether they were lived by four hours, by days or at
/// once. `tests/npc/tiers.rs` holds it to that. Of one NPC alone nothing is promised: its draws are others.
pub fn catch_up(
    body: &mut Body<'_>,
    setting: &Setting<'_>,
    last: GameInstant,
    now: GameInstant,
    desk: &mut Desk,
    how: &mut CatchUp<'_>,
) {
    let span = now.micros_since(last);
    let mut from = last;
    if span > 2 * MICROS_PER_DAY {
        let NpcState { energy, valence, arousal, .. } = *body.state;
        let first = later(last, MICROS_PER_DAY);
        live_through(body, setting, (last, first), desk, how);
        let days = (span - MICROS_PER_DAY) / MICROS_PER_DAY - 1;
        let state = &mut *body.state;
        // At most as many as fill any range; so the number is exact.
        let times = f64::from(i32::try_from(days.min(10_000)).unwrap_or(10_000));
        let change = |now: f32, then: f32| (f64::from(now) - f64::from(then)) * times;
        state.energy = add(state.energy, change(state.energy, energy), 0.0);
        state.valence = add(state.valence, change(state.valence, valence), -100.0);
        state.arousal = add(state.arousal, change(state.arousal, arousal), -100.0);
        state.since = later(state.since, days * MICROS_PER_DAY);
        state.next_decision_at = later(state.next_decision_at, days * MICROS_PER_DAY);
        from = later(first, days * MICROS_PER_DAY);
    }
    live_through(body, setting, (from, now), desk, how);
}

fn live_through(
    body: &mut Body<'_>,
    setting: &Setting<'_>,
    (from, to): (GameInstant, GameInstant),
    desk: &mut Desk,
    how: &mut CatchUp<'_>,
) {
    let mut now = from;
    loop {
        if body.state.next_decision_at <= now {
            end_activity(body, setting, now, how.changes.as_deref_mut());
            decide(body, setting, now, (how.care, PIECE_SECONDS), desk, how.told.as_deref_mut());
        }
        if now >= to {
            return;
        }
        let until = body.state.next_decision_at.min(to);
        let activity = body.state.activity.and_then(|id| setting.model.activity(id));
        pass_time(body.state, activity, until.micros_since(now));
        now = until;
    }
}

/// What the end of an activity brings. Without `changes` only its cooldown begins.
fn end_activity(body: &mut Body<'_>, setting: &Setting<'_>, now: GameInstant, changes: Option<&mut Vec<FlagChange>>) {
    let model = setting.model;
    let Some((id, activity)) = body.state.activity.and_then(|id| Some((id, model.activity(id)?))) else { return };
    if activity.cooldown_seconds > 0 {
        let second = now.as_micros().div_euclid(1_000_000);
        body.memory.note(id, second, |known| model.free_at(known.activity, known.ended_at()));
    }
    let Some(changes) = changes else { return };
    let (npc, id) = (body.npc, body.id);
    let mut effects = EffectContext {
        id,
        name: &|| super::condition::name_of(npc, id),
        now,
        model,
        society: setting.society,
        state: body.state,
        relationships: body.relationships,
        flags: body.flags,
        session: setting.session.map(|session| session.id),
        changes,
    };
    effects.finish(&activity.effects);
}

fn decide(
    body: &mut Body<'_>,
    setting: &Setting<'_>,
    now: GameInstant,
    (care, seconds_min): (Care, u32),
    desk: &mut Desk,
    mut told: Option<&mut Explained>,
) -> Option<Choice> {
    let mut draw = decision_draw(setting.seed, body.id, body.state.decisions);
    let cascade = setting.cascade(body.npc);
    let choice = {
        let context = body.context(setting, now);
        let considered = told.as_deref_mut().map(|told| {
            told.considered.clear();
            &mut told.considered
        });
        choose(&context, &cascade, body.memory, care, &mut draw, desk, considered)
    };
    // At times for which the routine has nothing to offer one goes on with what one does.
    let going_on = body.state.activity.filter(|_| choice.is_none() && !desk.has_offers());
    let going_on = going_on.map(|activity| Choice { activity, place: body.state.place });
    let choice = choice.or(going_on);
    if let Some(told) = told {
        let session = setting.session.map(|session| session.id.to_owned());
        (told.at, told.decision, told.care) = (now, body.state.decisions, care);
        (told.session, told.choice) = (session, choice);
    }
    let state = &mut *body.state;
    state.decisions = state.decisions.wrapping_add(1);
    let seconds = match choice.and_then(|choice| setting.model.activity(choice.activity)) {
        Some(activity) if going_on.is_some() => activity.duration_seconds.max(RETRY_SECONDS),
        Some(activity) => activity.duration_seconds,
        None => RETRY_SECONDS,
    };
    let activity = choice.map(|choice| choice.activity);
    if activity != state.activity || state.decisions == 1 {
        state.since = now;
    }
    state.activity = activity;
    state.place = choice.map_or(state.place, |choice| choice.place);
    state.next_decision_at = later(now, i64::from(seconds.max(seconds_min)) * 1_000_000);
    choice
}

fn later(instant: GameInstant, micros: i64) -> GameInstant {
    instant.checked_add_micros(micros).unwrap_or(GameInstant::MAX)
}
