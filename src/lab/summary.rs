//! Statistics of a run.

use super::numbers::{deviation, mean, real, share};
use super::record::{Record, Sample};
use crate::systems::economy::book::PRICE_MAX;

/// Hours in a day.
const DAY: usize = 24;

/// What became of one commodity.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketSummary {
    /// Its name.
    pub name: String,
    /// Mean price in minor units.
    pub price: f64,
    /// Root mean square deviation of the price about its mean, as a share.
    pub deviation: f64,
    /// The mean price against what the world file implies: 0.03 is three hundredths above.
    pub off_implied: f64,
    /// The lowest price in minor units.
    pub lowest: f64,
    /// The highest price in minor units.
    pub highest: f64,
    /// Mean units traded in an hour.
    pub volume: f64,
    /// Mean share of the surplus that the limits allowed and that was realised, over hours with any.
    pub efficiency: f64,
    /// Days on which none was traded.
    pub days_without_trade: u32,
    /// Whether a price stood at a bound of the order book.
    pub at_bound: bool,
}

/// Statistics of a run from an hour on.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Each commodity, in the order of the world file.
    pub markets: Vec<MarketSummary>,
    /// Share of the needs that were met, of the whole run.
    pub meals: f64,
    /// Share of the needs that were met on the worst whole day of the run; of less than a day, in all of it.
    pub worst_day: f64,
    /// The same, of the days from that hour on.
    pub worst_late_day: f64,
    /// What was eaten and enjoyed against a planner's optimum: the work in it, less that in what came from outside,
    /// against the work that there was.
    pub consumption: f64,
    /// The lowest Gini coefficient of money.
    pub gini_low: f64,
    /// The highest Gini coefficient of money.
    pub gini_high: f64,
    /// The largest share of the money that the richest hundredth had.
    pub top_share: f64,
    /// The longest that a role had nobody in it, in hours.
    pub role_extinct_hours: u32,
}

impl Summary {
    /// Statistics from the hour after `settled` on; meals and their worst day of the whole run. A day is 24 hours.
    pub fn of(record: &Record, settled: u32) -> Self {
        let late: Vec<&Sample> = record.samples.iter().filter(|sample| sample.hour > settled).collect();
        let meals = |samples: &[&Sample]| {
            let sums = samples.iter().fold((0, 0), |(met, due), s| (met + s.meals_met, due + s.meals_due));
            share(sums.0, sums.1)
        };
        let worst_day = |samples: &[&Sample]| {
            if samples.len() < DAY {
                return meals(samples);
            }
            samples.chunks_exact(DAY).map(meals).fold(1.0, f64::min)
        };
        let all: Vec<&Sample> = record.samples.iter().collect();
        let gini = |sample: &&Sample| sample.money.gini;
        Self {
            markets: (0..record.commodities.len()).map(|commodity| market(record, commodity, &late)).collect(),
            meals: meals(&all),
            worst_day: worst_day(&all),
            worst_late_day: worst_day(&late),
            consumption: consumption(record, &late),
            gini_low: late.iter().map(gini).fold(f64::INFINITY, f64::min),
            gini_high: late.iter().map(gini).fold(0.0, f64::max),
            top_share: late.iter().map(|sample| sample.money.top_share).fold(0.0, f64::max),
            role_extinct_hours: extinct(record, &late),
        }
    }

    /// The largest deviation of a price about its mean.
    pub fn worst_deviation(&self) -> f64 {
        self.markets.iter().map(|market| market.deviation).fold(0.0, f64::max)
    }

    /// The largest distance of a mean price from what the world file implies.
    pub fn worst_off_implied(&self) -> f64 {
        self.markets.iter().map(|market| market.off_implied.abs()).fold(0.0, f64::max)
    }
}

fn market(record: &Record, commodity: usize, late: &[&Sample]) -> MarketSummary {
    let samples: Vec<_> = late.iter().filter_map(|sample| sample.markets.get(commodity)).collect();
    let prices: Vec<f64> = samples.iter().map(|market| market.price).collect();
    let volumes: Vec<f64> = samples.iter().map(|market| real(market.volume)).collect();
    let efficiencies: Vec<f64> = samples.iter().filter_map(|market| market.efficiency).collect();
    let implied = record.implied.prices.get(commodity).copied().unwrap_or(0.0);
    let price = mean(&prices);
    let lowest = prices.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = prices.iter().copied().fold(0.0, f64::max);
    let idle = samples.chunks_exact(DAY).filter(|day| day.iter().all(|market| market.volume == 0)).count();
    MarketSummary {
        name: record.commodities.get(commodity).cloned().unwrap_or_default(),
        price,
        deviation: deviation(&prices, price),
        off_implied: if implied > 0.0 { price / implied - 1.0 } else { 0.0 },
        lowest,
        highest,
        volume: mean(&volumes),
        efficiency: mean(&efficiencies),
        days_without_trade: u32::try_from(idle).unwrap_or(u32::MAX),
        at_bound: lowest <= 1.0 || highest >= f64::from(PRICE_MAX),
    }
}

/// With work as the only thing that is not made, no plan can give more than the work that there is; the planner needs no
/// stocks, and nothing of his spoils. What came from outside took no work here, whatever became of it.
fn consumption(record: &Record, late: &[&Sample]) -> f64 {
    let work = |sample: &Sample| {
        let contents = sample.markets.iter().zip(&record.implied.least_work);
        let known = contents.filter(|(_, work)| work.is_finite());
        known.map(|(market, work)| real(market.consumed - market.imported) * work).sum::<f64>()
    };
    let used: f64 = late.iter().map(|sample| work(sample)).sum();
    let there: f64 = late.iter().map(|sample| sample.work_force).sum();
    if there > 0.0 { used / there } else { 0.0 }
}

fn extinct(record: &Record, late: &[&Sample]) -> u32 {
    let mut longest = 0;
    for role in 0..record.roles.len() {
        let mut hours = 0;
        for sample in late {
            let nobody = sample.roles.get(role).is_some_and(|role| role.count == 0);
            hours = if nobody { hours + 1 } else { 0 };
            longest = longest.max(hours);
        }
    }
    longest
}
