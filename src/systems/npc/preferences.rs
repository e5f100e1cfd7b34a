//! Preferences, and how those of routine, NPC and session come together.

use super::condition::Whom;
use crate::components::npc::{ActivityId, PlaceId};

/// A preference that nobody has said anything about.
pub const NEUTRAL_PREFERENCE: f64 = 0.5;

/// What somebody likes, by number. What is not said is left to the next of the [`Cascade`].
#[derive(Debug, Clone, Default)]
pub struct Preferences {
    /// By activity, in the order of their numbers; 0 to 1.
    pub activities: Box<[(ActivityId, f64)]>,
    /// By category, in the order of their numbers; 0 to 1.
    pub categories: Box<[(u16, f64)]>,
    /// By trait, in the order of [`TRAITS`](crate::world::spec::TRAITS); 0 to 100.
    pub traits: [Option<f64>; 5],
    /// Places it goes to first.
    pub favourites: Box<[PlaceId]>,
    /// Whom it likes to be with.
    pub preferred: Box<[Whom]>,
    /// Whom it keeps away from.
    pub avoided: Box<[Whom]>,
    /// At its best in the morning.
    pub morning_person: Option<bool>,
    /// At its best at night.
    pub night_owl: Option<bool>,
}

/// Preferences over each other: the session's first, then the NPC's, then the routine's. Each key is looked up by
/// itself; a list is taken from the first that has one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cascade<'a> {
    /// From the one that is asked first.
    pub layers: [Option<&'a Preferences>; 3],
}

impl<'a> Cascade<'a> {
    fn first<T>(&self, find: impl Fn(&'a Preferences) -> Option<T>) -> Option<T> {
        self.layers.iter().flatten().find_map(|layer| find(layer))
    }

    /// The preference for an activity.
    pub fn activity(&self, id: ActivityId) -> f64 {
        self.first(|layer| find(&layer.activities, id)).unwrap_or(NEUTRAL_PREFERENCE)
    }

    /// The preference for a category, where somebody has one.
    pub fn category(&self, category: u16) -> Option<f64> {
        self.first(|layer| find(&layer.categories, category))
    }

    /// A trait, 0 to 100.
    pub fn trait_value(&self, number: usize) -> f64 {
        self.first(|layer| layer.traits.get(number).copied().flatten()).unwrap_or(50.0)
    }

    /// Places it goes to first.
    pub fn favourites(&self) -> &'a [PlaceId] {
        self.first(|layer| (!layer.favourites.is_empty()).then_some(layer.favourites.as_ref())).unwrap_or_default()
    }

    /// Whom it likes to be with.
    pub fn preferred(&self) -> &'a [Whom] {
        self.first(|layer| (!layer.preferred.is_empty()).then_some(layer.preferred.as_ref())).unwrap_or_default()
    }

    /// Whom it keeps away from.
    pub fn avoided(&self) -> &'a [Whom] {
        self.first(|layer| (!layer.avoided.is_empty()).then_some(layer.avoided.as_ref())).unwrap_or_default()
    }

    /// Whether it is at its best in the morning.
    pub fn is_morning_person(&self) -> bool {
        self.first(|layer| layer.morning_person).unwrap_or(false)
    }

    /// Whether it is at its best at night.
    pub fn is_night_owl(&self) -> bool {
        self.first(|layer| layer.night_owl).unwrap_or(false)
    }
}

fn find<K: Ord + Copy>(list: &[(K, f64)], key: K) -> Option<f64> {
    let at = list.binary_search_by_key(&key, |(key, _)| *key).ok()?;
    list.get(at).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_that_says_something_wins_key_by_key() {
        let layer = |activities: &[(u16, f64)]| Preferences {
            activities: activities.iter().map(|(id, value)| (ActivityId(*id), *value)).collect(),
            ..Preferences::default()
        };
        let (session, npc, routine) =
            (layer(&[(1, 0.9)]), layer(&[(1, 0.1), (2, 0.2)]), layer(&[(1, 0.0), (2, 0.0), (3, 0.3)]));
        let all = Cascade { layers: [Some(&session), Some(&npc), Some(&routine)] };
        let values: Vec<f64> = (1..=4).map(|id| all.activity(ActivityId(id))).collect();
        assert_eq!(values, [0.9, 0.2, 0.3, 0.5]);
        let without_session = Cascade { layers: [None, Some(&npc), Some(&routine)] };
        assert_eq!(without_session.activity(ActivityId(1)).to_bits(), 0.1_f64.to_bits());
    }
}
