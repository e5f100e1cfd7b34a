//! What activities do to NPCs: in each hour of them, and at their end.

use super::condition::{Society, Whom};
use super::flag_key::{FlagKey, FlagScope};
use super::model::{Activity, BehaviourModel, Effects};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::npc::{
    AxisId, FLAG_KEY_MAX, FLAG_TEXT_MAX, FlagValue, Flags, NPC_FLAGS_MAX, Npc, NpcState, PlaceId, Relationships,
};

/// Points by which a mood comes nearer to neutral in an hour, on each of its axes.
pub const MOOD_DECAY_HOURLY: f64 = 2.0;
/// Others of a role at a place whom the end of an activity changes a relation to, at most.
pub const PARTNERS_MAX: usize = 4;
/// Others at a place who are looked at for that, at most.
pub const LOOKED_AT_MAX: usize = 32;

/// Applies what an activity, or doing nothing, does over a time, and lets the mood fade.
///
/// Energy and mood change evenly and are clamped. Then valence and arousal each come nearer to 0 by
/// [`MOOD_DECAY_HOURLY`] for each hour, and stop there.
pub fn pass_time(state: &mut NpcState, activity: Option<&Activity>, micros: i64) {
    let hours = hours(micros);
    if let Some(Effects { energy_hourly, valence_hourly, arousal_hourly, .. }) =
        activity.map(|activity| &activity.effects)
    {
        state.energy = add(state.energy, energy_hourly * hours, 0.0);
        state.valence = add(state.valence, valence_hourly * hours, -100.0);
        state.arousal = add(state.arousal, arousal_hourly * hours, -100.0);
    }
    state.valence = fade(state.valence, MOOD_DECAY_HOURLY * hours);
    state.arousal = fade(state.arousal, MOOD_DECAY_HOURLY * hours);
}

#[expect(clippy::cast_precision_loss, reason = "spans of game time are far below 2^53 µs in what follows from them")]
fn hours(micros: i64) -> f64 {
    micros.max(0) as f64 / 3_600_000_000.0
}

#[expect(clippy::cast_possible_truncation, reason = "clamped to a small range; the state is kept in 32 bits")]
pub(super) fn add(held: f32, change: f64, least: f64) -> f32 {
    (f64::from(held) + change).clamp(least, 100.0) as f32
}

#[expect(clippy::cast_possible_truncation, reason = "nearer to zero than what was held")]
fn fade(held: f32, by: f64) -> f32 {
    let held = f64::from(held);
    (if held > 0.0 { (held - by).max(0.0) } else { (held + by).min(0.0) }) as f32
}

/// What an activity leaves outside of the NPC; carried out at the end of the step.
#[derive(Debug, Clone, PartialEq)]
pub struct Left {
    /// Whose turn it was.
    pub by: StableId,
    /// The session that it concerns; of a flag without one, the world.
    pub session: Option<Box<str>>,
    /// What it is.
    pub what: LeftBehind,
}

/// Something that an activity leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum LeftBehind {
    /// A flag of a session or of the world.
    Flag {
        /// The key, without its place.
        key: Box<str>,
        /// The value, or nothing to take it away.
        value: Option<FlagValue>,
    },
    /// An interaction that the NPC proposes.
    Intent {
        /// Its kind.
        kind: Box<str>,
    },
    /// A job of generation that the NPC asks for.
    Generation {
        /// Its kind.
        kind: Box<str>,
    },
}

/// What an effect may change: the NPC's needs, mood, relations and flags, and the flags around it. Every value stays
/// within its bounds.
pub struct EffectContext<'a> {
    /// The NPC's stable id.
    pub id: StableId,
    /// The name that it is known by.
    pub name: &'a dyn Fn() -> String,
    /// Game time.
    pub now: GameInstant,
    /// The names and rules of the world file.
    pub model: &'a BehaviourModel,
    /// The others.
    pub society: &'a dyn Society,
    pub(super) state: &'a mut NpcState,
    pub(super) relationships: &'a mut Relationships,
    pub(super) flags: &'a mut Flags,
    pub(super) session: Option<&'a str>,
    pub(super) changes: &'a mut Vec<Left>,
    /// Whether a flag without a place is the session's, where there is one.
    pub(super) for_session: bool,
}

