//! The choice of a role, and of a place.
//!
//! What a role earns is judged by what everybody knows: mean prices of late, and whether more of its product is used
//! than made. Prices alone would set off a hog cycle. Few review at a time, and the more there is to gain the more of
//! them change: gradual reallocation keeps the cycle damped. How much of its time it could work in the role that it has,
//! everybody knows best itself: judged by the mean of its fellows, who cannot afford a tool would stand idle for good.

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::moving::Outlook;
use crate::components::ids::StableId;
use crate::components::market::{Flow, Ledger, MarketStatistics, PlaceId, Purse, Role, RoleId, Trader};
use crate::systems::economy::floor::Floor;
use crate::systems::economy::influences::conditions::Conditions;
use crate::systems::economy::maths::real;
use crate::systems::economy::model::{Economy, Recipe};
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
    let revenue = product.price * pressure * pressure * pressure * recipe.usual_quantity;
    let inputs = Economy::input_cost(recipe, |input| flow(input.index()).price);
    let profit = (revenue - inputs).max(revenue * recipe.subsistence);
    profit * utilisation
}

/// What an hour in each role brings at each place, in minor units, at skill 1: place by place.
pub(crate) fn prospects<'a>(
    economy: &'a Economy,
    statistics: &'a MarketStatistics,
    conditions: &'a Conditions,
) -> impl Iterator<Item = f64> + 'a {
    economy.place_ids().zip(&economy.places).flat_map(move |(place, spec)| {
        let flows = statistics.flows_at(place, economy.commodities.len());
        let flow = move |index: usize| flows.get(index).copied().unwrap_or_default();
        let known = spec.recipes.iter().zip(statistics.roles_at(place, economy.roles.len()));
        known.zip((0..).map(RoleId)).map(move |((recipe, known), id)| {
            prospect(recipe, known.utilisation.max(UTILISATION_MIN), flow) * conditions.yield_of(place, id)
        })
    })
}

/// What its role brings to somebody who can work for `own` of its time in it, where the members could for `known`.
fn own_prospect(prospect: f64, own: f64, known: f64) -> f64 {
    prospect * own.max(UTILISATION_MIN) / known.max(UTILISATION_MIN)
}

/// Some review what they do for a living, and where. Runs in `Review`, after who comes and goes.
pub fn review_roles(
    economy: Res<Economy>,
    mut floor: ResMut<Floor>,
    (statistics, ledger, conditions): (Res<MarketStatistics>, Res<Ledger>, Res<Conditions>),
    mut traders: Query<(Entity, &StableId, &mut Role, Option<&PlaceId>), With<Trader>>,
    owners: Query<(&Trader, &Purse)>,
    draws: Draws,
    // What each role promises, place by place: memory only.
    mut promised: Local<Vec<f64>>,
) -> Result {
    let parameters = &economy.parameters;
    let movers = &mut floor.movers;
    promised.clear();
    promised.extend(prospects(&economy, &statistics, &conditions));
    movers.clear();
    let prospects = promised.chunks_exact(economy.roles.len().max(1));
    let outlook = Outlook::of(&economy, &statistics);
    let least = economy.usual_wage(ledger.money_of_traders(), traders.iter().len()) * 0.2;
    let draws = draws.of("economy.review");
    for (entity, id, mut role, place) in &mut traders {
        role.hours += 1;
        let mut draw = draws.light_for_id(*id);
        if !draw.chance(1.0 / parameters.review_hours) {
            continue;
        }
        let here = PlaceId::of(place);
        let own = || {
            owners.get(entity).map_or(0.0, |(trader, purse)| {
                real(purse.free().0) / parameters.spending_hours / trader.skill.max(0.01)
            })
        };
        // Who has no place of its own stays where it is.
        let view = place.filter(|_| economy.has_places()).map(|here| outlook.from(*here, own()));
        let there = (0..).map(PlaceId).zip(prospects.clone());
        let there = there.filter(|(place, _)| *place == here || view.is_some());
        let offers = there.flat_map(|(place, promised)| {
            let view = view.filter(|_| place != here);
            (0..)
                .map(RoleId)
                .zip(promised)
                .map(move |(role, promised)| (place, role, view.map_or(*promised, |view| view.worth(place, *promised))))
        });
        let present = prospects.clone().nth(here.index()).and_then(|promised| promised.get(role.id.index()));
        let known = statistics.roles_at(here, economy.roles.len()).get(role.id.index());
        let known = known.map_or(1.0, |known| known.utilisation);
        let present = own_prospect(present.copied().unwrap_or(0.0), role.utilisation, known);
        let now = (here, role.id);
        // What it does already is no change, however the others fare in it.
        let gain = |place: PlaceId, id: RoleId, prospect: f64| {
            if (place, id) == now { 0.0 } else { ((prospect - present) / present.max(least)).max(0.0) }
        };
        let best = offers.clone().map(|(place, id, prospect)| gain(place, id, prospect)).fold(0.0, f64::max);
        if !draw.chance((best * parameters.review_eagerness).min(CHANGE_MAX)) {
            continue;
        }
        let mut at = draw.unit() * offers.clone().map(|(place, id, prospect)| gain(place, id, prospect)).sum::<f64>();
        for (place, id, prospect) in offers {
            at -= gain(place, id, prospect);
            if at < 0.0 {
                let known = statistics.roles_at(place, economy.roles.len()).get(id.index());
                *role = Role { id, hours: 0, utilisation: known.map_or(1.0, |known| known.utilisation) };
                if place != here {
                    movers.push((entity, place));
                }
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
