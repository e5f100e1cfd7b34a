//! Moods and parts of the day as sets of bits.

use super::names::unknown;
use crate::components::clock::{GameInstant, MICROS_PER_DAY};
use crate::world::spec::{MOOD_TAGS, TimeOfDay};

/// Seconds in a day.
pub const DAY_SECONDS: u32 = 86_400;

/// A set of moods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moods(u8);

impl Moods {
    /// The moods of a valence and an arousal.
    ///
    /// Valence above 50 is `happy`, below -50 `sad`. Arousal above 30 is `energetic` or, with a negative valence,
    /// `tense`; below -30 `calm` or `tired`. What is none of this is `neutral`.
    pub fn of(valence: f64, arousal: f64) -> Self {
        let (good, bad, up, down) = (valence > 50.0, valence < -50.0, arousal > 30.0, arousal < -30.0);
        let pleasant = valence >= 0.0;
        // In the order of `MOOD_TAGS`.
        let held = [
            good,
            bad,
            up && pleasant,
            up && !pleasant,
            down && pleasant,
            down && !pleasant,
            !(good || bad || up || down),
        ];
        Self(held.iter().enumerate().fold(0, |bits, (bit, held)| bits | u8::from(*held) << bit))
    }

    /// The set of named moods.
    ///
    /// # Errors
    /// With a sentence for each name that is no mood.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a String>) -> Result<Self, Vec<String>> {
        let mut set = Self::default();
        let mut errors = Vec::new();
        for name in names {
            match MOOD_TAGS.iter().position(|mood| mood.eq_ignore_ascii_case(name)) {
                Some(bit) => set.0 |= 1 << bit,
                None => {
                    errors.push(format!("{} (moods are {})", unknown("mood", name, MOOD_TAGS), MOOD_TAGS.join(", ")))
                }
            }
        }
        if errors.is_empty() { Ok(set) } else { Err(errors) }
    }

    /// Whether the two sets have a mood in common.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether no mood is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The names of the moods in it.
    pub fn names(self) -> Vec<&'static str> {
        MOOD_TAGS.iter().enumerate().filter(|(bit, _)| self.0 >> bit & 1 == 1).map(|(_, name)| *name).collect()
    }
}

/// A set of parts of the day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times(u8);

impl Times {
    /// The set of these.
    pub fn new(times: &[TimeOfDay]) -> Self {
        Self(times.iter().fold(0, |bits, time| bits | 1 << *time as u8))
    }

    /// Whether a part of the day is in it.
    pub fn has(self, time: TimeOfDay) -> bool {
        self.0 >> time as u8 & 1 == 1
    }

    /// Whether none is in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The second of the day, 0 to 86,399.
pub fn second_of_day(now: GameInstant) -> u32 {
    u32::try_from(now.as_micros().rem_euclid(MICROS_PER_DAY) / 1_000_000).unwrap_or(0)
}

/// The part of the day: morning from 6, afternoon from 12, evening from 18, night from 22.
pub fn time_of_day(second: u32) -> TimeOfDay {
    match second / 3_600 {
        6..12 => TimeOfDay::Morning,
        12..18 => TimeOfDay::Afternoon,
        18..22 => TimeOfDay::Evening,
        _ => TimeOfDay::Night,
    }
}

/// The day of the week: 0 is Monday.
pub fn day_of_week(now: GameInstant) -> u8 {
    // The epoch was a Thursday.
    u8::try_from((now.day_index() + 3).rem_euclid(7)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moods_follow_from_valence_and_arousal() {
        assert_eq!(Moods::of(0.0, 0.0).names(), ["neutral"]);
        assert_eq!(Moods::of(60.0, 40.0).names(), ["happy", "energetic"]);
        assert_eq!(Moods::of(-60.0, -31.0).names(), ["sad", "tired"]);
        assert_eq!(Moods::of(-1.0, 31.0).names(), ["tense"]);
        assert_eq!(Moods::of(50.0, 30.0).names(), ["neutral"], "the bounds themselves are neutral");
        let named = Moods::named(&["calm".to_owned(), "Happy".to_owned()]).expect("moods");
        assert!(named.meets(Moods::of(0.0, -40.0)) && !named.meets(Moods::of(0.0, 0.0)));
        let errors = Moods::named(&["hapy".to_owned()]).expect_err("no mood");
        assert!(errors[0].contains("did you mean `happy`?"), "{errors:?}");
    }

    #[test]
    fn days_and_times_follow_the_calendar() {
        let at = |text: &str| text.parse::<GameInstant>().expect("an instant");
        assert_eq!(day_of_week(at("2026-11-22T12:00:00Z")), 6, "a Sunday");
        assert_eq!(day_of_week(at("1969-12-29T00:00:00Z")), 0, "a Monday before the epoch");
        let hours = [(5, TimeOfDay::Night), (6, TimeOfDay::Morning), (12, TimeOfDay::Afternoon)];
        for (hour, time) in hours.into_iter().chain([(18, TimeOfDay::Evening), (22, TimeOfDay::Night)]) {
            assert_eq!(time_of_day(hour * 3_600), time, "{hour}");
        }
        assert_eq!(second_of_day(at("2077-01-01T01:00:01.5Z")), 3_601);
    }
}