impl EffectContext<'_> {
    /// How it is.
    pub fn state(&self) -> &NpcState {
        self.state
    }

    /// A flag of the NPC, by its key; the place `npc.` may be written before it.
    pub fn flag(&self, key: &str) -> Option<&FlagValue> {
        self.flags.get(key.strip_prefix("npc.").unwrap_or(key))
    }

    /// Adds to its energy.
    pub fn add_energy(&mut self, points: f64) {
        if points.is_finite() {
            self.state.energy = add(self.state.energy, points, 0.0);
        }
    }

    /// Adds to its mood.
    pub fn add_mood(&mut self, valence: f64, arousal: f64) {
        if valence.is_finite() && arousal.is_finite() {
            self.state.valence = add(self.state.valence, valence, -100.0);
            self.state.arousal = add(self.state.arousal, arousal, -100.0);
        }
    }

    /// Adds to its relation to somebody; never to itself.
    pub fn add_relation(&mut self, to: StableId, axis: AxisId, points: f64) {
        if points.is_finite() && to != self.id {
            self.relationships.change(to, axis, points);
        }
    }

    /// Sets a flag, or takes it away with `None`: of the NPC, or of the session or world for keys that begin with
    /// `session.` or `world.`. Keys and values that are no flags, and flags beyond the bounds, are left out.
    pub fn set_flag(&mut self, key: &str, value: Option<FlagValue>) {
        let fits = match &value {
            Some(FlagValue::Number(number)) => number.is_finite(),
            Some(FlagValue::Text(text)) => text.chars().count() <= FLAG_TEXT_MAX,
            Some(FlagValue::Bool(_)) | None => true,
        };
        if let (Ok(key), true) = (FlagKey::parse(key), fits) {
            self.write_flag(&key, value);
        }
    }

    fn write_flag(&mut self, key: &FlagKey, value: Option<FlagValue>) {
        key.with_key(
            || (self.name)(),
            |text| {
                // The name of an NPC that was put in may have made it too long.
                if text.chars().count() > FLAG_KEY_MAX {
                    return;
                }
                let session = match key.scope {
                    FlagScope::Any if self.for_session && self.session.is_some() => self.session.map(Into::into),
                    FlagScope::Any | FlagScope::Npc => {
                        self.flags.set(text, value, NPC_FLAGS_MAX);
                        return;
                    }
                    FlagScope::World => None,
                    FlagScope::Session => match self.session {
                        Some(session) => Some(session.into()),
                        None => return,
                    },
                };
                let what = LeftBehind::Flag { key: text.into(), value };
                self.changes.push(Left { by: self.id, session, what });
            },
        );
    }

    /// What happens at the end of an activity: relations, flags, effects of developers.
    pub(super) fn finish(&mut self, effects: &Effects) {
        for (whom, axis, delta) in &effects.relations {
            match whom {
                Whom::Person(number) => {
                    if let Some(to) = self.society.person(*number) {
                        self.add_relation(to, *axis, *delta);
                    }
                }
                Whom::Role(role) => {
                    for to in self.society.met(*role, self.state.place, self.id) {
                        self.add_relation(to, *axis, *delta);
                    }
                }
            }
        }
        for (key, value) in &effects.flags {
            self.write_flag(key, value.clone());
        }
        for kind in &effects.intents {
            let session = self.session.map(Into::into);
            self.changes.push(Left { by: self.id, session, what: LeftBehind::Intent { kind: kind.clone() } });
        }
        for kind in &effects.generations {
            let session = self.session.map(Into::into);
            self.changes.push(Left { by: self.id, session, what: LeftBehind::Generation { kind: kind.clone() } });
        }
        for (effect, params) in &effects.custom {
            (effect.call)(self, params);
        }
    }
}

/// An NPC to which something other than an activity brings effects.
pub(crate) struct Concerned<'a> {
    /// Its stable id.
    pub(crate) id: StableId,
    /// Who it is.
    pub(crate) npc: &'a Npc,
    /// How it is.
    pub(crate) state: &'a mut NpcState,
    /// How it stands to others.
    pub(crate) relationships: &'a mut Relationships,
    /// Its flags.
    pub(crate) flags: &'a mut Flags,
    /// The session in which it happens: flags without a place are set there.
    pub(crate) session: Option<&'a str>,
}

impl Concerned<'_> {
    /// Applies effects: relations, flags, effects of developers. What lies outside of the NPC is left in `changes`.
    pub(crate) fn take(
        &mut self,
        effects: &Effects,
        now: GameInstant,
        (model, society): (&BehaviourModel, &dyn Society),
        changes: &mut Vec<Left>,
    ) {
        let (npc, id) = (self.npc, self.id);
        let mut context = EffectContext {
            id,
            name: &|| super::condition::name_of(npc, id),
            now,
            model,
            society,
            state: self.state,
            relationships: self.relationships,
            flags: self.flags,
            session: self.session,
            changes,
            for_session: true,
        };
        context.finish(effects);
    }
}

/// Those of a role whom an NPC meets at a place: at most [`PARTNERS_MAX`] of the next [`LOOKED_AT_MAX`] in `around`,
/// which begins with the ids after its own, so that not everybody meets the same.
pub fn partners(
    around: impl Iterator<Item = StableId>,
    id: StableId,
    role: u8,
    society: &dyn Society,
) -> Vec<StableId> {
    let meant = |other: &StableId| *other != id && society.roles_of(*other) >> role & 1 == 1;
    around.take(LOOKED_AT_MAX).filter(meant).take(PARTNERS_MAX).collect()
}

/// Whether somebody who is meant is at a place, other than the NPC itself.
pub fn is_there(whom: Whom, place: PlaceId, me: (StableId, u32, PlaceId), society: &dyn Society) -> bool {
    let (id, roles, here) = me;
    match whom {
        Whom::Person(number) => society.person(number).is_some_and(|other| other != id && society.is_at(other, place)),
        Whom::Role(role) => {
            let myself = u32::from(here == place && roles >> role & 1 == 1);
            society.count_at(role, place) > myself
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> NpcState {
        NpcState {
            energy: 50.0,
            valence: 0.0,
            arousal: 10.0,
            activity: None,
            place: PlaceId(0),
            since: GameInstant::MIN,
            next_decision_at: GameInstant::MIN,
            decisions: 0,
        }
    }

    #[test]
    fn moods_fade_to_neutral_and_stop_there() {
        let mut state = state();
        pass_time(&mut state, None, 3_600_000_000);
        assert!((state.arousal - 8.0).abs() < 1e-6 && state.energy.to_bits() == 50.0_f32.to_bits());
        pass_time(&mut state, None, 10 * 3_600_000_000);
        assert_eq!(state.arousal.to_bits(), 0.0_f32.to_bits());
        pass_time(&mut state, None, -5);
        assert_eq!(state.energy.to_bits(), 50.0_f32.to_bits(), "time does not run backwards");
    }
}
