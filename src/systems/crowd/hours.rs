//! The systems of a crowd: what it hears, its steps, what it tells the economy.

// time: crowds: the hour of the day of a step | world | `WorldClock` | each tick that a crowd lives

use bevy_ecs::error::{BevyError, Result};
use bevy_ecs::prelude::*;
use bevy_tasks::ComputeTaskPool;

use super::found::{found_books, found_crowd, found_ground};
use super::params::Params;
use super::step::{CrowdFloor, Terms, live_steps};
use crate::components::clock::{GameInstant, WorldClock};
use crate::components::crowd::{Crowd, CrowdBooks, Ground, Tallies};
use crate::components::market::{CommodityId, Market};
use crate::messages::TickType;
use crate::messages::outside::{EconomySignal, FOOD_DEMAND_RANGE, SignalKind};
use crate::systems::random::WorldSeed;
use crate::world::spec::{RulePreset, TellingSpec, WorldSpec};

/// As whom the crowd speaks to the economy.
const SOURCE: &str = "crowd";
/// Changes of demand below this many percent are not told.
const TOLD_FROM: f64 = 2.0;
/// Nor are those of fewer standard deviations of what so many meals a day have by chance (Poisson).
const DEVIATIONS: f64 = 3.0;

/// The rules of a crowd as its steps compute with them.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct CrowdModel {
    /// The rules.
    pub params: Params,
    /// Steps of a day.
    pub steps_a_day: u32,
    /// Steps that a tick brings.
    pub steps_a_tick: u32,
    /// Meals that each vendor has room for.
    pub stock: Option<u16>,
    /// The commodity that meals are made of.
    pub commodity: Option<CommodityId>,
    /// Which rules they are.
    pub preset: RulePreset,
    /// Hours of a working day; 0 where nobody works.
    pub work_hours: f64,
    /// What is told.
    pub telling: TellingSpec,
}

/// What the crowd knows of the food market. Derived: heard anew before each tick.
#[derive(Resource, Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FoodMarket {
    /// Price of a unit, in minor units; nothing where no market says.
    pub price: Option<u32>,
    /// How much of their room vendors can fill up, in thousandths.
    pub supply_milli: u32,
}

impl CrowdModel {
    /// The instant at which what the crowd lives with this tick ends.
    pub(super) fn tick_ends(&self, clock: &WorldClock) -> Option<GameInstant> {
        clock.tick_time(if self.steps_a_tick < self.steps_a_day { TickType::Hourly } else { TickType::Daily })
    }
}

/// Makes the ground, and the crowd where none was restored. Runs in `WorldReady`.
///
/// # Errors
/// When the crowd that was saved is not of this world file.
pub fn ready_crowd(
    spec: Res<WorldSpec>,
    seed: Res<WorldSeed>,
    mut ground: ResMut<Ground>,
    mut crowd: ResMut<Crowd>,
    mut books: ResMut<CrowdBooks>,
) -> Result {
    let Some(spec) = &spec.crowd else { return Ok(()) };
    *ground = found_ground(spec, seed.0);
    let mut begun = found_crowd(spec, seed.0, &ground);
    if crowd.is_empty() {
        *books = found_books(spec, &begun);
        *crowd = begun;
        return Ok(());
    }
    begun.take_state(std::mem::take(&mut *crowd), (ground.width, ground.height)).map_err(BevyError::from)?;
    for chunk in &mut begun.chunks {
        for ((x, y), sector) in chunk.x.iter().zip(&chunk.y).zip(&mut chunk.sector) {
            *sector = ground.sector(*x, *y);
        }
    }
    *crowd = begun;
    Ok(())
}

/// What food costs where it is traded, on average over the places, and how much of what was wanted there was. Runs in `Hear`.
pub fn hear_market(model: Res<CrowdModel>, mut heard: ResMut<FoodMarket>, markets: Query<&Market>) {
    let (mut count, mut prices, mut sold, mut missed) = (0_i64, 0_i64, 0_i64, 0_i64);
    for market in markets.iter().filter(|market| Some(market.commodity) == model.commodity) {
        count += 1;
        prices = prices.saturating_add(market.price.0);
        sold = sold.saturating_add(market.volume.0);
        missed = missed.saturating_add(market.bids_unfilled.0);
    }
    let price = prices.checked_div(count).map(|price| u32::try_from(price.max(1)).unwrap_or(u32::MAX));
    // Vendors get as much of what they want as everybody else who bids.
    let supplied = sold.saturating_mul(1_000).checked_div(sold.saturating_add(missed));
    let supply_milli = supplied.filter(|_| count > 0).and_then(|share| u32::try_from(share).ok()).unwrap_or(1_000);
    *heard = FoodMarket { price, supply_milli };
}

