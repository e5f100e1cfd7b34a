//! The prices and roles that a world file implies, before any agent has done anything.
//!
//! With work as the only thing that is not made, money that is spent within T hours and fixed shares of spending, a
//! price is the work that a unit takes, its inputs' work included, times money per head over T. It is what the world is
//! measured against: of the parameters of behaviour, only the hours for which stocks are held enter, by what spoils of
//! them.
//!
//! What is held times its spoilage must be made as well. A pantry loses a share of what everybody holds for its needs:
//! it is eaten and lost by the same people, and takes work from what else they enjoy, but is no part of a price. A
//! workshop loses a share of the inputs that it holds, which its product must bring, and a share of the product that
//! waits to be sold.

use super::{CommoditySpec, EconomySpec, RoleSpec};

/// What a world file implies for each commodity and role, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Implied {
    /// Hours of work in a unit of each commodity, inputs and what spoils on the way included; infinite for what no role
    /// makes.
    pub work: Vec<f64>,
    /// The same if nothing had to be held in stock, and so nothing spoiled.
    pub least_work: Vec<f64>,
    /// Price of each commodity in minor units; 0 for what no role makes.
    pub prices: Vec<f64>,
    /// Units of each commodity that one agent eats and enjoys in an hour.
    pub consumption: Vec<f64>,
    /// Share of the agents in each role. Of several roles with one output the one that needs least work has all.
    pub shares: Vec<f64>,
    /// What an hour of work earns, in minor units.
    pub wage: f64,
}

/// Rounds of substitution; each multiplies the error by the share of inputs in an output.
const ROUNDS: usize = 10_000;

/// Which stocks are held, and so what spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stocks {
    None,
    /// For the hours that the file's parameters say.
    AsHeld,
}

impl EconomySpec {
    /// What this file implies.
    ///
    /// # Errors
    /// With a sentence, where the recipes use up more than they make, or the needs alone take more work than there is, even
    /// if nothing spoiled.
    pub fn implied(&self) -> Result<Implied, String> {
        let least_work = self.work_content(Stocks::None)?;
        let skill = self.population.mean_skill();
        let needing = || self.commodities.iter().zip(&least_work).filter(|(commodity, _)| commodity.need > 0.0);
        let least: f64 = needing().map(|(commodity, work)| commodity.need * work).sum();
        if least >= skill {
            return Err(format!(
                "the needs of an agent take {least:.2} hours of work in an hour, it can do {skill:.2}"
            ));
        }
        // Where stocks as full as the parameters say would spoil faster than they can be filled, they are never full: the
        // world is poorer than this says, and still no mistake.
        let work = self.work_content(Stocks::AsHeld).unwrap_or_else(|_| least_work.clone());
        let wage = self.wage();
        let bought =
            |commodity: &CommoditySpec| commodity.need * (1.0 + commodity.spoilage * self.parameters.pantry_hours);
        let needs: f64 =
            self.commodities.iter().zip(&work).filter(|(c, _)| c.need > 0.0).map(|(c, w)| bought(c) * w).sum();
        let spare = (skill - needs).max(0.0);
        let consumption: Vec<f64> = self
            .commodities
            .iter()
            .zip(&work)
            .map(|(commodity, work)| {
                let wanted = if commodity.spending_share > 0.0 { commodity.spending_share * spare / work } else { 0.0 };
                commodity.need + wanted
            })
            .collect();
        let spoiled = |commodity: &CommoditySpec| bought(commodity) - commodity.need;
        let final_use: Vec<f64> =
            self.commodities.iter().zip(&consumption).map(|(commodity, eaten)| eaten + spoiled(commodity)).collect();
        let shares = self.role_shares(&work, &final_use)?;
        let unit_wage = wage / skill;
        let prices = work.iter().map(|work| if work.is_finite() { work * unit_wage } else { 0.0 }).collect();
        Ok(Implied { work, least_work, prices, consumption, shares, wage })
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate; all money is below 2^53")]
    fn wage(&self) -> f64 {
        let population = &self.population;
        let per_head = match population.money() {
            Some(money) if !population.agents.is_empty() => money as f64 / f64::from(population.heads()),
            _ => population.money_per_head as f64,
        };
        per_head / self.parameters.spending_hours
    }

    /// The number of a commodity.
    pub fn commodity_index(&self, name: &str) -> Option<usize> {
        self.commodities.iter().position(|commodity| commodity.name == name)
    }

    fn spoilage(&self, name: &str) -> f64 {
        self.commodities.iter().find(|commodity| commodity.name == name).map_or(0.0, |commodity| commodity.spoilage)
    }

    /// What an hour of ordinary work takes, with what spoils of the stock that it is taken from: the hours' use, and one
    /// hour's more in whole units.
    fn takes<'a>(&'a self, role: &'a RoleSpec, stocks: Stocks) -> impl Iterator<Item = (&'a str, f64)> {
        let skill = self.population.mean_skill();
        role.uses().map(move |(name, used)| {
            let held = used * self.parameters.input_hours + (used * skill).ceil() / skill;
            match stocks {
                Stocks::None => (name, used),
                Stocks::AsHeld => (name, used + held * self.spoilage(name)),
            }
        })
    }

