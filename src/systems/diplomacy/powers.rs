//! How powers move: what wars cost, what rest gives back, and what the economy makes of them.

use bevy_ecs::prelude::*;

use super::books::Sides;
use super::model::{Diplomacy, FactionModel};
use crate::components::faction::{Affairs, Faction, PowerLevels, Powers, RelationState, Relations, Usual};
use crate::components::market::MarketStatistics;

/// A war against a much stronger enemy costs so many times what one against an equal does, at most.
const OVERMATCH_MAX: f64 = 2.0;

/// What the day's wars mean to a faction.
#[derive(Debug, Clone, Copy, Default)]
struct Toll {
    /// Wars, each counted by how strong the enemy is against oneself: 1 for an equal.
    weight: f64,
}

/// Moves the powers of all factions by a day. Runs in `Hear`, after the calendar.
pub fn move_powers(
    model: Res<Diplomacy>,
    statistics: Option<Res<MarketStatistics>>,
    (relations, mut affairs): (Res<Relations>, ResMut<Affairs>),
    mut sides: ResMut<Sides>,
    mut factions: Query<(&Faction, &mut Powers)>,
) {
    let rates = statistics.map(|statistics| look_at_economy(&model, &statistics, &mut affairs)).unwrap_or_default();
    // All wars are weighed by the powers of the morning, so that no order of them matters.
    let mut military = vec![0.0; model.factions.len()];
    for (faction, powers) in &factions {
        military.get_mut(usize::from(faction.number)).into_iter().for_each(|place| *place = powers.now.military);
    }
    let tolls = weigh_wars(&relations, &military);
    for (faction, mut powers) in &mut factions {
        let number = usize::from(faction.number);
        let (Some(known), Some(toll)) = (model.factions.get(number), tolls.get(number)) else { continue };
        let target = target(&model, known, &powers.first, &rates);
        let moved =
            if toll.weight > 0.0 { worn(&model, &powers, &target, *toll) } else { rested(&model, &powers, &target) };
        powers.set_if_neq(moved);
    }
    sides.set_if_neq(Sides::of(&model, factions.iter()));
}

fn weigh_wars(relations: &Relations, military: &[f64]) -> Vec<Toll> {
    let mut tolls = vec![Toll::default(); military.len()];
    for (a, b) in relations.sides_in_state(RelationState::War) {
        let of = |number: u16| military.get(usize::from(number)).copied().unwrap_or_default();
        let both = of(a) + of(b);
        for (one, enemy) in [(a, b), (b, a)] {
            let weight = if both > 0.0 { (2.0 * of(enemy) / both).min(OVERMATCH_MAX) } else { 1.0 };
            tolls.get_mut(usize::from(one)).into_iter().for_each(|toll| toll.weight += weight);
        }
    }
    tolls
}

/// Powers after a day of war. Nothing heals by itself, but what the economy makes beyond what is usual makes up for losses,
/// and what it makes less adds to them.
fn worn(model: &Diplomacy, powers: &Powers, target: &PowerLevels, toll: Toll) -> Powers {
    let rules = &model.rules.conflict;
    let weight = toll.weight.min(rules.wars_max);
    let lose = |share: f64| {
        move |now: f64, first: f64| {
            let floor = (rules.floor * first).min(now);
            (now * (1.0 - (share * weight).min(1.0))).max(floor)
        }
    };
    let damaged = powers.now.with(&powers.first, lose(rules.damage));
    let left = PowerLevels {
        military: lose(rules.losses)(powers.now.military, powers.first.military),
        technology: powers.now.technology,
        ..damaged
    };
    let supplied = |left: f64, first: f64, target: f64| {
        let floor = (rules.floor * first).min(left);
        (left + rules.recovery * (target - first)).clamp(floor, target.max(left))
    };
    Powers {
        now: PowerLevels {
            military: supplied(left.military, powers.first.military, target.military),
            economy: supplied(left.economy, powers.first.economy, target.economy),
            ..left
        },
        first: powers.first,
        exhaustion: (powers.exhaustion + rules.exhaustion * weight).min(1.0),
    }
}

/// Powers after a day without war.
fn rested(model: &Diplomacy, powers: &Powers, target: &PowerLevels) -> Powers {
    let rules = &model.rules.conflict;
    let back = |now: f64, target: f64| {
        let next = now + rules.recovery * (target - now);
        // What is as good as there is there: a calm world stands still.
        if (next - target).abs() < 1e-9 { target } else { next }
    };
    Powers {
        now: powers.now.with(target, back),
        first: powers.first,
        exhaustion: (powers.exhaustion - rules.rest).max(0.0),
    }
}

/// What there is of each commodity against what is usual; nothing without an economy.
#[derive(Debug, Clone, Default)]
struct Rates {
    worth: Vec<f64>,
    weapons: f64,
}