/// The crowd lives the steps of the tick. Runs in `Live`.
#[expect(clippy::too_many_arguments, reason = "the parts of a crowd, and what its steps depend on")]
pub fn live_tick(
    model: Res<CrowdModel>,
    clock: Res<WorldClock>,
    seed: Res<WorldSeed>,
    market: Res<FoodMarket>,
    ground: Res<Ground>,
    mut crowd: ResMut<Crowd>,
    mut books: ResMut<CrowdBooks>,
    mut tallies: ResMut<Tallies>,
    mut floor: ResMut<CrowdFloor>,
) {
    // A tick ends the hours that it is about.
    let now = model.tick_ends(&clock).map_or(0, |now| u32::from(now.hour_of_day()));
    let hours = model.steps_a_tick * 24 / model.steps_a_day.max(1);
    let terms = Terms {
        seed: seed.0,
        steps_a_day: model.steps_a_day,
        hour: (now + 24 - hours % 24) % 24,
        price: market.price.map_or(model.params.price, |price| (price, price)),
        stock: model.stock,
        supply_milli: market.supply_milli,
        samples: model.telling.action_samples,
    };
    live_steps(
        model.steps_a_tick,
        &terms,
        &model.params,
        &ground,
        &mut crowd,
        &mut books,
        &mut tallies,
        &mut floor,
        ComputeTaskPool::try_get().map(|pool| &**pool),
    );
}

/// How much more or less than usual the crowd wants to eat is felt in the economy for as long as the next tick is away: the
/// last day against the last week. Runs in `Tell`.
pub fn tell_demand(model: Res<CrowdModel>, books: Res<CrowdBooks>, mut signals: MessageWriter<EconomySignal>) {
    // In the first week there is nothing usual yet.
    let settled = u64::from(model.steps_a_day) * 7;
    if model.commodity.is_none() || books.steps < settled {
        return;
    }
    if let Some(change_percent) = change(books.recent_meals_micro, books.usual_meals_micro, model.steps_a_day) {
        let hours = (model.steps_a_tick * 24).div_ceil(model.steps_a_day.max(1));
        signals.write(EconomySignal { source: SOURCE.into(), hours, kind: SignalKind::FoodDemand { change_percent } });
    }
}

/// By how many percent demand differs from the usual, where that is more than chance. Both are meals of a step in
/// millionths.
#[expect(clippy::cast_precision_loss, reason = "meals of a step are far below 2^53 millionths")]
fn change(recent: u64, usual: u64, steps_a_day: u32) -> Option<f64> {
    if usual == 0 {
        return None;
    }
    let change = (recent as f64 - usual as f64) / usual as f64 * 100.0;
    let meals_a_day = usual as f64 * f64::from(steps_a_day) / 1e6;
    let chance = DEVIATIONS * 100.0 / meals_a_day.sqrt();
    let (least, most) = FOOD_DEMAND_RANGE;
    (change.abs() >= chance.max(TOLD_FROM)).then(|| change.max(least).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_beyond_chance_are_told_and_within_bounds() {
        let meals = |count: u64| count * 1_000_000;
        let changes = |recent, usual| change(meals(recent), meals(usual), 24);
        assert_eq!(changes(101_000, 100_000), None, "too little");
        assert_eq!(changes(103_000, 100_000), Some(3.0));
        assert_eq!((changes(120, 100), changes(12, 8)), (Some(20.0), Some(50.0)));
        assert_eq!((changes(105, 100), changes(9, 8)), (None, None), "a few eat as they like");
        assert_eq!(changes(0, 100), Some(FOOD_DEMAND_RANGE.0));
        assert_eq!(changes(1_000_000, 100), Some(FOOD_DEMAND_RANGE.1));
        assert_eq!(changes(5, 0), None);
    }
}