    /// What of an hour's output is sold: made is what is sold, and what spoils of that which waits.
    fn sells(&self, role: &RoleSpec, stocks: Stocks) -> f64 {
        let made = role.expected(self.population.mean_skill());
        match stocks {
            Stocks::None => made,
            Stocks::AsHeld => made / (1.0 + self.parameters.output_hours * self.spoilage(&role.output)),
        }
    }

    fn role_work(&self, role: usize, work: &[f64], stocks: Stocks) -> f64 {
        let Some(role) = self.roles.get(role) else { return f64::INFINITY };
        let content = |(name, quantity): (&str, f64)| {
            quantity * self.commodity_index(name).and_then(|index| work.get(index)).copied().unwrap_or(f64::INFINITY)
        };
        let inputs: f64 = self.takes(role, stocks).map(content).sum();
        if inputs.is_infinite() {
            return f64::INFINITY;
        }
        let by_products: f64 = role.yields().map(content).filter(|work| work.is_finite()).sum();
        (1.0 + inputs - by_products).max(0.0) / self.sells(role, stocks)
    }

    /// The least fixed point of work = (1 + work of inputs) / output, from below. It exists where the recipes leave a
    /// surplus (Hawkins and Simon 1949); where they do not, the work in a unit grows without end.
    fn work_content(&self, stocks: Stocks) -> Result<Vec<f64>, String> {
        let mut work = vec![0.0; self.commodities.len()];
        for _ in 0..ROUNDS {
            let mut change = 0.0_f64;
            for commodity in 0..work.len() {
                let makers = (0..self.roles.len()).filter(|role| {
                    self.roles.get(*role).and_then(|role| self.commodity_index(&role.output)) == Some(commodity)
                });
                let least = makers.map(|role| self.role_work(role, &work, stocks)).fold(f64::INFINITY, f64::min);
                if let Some(present) = work.get_mut(commodity) {
                    if least.is_finite() {
                        // By-products can take work away again, down to nothing.
                        change = change.max((least - *present).abs() / least.max(*present).max(f64::MIN_POSITIVE));
                    }
                    *present = least;
                }
            }
            if work.iter().any(|hours| hours.is_finite() && *hours > 1e6) {
                break;
            }
            if change < 1e-12 {
                return match work.iter().position(|hours| *hours <= 0.0) {
                    Some(free) => Err(self.explain_free(free)),
                    None => Ok(work),
                };
            }
        }
        Err("the recipes use up more than they make: following their inputs round and round, the work in a unit grows \
             without end"
            .into())
    }

    fn explain_free(&self, commodity: usize) -> String {
        let name = self.commodities.get(commodity).map_or("", |commodity| commodity.name.as_str());
        format!(
            "`{name}` would come from nothing: the by-products of the role that makes it are worth all the work and all \
             the inputs that it takes"
        )
    }

    fn role_shares(&self, work: &[f64], consumption: &[f64]) -> Result<Vec<f64>, String> {
        let stocks = Stocks::AsHeld;
        // The role that makes each commodity with least work.
        let makers: Vec<Option<usize>> = (0..work.len())
            .map(|commodity| {
                (0..self.roles.len())
                    .filter(|role| {
                        self.roles.get(*role).and_then(|role| self.commodity_index(&role.output)) == Some(commodity)
                    })
                    .min_by(|a, b| self.role_work(*a, work, stocks).total_cmp(&self.role_work(*b, work, stocks)))
            })
            .collect();
        let mut gross = consumption.to_vec();
        for _ in 0..ROUNDS {
            let mut next = consumption.to_vec();
            for (commodity, maker) in makers.iter().enumerate() {
                let Some(role) = maker.and_then(|role| self.roles.get(role)) else { continue };
                let hours = gross.get(commodity).copied().unwrap_or(0.0) / self.sells(role, stocks);
                let made = role.yields().map(|(name, quantity)| (name, -quantity));
                for (name, quantity) in self.takes(role, stocks).chain(made) {
                    if let Some(used) = self.commodity_index(name).and_then(|index| next.get_mut(index)) {
                        *used += quantity * hours;
                    }
                }
            }
            // What comes as a by-product in plenty need not be made at all.
            next.iter_mut().for_each(|units| *units = units.max(0.0));
            let change = next.iter().zip(&gross).map(|(next, gross)| (next - gross).abs()).fold(0.0, f64::max);
            gross = next;
            if change < 1e-12 {
                break;
            }
        }
        let mut shares = vec![0.0; self.roles.len()];
        for (commodity, maker) in makers.iter().enumerate() {
            if let Some(role) = *maker
                && let (Some(share), Some(made), Some(spec)) =
                    (shares.get_mut(role), gross.get(commodity), self.roles.get(role))
            {
                *share = made / self.sells(spec, stocks);
            }
        }
        let sum: f64 = shares.iter().sum();
        if sum <= 0.0 {
            return Err("nobody wants anything: give a commodity a need or a spending share".into());
        }
        Ok(shares.into_iter().map(|share| share / sum).collect())
    }
}
