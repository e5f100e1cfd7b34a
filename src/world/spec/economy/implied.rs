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

use super::content::{Line, ROUNDS, STILL, Unsound, eliminate, work_content};
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

/// Why a file implies nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    /// The roles that are to blame, by number; none where it is all of them.
    pub(super) roles: Vec<usize>,
    pub(super) message: String,
}

impl Flaw {
    fn of_all(message: String) -> Self {
        Self { roles: Vec::new(), message }
    }
}

/// Commodities of a circle that are named at most.
const NAMED_MAX: usize = 8;

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
        let told = |flaws: Vec<Flaw>| flaws.into_iter().map(|flaw| flaw.message).collect::<Vec<_>>().join("; ");
        self.find_implied().map_err(told)
    }

    /// The same, with everything that is wrong and where.
    pub(super) fn find_implied(&self) -> Result<Implied, Vec<Flaw>> {
        let content = |stocks| work_content(&self.lines(stocks), self.commodities.len());
        let least_work = content(Stocks::None).map_err(|unsound| self.explain(unsound))?;
        let skill = self.population.mean_skill();
        let needing = || self.commodities.iter().zip(&least_work).filter(|(commodity, _)| commodity.need > 0.0);
        let least: f64 = needing().map(|(commodity, work)| commodity.need * work).sum();
        if least >= skill {
            let message =
                format!("the needs of an agent take {least:.2} hours of work in an hour, it can do {skill:.2}");
            return Err(vec![Flaw::of_all(message)]);
        }
        // Where stocks as full as the parameters say would spoil faster than they can be filled, they are never full: the
        // world is poorer than this says, and still no mistake.
        let work = content(Stocks::AsHeld).unwrap_or_else(|_| least_work.clone());
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
        let shares = self.role_shares(&work, &final_use).map_err(|message| vec![Flaw::of_all(message)])?;
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

    /// An hour of each role's work.
    fn lines(&self, stocks: Stocks) -> Vec<Line> {
        let numbered = |(name, quantity): (&str, f64)| (self.commodity_index(name), quantity);
        let line = |role: &RoleSpec| Line {
            output: self.commodity_index(&role.output),
            sells: self.sells(role, stocks),
            takes: self.takes(role, stocks).map(numbered).collect(),
            yields: role.yields().map(numbered).collect(),
        };
        self.roles.iter().map(line).collect()
    }

    /// What is wrong with the recipes, in words.
    fn explain(&self, unsound: Unsound) -> Vec<Flaw> {
        let name = |number: usize| self.commodities.get(number).map_or("", |commodity| commodity.name.as_str());
        let mut flaws = Vec::new();
        for circle in unsound.circles {
            let mut names: Vec<_> = circle.iter().map(|number| format!("`{}`", name(*number))).collect();
            if names.len() > NAMED_MAX {
                names.truncate(NAMED_MAX);
                names.push(format!("and {} more", circle.len() - NAMED_MAX));
            }
            let message = format!(
                "the recipes use up more than they make: following their inputs round and round, through {}, the work in \
                 a unit grows without end",
                names.join(", ")
            );
            let is_in = |role: &RoleSpec| circle.iter().any(|number| name(*number) == role.output);
            let roles = self.roles.iter().enumerate().filter(|(_, role)| is_in(role)).map(|(index, _)| index).collect();
            flaws.push(Flaw { roles, message });
        }
        for index in unsound.free {
            let name = self.roles.get(index).map_or("", |role| role.output.as_str());
            let message = format!(
                "`{name}` would come from nothing: the by-products of the role that makes it are worth all the work and \
                 all the inputs that it takes"
            );
            flaws.push(Flaw { roles: vec![index], message });
        }
        if flaws.is_empty() {
            let message = "no prices fit the recipes: what by-products bring is what the inputs take".to_owned();
            flaws.push(Flaw::of_all(message));
        }
        flaws
    }

    fn role_shares(&self, work: &[f64], consumption: &[f64]) -> Result<Vec<f64>, String> {
        let lines = self.lines(Stocks::AsHeld);
        // The role that makes each commodity with least work.
        let makers: Vec<Option<usize>> = (0..work.len())
            .map(|commodity| {
                let made = lines.iter().enumerate().filter(|(_, line)| line.output == Some(commodity));
                made.min_by(|(_, a), (_, b)| a.cost(work).total_cmp(&b.cost(work))).map(|(index, _)| index)
            })
            .collect();
        let chosen: Vec<Option<&Line>> = makers.iter().map(|maker| maker.and_then(|role| lines.get(role))).collect();
        let gross = gross(&chosen, consumption);
        let mut shares = vec![0.0; self.roles.len()];
        for (commodity, maker) in makers.iter().enumerate() {
            if let Some(role) = *maker
                && let (Some(share), Some(made), Some(line)) =
                    (shares.get_mut(role), gross.get(commodity), lines.get(role))
            {
                *share = made / line.sells;
            }
        }
        let sum: f64 = shares.iter().sum();
        if sum <= 0.0 {
            return Err("nobody wants anything: give a commodity a need or a spending share".into());
        }
        Ok(shares.into_iter().map(|share| share / sum).collect())
    }
}

/// Units of each commodity that are made in all, for so much of each that is consumed.
fn gross(chosen: &[Option<&Line>], consumption: &[f64]) -> Vec<f64> {
    let mut gross = consumption.to_vec();
    for _ in 0..ROUNDS {
        let mut next = consumption.to_vec();
        for (commodity, line) in chosen.iter().enumerate() {
            let Some(line) = line else { continue };
            let hours = gross.get(commodity).copied().unwrap_or(0.0) / line.sells;
            let made = line.yields.iter().map(|(number, quantity)| (number, -quantity));
            for (number, quantity) in line.takes.iter().map(|(number, quantity)| (number, *quantity)).chain(made) {
                if let Some(used) = number.and_then(|number| next.get_mut(number)) {
                    *used += quantity * hours;
                }
            }
        }
        // What comes as a by-product in plenty need not be made at all.
        next.iter_mut().for_each(|units| *units = units.max(0.0));
        let change = next.iter().zip(&gross).map(|(next, gross)| (next - gross).abs()).fold(0.0, f64::max);
        gross = next;
        if change < STILL {
            return gross;
        }
    }
    // A circle that keeps nearly all of itself.
    solved_gross(chosen, consumption).filter(|solved| solved.iter().all(|units| *units >= 0.0)).unwrap_or(gross)
}

/// The same by elimination.
fn solved_gross(chosen: &[Option<&Line>], consumption: &[f64]) -> Option<Vec<f64>> {
    let used_by = |line: &Line, of: usize| -> f64 {
        let sum = |goods: &[(Option<usize>, f64)]| -> f64 {
            goods.iter().filter(|(number, _)| *number == Some(of)).map(|(_, quantity)| quantity / line.sells).sum()
        };
        sum(&line.takes) - sum(&line.yields)
    };
    let row = |(of, wanted): (usize, &f64)| {
        let net = |(commodity, line): (usize, &Option<&Line>)| {
            f64::from(u8::from(of == commodity)) - line.map_or(0.0, |line| used_by(line, of))
        };
        chosen.iter().enumerate().map(net).chain([*wanted]).collect()
    };
    eliminate(consumption.iter().enumerate().map(row).collect())
}
