//! Signals of what is unusual in a sector: they begin at one strength, end at half of it, and say how long they may last.
//!
//! | strength | |
//! |---|---|
//! | 1 | a signal begins; magnitude 25 |
//! | 2, 3 | magnitude 50, 75 |
//! | 4 and more | magnitude 100 |
//! | below 0.5 | the signal ends: it is told once more, with what is left of it |
//!
//! A signal is told when it begins, when its magnitude has changed by 10 since it was last told, once a day, and when it
//! ends. In a sector's first week nothing is usual yet, and nothing is told.

// time: crowds: when a window of signals ends, and which of the day it is | world | `WorldClock` | each tick that a crowd lives

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};

use super::lengths::{Foretold, Lengths};
use super::unusual::{KINDS, Reading, deviations, dispersions, readings, values};
use super::usual::Usual;
use super::windows::Windows;
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::crowd::{Ground, Tallies};
use crate::messages::crowd::{CrowdSignal, CrowdSignalType};
use crate::systems::crowd::hours::CrowdModel;
use crate::world::spec::WorldSpec;

/// Days of a window of the day from which on it is known what is usual then.
const LEARNED_DAYS: u16 = 7;
/// Magnitude at which a signal begins, a quarter of the scale.
const BEGINS_AT: f64 = 25.0;
/// Strength below which a signal ends.
const ENDS_AT: f64 = 0.5;
/// Change of magnitude that is told.
const TOLD_CHANGE: f64 = 10.0;
/// Signals of a kind that a sector must have had for its own past to count, and not that of all sectors.
const OWN_PAST: usize = 3;

/// A signal that lasts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Lasting {
    /// Windows that it has lasted; 0 where there is none.
    windows: u32,
    /// Magnitude when it was last told.
    told: f32,
    /// How many windows longer it was expected to last when it began.
    foretold: u32,
}

/// What signals of a sector are made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct SectorSignals {
    lasting: [Lasting; KINDS],
    past: [Lengths; KINDS],
}

/// What is usual in each sector, the signals that last, and how long those before lasted. Persisted.
#[derive(Resource, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SignalBook {
    usual: Usual,
    sectors: Vec<SectorSignals>,
    /// Each kind, all sectors together.
    foretold: [Foretold; KINDS],
}

/// Which signals lasted in each window of the tick and each sector: a bit for each kind. Derived.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct CrowdNews {
    sectors: usize,
    lasting: Vec<u8>,
}

impl CrowdNews {
    /// The signals that lasted in this window and sector.
    pub(super) fn of(&self, window: usize, sector: usize) -> impl Iterator<Item = CrowdSignalType> {
        let bits = self.lasting.get(window * self.sectors + sector).copied().unwrap_or(0);
        CrowdSignalType::ALL.into_iter().filter(move |kind| bits & (1 << *kind as u8) != 0)
    }
}

/// A signal that is to be told.
struct Told {
    kind: CrowdSignalType,
    window: usize,
    sector: usize,
    magnitude: f64,
    reading: Reading,
    remaining: u32,
    error: Option<f64>,
}

impl SignalBook {
    fn fit(&mut self, sectors: usize, windows: usize) {
        self.usual.fit(sectors, windows);
        self.sectors.resize(sectors, SectorSignals::default());
    }

    /// The signals that last in a sector: their kinds, how many windows they have lasted, and their magnitudes when they
    /// were last told.
    pub(in crate::systems::crowd) fn lasting(
        &self,
        sector: usize,
    ) -> impl Iterator<Item = (CrowdSignalType, u32, f32)> {
        let signals = self.sectors.get(sector).map(|sector| sector.lasting).unwrap_or_default();
        let kinds = CrowdSignalType::ALL.into_iter().zip(signals);
        kinds.filter(|(_, signal)| signal.windows > 0).map(|(kind, signal)| (kind, signal.windows, signal.told))
    }

