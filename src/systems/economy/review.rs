//! The choice of a role.
//!
//! What a role earns is judged by what everybody knows: mean prices of late, and whether more of its product is used
//! than made. Prices alone would set off a hog cycle. Few review at a time, and the more there is to gain the more of
//! them change: gradual reallocation keeps the cycle damped. How much of its time it could work in the role that it has,
//! everybody knows best itself: judged by the mean of its fellows, who cannot afford a tool would stand idle for good.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::conditions::Conditions;
use super::floor::Floor;
use super::model::{Economy, Recipe};
use crate::components::ids::StableId;
use crate::components::market::{Flow, Ledger, MarketStatistics, Role, RoleId, Trader};
use crate::systems::random::{Chance, Draws};

/// Pressure is bounded: a use of many times the production says no more than that there is too little.
const PRESSURE_RANGE: (f64, f64) = (0.5, 1.6);
/// Highest probability with which a review ends in a change.
const CHANGE_MAX: f64 = 0.5;
/// Utilisation counts for so much at least.
const UTILISATION_MIN: f64 = 0.05;

/// What an hour in a role brings, in minor units, at skill 1: its product's price times the cube of use over
/// production, less its inputs, times the share of their time that its members could work.
fn prospect(recipe: &Recipe, utilisation: f64, flow: impl Fn(usize) -> Flow) -> f64 {
    let product = flow(recipe.output.index());
    let pressure = if product.produced > 0.0 { product.used / product.produced } else { PRESSURE_RANGE.1 };
    let pressure = pressure.clamp(PRESSURE_RANGE.0, PRESSURE_RANGE.1);
    let revenue = product.price * pressure * pressure * pressure * recipe.quantity;
    let inputs = Economy::input_cost(recipe, |input| flow(input.index()).price);
    let profit = (revenue - inputs).max(revenue * recipe.subsistence);
    profit * utilisation
}

/// What an hour in each role brings, in minor units, at skill 1.
pub(super) fn prospects<'a>(
    economy: &'a Economy,
    statistics: &'a MarketStatistics,
    conditions: &'a Conditions,
) -> impl Iterator<Item = f64> + 'a {
    let flow = |index: usize| statistics.flows.iter().nth(index).copied().unwrap_or_default();
    let known = economy.roles.iter().zip(&statistics.roles).zip(&conditions.yields);
    known.map(move |((recipe, known), yields)| prospect(recipe, known.utilisation.max(UTILISATION_MIN), flow) * yields)
}

/// What its role brings to somebody who can work for `own` of its time in it, where the members could for `known`.
fn own_prospect(prospect: f64, own: f64, known: f64) -> f64 {
    prospect * own.max(UTILISATION_MIN) / known.max(UTILISATION_MIN)
}

/// Some review what they do for a living. Runs in `Review`.
pub fn review_roles(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    statistics: Res<MarketStatistics>,
    (ledger, conditions): (Res<Ledger>, Res<Conditions>),
    mut traders: Query<(&StableId, &mut Role), With<Trader>>,
    draws: Draws,
) -> Result {
    let parameters = &economy.parameters;
    let Floor { roster, prospects: promised, .. } = &mut *floor;
    promised.clear();
    promised.extend(prospects(&economy, &statistics, &conditions));
    let prospects = promised;
    let least = economy.usual_wage(&ledger, roster.len()) * 0.2;
    let draws = draws.of("economy.review");
    for (id, mut role) in &mut traders {
        role.hours += 1;
        let mut draw = draws.light_for_id(*id);
        if !draw.chance(1.0 / parameters.review_hours) {
            continue;
        }
        let here = role.id.index();
        let known = statistics.roles.get(here).map_or(1.0, |known| known.utilisation);
        let present = own_prospect(prospects.get(here).copied().unwrap_or(0.0), role.utilisation, known);
        let gain = |(index, prospect): (usize, &f64)| {
            if index == here { 0.0 } else { ((prospect - present) / present.max(least)).max(0.0) }
        };
        let best = prospects.iter().enumerate().map(gain).fold(0.0, f64::max);
        if !draw.chance((best * parameters.review_eagerness).min(CHANGE_MAX)) {
            continue;
        }
        let mut at = draw.unit() * prospects.iter().enumerate().map(gain).sum::<f64>();
        for (index, prospect) in prospects.iter().enumerate() {
            at -= gain((index, prospect));
            if at < 0.0 {
                let utilisation = statistics.roles.get(index).map_or(1.0, |known| known.utilisation);
                *role = Role { id: RoleId(u16::try_from(index)?), hours: 0, utilisation };
                break;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_idle_where_others_work_earns_less_and_never_nothing() {
        assert!((own_prospect(900.0, 1.0 / 3.0, 1.0) - 300.0).abs() < 1e-9);
        assert!((own_prospect(900.0, 0.9, 0.9) - 900.0).abs() < 1e-9);
        assert!((own_prospect(900.0, 0.0, 0.5) - 90.0).abs() < 1e-9);
        assert!(own_prospect(900.0, 0.0, 0.0).is_finite());
    }
}
