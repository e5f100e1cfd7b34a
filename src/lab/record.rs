//! What is written down of a run: every hour's measures.

use bevy_ecs::prelude::*;

use super::experiment::LabError;
use super::numbers::real;
use crate::components::market::{
    CommodityId, Distribution, GoodsEntry, Ledger, Market, MarketStatistics, PlaceId, Purse, Stock, Trader,
};
use crate::components::money::Money;
use crate::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use crate::messages::{EventRecord, SimulationEvent};
use crate::systems::economy::telling::spread::{describe, richest_share};
use crate::systems::economy::worth;
use crate::testing::Stepper;
use crate::world::spec::{EconomySpec, Implied, WorldSpec};

/// Events that a record keeps at most; the rest are counted.
pub const EVENTS_MAX: usize = 10_000;

/// An hour of a market.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MarketSample {
    /// Clearing price in minor units; without trades, the last one.
    pub price: f64,
    /// Units traded.
    pub volume: i64,
    /// Units wanted and not bought.
    pub bids_unfilled: i64,
    /// Units offered and not sold.
    pub asks_unfilled: i64,
    /// Share of the surplus that the orders' own limits allowed and that was realised, 0 to 1.
    pub efficiency: Option<f64>,
    /// Units made; of a world with several places those of all of them, with the market at the first.
    pub produced: i64,
    /// Units eaten and enjoyed; of a world with several places those of all of them, with the market at the first.
    pub consumed: i64,
    /// Units that came from outside.
    pub imported: i64,
}

/// An hour of a role.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RoleSample {
    /// Agents in it.
    pub count: u64,
    /// Their output against what their skill allows, of late, 0 to 1.
    pub utilisation: f64,
}

/// How money or wealth is spread among the agents, in the words and by the measures of the worlds themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// A tenth has less, in minor units.
    pub low: f64,
    /// Half has less, in minor units.
    pub median: f64,
    /// A tenth has more, in minor units.
    pub high: f64,
    /// Share of the whole that the richest hundredth has; of fewer than two hundred agents, the richest one.
    pub top_share: f64,
    /// The Gini coefficient, 0 (all have the same) to 1.
    pub gini: f64,
}

impl Spread {
    /// Of these amounts in minor units, in any order.
    pub fn of(mut amounts: Vec<f64>) -> Self {
        let Distribution { p10, median, p90, gini, .. } = describe(&mut amounts);
        Self { low: p10, median, high: p90, top_share: richest_share(&amounts), gini }
    }
}

/// An hour of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// Its number, from 1.
    pub hour: u32,
    /// Each commodity's market, place by place in the order of the world file.
    pub markets: Vec<MarketSample>,
    /// Each role, in the order of the world file.
    pub roles: Vec<RoleSample>,
    /// Needs of the hour, in units.
    pub meals_due: u64,
    /// Needs of the hour that were met.
    pub meals_met: u64,
    /// Sum of the agents' skills: hours of ordinary work that they can do in the hour.
    pub work_force: f64,
    /// How money is spread.
    pub money: Spread,
    /// How money and goods together are spread, the goods at the prices of the hour.
    pub wealth: Spread,
}

/// What is told in every hour or day, whatever happens.
const ROUTINE: [&str; 3] = [MarketCleared::EVENT_TYPE, DemandSignal::EVENT_TYPE, AggregatedStats::EVENT_TYPE];

/// Something that the world told of because it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct NotedEvent {
    /// The hour in which it was told.
    pub hour: u32,
    /// Its event type.
    pub event_type: String,
    /// What it says.
    pub payload: serde_json::Map<String, serde_json::Value>,
}

/// A run, hour by hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Name of the world.
    pub world: String,
    /// Its seed.
    pub seed: u64,
    /// Names of the markets: of the commodities, with several places `<place>-<commodity>`.
    pub commodities: Vec<String>,
    /// Names of the roles.
    pub roles: Vec<String>,
    /// What the world file implies; prices and work for each market. Where work makes more at one place than at another no
    /// price is implied: all are 0.
    pub implied: Implied,
    /// Agents at the beginning.
    pub agents: usize,
    /// The hours.
    pub samples: Vec<Sample>,
    /// What was told, other than in every hour or day anyway; the first [`EVENTS_MAX`].
    pub events: Vec<NotedEvent>,
    /// Events beyond those.
    pub events_left_out: usize,
    totals: Vec<[i64; 3]>,
}

impl Record {
    /// An empty record of a world that has just begun.
    pub(super) fn begin(spec: &WorldSpec, world: &mut Stepper) -> Result<Self, LabError> {
        let economy = spec.economy.as_ref().ok_or_else(|| LabError::NoEconomy(spec.id.to_string()))?;
        let ecs = world.world().ecs();
        Ok(Self {
            world: spec.id.to_string(),
            seed: spec.seed,
            commodities: names(economy),
            roles: economy.roles.iter().map(|role| role.name.clone()).collect(),
            implied: implied(economy)?,
            agents: ecs.query::<&Trader>().iter(ecs).count(),
            samples: Vec::new(),
            events: Vec::new(),
            events_left_out: 0,
            totals: vec![[0; 3]; economy.commodities.len()],
        })
    }