    /// Takes in what a sector's window came to. Gives what is to be told of it, and which signals last.
    fn take(&mut self, sector: usize, windows_a_day: usize, read: &[Reading; KINDS]) -> (Vec<(usize, f64, u32)>, u8) {
        let (mut told, mut lasting) = (Vec::new(), 0_u8);
        let Some(of_sector) = self.sectors.get_mut(sector) else { return (told, lasting) };
        let all = read.iter().zip(&mut of_sector.lasting).zip(&mut of_sector.past).zip(&mut self.foretold);
        for (kind, (((reading, signal), past), foretold)) in all.enumerate() {
            let magnitude = magnitude(reading.strength);
            if signal.windows == 0 && reading.strength < 1.0 {
                continue;
            }
            if signal.windows > 0 && reading.strength < ENDS_AT {
                past.note(signal.windows);
                foretold.end(signal.windows, signal.foretold);
                *signal = Lasting::default();
                told.push((kind, magnitude, 0));
                continue;
            }
            signal.windows = signal.windows.saturating_add(1);
            lasting |= 1 << kind;
            let known = if past.known() >= OWN_PAST { past } else { &mut foretold.lengths };
            let remaining = known.remaining(signal.windows);
            if signal.windows == 1 {
                signal.foretold = remaining;
            }
            let changed = (magnitude - f64::from(signal.told)).abs() >= TOLD_CHANGE;
            let daily = signal.windows.is_multiple_of(u32::try_from(windows_a_day).unwrap_or(u32::MAX).max(2));
            if signal.windows == 1 || changed || daily {
                signal.told = single(magnitude);
                told.push((kind, magnitude, remaining));
            }
        }
        (told, lasting)
    }
}

/// The magnitude of a strength: 25 for each time the strength at which a signal begins, 100 at most.
fn magnitude(strength: f64) -> f64 {
    ((BEGINS_AT * strength).clamp(0.0, 100.0) * 10.0).round() / 10.0
}

#[expect(clippy::cast_possible_truncation, reason = "single precision is kept")]
fn single(value: f64) -> f32 {
    value as f32
}

/// Tells what is unusual in each window and sector, and learns from it what is usual. Runs in `Tell`.
#[expect(clippy::too_many_arguments, reason = "what is read, what is remembered and what is told")]
pub fn tell_signals(
    model: Res<CrowdModel>,
    spec: Res<WorldSpec>,
    clock: Res<WorldClock>,
    ground: Res<Ground>,
    tallies: Res<Tallies>,
    mut book: ResMut<SignalBook>,
    mut news: ResMut<CrowdNews>,
    mut events: MessageWriter<CrowdSignal>,
) {
    let Some(now) = model.tick_ends(&clock) else { return };
    let windows = Windows::new(model.steps_a_day);
    let sectors = ground.sectors.len();
    book.fit(sectors, windows.a_day);
    let count = windows.count(&tallies);
    *news = CrowdNews { sectors, lasting: vec![0; count * sectors] };
    let (least, most) = tallies.price;
    let price = f64::from(least).midpoint(f64::from(most)).max(1.0);
    let spread: Vec<_> = (0..sectors).map(|sector| dispersions(&book.usual, sector, price)).collect();
    let mut all = Vec::new();
    for window in 0..count {
        let of_day = windows.of_day(windows.end(&tallies, window, now));
        let days = book.usual.days(of_day);
        for (sector, spread) in spread.iter().enumerate() {
            let sum = windows.sum(&tallies, window, sector);
            let (values, habits) = (values(&sum), book.usual.of(sector, of_day));
            let deviations = deviations(&habits, spread, price, days);
            let read = readings(&sum, &values, &habits, &deviations, price);
            if days >= LEARNED_DAYS {
                let (told, lasting) = book.take(sector, windows.a_day, &read);
                if let Some(news) = news.lasting.get_mut(window * sectors + sector) {
                    *news = lasting;
                }
                all.extend(told.into_iter().filter_map(|(kind, magnitude, remaining)| {
                    let error = book.foretold.get(kind).and_then(Foretold::error);
                    let (reading, kind) = (*read.get(kind)?, *CrowdSignalType::ALL.get(kind)?);
                    Some(Told { kind, window, sector, magnitude, reading, remaining, error })
                }));
            }
            book.usual.learn(sector, of_day, &values, &deviations);
        }
        book.usual.end(of_day);
    }
    if model.telling.signals == 0 {
        return;
    }
    if all.len() > model.telling.signals as usize {
        all = together(&all);
    }
    let end = |window| windows.end(&tallies, window, now);
    for told in &all {
        // What is told for all sectors has none of its own.
        let location = ground.sectors.get(told.sector).map_or_else(|| spec.id.to_string(), String::clone);
        events.write(told.event(location, end(told.window), windows.minutes()));
    }
}

