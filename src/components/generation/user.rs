//! Those whom jobs are done for.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

/// How many bands of priority there are.
pub const BANDS: usize = 4;

/// A band of priorities. Users take turns within a band, and bands share what a step lets go by their weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Band(u8);

impl Band {
    /// The band of a priority: from 500 on, above 0, above -500, and the rest.
    pub fn of(priority: i16) -> Self {
        Self(match priority {
            500.. => 0,
            1.. => 1,
            -499.. => 2,
            _ => 3,
        })
    }

    /// All of them, the most urgent first.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> {
        let all: [Self; BANDS] = [Self(0), Self(1), Self(2), Self(3)];
        all.into_iter()
    }

    /// Its place among them.
    pub fn index(self) -> usize {
        self.0.into()
    }

    /// Its share of what a step lets go, beside those of the others that have something to let go.
    pub fn weight(self) -> i32 {
        8 >> self.0
    }

    /// Its name, as in answers.
    pub fn as_str(self) -> &'static str {
        ["urgent", "high", "normal", "low"].get(self.index()).copied().unwrap_or("low")
    }
}

/// Somebody whom jobs are done for: a player, a session, a tool. There for as long as one of their jobs is.
#[derive(Component, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationUser {
    /// Who it is: a word of the game.
    pub name: Box<str>,
    /// What is left of their turns, band by band: the deficits of a deficit round robin.
    pub left: [u16; BANDS],
    /// Why nothing of theirs is let go, where the edge holds them back.
    pub held: Option<Box<str>>,
}

impl GenerationUser {
    /// Somebody who has had no turn yet.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), left: [0; BANDS], held: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_priority_has_a_band_and_every_band_a_share() {
        let bands = [1_000, 500, 499, 1, 0, -499, -500, -1_000].map(|priority| Band::of(priority).index());
        assert_eq!(bands, [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(Band::all().map(Band::weight).collect::<Vec<_>>(), [8, 4, 2, 1]);
        assert_eq!(Band::all().map(Band::as_str).collect::<Vec<_>>(), ["urgent", "high", "normal", "low"]);
    }
}
