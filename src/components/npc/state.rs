//! How an NPC is right now, and what it remembers.

use bevy_ecs::prelude::Component;
use serde::{Deserialize, Serialize};

use crate::components::clock::GameInstant;

/// Activities that an NPC remembers at most.
pub const MEMORY_MAX: usize = 16;

/// An activity of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActivityId(pub u16);

/// A place of the world file, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlaceId(pub u16);

/// How an NPC is.
#[derive(Component, Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NpcState {
    /// Energy, 0 to 100.
    pub energy: f32,
    /// Mood from bad to good, -100 to 100.
    pub valence: f32,
    /// Mood from calm to agitated, -100 to 100.
    pub arousal: f32,
    /// What it is doing; nothing before its first decision, and when nothing was possible at its last.
    pub activity: Option<ActivityId>,
    /// Where it is.
    pub place: PlaceId,
    /// Since when it has been doing it.
    pub since: GameInstant,
    /// When it decides again.
    pub next_decision_at: GameInstant,
    /// Decisions so far: the number that its draws are keyed by.
    pub decisions: u32,
}

/// When an activity with a cooldown was last ended, in eight bytes: 48 bits are 4 million years of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The activity.
    pub activity: ActivityId,
    high: i16,
    low: u32,
}

impl Remembered {
    /// An activity that ended so many seconds after the epoch of the calendar.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut into halves after clamping")]
    pub fn new(activity: ActivityId, ended_at: i64) -> Self {
        let seconds = ended_at.clamp(-(1 << 47), (1 << 47) - 1);
        Self { activity, high: (seconds >> 32) as i16, low: seconds as u32 }
    }

    /// When it ended, in seconds since the epoch of the calendar.
    pub fn ended_at(&self) -> i64 {
        i64::from(self.high) << 32 | i64::from(self.low)
    }
}

/// What an NPC remembers of what it did, for cooldowns; in the order of the activities' numbers.
#[derive(Component, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Memory(Box<[Remembered]>);

impl Memory {
    /// All that is remembered, in the order of the activities' numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Remembered> + '_ {
        self.0.iter()
    }

    /// How much is remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When an activity last ended, in seconds since the epoch of the calendar.
    pub fn ended_at(&self, activity: ActivityId) -> Option<i64> {
        let at = self.0.binary_search_by_key(&activity, |remembered| remembered.activity).ok()?;
        self.0.get(at).map(Remembered::ended_at)
    }

    /// Remembers the end of an activity. Where there are [`MEMORY_MAX`] already, the one whose `free_at` (the second
    /// at which its cooldown is over) comes first makes room.
    pub fn note(&mut self, activity: ActivityId, ended_at: i64, free_at: impl Fn(&Remembered) -> i64) {
        let remembered = Remembered::new(activity, ended_at);
        match self.0.binary_search_by_key(&activity, |remembered| remembered.activity) {
            Ok(at) => self.0[at] = remembered,
            Err(at) => {
                let mut all = std::mem::take(&mut self.0).into_vec();
                all.insert(at, remembered);
                if all.len() > MEMORY_MAX {
                    let first = (0..all.len()).min_by_key(|at| free_at(&all[*at]));
                    first.map(|at| all.remove(at));
                }
                self.0 = all.into_boxed_slice();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_small_and_bounded() {
        assert_eq!(size_of::<Remembered>(), 8);
        assert!(size_of::<NpcState>() <= 40);
        let mut memory = Memory::default();
        for number in 0..40_u16 {
            memory.note(ActivityId(number), i64::from(number), |remembered| remembered.ended_at() + 10);
        }
        assert_eq!(memory.len(), MEMORY_MAX);
        assert_eq!(memory.ended_at(ActivityId(39)), Some(39));
        assert_eq!(memory.ended_at(ActivityId(3)), None);
        memory.note(ActivityId(39), 99, |_| 0);
        assert_eq!((memory.len(), memory.ended_at(ActivityId(39))), (MEMORY_MAX, Some(99)));
    }

    #[test]
    fn seconds_before_the_epoch_and_far_ahead_are_kept() {
        for seconds in [-377_705_023_201, -1, 0, 3_376_684_800, 253_402_207_200] {
            assert_eq!(Remembered::new(ActivityId(1), seconds).ended_at(), seconds);
        }
    }
}