    /// Writes down the hour that the world has just lived.
    pub(super) fn take(&mut self, hour: u32, world: &mut Stepper) {
        for event in world.take_events() {
            self.note(hour, event);
        }
        let ecs = world.world().ecs();
        let mut sample =
            Sample { hour, markets: vec![MarketSample::default(); self.commodities.len()], ..Sample::default() };
        let mut prices = vec![Money::ZERO; self.commodities.len()];
        for (market, place) in ecs.query::<(&Market, Option<&PlaceId>)>().iter(ecs) {
            let index = PlaceId::of(place).index() * self.totals.len() + market.commodity.index();
            if let (Some(place), Some(price)) = (sample.markets.get_mut(index), prices.get_mut(index)) {
                *price = market.price;
                *place = MarketSample {
                    price: real(market.price.0),
                    volume: market.volume.0,
                    bids_unfilled: market.bids_unfilled.0,
                    asks_unfilled: market.asks_unfilled.0,
                    efficiency: market.efficiency,
                    ..MarketSample::default()
                };
            }
        }
        if let Some(ledger) = ecs.get_resource::<Ledger>() {
            for (number, (totals, market)) in (0_u16..).zip(self.totals.iter_mut().zip(&mut sample.markets)) {
                let sum = |entry| ledger.goods(CommodityId(number), entry);
                let consumed = sum(GoodsEntry::Eaten) + sum(GoodsEntry::Enjoyed);
                let now = [sum(GoodsEntry::Produced), consumed, sum(GoodsEntry::Imported)];
                (market.produced, market.consumed) = (now[0] - totals[0], now[1] - totals[1]);
                market.imported = now[2] - totals[2];
                *totals = now;
            }
        }
        if let Some(statistics) = ecs.get_resource::<MarketStatistics>() {
            let known = statistics.roles_everywhere(self.roles.len());
            sample.roles =
                known.iter().map(|role| RoleSample { count: role.count, utilisation: role.utilisation }).collect();
            (sample.meals_due, sample.meals_met) = (statistics.meals_due, statistics.meals_met);
        }
        let (mut money, mut wealth) = (Vec::new(), Vec::new());
        for (trader, purse, stock, place) in ecs.query::<(&Trader, &Purse, &Stock, Option<&PlaceId>)>().iter(ecs) {
            sample.work_force += trader.skill;
            money.push(real(purse.free().0 + purse.escrow().0));
            let here = prices.get(PlaceId::of(place).index() * self.totals.len()..).unwrap_or_default();
            wealth.push(real(worth(purse, stock, here).0));
        }
        (sample.money, sample.wealth) = (Spread::of(money), Spread::of(wealth));
        self.samples.push(sample);
    }

    fn note(&mut self, hour: u32, event: EventRecord) {
        if ROUTINE.contains(&event.event_type) {
            return;
        }
        if self.events.len() < EVENTS_MAX {
            self.events.push(NotedEvent { hour, event_type: event.event_type.to_string(), payload: event.payload });
        } else {
            self.events_left_out += 1;
        }
    }

    /// Every hour's price of a commodity, in minor units.
    pub fn prices(&self, commodity: usize) -> Vec<f64> {
        self.of_market(commodity, |market| market.price)
    }

    /// Every hour's value of something of a market.
    pub fn of_market(&self, commodity: usize, value: impl Fn(&MarketSample) -> f64) -> Vec<f64> {
        self.samples.iter().filter_map(|sample| sample.markets.get(commodity)).map(value).collect()
    }
}

/// The names of all markets, place by place.
fn names(economy: &EconomySpec) -> Vec<String> {
    let names = economy.commodities.iter().map(|commodity| commodity.name.clone());
    if economy.places.is_empty() {
        return names.collect();
    }
    economy.places.iter().flat_map(|place| names.clone().map(move |name| format!("{}-{name}", place.name))).collect()
}

/// What the file implies for each market.
fn implied(economy: &EconomySpec) -> Result<Implied, LabError> {
    let mut implied = economy.implied().map_err(LabError::Economy)?;
    let places = economy.places.len().max(1);
    implied.least_work = implied.least_work.repeat(places);
    implied.prices = implied.prices.repeat(places);
    if !economy.has_equal_places() {
        implied.prices.fill(0.0);
    }
    Ok(implied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_spread_as_the_worlds_measure_it() {
        let equal = Spread::of(vec![500.0; 200]);
        assert!(equal.gini.abs() < 1e-12 && (equal.top_share - 0.01).abs() < 1e-12);
        let mut purses = vec![0.0; 99];
        purses.push(1_000.0);
        let one = Spread::of(purses);
        assert!((one.gini - 0.99).abs() < 1e-12 && (one.top_share - 1.0).abs() < 1e-12);
        // Between two ranks a quantile lies between their amounts.
        let steps = Spread::of(vec![300.0, 0.0, 100.0, 200.0]);
        assert!(
            [(steps.low, 30.0), (steps.median, 150.0), (steps.high, 270.0)].iter().all(|(a, b)| (a - b).abs() < 1e-9)
        );
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }
}
