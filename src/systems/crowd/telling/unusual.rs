//! How unusual a sector's window is, for each kind of signal: its strength, 1 where a signal begins.
//!
//! A value is held against what is usual in this sector at this time of the day. Its strength is the lesser of two: how
//! many times five standard deviations it is off, and how many times a quarter of the usual (of the usual population, where
//! people come and go; of a fifth of it, where they get nothing to eat). The deviation is the largest of three: that of the
//! days before, that which counts of so many agents have by chance (Poisson), and that times how much more than chance this
//! sector varies at any time of the day. So a handful of agents in a small sector is no signal, nor is a per cent in a large
//! one.

use super::usual::{Habit, MEASURES, Measure, Usual, Values};
use super::windows::Sum;
use crate::messages::crowd::CrowdSignalType;

/// Kinds of signals.
pub(super) const KINDS: usize = CrowdSignalType::ALL.len();

/// Standard deviations at which a signal begins.
const DEVIATIONS: f64 = 5.0;
/// Share of the usual at which a signal begins.
const SHARE: f64 = 0.25;
/// Share of a sector's people that may get nothing to eat and be used to it: more of them are never usual.
const USED_TO: f64 = 0.05;
/// Share of a sector's people of whom unrest is counted: it begins with a quarter of them more than usual.
const UNREST_OF: f64 = 0.2;

/// A kind of signal in a window of a sector.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Reading {
    /// 1 where a signal begins; below 0 where things are off the other way.
    pub(super) strength: f64,
    /// Change against the usual, in percent.
    pub(super) change_percent: f64,
    /// Agents behind it.
    pub(super) agents: u64,
}

/// What each measure of a window came to.
pub(super) fn values(sum: &Sum) -> Values {
    let steps = f64::from(sum.steps.max(1));
    let mut values = [0.0; MEASURES];
    let mut set = |measure: Measure, value: f64| {
        if let Some(place) = values.get_mut(measure as usize) {
            *place = value;
        }
    };
    set(Measure::Hungry, real(sum.hungry) / steps);
    set(Measure::Net, real(sum.entered) - real(sum.left));
    set(Measure::Spent, real(sum.spent));
    set(Measure::Discontent, real(sum.discontent) / steps);
    set(Measure::Trades, real(sum.trades));
    set(Measure::Present, f64::from(sum.present));
    set(Measure::Moved, real(sum.entered) + real(sum.left));
    values
}

/// A count as a float.
#[expect(clippy::cast_precision_loss, reason = "counts of a window and amounts of money are far below 2^53")]
pub(super) fn real(count: u64) -> f64 {
    count as f64
}

fn of(habits: &[Habit; MEASURES], measure: Measure) -> Habit {
    habits.get(measure as usize).copied().unwrap_or_default()
}

const ALL: [Measure; MEASURES] = [
    Measure::Hungry,
    Measure::Net,
    Measure::Spent,
    Measure::Discontent,
    Measure::Trades,
    Measure::Present,
    Measure::Moved,
];

/// What variance chance alone gives where this is usual; `price` is what a meal costs.
fn by_chance(measure: Measure, habits: &[Habit; MEASURES], price: f64) -> f64 {
    match measure {
        Measure::Net => of(habits, Measure::Moved).mean() + 1.0,
        Measure::Spent => (of(habits, measure).mean() / price + 1.0) * price * price,
        _ => of(habits, measure).mean() + 1.0,
    }
}

/// How many times the variance of chance each measure of a sector has over the day; at least once.
pub(super) fn dispersions(usual: &Usual, sector: usize, price: f64) -> Values {
    ALL.map(|measure| {
        let (mut seen, mut chance) = (0.0, 0.0);
        for habits in usual.of_sector(sector) {
            seen += of(habits, measure).variance();
            chance += by_chance(measure, habits, price);
        }
        if chance > 0.0 { (seen / chance).max(1.0) } else { 1.0 }
    })
}

/// The standard deviation of each measure.
pub(super) fn deviations(habits: &[Habit; MEASURES], dispersions: &Values, price: f64, days: u16) -> Values {
    // The mean is itself not known better than so many days make it.
    let unknown = 1.0 + 1.0 / f64::from(days.max(1));
    let mut deviations = *dispersions;
    for (deviation, measure) in deviations.iter_mut().zip(ALL) {
        let variance = of(habits, measure).variance().max(*deviation * by_chance(measure, habits, price));
        *deviation = (variance * unknown).sqrt();
    }
    deviations
}