/// To where the powers of a faction go back: what they were at first, moved by how its trades fare.
fn target(model: &Diplomacy, faction: &FactionModel, first: &PowerLevels, rates: &Rates) -> PowerLevels {
    let reach = model.rules.economy.reach;
    let fares = |lives: &[(usize, f64)]| -> f64 {
        let of = |(index, share): &(usize, f64)| share * (rates.worth.get(*index).copied().unwrap_or(1.0) - 1.0);
        lives.iter().map(of).sum()
    };
    let economy = fares(&faction.lives_from).clamp(-reach, reach);
    let military = if rates.worth.is_empty() { 0.0 } else { (rates.weapons - 1.0).clamp(-reach, reach) };
    PowerLevels {
        economy: (first.economy * (1.0 + economy)).min(crate::world::spec::POWER_MAX),
        military: (first.military * (1.0 + military)).min(crate::world::spec::POWER_MAX),
        ..*first
    }
}

/// Compares what the economy makes, and what it brings, with what is usual; and learns what is usual.
fn look_at_economy(model: &Diplomacy, statistics: &MarketStatistics, affairs: &mut Affairs) -> Rates {
    let count = model.commodities;
    if count == 0 || statistics.hours == 0 {
        return Rates::default();
    }
    let mut present = vec![Usual::default(); count];
    // Place by place: the same commodity stands `count` further on.
    for (index, flow) in statistics.flows.iter().enumerate() {
        let Some(sum) = present.get_mut(index % count) else { continue };
        sum.produced += flow.produced;
        sum.worth += flow.produced * flow.price;
    }
    if affairs.usual.len() != count {
        affairs.usual.clone_from(&present);
    }
    let days = model.rules.economy.usual_days.max(1.0);
    for (usual, now) in affairs.usual.iter_mut().zip(&present) {
        usual.produced += (now.produced - usual.produced) / days;
        usual.worth += (now.worth - usual.worth) / days;
    }
    let rate = |now: f64, usual: f64| if usual > 0.0 { now / usual } else { 1.0 };
    let worth = present.iter().zip(&affairs.usual).map(|(now, usual)| rate(now.worth, usual.worth)).collect();
    let made = |all: &[Usual]| -> f64 {
        model.weapons.iter().filter_map(|index| all.get(*index)).map(|usual| usual.produced).sum()
    };
    let weapons = if model.weapons.is_empty() { 1.0 } else { rate(made(&present), made(&affairs.usual)) };
    Rates { worth, weapons }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::spec::WorldSpec;

    fn model() -> Diplomacy {
        Diplomacy::new(&WorldSpec::default_world().expect("a valid world file")).expect("diplomacy")
    }

    /// So many days of a war against an equal, while so much of everything is made against what is usual.
    fn at_war(days: u32, rate: f64) -> Powers {
        let model = model();
        let first = PowerLevels { military: 50.0, economy: 40.0, territory: 30.0, technology: 35.0, morale: 0.9 };
        let faction = FactionModel { lives_from: vec![(0, 1.0)], ..model.factions[0].clone() };
        let rates = Rates { worth: vec![rate; model.commodities], weapons: rate };
        let target = target(&model, &faction, &first, &rates);
        let powers = Powers { now: first, first, exhaustion: 0.0 };
        (0..days).fold(powers, |powers, _| worn(&model, &powers, &target, Toll { weight: 1.0 }))
    }

    #[test]
    fn weapons_made_in_a_war_arm_who_wages_it() {
        let [poor, usual, rich] = [0.6, 1.0, 1.4].map(|rate| at_war(20, rate).now);
        // 1% of losses a day without anything else.
        assert!((usual.military - 50.0 * 0.99_f64.powi(20)).abs() < 1e-9, "{usual:?}");
        assert!(poor.military < 0.9 * usual.military && rich.military > 1.1 * usual.military, "{poor:?} {rich:?}");
        assert!(poor.economy < 0.9 * usual.economy && rich.economy > 1.1 * usual.economy, "{poor:?} {rich:?}");
        let others = |of: PowerLevels| [of.territory, of.technology, of.morale].map(f64::to_bits);
        assert_eq!(others(poor), others(rich));
        // However long it lasts: not below the floor, nor beyond what the economy can make of them.
        let (least, most) = (at_war(3_000, 0.0), at_war(3_000, 9.0));
        assert!((least.now.military - 10.0).abs() < 1e-9 && (least.now.economy - 8.0).abs() < 1e-9, "{least:?}");
        assert!(most.now.military <= 75.0 && most.now.military > 45.0 && most.now.economy <= 60.0, "{most:?}");
        assert!([least, most].iter().all(|powers| powers.exhaustion >= 1.0));
    }
}
