//! The behaviour section of a world file in the form in which systems use it: names are numbers.

use bevy_ecs::prelude::Resource;
use serde_json::Value;

use super::condition::{Condition, Whom};
use super::extend::{EffectFn, FactorFn, Named};
use super::flag_key::FlagKey;
use super::mood::{DAY_SECONDS, Moods, Times};
use super::names::Names;
use super::preferences::Preferences;
use crate::components::npc::{ActivityId, AxisId, FlagValue, PlaceId, PresetId, RoutineId};
use crate::components::tier::SimulationTier;
use crate::world::spec::RoutineNodeType;

/// Activities, routines, places and weights by number. Derived from the world file; not persisted.
#[derive(Resource, Debug, Clone, Default)]
pub struct BehaviourModel {
    /// Names of activities.
    pub activity_names: Names,
    /// Activities by number.
    pub activities: Vec<Activity>,
    /// Names of categories.
    pub category_names: Names,
    /// Categories by number.
    pub categories: Vec<Category>,
    /// Names of routines.
    pub routine_names: Names,
    /// Routines by number.
    pub routines: Vec<Routine>,
    /// Names of presets.
    pub preset_names: Names,
    /// Preferences of presets by number.
    pub presets: Vec<Preferences>,
    /// Names of places.
    pub place_names: Names,
    /// Places by number.
    pub places: Vec<Place>,
    /// Names of districts.
    pub districts: Names,
    /// Names of types of places.
    pub location_types: Names,
    /// Roles; the number is the bit.
    pub roles: Names,
    /// Axes of relationships.
    pub axes: Names,
    /// NPCs that conditions, activities and preferences name.
    pub people: Names,
    /// The axis that company is judged by.
    pub affinity: AxisId,
    /// Weights of the scoring factors.
    pub weights: Weights,
    /// Scoring factors of developers with their weights.
    pub factors: Vec<(Named<FactorFn>, f64)>,
    /// Rules that put NPCs into tiers, the highest priority first.
    pub rules: Vec<TierRule>,
    /// The tier of an NPC for which no rule holds.
    pub default_tier: SimulationTier,
}

/// An activity.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Its category.
    pub category: u16,
    /// Base weight beside others.
    pub priority: f64,
    /// How long an NPC stays with it at least, in game seconds.
    pub duration_seconds: u32,
    /// How long after its end an NPC does not choose it again, in game seconds.
    pub cooldown_seconds: u32,
    /// Types of places where it can be done; anywhere where there are none.
    pub location_types: Box<[u16]>,
    /// All such places with their districts, in the order of (district, place).
    pub places: Box<[(u16, PlaceId)]>,
    /// Energy that it takes at least.
    pub energy_min: f64,
    /// Energy that allows it at most.
    pub energy_max: f64,
    /// Parts of the day; any where there are none.
    pub times: Times,
    /// Moods; any where there are none.
    pub moods: Moods,
    /// Who must be there.
    pub company: Box<[Whom]>,
    /// What must hold.
    pub conditions: Box<[Condition]>,
    /// What it does.
    pub effects: Effects,
    /// Whom it is done with: company, and whom its effects name.
    pub partners: Box<[Whom]>,
}

/// What an activity does.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// Energy in an hour.
    pub energy_hourly: f64,
    /// Valence in an hour.
    pub valence_hourly: f64,
    /// Arousal in an hour.
    pub arousal_hourly: f64,
    /// Relations that change at its end.
    pub relations: Box<[(Whom, AxisId, f64)]>,
    /// Flags that are set at its end, or taken away.
    pub flags: Box<[(FlagKey, Option<FlagValue>)]>,
    /// Interactions that are proposed at its end, by the ids of their kinds.
    pub intents: Box<[Box<str>]>,
    /// Jobs of generation that are asked for at its end, by the ids of their kinds.
    pub generations: Box<[Box<str>]>,
    /// Effects of developers, at its end.
    pub custom: Box<[(Named<EffectFn>, Value)]>,
}

/// A kind of activity.
#[derive(Debug, Clone)]
pub struct Category {
    /// The preference of those who say nothing of it.
    pub default_weight: f64,
    /// The trait that it suits, by its place in [`TRAITS`](crate::world::spec::TRAITS).
    pub suits: Option<usize>,
}

/// A place.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its district.
    pub district: u16,
    /// Its types, in the order of their numbers.
    pub types: Box<[u16]>,
}

/// How a day goes.
#[derive(Debug, Clone, Default)]
pub struct Routine {
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Where it is entered: its time slots; without any, the nodes that no edge enters.
    pub entries: Vec<u16>,
    /// Preferences of everybody who follows it.
    pub defaults: Preferences,
}