/// How unusual a window is, for each kind of signal in their order.
pub(super) fn readings(
    sum: &Sum,
    values: &Values,
    habits: &[Habit; MEASURES],
    deviations: &Values,
    price: f64,
) -> [Reading; KINDS] {
    let at = |all: &Values, measure: Measure| all.get(measure as usize).copied().unwrap_or(0.0);
    let people = of(habits, Measure::Present).mean().max(1.0);
    // Off by so much, upwards: what is usual, and what a share of it is counted of.
    let off = |measure: Measure, usual: f64, whole: f64| {
        let off = at(values, measure) - usual;
        let by_chance = off.abs() / (DEVIATIONS * at(deviations, measure).max(f64::MIN_POSITIVE));
        let strength = by_chance.min(off.abs() / (SHARE * whole)) * off.signum();
        let change_percent = (off / whole * 1_000.0).clamp(-1e8, 1e8).round() / 10.0;
        Reading { strength, change_percent, agents: 0 }
    };
    let usually = |measure: Measure| of(habits, measure).mean();
    let hungry = off(Measure::Hungry, usually(Measure::Hungry), usually(Measure::Hungry).max(1.0));
    let come = off(Measure::Net, usually(Measure::Net), people);
    let spent = off(Measure::Spent, usually(Measure::Spent), usually(Measure::Spent).max(price));
    let patience = usually(Measure::Discontent).min(USED_TO * people);
    let unrest = off(Measure::Discontent, patience, people * UNREST_OF);
    let trades = off(Measure::Trades, usually(Measure::Trades), usually(Measure::Trades).max(1.0));
    let per_step = |count: u64| count.div_ceil(u64::from(sum.steps.max(1)));
    CrowdSignalType::ALL.map(|kind| match kind {
        CrowdSignalType::FoodDemandRising => Reading { agents: per_step(sum.hungry), ..hungry },
        CrowdSignalType::FoodDemandFalling => {
            Reading { agents: per_step(sum.hungry), strength: -hungry.strength, ..hungry }
        }
        CrowdSignalType::PopulationInflux => Reading { agents: sum.entered, ..come },
        CrowdSignalType::PopulationExodus => Reading { agents: sum.left, strength: -come.strength, ..come },
        CrowdSignalType::EconomicActivitySpike => Reading { agents: sum.meals + 2 * sum.trades, ..spent },
        CrowdSignalType::SocialUnrest => Reading { agents: per_step(sum.discontent), ..unrest },
        CrowdSignalType::TradingVolumeChange => {
            Reading { agents: 2 * sum.trades, strength: trades.strength.abs(), ..trades }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(days: u16, sum: &Sum) -> Usual {
        let mut usual = Usual::default();
        usual.fit(1, 1);
        for _ in 0..days {
            usual.learn(0, 0, &values(sum), &[1e9; MEASURES]);
            usual.end(0);
        }
        usual
    }

    fn strengths(usual: &Usual, sum: &Sum) -> [Reading; KINDS] {
        let habits = usual.of(0, 0);
        let spread = dispersions(usual, 0, 850.0);
        readings(sum, &values(sum), &habits, &deviations(&habits, &spread, 850.0, usual.days(0)), 850.0)
    }

    const CALM: Sum = Sum {
        steps: 1,
        present: 1_000,
        present_steps: 1_000,
        entered: 100,
        left: 100,
        hungry: 80,
        discontent: 2,
        meals: 60,
        trades: 40,
        spent: 60 * 850 + 40 * 500,
        actions: 700,
    };

    #[test]
    fn the_usual_is_no_signal_and_each_kind_has_its_own_cause() {
        let usual = after(10, &CALM);
        assert!(strengths(&usual, &CALM).iter().all(|reading| reading.strength.abs() < 1e-3));
        let above = |sum: &Sum| -> Vec<CrowdSignalType> {
            let kinds = CrowdSignalType::ALL.into_iter().zip(strengths(&usual, sum));
            kinds.filter(|(_, reading)| reading.strength >= 1.0).map(|(kind, _)| kind).collect()
        };
        assert_eq!(above(&Sum { hungry: 200, ..CALM }), [CrowdSignalType::FoodDemandRising]);
        assert_eq!(above(&Sum { hungry: 20, ..CALM }), [CrowdSignalType::FoodDemandFalling]);
        assert_eq!(above(&Sum { entered: 500, ..CALM }), [CrowdSignalType::PopulationInflux]);
        assert_eq!(above(&Sum { left: 500, ..CALM }), [CrowdSignalType::PopulationExodus]);
        assert_eq!(above(&Sum { spent: 170_000, ..CALM }), [CrowdSignalType::EconomicActivitySpike]);
        assert_eq!(above(&Sum { discontent: 90, ..CALM }), [CrowdSignalType::SocialUnrest]);
        assert_eq!(above(&Sum { trades: 100, ..CALM }), [CrowdSignalType::TradingVolumeChange]);
        assert_eq!(above(&Sum { trades: 2, ..CALM }), [CrowdSignalType::TradingVolumeChange]);
        assert_eq!(above(&Sum { hungry: 90, entered: 110, trades: 45, ..CALM }), [], "a little is chance");
    }

    #[test]
    fn unrest_is_never_usual() {
        let usual = after(40, &Sum { discontent: 400, ..CALM });
        let unrest = strengths(&usual, &Sum { discontent: 400, ..CALM })[5];
        assert!(unrest.strength >= 1.0, "{unrest:?}");
        assert_eq!(unrest.agents, 400);
    }
}