impl Told {
    fn event(&self, location: String, end: GameInstant, minutes: u32) -> CrowdSignal {
        let error = self.error.map(|error| whole(error * f64::from(minutes)));
        CrowdSignal {
            signal_type: self.kind,
            location,
            sector: None,
            magnitude: self.magnitude,
            change_percent: Some(self.reading.change_percent),
            agent_count: Some(self.reading.agents),
            aggregation_timestamp: end,
            time_window_minutes: Some(minutes),
            predicted_duration_minutes: Some(self.remaining.saturating_mul(minutes)),
            predicted_duration_error_minutes: error,
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration in minutes, never negative")]
fn whole(value: f64) -> u32 {
    value.round() as u32
}

/// Each kind of each window once: the largest magnitude, the change on average, all agents, the longest that remains.
fn together(all: &[Told]) -> Vec<Told> {
    let mut sums: std::collections::BTreeMap<(usize, u8), (Told, f64)> = std::collections::BTreeMap::new();
    for told in all {
        let sum = sums.entry((told.window, told.kind as u8)).or_insert_with(|| {
            let nothing = Reading { agents: 0, change_percent: 0.0, ..told.reading };
            (Told { sector: usize::MAX, magnitude: 0.0, reading: nothing, remaining: 0, ..*told }, 0.0)
        });
        sum.0.magnitude = sum.0.magnitude.max(told.magnitude);
        sum.0.reading.change_percent += told.reading.change_percent;
        sum.0.reading.agents += told.reading.agents;
        sum.0.remaining = sum.0.remaining.max(told.remaining);
        sum.1 += 1.0;
    }
    let mean = |(mut told, count): (Told, f64)| {
        told.reading.change_percent = (told.reading.change_percent / count * 10.0).round() / 10.0;
        told
    };
    sums.into_values().map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(strength: f64) -> [Reading; KINDS] {
        let mut all = [Reading::default(); KINDS];
        all[0].strength = strength;
        all
    }

    #[test]
    fn a_signal_begins_at_one_strength_and_ends_at_half_of_it() {
        let mut book = SignalBook::default();
        book.fit(1, 24);
        let mut told = |strength| book.take(0, 24, &read(strength)).0;
        assert!(told(0.9).is_empty());
        assert_eq!(told(1.0), [(0, 25.0, 1)], "nothing is known of how long such things last");
        assert!(told(0.7).is_empty() && told(0.9).is_empty(), "it lasts, and has not changed by ten");
        assert_eq!(told(2.0), [(0, 50.0, 4)]);
        assert_eq!(told(9.0), [(0, 100.0, 5)]);
        assert_eq!(told(0.4), [(0, 10.0, 0)], "its end");
        assert!(told(0.6).is_empty());
        assert_eq!(told(1.0), [(0, 25.0, 4)], "the last one lasted five windows");
    }

    #[test]
    fn what_lasts_is_told_once_a_day() {
        let mut book = SignalBook::default();
        book.fit(1, 24);
        let told = (0..72).filter(|_| !book.take(0, 24, &read(1.5)).0.is_empty()).count();
        assert_eq!(told, 4, "when it begins, and at the ends of three days");
    }

    #[test]
    fn too_many_are_told_for_the_whole_crowd_and_no_agent_is_lost() {
        let one = |sector, agents, change_percent| Told {
            kind: CrowdSignalType::SocialUnrest,
            window: 3,
            sector,
            magnitude: 30.0,
            reading: Reading { strength: 1.2, change_percent, agents },
            remaining: 2,
            error: None,
        };
        let sums = together(&[one(0, 10, 50.0), one(1, 20, 100.0)]);
        assert_eq!(sums.len(), 1);
        assert_eq!((sums[0].reading.agents, sums[0].magnitude, sums[0].remaining), (30, 30.0, 2));
        assert!((sums[0].reading.change_percent - 75.0).abs() < 1e-9 && sums[0].sector == usize::MAX);
    }
}
