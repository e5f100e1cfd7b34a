//! The prices and roles that a world file implies, before any agent has done anything.
//!
//! With work as the only thing that is not made, money that is spent within T hours and fixed shares of spending, a
//! price is the work that a unit takes, its inputs' work included, times money per head over T. It is what the world is
//! measured against: no parameter of behaviour enters.

use super::EconomySpec;

/// What a world file implies for each commodity and role, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Implied {
    /// Hours of work in a unit of each commodity, inputs included; infinite for what no role makes.
    pub work: Vec<f64>,
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

impl EconomySpec {
    /// What this file implies.
    ///
    /// # Errors
    /// With a sentence, where the recipes use up more than they make, or the needs take more work than there is.
    pub fn implied(&self) -> Result<Implied, String> {
        let work = self.work_content()?;
        let wage = self.wage();
        let needs: f64 =
            self.commodities.iter().zip(&work).filter(|(c, _)| c.need > 0.0).map(|(c, w)| c.need * w).sum();
        let skill = self.population.mean_skill();
        if needs >= skill {
            return Err(format!(
                "the needs of an agent take {needs:.2} hours of work in an hour, it can do {skill:.2}"
            ));
        }
        let consumption: Vec<f64> = self
            .commodities
            .iter()
            .zip(&work)
            .map(|(commodity, work)| {
                let wanted = if commodity.spending_share > 0.0 {
                    commodity.spending_share * (skill - needs) / work
                } else {
                    0.0
                };
                commodity.need + wanted
            })
            .collect();
        let shares = self.role_shares(&work, &consumption)?;
        let unit_wage = wage / skill;
        let prices = work.iter().map(|work| if work.is_finite() { work * unit_wage } else { 0.0 }).collect();
        Ok(Implied { work, prices, consumption, shares, wage })
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

    fn role_work(&self, role: usize, work: &[f64]) -> f64 {
        let Some(role) = self.roles.get(role) else { return f64::INFINITY };
        let content = |(name, quantity): (&str, f64)| {
            quantity * self.commodity_index(name).and_then(|index| work.get(index)).copied().unwrap_or(f64::INFINITY)
        };
        let inputs: f64 = role.uses().map(content).sum();
        if inputs.is_infinite() {
            return f64::INFINITY;
        }
        let by_products: f64 = role.yields().map(content).filter(|work| work.is_finite()).sum();
        (1.0 + inputs - by_products).max(0.0) / role.expected()
    }

    /// The least fixed point of work = (1 + work of inputs) / output, from below. It exists where the recipes leave a
    /// surplus (Hawkins and Simon 1949); where they do not, the work in a unit grows without end.
    fn work_content(&self) -> Result<Vec<f64>, String> {
        let mut work = vec![0.0; self.commodities.len()];
        for _ in 0..ROUNDS {
            let mut change = 0.0_f64;
            for commodity in 0..work.len() {
                let makers = (0..self.roles.len()).filter(|role| {
                    self.roles.get(*role).and_then(|role| self.commodity_index(&role.output)) == Some(commodity)
                });
                let least = makers.map(|role| self.role_work(role, &work)).fold(f64::INFINITY, f64::min);
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
        // The role that makes each commodity with least work.
        let makers: Vec<Option<usize>> = (0..work.len())
            .map(|commodity| {
                (0..self.roles.len())
                    .filter(|role| {
                        self.roles.get(*role).and_then(|role| self.commodity_index(&role.output)) == Some(commodity)
                    })
                    .min_by(|a, b| self.role_work(*a, work).total_cmp(&self.role_work(*b, work)))
            })
            .collect();
        let mut gross = consumption.to_vec();
        for _ in 0..ROUNDS {
            let mut next = consumption.to_vec();
            for (commodity, maker) in makers.iter().enumerate() {
                let Some(role) = maker.and_then(|role| self.roles.get(role)) else { continue };
                let hours = gross.get(commodity).copied().unwrap_or(0.0) / role.expected();
                let made = role.yields().map(|(name, quantity)| (name, -quantity));
                for (name, quantity) in role.uses().chain(made) {
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
                *share = made / spec.expected();
            }
        }
        let sum: f64 = shares.iter().sum();
        if sum <= 0.0 {
            return Err("nobody wants anything: give a commodity a need or a spending share".into());
        }
        Ok(shares.into_iter().map(|share| share / sum).collect())
    }
}
