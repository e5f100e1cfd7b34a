//! When an NPC's turns are.

use crate::components::clock::GameInstant;
use crate::components::ids::StableId;

/// Ids that are neighbours: their turns are at the same instant.
const NEIGHBOURS: u64 = 8;

/// The first turn after `now` of an NPC whose turns are `interval` game microseconds apart.
///
/// Every NPC has its own place in the interval, which its id gives: turns are spread evenly over time, and stay so
/// however late some of them were.
pub(crate) fn next_turn(id: StableId, now: GameInstant, interval: i64) -> GameInstant {
    let interval = interval.max(1);
    let passed = now.as_micros().saturating_sub(phase(id, interval)).rem_euclid(interval);
    now.checked_add_micros(interval - passed).unwrap_or(GameInstant::MAX)
}

/// The place of an NPC in an interval.
///
/// Each eight neighbours share one: what is kept of them lies side by side in memory, and a step in which they have their
/// turns waits for it once. Of these places, multiples of the golden ratio lie evenly, however many there are.
fn phase(id: StableId, interval: i64) -> i64 {
    let part = (id.0 / NEIGHBOURS).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let place = (u128::from(part) * u128::from(interval.unsigned_abs())) >> 64;
    i64::try_from(place).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_turn_lies_ahead_by_an_interval_at_most(id: u64, now in -1_000_000_000_i64..1_000_000_000, interval in 1_i64..700_000_000) {
            let now = GameInstant::from_micros(now).expect("in the calendar");
            let next = next_turn(StableId(id), now, interval);
            let ahead = next.micros_since(now);
            prop_assert!(ahead > 0 && ahead <= interval);
            prop_assert_eq!(next_turn(StableId(id), next, interval).micros_since(next), interval);
        }
    }

    #[test]
    fn turns_are_spread_over_the_interval() {
        let now = GameInstant::from_micros(3_376_684_800_000_000).expect("in the calendar");
        let mut tenths = [0; 10];
        for id in 1..=1_000 {
            let ahead = next_turn(StableId(id), now, 60_000_000).micros_since(now) - 1;
            tenths[usize::try_from(ahead / 6_000_000).expect("a tenth")] += 1;
        }
        assert!(tenths.iter().all(|count| (95..=105).contains(count)), "{tenths:?}");
    }

    #[test]
    fn the_end_of_the_calendar_is_no_trap() {
        assert_eq!(next_turn(StableId(1), GameInstant::MAX, 60), GameInstant::MAX);
    }
}