/// An activity that may be chosen at a node, its weight, and what must hold for it.
pub type PreferredActivity = (ActivityId, f64, Box<[Condition]>);

/// A node of a routine.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name in the file.
    pub name: Box<str>,
    /// What it is.
    pub node_type: RoutineNodeType,
    /// When it holds.
    pub slot: Option<Slot>,
    /// What must hold for it to be entered.
    pub conditions: Box<[Condition]>,
    /// What may be chosen here.
    pub preferred: Box<[PreferredActivity]>,
    /// Edges that leave it and are ever followed.
    pub edges: Box<[Edge]>,
    /// Its place in an order in which every edge leads onwards.
    pub rank: u16,
}

/// An edge of a routine.
#[derive(Debug, Clone)]
pub struct Edge {
    /// The node that it enters.
    pub to: u16,
    /// Its weight: above 0.
    pub weight: f64,
    /// What must hold for it to be followed.
    pub conditions: Box<[Condition]>,
}

/// A part of the day in seconds since midnight; an end that is not after the start passes midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// The first second.
    pub start: u32,
    /// The second after the last.
    pub end: u32,
}

impl Slot {
    /// Whether a second of the day lies in it. A slot whose end is its start is the whole day.
    pub fn holds(self, second: u32) -> bool {
        let (start, end) = (self.start % DAY_SECONDS, self.end);
        if start < end { (start..end).contains(&second) } else { second >= start || second < end }
    }
}

/// Weights of the scoring factors.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "each is the weight of the factor of its name")]
pub struct Weights {
    pub base: f64,
    pub activity: f64,
    pub category: f64,
    pub traits: f64,
    pub mood: f64,
    pub relationship: f64,
    pub urgency: f64,
    pub inertia: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self {
            base: 1.0,
            activity: 1.0,
            category: 0.8,
            traits: 0.6,
            mood: 0.7,
            relationship: 0.5,
            urgency: 1.2,
            inertia: 0.3,
        }
    }
}

/// A rule that puts NPCs into a tier.
#[derive(Debug, Clone)]
pub struct TierRule {
    /// Its place in the file, which has at most 256 of them.
    pub number: u8,
    /// What must hold.
    pub condition: Condition,
    /// The tier.
    pub tier: SimulationTier,
    /// The highest wins.
    pub priority: i16,
}

impl BehaviourModel {
    /// An activity by its number.
    pub fn activity(&self, id: ActivityId) -> Option<&Activity> {
        self.activities.get(usize::from(id.0))
    }

    /// The name of an activity.
    pub fn activity_name(&self, id: ActivityId) -> &str {
        self.activity_names.name(id.0).unwrap_or("?")
    }

    /// The activity of a name.
    pub fn activity_id(&self, name: &str) -> Option<ActivityId> {
        self.activity_names.find(name).map(ActivityId)
    }

    /// A routine by its number.
    pub fn routine(&self, id: RoutineId) -> Option<&Routine> {
        self.routines.get(usize::from(id.0))
    }

    /// The preferences of a preset.
    pub fn preset(&self, id: PresetId) -> Option<&Preferences> {
        self.presets.get(usize::from(id.0))
    }

    /// A place by its number.
    pub fn place(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(usize::from(id.0))
    }

    /// The name of a place.
    pub fn place_name(&self, id: PlaceId) -> &str {
        self.place_names.name(id.0).unwrap_or("?")
    }

    /// Whether a place has one of these types.
    pub fn is_of_type(&self, place: PlaceId, types: &[u16]) -> bool {
        self.place(place).is_some_and(|place| types.iter().any(|wanted| place.types.binary_search(wanted).is_ok()))
    }

    /// The second at which the cooldown of an activity that ended at `ended_at` is over.
    pub fn free_at(&self, id: ActivityId, ended_at: i64) -> i64 {
        let cooldown = self.activity(id).map_or(0, |activity| activity.cooldown_seconds);
        ended_at.saturating_add(i64::from(cooldown))
    }

    /// The names of the roles that are set.
    pub fn role_names(&self, roles: u32) -> Vec<&str> {
        self.roles.iter().enumerate().filter(|(bit, _)| roles >> bit & 1 == 1).map(|(_, name)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_may_pass_midnight() {
        let night = Slot { start: 79_200, end: 21_600 };
        assert!(night.holds(79_200) && night.holds(0) && night.holds(21_599));
        assert!(!night.holds(21_600) && !night.holds(79_199));
        let evening = Slot { start: 64_800, end: 86_400 };
        assert!(evening.holds(86_399) && !evening.holds(0));
        assert!(Slot { start: 0, end: 0 }.holds(12_345), "the whole day");
        assert!(Slot { start: 86_400, end: 3_600 }.holds(0), "24:00 is 0:00");
    }
}
