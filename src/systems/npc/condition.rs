//! Conditions, ready to be asked.

use serde_json::Value;

use super::expression::{Expression, Facts, Number};
use super::extend::{ConditionFn, Named};
use super::flag_key::{FlagKey, FlagScope};
use super::model::BehaviourModel;
use super::mood::{Moods, Times, day_of_week, second_of_day, time_of_day};
use crate::components::clock::GameInstant;
use crate::components::ids::StableId;
use crate::components::npc::{AxisId, FlagValue, Flags, NEUTRAL, Npc, NpcState, PlaceId, Relationships};
use crate::systems::random::Draw;

/// Somebody whom the world file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whom {
    /// Anybody of a role, by its bit.
    Role(u8),
    /// An NPC that has a name, by its number in [`BehaviourModel::people`].
    Person(u16),
}

/// What can be asked about the others in a world. It is as of the beginning of the step, so that the order of turns
/// within a step changes nothing.
pub trait Society {
    /// The roles of an NPC; none where it is gone.
    fn roles_of(&self, id: StableId) -> u32;
    /// The NPC that bears a name of the world file.
    fn person(&self, number: u16) -> Option<StableId>;
    /// Whether an NPC is at a place.
    fn is_at(&self, id: StableId, place: PlaceId) -> bool;
    /// NPCs of a role at a place, the one who asks among them.
    fn count_at(&self, role: u8, place: PlaceId) -> u32;
    /// Some of a role whom an NPC meets at a place.
    fn met(&self, role: u8, place: PlaceId, id: StableId) -> Vec<StableId>;
}

/// Of whom something is asked: the parts of the NPC, the flags around it, the time.
#[derive(Clone, Copy)]
pub struct ConditionContext<'a> {
    /// The NPC's stable id.
    pub id: StableId,
    /// Who it is.
    pub npc: &'a Npc,
    /// How it is.
    pub state: &'a NpcState,
    /// How it stands to others.
    pub relationships: &'a Relationships,
    /// Its own flags.
    pub flags: Option<&'a Flags>,
    /// The flags of the session in whose focus it is.
    pub session_flags: Option<&'a Flags>,
    /// The flags of the world.
    pub world_flags: &'a Flags,
    /// Game time.
    pub now: GameInstant,
    /// The names and rules of the world file.
    pub model: &'a BehaviourModel,
    /// The others.
    pub society: &'a dyn Society,
}

impl ConditionContext<'_> {
    /// The value of a flag.
    pub fn flag(&self, key: &FlagKey) -> Option<&FlagValue> {
        key.with_key(
            || self.name(),
            |text| {
                let own = || self.flags.and_then(|flags| flags.get(text));
                let session = || self.session_flags.and_then(|flags| flags.get(text));
                match key.scope {
                    FlagScope::Npc => own(),
                    FlagScope::Session => session(),
                    FlagScope::World => self.world_flags.get(text),
                    FlagScope::Any => own().or_else(session).or_else(|| self.world_flags.get(text)),
                }
            },
        )
    }

    /// The name that the NPC is known by.
    pub fn name(&self) -> String {
        name_of(self.npc, self.id)
    }

    /// Its mood.
    pub fn moods(&self) -> Moods {
        Moods::of(f64::from(self.state.valence), f64::from(self.state.arousal))
    }

    /// Its relation to somebody on an axis: to a person 50 where there is none; to a role the highest that there is.
    pub fn relation(&self, whom: Whom, axis: AxisId) -> Option<f64> {
        match whom {
            Whom::Person(number) => {
                let held = self.society.person(number).and_then(|to| self.relationships.get(to, axis));
                Some(held.unwrap_or(NEUTRAL))
            }
            Whom::Role(_) => self.relations_to(whom, axis).reduce(f64::max),
        }
    }

    /// Its relations on an axis to all that are meant.
    fn relations_to(&self, whom: Whom, axis: AxisId) -> impl Iterator<Item = f64> + '_ {
        let on_axis = self.relationships.iter().filter(move |relation| relation.axis() == axis);
        let meant = on_axis.filter(move |relation| match whom {
            Whom::Role(bit) => self.society.roles_of(relation.to()) >> bit & 1 == 1,
            Whom::Person(number) => self.society.person(number) == Some(relation.to()),
        });
        meant.map(|relation| relation.value())
    }
}

/// The name that an NPC is known by.
pub(crate) fn name_of(npc: &Npc, id: StableId) -> String {
    npc.name.as_deref().map_or_else(|| format!("npc-{id}"), str::to_owned)
}

impl Facts for ConditionContext<'_> {
    fn number(&self, number: Number) -> f64 {
        match number {
            Number::Energy => f64::from(self.state.energy),
            Number::Valence => f64::from(self.state.valence),
            Number::Arousal => f64::from(self.state.arousal),
            Number::Hour => f64::from(self.now.hour_of_day()),
            Number::Day => f64::from(day_of_week(self.now)),
        }
    }

    fn flag(&self, key: &FlagKey) -> Option<&FlagValue> {
        ConditionContext::flag(self, key)
    }
}

/// What a number is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Above.
    Above(f64),
    /// Below.
    Below(f64),
    /// Between the two, both included.
    Between(f64, f64),
}

impl Bound {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Above(least) => value > least,
            Self::Below(most) => value < most,
            Self::Between(least, most) => least <= value && value <= most,
        }
    }
}

/// A condition of the world file, with numbers for names.
#[derive(Debug, Clone)]
pub enum Condition {
    /// The relation to somebody. Of a role anybody may be above or between, and everybody must be below.
    Relation {
        /// Whom.
        whom: Whom,
        /// The axis.
        axis: AxisId,
        /// The bound.
        bound: Bound,
    },
    /// Energy, valence or arousal.
    Stat(Number, Bound),
    /// A flag has a value; one that is not set is false, and is nothing.
    FlagEquals(FlagKey, Option<FlagValue>),
    /// A flag is set.
    FlagExists(FlagKey),
    /// It is in one of these moods.
    Mood(Moods),
    /// By chance.
    Chance(f64),
    /// It is one of these parts of the day.
    TimeOfDay(Times),
    /// It is one of these days of the week, a bit each.
    DayOfWeek(u8),
    /// It is at a place of one of these types.
    LocationType(Box<[u16]>),
    /// A formula holds.
    Expression(Expression),
    /// A developer's own.
    Custom(Named<ConditionFn>, Value),
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, context: &ConditionContext<'_>, draw: &mut Draw) -> bool {
        match self {
            Self::Relation { whom: whom @ Whom::Role(_), axis, bound: bound @ Bound::Below(_) } => {
                context.relations_to(*whom, *axis).all(|value| bound.holds(value))
            }
            Self::Relation { whom: whom @ Whom::Role(_), axis, bound } => {
                context.relations_to(*whom, *axis).any(|value| bound.holds(value))
            }
            Self::Relation { whom, axis, bound } => {
                context.relation(*whom, *axis).is_some_and(|value| bound.holds(value))
            }
            Self::Stat(stat, bound) => bound.holds(context.number(*stat)),
            Self::FlagEquals(key, wanted) => match (context.flag(key), wanted) {
                (None, wanted) => matches!(wanted, None | Some(FlagValue::Bool(false))),
                (held, wanted) => held == wanted.as_ref(),
            },
            Self::FlagExists(key) => context.flag(key).is_some(),
            Self::Mood(moods) => moods.meets(context.moods()),
            Self::Chance(probability) => draw.chance(*probability),
            Self::TimeOfDay(times) => times.has(time_of_day(second_of_day(context.now))),
            Self::DayOfWeek(days) => days >> day_of_week(context.now) & 1 == 1,
            Self::LocationType(types) => context.model.is_of_type(context.state.place, types),
            Self::Expression(expression) => expression.holds(context),
            Self::Custom(custom, params) => (custom.call)(context, params, draw),
        }
    }
}

/// Whether all of these hold; none is all.
pub fn all_hold(conditions: &[Condition], context: &ConditionContext<'_>, draw: &mut Draw) -> bool {
    conditions.iter().all(|condition| condition.holds(context, draw))
}
